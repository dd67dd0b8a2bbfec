"""What will run in the next hours: pure, from jobs and the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from agentcron.domain.calendar import slot_after
from agentcron.domain.lifecycle import JobState
from agentcron.domain.model import Job
from agentcron.schedule import Schedule
from agentcron.schedule.instants import to_us

HOURS: Final = 24
# A job that is due more often stands once in the agenda, with how often.
_SEVERAL: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A job at one of its times; ``times`` is how often it is due until the end of the agenda, from here on."""

    at: datetime
    job: Job
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """Entries in the order of time, and how many slots lie in each hour from now on. Of more jobs than were looked at
    it is known until ``known`` alone."""

    entries: Sequence[Entry]
    by_hour: Sequence[int]
    known: datetime | None = None


def agenda(jobs: Iterable[Job], now: datetime, hours: int = HOURS, known: datetime | None = None) -> Agenda:
    """What is due from now on, for so many hours. ``known``: there are other jobs, which are due then or later."""
    end = now + timedelta(hours=hours)
    if known is not None and known >= end:
        known = None
    entries: list[Entry] = []
    by_hour = [0] * hours
    # Many jobs share a schedule; what it has in each hour is counted once.
    counted: dict[Schedule, list[int]] = {}
    for job in jobs:
        slot = job.next_slot
        if job.state is not JobState.ACTIVE or slot is None or slot >= end:
            continue
        times = _times(job, slot, end)
        if times > _SEVERAL:
            entries.append(Entry(at=slot, job=job, times=times))
            if job.schedule not in counted:
                counted[job.schedule] = _by_hour(job.schedule, now, hours)
            by_hour = [a + b for a, b in zip(by_hour, counted[job.schedule], strict=True)]
            continue
        while slot is not None and slot < end and times:
            entries.append(Entry(at=slot, job=job))
            by_hour[_hour(slot, now)] += 1
            times -= 1
            slot = slot_after(job.spec, slot)
    entries.sort(key=lambda entry: entry.at)
    if known is not None:
        entries = [entry for entry in entries if entry.at <= known]
        by_hour = by_hour[: _hour(known, now) + 1]
    return Agenda(entries=entries, by_hour=by_hour, known=known)


def _hour(slot: datetime, now: datetime) -> int:
    return max(0, int((slot - now).total_seconds() // 3600))


def _by_hour(schedule: Schedule, now: datetime, hours: int) -> list[int]:
    edges = [to_us(now + timedelta(hours=hour)) for hour in range(hours + 1)]
    return [schedule.count_us(a, b) for a, b in pairwise(edges)]


def _times(job: Job, slot: datetime, end: datetime) -> int:
    last = min(end, job.spec.end_at + timedelta(microseconds=1)) if job.spec.end_at is not None else end
    times = job.schedule.count(slot, last)
    return times if job.spec.max_runs is None else min(times, max(job.spec.max_runs - job.runs - job.open, 0))
