"""Where a job is on its calendar: its slots between start and end, when each is to start, which are due or fresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from agentcron.domain.model import Job
from agentcron.domain.policies import spread
from agentcron.domain.spec import JobSpec
from agentcron.schedule.instants import to_us

# The calendar's resolution: a slot "at or after t" is the first one after t less this.
INSTANT: Final = timedelta(microseconds=1)


def slot_after(spec: JobSpec, instant: datetime) -> datetime | None:
    """The job's first slot after ``instant``, between ``start_at`` and ``end_at``, both included."""
    if spec.start_at is not None and spec.start_at > instant:
        instant = spec.start_at.astimezone(UTC) - INSTANT
    slot = spec.schedule.next_after(instant)
    return None if slot is None or (spec.end_at is not None and slot > spec.end_at) else slot


def has_slot(spec: JobSpec, instant: datetime) -> bool:
    """Whether the job has a slot at that instant, whichever of the years 1 to 9999 it is in."""
    if (spec.start_at is not None and instant < spec.start_at) or (spec.end_at is not None and instant > spec.end_at):
        return False
    us = to_us(instant)
    return spec.schedule.next_us(us - 1) == us


def start_of(job: Job, slot: datetime) -> datetime:
    """When the slot is to start: the slot plus its jitter, the same at every asking."""
    jitter = job.spec.jitter
    if not jitter:
        return slot
    try:
        return slot + jitter * spread(f"{job.id}:{slot.isoformat()}")
    except OverflowError:
        return slot  # in the last days of the year 9999 there is no room for one


def last_due(job: Job, first: datetime, now: datetime) -> datetime:
    """The last slot whose start has come, given that ``first`` has."""
    end = job.spec.end_at
    slot = job.spec.schedule.previous_before((min(now, end) if end else now) + INSTANT)
    while slot is not None and slot > first and start_of(job, slot) > now:
        slot = job.spec.schedule.previous_before(slot)
    return slot if slot is not None and slot > first else first


def first_fresh(job: Job, first: datetime, now: datetime) -> datetime | None:
    """The first slot, from ``first`` on, that is not later than the misfire grace; None where there is none."""
    grace = job.spec.misfire_grace
    if start_of(job, first) + grace >= now:
        return first
    after = max(first, now - grace - job.spec.jitter) - INSTANT
    slot = slot_after(job.spec, after)
    while slot is not None and start_of(job, slot) + grace < now:
        slot = slot_after(job.spec, slot)
    return slot
