"""What will run in the next hours: pure, from jobs and the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.calendar import slot_after
from agentcron.domain.lifecycle import JobState
from agentcron.domain.model import Job

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
    """Entries in the order of time, and how many slots lie in each hour from now on."""

    entries: Sequence[Entry]
    by_hour: Sequence[int]


def agenda(jobs: Iterable[Job], now: datetime, hours: int = HOURS) -> Agenda:
    """What is due from now on, for so many hours."""
    end = now + timedelta(hours=hours)
    entries: list[Entry] = []
    by_hour = [0] * hours
    for job in jobs:
        slot = job.next_slot
        if job.state is not JobState.ACTIVE or slot is None or slot >= end:
            continue
        times = _times(job, slot, end)
        if times > _SEVERAL:
            entries.append(Entry(at=slot, job=job, times=times))
            for hour in range(hours):
                begin = now + timedelta(hours=hour)
                by_hour[hour] += job.schedule.count(max(begin, slot), begin + timedelta(hours=1))
            continue
        while slot is not None and slot < end and times:
            entries.append(Entry(at=slot, job=job))
            by_hour[max(0, int((slot - now).total_seconds() // 3600))] += 1
            times -= 1
            slot = slot_after(job.spec, slot)
    entries.sort(key=lambda entry: entry.at)
    return Agenda(entries=entries, by_hour=by_hour)


def _times(job: Job, slot: datetime, end: datetime) -> int:
    last = min(end, job.spec.end_at + timedelta(microseconds=1)) if job.spec.end_at is not None else end
    times = job.schedule.count(slot, last)
    return times if job.spec.max_runs is None else min(times, max(job.spec.max_runs - job.runs - job.open, 0))
