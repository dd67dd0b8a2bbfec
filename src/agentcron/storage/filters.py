"""Which jobs a filter lets through."""

from __future__ import annotations

from datetime import UTC, datetime

from agentcron.domain.model import Job
from agentcron.domain.queries import JobFilters
from agentcron.errors import InvalidScheduleError
from agentcron.schedule import CronSchedule


def matches(job: Job, filters: JobFilters) -> bool:
    """Whether every filter that is given lets the job through."""
    if filters.status is not None and job.status not in filters.status:
        return False
    if filters.name_contains is not None and filters.name_contains.casefold() not in job.name.casefold():
        return False
    if filters.tag is not None and filters.tag not in job.tags:
        return False
    if filters.cron_pattern is not None and not _cron_matches(job, filters.cron_pattern):
        return False
    created = filters.date_range
    if created is None:
        return True
    start, end = _instant(created.start), _instant(created.end)
    return (start is None or job.created >= start) and (end is None or job.created <= end)


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
