"""How instants and durations read in a terminal."""

from __future__ import annotations

from datetime import datetime, timedelta

from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.model import Job
from agentcron.domain.plain_text import plain
from agentcron.schedule import format_duration, on_clock


def when(instant: datetime | None, zone: str) -> str:
    """An instant in a zone, with the zone's abbreviation; ``-`` for none."""
    if instant is None:
        return "-"
    local = on_clock(instant, zone)
    name = local.tzname() or ""
    # Zones without letters of their own are abbreviated by their offset, which reads badly without the sign's UTC.
    return f"{local:%Y-%m-%d %H:%M:%S} {'UTC' + name if name[:1] in '+-' else name}"


def span(duration: timedelta | None) -> str:
    """A policy's duration as it is written, a measured one to the millisecond; ``-`` for none."""
    if duration is None:
        return "-"
    if duration < timedelta(minutes=1) and duration.microseconds:
        return f"{duration.total_seconds():.3f}s"
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def no_times(job: Job) -> str:
    """What is told of a job that has no next time."""
    if job.status is JobStatus.PAUSED:
        return f"paused; 'agentcron resume {job.id[:8]}' lets it go on"
    return "no further time"


def first_line(text: str | None, width: int = 60) -> str:
    """The beginning of a text on one line."""
    flat = plain(" ".join((text or "").split()))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"
