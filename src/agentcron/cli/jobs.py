"""Commands that create, list and change jobs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.checks import around, spared
from agentcron.cli.job_options import given, read_prompt, spec_options
from agentcron.cli.session import Session, command
from agentcron.cli.words import no_times, span, when
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.model import Job
from agentcron.domain.plain_text import plain
from agentcron.domain.queries import JobFilters
from agentcron.domain.spec_fields import write_schedule
from agentcron.errors import ConflictError
from agentcron.schedule import OnceSchedule
from agentcron.wire import job_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_SHOWN: Final = 3


@command("add", makes_store=True)
@click.argument("name")
@click.argument("schedule")
@click.argument("prompt", required=False)
@click.option("--prompt-file", metavar="FILE", help="Read the prompt from a file; - for standard input.")
@spec_options(defaults=True)
def add_command(
    session: Session, name: str, schedule: str, prompt: str | None, prompt_file: str | None, **options: Any
) -> None:
    """Create a job. SCHEDULE is a cron expression, "every 10m" or "at 2030-01-31T09:00".

    Example: agentcron add report "0 9 * * MON-FRI" "Write the report" --timezone Europe/Berlin
    """
    text = read_prompt(prompt, prompt_file)
    if text is None:
        raise click.UsageError("the prompt is missing; give it as the last argument or with --prompt-file")
    values = given(options)
    assumed = None if "timezone" in values else session.zone_origin

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Job, list[datetime], bool]:
        job = await plugin.find_job(await plugin.create_job(name, schedule, text, **values))
        namesakes = [one.id for one in await plugin.storage.find_jobs(job.name) if one.name == job.name]
        if len(namesakes) > 1:
            others = ", ".join(key for key in namesakes if key != job.id)
            session.say(f"there is another job of this name ({others}); name each by its id from here on")
        return job, plugin.upcoming(job, _SHOWN), await plugin.scheduler_alive()

    job, slots, alive = session.call(work)
    session.emit(job_object(job, slots), lambda: _told("created", job, slots, assumed))
    if not alive:
        session.say("no scheduler is running on this store; start one with 'agentcron start'")


@command("edit")
@click.argument("job")
@click.option("--name", help="New name.")
@click.option("--schedule", help='Cron expression, "every 10m" or "at 2030-01-31T09:00".')
@click.option("--prompt", help="New prompt.")
@click.option("--prompt-file", metavar="FILE", help="Read the prompt from a file; - for standard input.")
@click.option("--no-tags", is_flag=True, help="Take every tag away.")
@click.option("--no-metadata", is_flag=True, help="Take all metadata away.")
@spec_options(defaults=False)
def edit_command(
    session: Session,
    job: str,
    prompt: str | None,
    prompt_file: str | None,
    no_tags: bool,
    no_metadata: bool,
    **options: Any,
) -> None:
    """Change a job; runs under way keep the version they began with. Tags and metadata are replaced as a whole.

    Example: agentcron edit report --schedule "0 8 * * MON-FRI" --timeout 20m
    """
    values = given({**options, "prompt": read_prompt(prompt, prompt_file)})
    if "" in values.get("tags", ()):
        raise click.UsageError("--tag: '' is no tag; --no-tags takes every tag away")
    for field, emptied in (("tags", no_tags), ("metadata", no_metadata)):
        if emptied and field in values:
            raise click.UsageError(f"give --no-{field} or --{field.removesuffix('s')}, not both")
        if emptied:
            values[field] = () if field == "tags" else {}
    if not values:
        raise click.UsageError("nothing to change; give at least one option, such as --prompt TEXT")

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Job, list[datetime]]:
        found = await plugin.find_job(job)
        if not await plugin.update_job(found.id, values):
            raise ConflictError(f"job {found.name!r} is {found.status}; it cannot be changed any more")
        changed = await plugin.find_job(found.id)
        return changed, plugin.upcoming(changed, _SHOWN)

    changed, slots = session.call(work)
    session.emit(job_object(changed, slots), lambda: _told("changed", changed, slots, None))


def _told(word: str, job: Job, slots: Sequence[datetime], assumed: str | None) -> str:
    zone = [f"  zone  {job.timezone}, {assumed}"] if assumed else []
    times = [f"  next  {when(slot, job.timezone)}" for slot in slots] or [f"  {no_times(job)}"]
    return "\n".join([f"{word} {job.name}  {job.id}", f"  {job.schedule.describe()}", *zone, *times])


@command("list")
@click.option("--status", "statuses", multiple=True, help="Only jobs of this status; may be repeated.")
@click.option("--name", "name_contains", help="Only jobs whose name holds this text.")
@click.option("--tag", help="Only jobs with this tag.")
def list_command(session: Session, statuses: tuple[str, ...], name_contains: str | None, tag: str | None) -> None:
    """List jobs, the next to run first.

    Example: agentcron list --status WAITING --json
    """
    wanted = [choice(JobStatus, text, "--status") for text in statuses] or None
    filters = JobFilters(status=wanted, name_contains=name_contains, tag=tag)
    jobs = session.call(lambda plugin: plugin.get_jobs(filters))
    jobs.sort(key=lambda job: (job.next_run is None, job.next_run or job.created))
    rows = [
        (job.id[:8], job.name, job.status.value, when(job.next_run, job.timezone), schedule_text(job), job.agent)
        for job in jobs
    ]
    session.emit(
        [job_object(job) for job in jobs],
        lambda: session.table(
            ("ID", "NAME", "STATUS", "NEXT RUN", "SCHEDULE", "AGENT"), rows, "no jobs", spare=("AGENT", "SCHEDULE")
        ),
    )


def schedule_text(job: Job) -> str:
    """The schedule as a person writes it, an instant in the job's zone."""
    if isinstance(job.schedule, OnceSchedule):
        return f"at {when(job.schedule.at, job.timezone)}"
    written = write_schedule(job.schedule)
    return written.get("cron_expression") or f"every {written['every']}"


