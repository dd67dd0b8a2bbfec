"""Commands about time: what is next, and why something ran or did not."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import no_times, when
from agentcron.errors import NotFoundError, StoreError
from agentcron.ports import SystemClock
from agentcron.schedule import EverySchedule, Schedule, parse_instant, parse_schedule
from agentcron.wire import explanation_object, instant

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_SCHEDULE = re.compile(r"[ \t@]|^(?:every|at)$", re.IGNORECASE)


@command("next")
@click.argument("schedule_or_job")
@click.option("--timezone", metavar="ZONE", help="Zone to read the schedule in, and to show the times in.")
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many.")
def next_command(session: Session, schedule_or_job: str, timezone: str | None, count: int) -> None:
    """The next times of a job, or of any schedule.

    Example: agentcron next "30 2 * * *" --timezone Europe/Berlin --count 3
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Schedule, list[datetime], str]:
        try:
            job = await plugin.find_job(schedule_or_job)
        except (NotFoundError, StoreError):
            # What a schedule means needs no store, so a store that fails does not keep a person from asking.
            if not _SCHEDULE.search(schedule_or_job):
                raise
            schedule = parse_schedule(schedule_or_job, timezone or session.zone)
            if isinstance(schedule, EverySchedule) and schedule.anchor is None:
                schedule = schedule.anchored(SystemClock().now())
            return schedule, plugin.preview(schedule, count=count), "no further time"
        return job.schedule, plugin.upcoming(job, count), no_times(job)

    schedule, slots, none = session.call(work)
    zone = timezone or (schedule.timezone if schedule.timezone != "UTC" else session.zone)
    value = [instant(slot, zone) for slot in slots]
    lines = [schedule.describe(), *(f"  {when(slot, zone)}" for slot in slots)]
    session.emit(value, "\n".join(lines if slots else [lines[0], f"  {none}"]))


@command("why")
@click.argument("job")
@click.argument("time", default="now")
def why_command(session: Session, job: str, time: str) -> None:
    """Why a job ran, or did not run, at TIME (ISO 8601; without an offset in the job's zone; default: now).

    Example: agentcron why report 2026-11-23T09:00
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[dict[str, object], str]:
        found = await plugin.find_job(job)
        at = SystemClock().now() if time.strip().lower() == "now" else parse_instant(time, found.timezone)
        told = await plugin.explain(found.id, at)
        return explanation_object(told, found), told.sentence

    value, sentence = session.call(work)
    session.emit(value, sentence)
