"""What a plan is, and how one is put together row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from agentcron.domain.calendar import INSTANT, first_fresh, start_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.made import Made
from agentcron.domain.model import Execution, Job
from agentcron.domain.news import News
from agentcron.domain.policies import BEHIND_FRESH

NewId = Callable[[], str]

_PENDING: Final = ExecutionStatus.PENDING

# A plan that made more rows than this would hold the store's writer for long; the job stays due and is planned again.
MAX_ROWS: Final = 1000


class Reason(StrEnum):
    """Why a slot did not run."""

    PAUSED = "paused"
    OVERLAP = "overlap"
    LIMIT = "limit"
    BUDGET = "budget"
    CANCELED = "canceled"
    TOO_LATE = "too_late"
    COALESCED = "coalesced"
    STORE_DOWN = "store_down"
    GATE = "gate"


# What decides about a slot that could have been judged in time. A store that failed then comes before them.
_OF_LATENESS: Final = frozenset({Reason.OVERLAP, Reason.TOO_LATE, Reason.COALESCED})


class ToCancel(StrEnum):
    """Which open executions of the job a plan cancels: none, those from before the plan, or all."""

    NONE = "none"
    EARLIER = "earlier"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Plan(Made):
    """A change of one job and the rows that account for it, applied whole or not at all.

    ``before`` is the job it was made from (None for a new job): the store applies it only while the job's revision
    and ``next_slot`` are still those. ``job_after`` is None where the job is deleted. ``notices`` say in a sentence
    what was decided, for the log, and ``news`` what others are told. ``now`` is when it was made.
    """

    before: Job | None
    job_after: Job | None
    now: datetime
    rows: tuple[Execution, ...] = ()
    to_cancel: ToCancel = ToCancel.NONE
    notices: tuple[str, ...] = ()
    news: tuple[News, ...] = ()

    @property
    def job_id(self) -> str:
        """The job that the plan is for."""
        job = self.job_after or self.before
        assert job is not None
        return job.id


@dataclass(slots=True, kw_only=True)
class Draft:
    """A plan in the making: how far the calendar is accounted for, and the rows so far.

    ``down_since`` is when the store was first found to fail, where it has failed until just now: slots that were on
    time then, or came due later, could not be judged in time, and those that do not run are MISSED(store_down).
    """

    before: Job
    now: datetime
    new_id: NewId
    next_slot: datetime | None
    down_since: datetime | None = None
    opened: int = 0
    rows: list[Execution] = field(default_factory=list)
    to_cancel: ToCancel = ToCancel.NONE
    notices: list[str] = field(default_factory=list)

    @property
    def spent(self) -> bool:
        """Whether ``max_runs`` is reached by runs that ended."""
        limit = self.before.spec.max_runs
        return limit is not None and self.before.runs >= limit

    @property
    def left(self) -> int:
        """How many more runs ``max_runs`` allows, counting every open one as a run to be on the safe side."""
        limit, job = self.before.spec.max_runs, self.before
        return MAX_ROWS if limit is None else limit - job.runs - job.open - self.opened

    def job(self) -> Job:
        """The job after the plan; the very same object where nothing moved.

        A job whose runs are used up by open executions waits without a ``next_run``: the store asks for a look when
        one of them has ended.
        """
        before, slot = self.before, self.next_slot
        if (slot is None or self.spent) and before.open + self.opened == 0:
            why = "max_runs is reached" if self.spent else "the schedule has no further slot"
            self.notices.append(f"completed: {why}")
            return before.evolve(state=JobState.COMPLETED, next_slot=None, next_run=None, revision=before.revision + 1)
        next_run = None if slot is None or self.left <= 0 else start_of(before, slot)
        if slot == before.next_slot and next_run == before.next_run:
            return before
        return before.evolve(next_slot=slot, next_run=next_run, revision=before.revision + 1)

    def plan(self, after: Job) -> Plan:
        """The finished plan that leaves the job as ``after``."""
        return Plan.of(
            before=self.before,
            job_after=after,
            now=self.now,
            rows=tuple(self.rows),
            to_cancel=self.to_cancel,
            notices=tuple(self.notices),
        )

    def open(self, slots: Sequence[datetime], lane: str | None, *, late: bool = False) -> None:
        """A PENDING row for each slot, in order; ``late`` ones wait behind what is on time. Where ``max_runs`` is used
        up the plan stops at that slot: it is
        judged again when an open execution has ended, because one that never begins gives its run back."""
        job, left = self.before, max(self.left, 0)
        for slot in slots[:left]:
            self.rows.append(
                Execution.of(
                    id=self.new_id(),
                    job_id=job.id,
                    version=job.version,
                    at=slot,
                    status=_PENDING,
                    wake_at=start_of(job, slot),
                    priority=job.spec.priority + late * BEHIND_FRESH,
                    lane=lane,
                    attempt=1,
                    agent=job.spec.agent,
                )
            )
            self.opened += 1
        if left < len(slots):
            self.next_slot = slots[left]

    def close(self, first: datetime, last: datetime, status: ExecutionStatus, reason: Reason) -> None:
        """One final row for every slot from ``first`` to ``last``; two where the store failed on the way."""
        job, down = self.before, None
        if self.down_since is not None and reason in _OF_LATENESS:
            down = first_fresh(job, first, self.down_since)
        if down is None or down > last:
            self._close(first, last, status, reason)
            return
        older = job.spec.schedule.previous_before(down)
        if older is not None and older >= first:
            self._close(first, older, status, reason)
        self._close(down, last, ExecutionStatus.MISSED, Reason.STORE_DOWN)

    def _close(self, first: datetime, last: datetime, status: ExecutionStatus, reason: Reason) -> None:
        job = self.before
        slots = 1 if first == last else job.spec.schedule.count(first, last + INSTANT)
        self.rows.append(
            Execution(
                id=self.new_id(),
                job_id=job.id,
                version=job.version,
                at=first,
                last_at=None if first == last else last,
                slots=slots,
                status=status,
                reason=reason.value,
                end_time=self.now,
                agent=job.spec.agent,
            )
        )
        span = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
        self.notices.append(f"{status.value} ({reason.value}): {slots} slot{'s' if slots > 1 else ''}, {span}")
