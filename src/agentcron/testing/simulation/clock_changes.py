"""What a change of the clock does to jobs at fixed times: told in local times, before it surprises anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agentcron.domain.lifecycle import JobState
from agentcron.domain.model import Job
from agentcron.schedule import CronSchedule

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_INSTANT: Final = timedelta(microseconds=1)
_SAID: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """One wall time of a job that the clock skips or repeats. ``local`` is that time, ``slots`` when the job fires for
    it (UTC): once after a gap, once or twice in a fold, or not at all."""

    job: str
    timezone: str
    local: datetime
    skipped: bool
    slots: Sequence[datetime]

    @property
    def sentence(self) -> str:
        """What happens, in words with local times."""
        zone = ZoneInfo(self.timezone)
        at = " and ".join(f"{slot.astimezone(zone):%H:%M %Z}" for slot in self.slots)
        day, wall = f"{self.local:%Y-%m-%d}", f"{self.local:%H:%M}"
        if self.skipped:
            does = f"the job runs at {at}" if self.slots else "the job does not run for it"
            return f"{wall} does not exist on {day} in {self.timezone}: {does}"
        times = "twice" if len(self.slots) > 1 else "once"
        return f"{wall} comes twice on {day} in {self.timezone}: the job runs {times}, at {at}"


def clock_changes(jobs: Sequence[Job], start: datetime, end: datetime) -> list[ClockChange]:
    """The wall times of active jobs that a change of the clock between two instants skips or repeats, the first few of
    each change."""
    found = []
    for job in jobs:
        schedule = job.schedule
        if isinstance(schedule, CronSchedule) and job.state is JobState.ACTIVE:
            for instant in _transitions(ZoneInfo(schedule.timezone), start, end):
                found.extend(list(_changed(job.name, schedule, instant))[:_SAID])
    return sorted(found, key=lambda one: (one.local, one.job))


def _transitions(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every instant at which the zone's offset changes, to the second."""
    low = start.astimezone(UTC)
    while low < end:
        high = min(low + _DAY, end.astimezone(UTC))
        if _offset(zone, low) != _offset(zone, high):
            before, after = low, high
            while after - before > _SECOND:
                middle = before + (after - before) // 2
                before, after = (middle, after) if _offset(zone, middle) == _offset(zone, low) else (before, middle)
            yield after.replace(microsecond=0)
        low = high


def _changed(name: str, schedule: CronSchedule, instant: datetime) -> Iterator[ClockChange]:
    """The schedule's wall times that this change skips or repeats."""
    zone = ZoneInfo(schedule.timezone)
    old, new = _offset(zone, instant - _SECOND), _offset(zone, instant)
    # Wall time is walked as if it were UTC, where every time of day comes once.
    walls = CronSchedule(schedule.expression)
    first, last = instant + min(old, new), instant + max(old, new)
    if schedule.wildcard and _goes_on(walls, first, last):
        return
    wall = walls.next_after(first - _INSTANT)
    while wall is not None and wall < last:
        local = wall.replace(tzinfo=None)
        if new > old:
            made_up = not schedule.wildcard and schedule.next_after(instant - _INSTANT) == instant
            slots = [instant] if made_up else []
        else:
            both = [wall - old, wall - new]
            slots = [one for one in both if schedule.next_after(one - _INSTANT) == one]
        yield ClockChange(job=name, timezone=schedule.timezone, local=local, skipped=new > old, slots=slots)
        wall = walls.next_after(wall)


def _goes_on(walls: CronSchedule, first: datetime, last: datetime) -> bool:
    """Whether the schedule fires within the hour on both sides: then real time is all that anybody notices."""
    before, after = walls.previous_before(first), walls.next_after(last - _INSTANT)
    return before is not None and after is not None and first - before <= _HOUR and after - last < _HOUR


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
