"""Which slots a job owes an account of: walked along its schedule from what people did, never asked of the planner.

A target that ``must`` have a row is one that was due while the job lived. One that merely ``may`` have a row lies where
what people did cannot tell: within the jitter of a change, or ahead of a clock that was set back later.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.spec import JobSpec
from agentcron.schedule import EverySchedule
from agentcron.testing.simulation import points
from agentcron.testing.simulation.trace import Deed

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A stretch in which a person had the job paused: no slot in ``(begin, end]`` may run. ``plain`` where the clock
    had not been set back, so that none of them can have been planned before."""

    begin: datetime
    end: datetime
    plain: bool


@dataclass(slots=True, kw_only=True)
class Targets:
    """The slots of a job, in order. ``closed`` says that nothing may be planned any more from then on."""

    slots: list[datetime] = field(default_factory=list)
    must: set[datetime] = field(default_factory=set)
    paused: list[Paused] = field(default_factory=list)
    manual: list[str] = field(default_factory=list)
    deleted: bool = False

    def between(self, first: datetime, last: datetime) -> Sequence[datetime]:
        """The slots from ``first`` to ``last``, both included."""
        return self.slots[bisect_left(self.slots, first) : bisect_right(self.slots, last)]


def targets_of(deeds: Sequence[Deed], end: datetime, latest: datetime) -> Targets:
    """The targets of a job at ``end``, when nothing is due that no scheduler has looked at, from the deeds about it in
    their order, the first of which made it. ``latest`` is the latest that the clock ever showed."""
    made = deeds[0]
    assert made.spec is not None
    found = Targets(deleted=any(deed.what == points.DELETE for deed in deeds))
    spec, begin, barrier = made.spec, made.at, made.at
    _check_anchor(spec, made.at)
    paused_at: Deed | None = None
    for deed in deeds[1:]:
        match deed.what:
            case points.RUN_NOW:
                assert deed.execution_id is not None
                found.manual.append(deed.execution_id)
            case points.PAUSE:
                paused_at = paused_at or deed
            case points.RESUME:
                if paused_at is not None:
                    found.paused.append(_paused(paused_at, deed))
                paused_at = None
            case points.REWORD | points.MOVE:
                assert deed.spec is not None
                if _calendar(deed.spec) != _calendar(spec):
                    _walk(found, spec, begin, barrier, deed.at, deed.latest)
                    begin, barrier = deed.at, deed.latest
                    if deed.spec.schedule != spec.schedule:
                        _check_anchor(deed.spec, deed.at)
                spec = deed.spec
            case points.CANCEL:
                if paused_at is not None:
                    found.paused.append(_paused(paused_at, deed))
                _walk(found, spec, begin, barrier, deed.at, deed.latest)
                return found
    if paused_at is not None:
        found.paused.append(Paused(begin=paused_at.at, end=end, plain=paused_at.at == paused_at.latest))
        _walk(found, spec, begin, barrier, paused_at.at, paused_at.latest)
    else:
        _walk(found, spec, begin, barrier, end, latest)
    return found


def _walk(found: Targets, spec: JobSpec, begin: datetime, barrier: datetime, end: datetime, latest: datetime) -> None:
    """Every slot of ``spec`` after ``begin``. Up to ``barrier`` another calendar may have been planned already; after
    ``end`` less the jitter a slot may still be waiting; none can have been planned after ``latest``."""
    slot = begin
    if spec.start_at is not None and spec.start_at > begin:
        slot = spec.start_at - _MICROSECOND
    last = latest if spec.end_at is None else min(latest, spec.end_at)
    while True:
        following = spec.schedule.next_after(slot)
        if following is None or following > last:
            return
        slot = following
        if found.slots and slot <= found.slots[-1]:
            # A calendar that was planned ahead of a clock that was set back overlaps the one after it.
            if slot not in found.slots:
                found.slots.insert(bisect_left(found.slots, slot), slot)
            continue
        found.slots.append(slot)
        if slot > (barrier if barrier > begin else begin) and slot + spec.jitter <= end:
            found.must.add(slot)


def _paused(pause: Deed, over: Deed) -> Paused:
    return Paused(begin=pause.at, end=over.at, plain=pause.at == pause.latest)


def _calendar(spec: JobSpec) -> tuple[object, ...]:
    return spec.schedule, spec.start_at, spec.end_at


def _check_anchor(spec: JobSpec, at: datetime) -> None:
    """P5: an interval counts from its start, else from when it was made, and from nothing else."""
    schedule = spec.schedule
    if isinstance(schedule, EverySchedule) and schedule.anchor != (spec.start_at or at):
        raise AnchorMoved(f"{schedule.text} is anchored elsewhere than at {spec.start_at or at}")


class AnchorMoved(Exception):  # noqa: N818 - a finding, turned into a violation by the checker
    """An interval counts from an instant that nobody chose."""
