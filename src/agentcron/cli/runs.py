"""Commands about executions: run one now, list them, read one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.jobs import choice
from agentcron.cli.session import Session, command
from agentcron.cli.words import first_line, span, when
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Conversation
from agentcron.domain.plain_text import plain
from agentcron.domain.queries import ExecutionFilters
from agentcron.errors import ConflictError, NotFoundError
from agentcron.wire import execution_object, message_object

if TYPE_CHECKING:
    from agentcron.agents.conversation import Message
    from agentcron.plugin import BackgroundJobsPlugin


_LOOK_AGAIN: Final = 5.0


@command("run")
@click.argument("job")
@click.option("--wait", is_flag=True, help="Wait for the end and show the answer.")
def run_command(session: Session, job: str, wait: bool) -> int:
    """Run a job now, besides its schedule: the live scheduler starts it; with none it runs here.

    Exit code 1 where the run was waited for and did not succeed.

    Example: agentcron run report --wait
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Job, Execution]:
        found = await plugin.find_job(job)
        execution_id = await plugin.run_job_now(found.id)
        if not await plugin.scheduler_alive():
            session.say("no scheduler is running on this store; running here")
            return found, await plugin.run_here(execution_id)
        if wait:
            return found, await _ended(session, plugin, execution_id)
        queued = await plugin.get_execution(execution_id)
        assert queued is not None
        return found, queued

    found, execution = session.call(work)
    session.emit(execution_object(execution, found.name), lambda: _outcome(found, execution))
    waited = wait or execution.final
    return 1 if waited and execution.status is not ExecutionStatus.SUCCESS else 0


async def _ended(session: Session, plugin: BackgroundJobsPlugin, execution_id: str) -> Execution:
    """The execution once it has ended. A scheduler that is gone would be waited for without end."""
    while True:
        try:
            return await asyncio.wait_for(plugin.wait_for_execution(execution_id), _LOOK_AGAIN)
        except TimeoutError:
            left = await plugin.get_execution(execution_id)
            if left is not None and left.status is ExecutionStatus.AWAITING_INPUT:
                # It may take a day: a script that waits here must not hang at a question that nobody sees.
                return left
            if await plugin.scheduler_alive():
                continue
            if left is not None and left.status is ExecutionStatus.RUNNING:
                session.say("the scheduler was lost while it ran; 'agentcron start' settles it")
                return left
            session.say("the scheduler has gone; running here")
            return await plugin.run_here(execution_id)


def _outcome(job: Job, execution: Execution) -> str:
    head = f"{job.name}  {execution.id}  {execution.status.value}"
    if execution.status is ExecutionStatus.AWAITING_INPUT:
        return f"{head}\nit waits for a person; see: agentcron inbox {job.name}"
    if not execution.final:
        return head
    head += f" ({execution.reason})" if execution.reason else ""
    parts = (f"{head}  {span(execution.duration)}", plain(execution.error or ""), plain(execution.result or ""))
    return "\n".join(part for part in parts if part)


@command("runs")
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--status", "statuses", multiple=True, help="Only of this status; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Skipped and missed slots too.")
def runs_command(session: Session, job: str | None, limit: int, statuses: tuple[str, ...], everything: bool) -> None:
    """What became of each slot, newest first, of one job or of all.

    Example: agentcron runs report --all --limit 50
    """
    wanted = [choice(ExecutionStatus, text, "--status") for text in statuses] or None

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[Execution], dict[str, Job]]:
        job_id = (await plugin.find_job(job)).id if job is not None else None
        filters = ExecutionFilters(job_id=job_id, statuses=wanted, include_skipped=everything)
        found = list((await plugin.list_executions(filters, limit)).items)
        jobs: dict[str, Job] = {}
        for key in {run.job_id for run in found}:
            jobs[key] = await plugin.find_job(key)
        return found, jobs

    found, jobs = session.call(work)

    def text() -> str:
        rows = [_row(run, jobs[run.job_id]) for run in found]
        columns = ("EXECUTION", "JOB", "SLOT", "STATUS", "TOOK", "ANSWER")
        none = "no runs yet" if job is None else f"no runs of {job} yet"
        return session.table(columns, rows, none, spare=("TOOK", "ANSWER"))

    session.emit([execution_object(run, jobs[run.job_id].name) for run in found], text)


