"""Commands about what runs ask of people: show it, approve, deny, answer."""

from __future__ import annotations

import getpass
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import first_line, when
from agentcron.domain.inputs import Input, InputKind
from agentcron.domain.model import Job
from agentcron.domain.plain_text import plain
from agentcron.wire import input_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin


@command("inbox")
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many.")
@click.option("--all", "everything", is_flag=True, help="What was answered, and what is not asked any more, too.")
def inbox_command(session: Session, job: str | None, limit: int, everything: bool) -> None:
    """What runs ask of you, oldest first: tools to approve, questions, calls whose outcome is unknown.

    Example: agentcron inbox report
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[Input], dict[str, Job]]:
        job_id = (await plugin.find_job(job)).id if job is not None else None
        found = await plugin.inbox(job_id, closed=everything, limit=limit)
        return found, {key: await plugin.find_job(key) for key in {one.job_id for one in found}}

    found, jobs = session.call(work)

    def text() -> str:
        rows = [_row(one, jobs[one.job_id]) for one in found]
        columns = ("ID", "JOB", "KIND", "ASKS", "EXPIRES", "STATE")
        table = session.table(columns, rows, "nothing is asked of you", spare=("KIND", "STATE"))
        waiting = [one for one in found if one.waiting]
        return f"{table}\n\n{_hint(waiting[0])}" if waiting else table

    session.emit([input_object(one, jobs[one.job_id].name) for one in found], text)


@command("approve")
@click.argument("input_id", metavar="INPUT")
def approve_command(session: Session, input_id: str) -> None:
    """Let a run call the tool that it asks for (again, where its outcome is unknown), and go on.

    Example: agentcron approve 3f9a
    """
    _give(session, lambda plugin: plugin.approve(input_id, by=_me()))


@command("deny")
@click.argument("input_id", metavar="INPUT")
@click.argument("reason", required=False)
def deny_command(session: Session, input_id: str, reason: str | None) -> None:
    """Do not let a run do what it asks for, or give its question no answer; the agent is told why and goes on.

    Example: agentcron deny 3f9a "not on a Friday"
    """
    _give(session, lambda plugin: plugin.deny(input_id, reason, by=_me()))


@command("answer")
@click.argument("input_id", metavar="INPUT")
@click.argument("text")
def answer_command(session: Session, input_id: str, text: str) -> None:
    """Answer the question of a run, or say what came of a call whose outcome is unknown; the run goes on.

    Example: agentcron answer 3f9a "use the draft of Monday"
    """
    _give(session, lambda plugin: plugin.answer(input_id, text, by=_me()))


def _give(session: Session, give: Callable[[BackgroundJobsPlugin], Awaitable[Input]]) -> None:
    async def work(plugin: BackgroundJobsPlugin) -> tuple[Input, Job, int, bool]:
        given = await give(plugin)
        job = await plugin.find_job(given.job_id)
        left = [one for one in await plugin.inbox(job.id) if one.execution_id == given.execution_id]
        return given, job, len(left), await plugin.scheduler_alive()

    given, job, left, alive = session.call(work)

    def text() -> str:
        head = f"{given.id} {given.decision}"
        if left:
            return f"{head}; {job.name} still waits for {left} more: agentcron inbox {job.name}"
        if not alive:
            return f"{head}; no scheduler is running, {job.name} goes on with 'agentcron start'"
        return f"{head}; {job.name} goes on"

    session.emit(input_object(given, job.name), text)


def _row(asked: Input, job: Job) -> tuple[str, ...]:
    state = "waiting" if asked.waiting else (asked.decision or "over")
    return asked.id, job.name, asked.kind.value, _asks(asked), when(asked.expires_at, job.timezone), state


def _asks(asked: Input) -> str:
    """The question on one line, with what the tool is called with or what may be chosen."""
    options = f" [{' | '.join(asked.options)}]" if asked.options else ""
    args = f" {json.dumps(asked.args, ensure_ascii=False)}" if asked.args is not None else ""
    return first_line(f"{asked.question}{args}{options}", 100)


def _hint(asked: Input) -> str:
    if asked.kind is InputKind.QUESTION:
        return plain(f"agentcron answer {asked.id} TEXT, or agentcron deny {asked.id}")
    more = f", or agentcron answer {asked.id} TEXT" if asked.kind is InputKind.UNKNOWN_CALL else ""
    return plain(f"agentcron approve {asked.id}, or agentcron deny {asked.id} [REASON]{more}")


def _me() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None
