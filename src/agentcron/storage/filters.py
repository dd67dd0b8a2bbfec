"""Which jobs a filter lets through, and in which order they are looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.makers import maker_of
from agentcron.domain.model import Job
from agentcron.domain.queries import JobFilters, JobOrder, Selection
from agentcron.errors import InvalidScheduleError
from agentcron.schedule import CronSchedule

_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_ORDERS: Final[dict[JobOrder, Callable[[Job], Any]]] = {
    JobOrder.NEXT: lambda job: job.next_run or _LATEST,
    JobOrder.NAME: lambda job: job.name.casefold(),
    JobOrder.LAST: lambda job: _LATEST - (job.last_run or _EARLIEST),
    JobOrder.COST: lambda job: -job.totals.cost_usd,
}


def select(jobs: Iterable[Job], filters: JobFilters, order: JobOrder, limit: int, skip: int) -> Selection:
    """Some of the jobs, which come in the order of creation."""
    others = replace(filters, status=None)
    named = [job for job in jobs if matches(job, others)]
    counted = Counter(job.status for job in named)
    found = [job for job in named if filters.status is None or job.status in filters.status]
    if order is JobOrder.NEWEST:
        found.reverse()
    else:
        found.sort(key=_ORDERS[order])
    return Selection(jobs=found[skip : skip + limit], by_status={status: counted[status] for status in JobStatus})


def matches(job: Job, filters: JobFilters) -> bool:
    """Whether every filter that is given lets the job through."""
    if filters.status is not None and job.status not in filters.status:
        return False
    if filters.name_contains is not None and filters.name_contains.casefold() not in job.name.casefold():
        return False
    if filters.tag is not None and filters.tag not in job.tags:
        return False
    if filters.maker is not None and maker_of(job.made_by) != filters.maker:
        return False
    if filters.cron_pattern is not None and not _cron_matches(job, filters.cron_pattern):
        return False
    start, end = created_between(filters)
    return (start is None or job.created >= start) and (end is None or job.created <= end)


def created_between(filters: JobFilters) -> tuple[datetime | None, datetime | None]:
    """From when to when a job was created at the earliest and the latest."""
    created = filters.date_range
    return (None, None) if created is None else (_instant(created.start), _instant(created.end))


def _cron_matches(job: Job, pattern: str) -> bool:
    expression = job.cron_expression
    if expression is None:
        return False
    if pattern in expression:
        return True
    try:
        return CronSchedule(pattern, job.timezone) == job.schedule
    except InvalidScheduleError:
        return False


def _instant(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is not None and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value