def _row(run: Execution, job: Job) -> tuple[str, ...]:
    slot = f"manual, {when(run.at, job.timezone)}" if run.manual else when(run.at, job.timezone)
    if run.slots > 1:
        slot += f" and {run.slots - 1} more"
    said = run.error or run.result or (run.reason if not run.ran else "") or ""
    return run.id, job.name, slot, run.status.value, span(run.duration), first_line(said)


@command("logs")
@click.argument("execution_or_job")
@click.option("--raw", is_flag=True, help="The conversation as the agent's own library wrote it, as JSON.")
def logs_command(session: Session, execution_or_job: str, raw: bool) -> None:
    """Answer and conversation of an execution (its id, or a unique beginning of one), or of a job's last run.

    Example: agentcron logs 019a
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Execution, Job, Conversation | None]:
        found = await _meant(plugin, execution_or_job)
        return found, await plugin.find_job(found.job_id), await plugin.get_conversation(found.id)

    from agentcron.agents.conversation import readable

    found, job, talk = session.call(work)
    if raw:
        session.emit_json(conversation_object(talk) if talk is not None else None)
        return
    messages = readable(talk) if talk is not None else []
    shown = {**execution_object(found, job.name), "conversation": [message_object(message) for message in messages]}
    session.emit(shown, lambda: _read(found, job, messages))


async def _meant(plugin: BackgroundJobsPlugin, name: str) -> Execution:
    """The execution, or the last run of the job of that name. Raises ``NotFoundError``, and ``ConflictError`` for what
    names no job and is how several executions begin."""
    several: ConflictError | None = None
    try:
        found = await plugin.get_execution(name)
    except ConflictError as error:
        found, several = None, error
    if found is not None:
        return found
    try:
        job = await plugin.find_job(name)
    except NotFoundError:
        if several is not None:
            raise several from None
        raise NotFoundError(f"execution {name!r} is unknown; 'agentcron runs' lists them") from None
    runs = await plugin.list_executions(ExecutionFilters(job_id=job.id), 1)
    if not runs.items:
        raise NotFoundError(f"{job.name} has not run yet; 'agentcron next {job.name}' shows when it will")
    return runs.items[0]


def conversation_object(talk: Conversation) -> dict[str, Any]:
    """A conversation in its native form as JSON."""
    return {
        "kind": talk.kind,
        "format": talk.format,
        "format_version": talk.format_version,
        "session": talk.session,
        "native": talk.native,
    }


def _read(run: Execution, job: Job, messages: list[Message]) -> str:
    lines = [
        f"{job.name}  {run.id}  {run.status.value}" + (f" ({run.reason})" if run.reason else ""),
        f"  slot     {'manual' if run.manual else when(run.at, job.timezone)}",
        f"  started  {when(run.start_time, job.timezone)}, took {span(run.duration)}, attempt {run.attempt}",
        f"  agent    {run.agent}",
    ]
    if run.usage is not None:
        cost = f", ${run.cost_usd:.4f} ({run.cost_basis})" if run.cost_usd is not None else ""
        lines.append(f"  tokens   {run.usage.input_tokens} in, {run.usage.output_tokens} out{cost}")
    if run.error:
        lines.append(f"  error    {plain(run.error)}")
    for message in messages:
        lines += ["", f"[{message.role}{' ' + message.tool if message.tool else ''}]", conversation_text(message)]
    return "\n".join(lines)


def conversation_text(message: Message) -> str:
    """What a message says, calls, or brought back."""
    parts = [message.text]
    if message.args is not None:
        parts.append(f"called with {message.args}")
    if message.result is not None:
        parts.append(f"{message.result}")
    return plain("\n".join(part for part in parts if part))