@command("show")
@click.argument("job")
def show_command(session: Session, job: str) -> None:
    """Show one job with its next times and latest runs.

    Example: agentcron show report
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Job, list[datetime]]:
        found = await plugin.get_job((await plugin.find_job(job)).id)
        assert found is not None
        return found, plugin.upcoming(found, _SHOWN)

    found, slots = session.call(work)

    def text() -> str:
        lines = [f"{found.name}  {found.id}"]
        values = {
            "status": found.status.value + (f" ({found.state_reason})" if found.state_reason else ""),
            "schedule": found.schedule.describe(),
            "agent": found.agent,
            "prompt": plain(found.prompt if len(found.prompt) < 400 else f"{found.prompt[:400]} …"),
            "overlap": found.overlap.value,
            "catch_up": found.catch_up.value,
            "timeout": span(found.timeout),
            **around(found),
            "created": when(found.created, found.timezone) + (f" by {plain(found.made_by)}" if found.made_by else ""),
            "last run": when(found.last_run, found.timezone),
        }
        lines += [f"  {name:<9} {value}" for name, value in values.items()]
        lines += [f"  next      {when(slot, found.timezone)}" for slot in slots]
        totals = found.totals
        lines.append(
            f"  so far    {totals.executions} runs: {totals.success} success, {totals.failure} failure, "
            f"{totals.error} error, {totals.incomplete} incomplete; {totals.skipped} skipped, {totals.missed} missed"
        )
        lines += spared(found)
        for run in found.execution_history[:5]:
            lines.append(f"  run       {when(run.at, found.timezone)}  {run.status.value}  {run.id}")
        return "\n".join(lines)

    session.emit(job_object(found, slots), text)


def _changing(name: str, past: str, method: str, help_text: str) -> click.Command:
    def changed(session: Session, job: str) -> None:
        async def work(plugin: BackgroundJobsPlugin) -> Job:
            found = await plugin.find_job(job)
            if not await getattr(plugin, method)(found.id):
                now = await plugin.find_job(found.id)
                raise ConflictError(f"job {now.name!r} is {now.status}; it cannot be {past}")
            return await plugin.find_job(found.id)

        found = session.call(work)
        session.emit(job_object(found), f"{past} {found.name}  {found.id}: {found.status}")

    changed.__doc__ = f"{help_text}\n\nExample: agentcron {name} report"
    return command(name)(click.argument("job")(changed))


pause_command = _changing(
    "pause", "paused", "pause_job", "Start no further slot until a resume; what runs ends normally."
)
resume_command = _changing("resume", "resumed", "resume_job", "Go on with the schedule; slots in between are skipped.")
cancel_command = _changing("cancel", "canceled", "cancel_job", "End a job for good, with what is open.")


@command("delete")
@click.argument("job")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(session: Session, job: str, yes: bool) -> None:
    """Delete a job with its whole history.

    Example: agentcron delete report --yes
    """

    async def look(plugin: BackgroundJobsPlugin) -> Job:
        return await plugin.find_job(job)

    found = session.call(look)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(f"deleting {found.name!r} with its history needs --yes where nobody can be asked")
        if not click.confirm(f"delete {found.name} ({found.id}) with {found.totals.executions} runs?", err=True):
            session.emit({"id": found.id, "name": found.name, "deleted": False}, f"kept {found.name}  {found.id}")
            return

    async def work(plugin: BackgroundJobsPlugin) -> bool:
        return await plugin.delete_job(found.id)

    session.emit(
        {"id": found.id, "name": found.name, "deleted": session.call(work)}, f"deleted {found.name}  {found.id}"
    )


def choice(kind: type[StrEnum], text: str, option: str) -> Any:
    """The member of a status enumeration that a person meant."""
    try:
        return kind(text.upper())
    except ValueError:
        raise click.UsageError(f"{option}: {text!r} is not one of {', '.join(kind)}") from None
