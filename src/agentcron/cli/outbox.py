"""Commands about what is told to others: show it, try it afresh, send a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import first_line, when
from agentcron.domain.letters import Letter, LetterStatus
from agentcron.domain.model import Job
from agentcron.wire import letter_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin


@command("outbox")
@click.argument("job", required=False)
@click.option("--status", type=click.Choice(list(LetterStatus), case_sensitive=False), help="Of one status alone.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The newest so many.")
def outbox_command(session: Session, job: str | None, status: LetterStatus | None, limit: int) -> None:
    """What was told to whom, newest first: letters that were sent, that wait for a try, and that were given up.

    Example: agentcron outbox report --status FAILED
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[Letter], dict[str, Job]]:
        job_id = (await plugin.find_job(job)).id if job is not None else None
        found = await plugin.outbox(status=status, job_id=job_id, limit=limit)
        return found, {key: await plugin.find_job(key) for key in {letter.job_id for letter in found}}

    found, jobs = session.call(work)

    def text() -> str:
        rows = [_row(letter, jobs[letter.job_id]) for letter in found]
        columns = ("LETTER", "JOB", "EVENT", "TO", "WRITTEN", "STATUS", "TRIES", "ERROR")
        none = "nothing was told to anybody; jobs with notify write letters"
        table = session.table(columns, rows, none, spare=("TRIES", "WRITTEN", "ERROR"))
        lost = next((letter for letter in found if letter.status is LetterStatus.FAILED), None)
        return f"{table}\n\nagentcron resend {lost.id}" if lost else table

    session.emit([letter_object(letter, jobs[letter.job_id].name) for letter in found], text)


@command("resend")
@click.argument("letter_id", metavar="LETTER")
def resend_command(session: Session, letter_id: str) -> None:
    """Try a letter that was given up afresh; it keeps its id, and its agent is not run again.

    Example: agentcron resend 3f9a
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Letter, str, bool]:
        letter = await plugin.retry_letter(letter_id)
        return letter, (await plugin.find_job(letter.job_id)).name, await plugin.scheduler_alive()

    letter, name, alive = session.call(work)
    then = "is sent at once" if alive else "is sent by the next 'agentcron start'"
    session.emit(letter_object(letter, name), lambda: f"{letter.id} to {letter.target} {then}")


@command("endpoints")
@click.option("--test", "trial", metavar="NAME", help="Send a letter that says that it is a trial.")
def endpoints_command(session: Session, trial: str | None) -> None:
    """Where letters go, by name and kind. With --test one of them is tried, at once and once.

    Example: agentcron endpoints --test ops
    """

    async def work(plugin: BackgroundJobsPlugin) -> dict[str, str]:
        if trial is not None:
            await plugin.send_test(trial)
        return plugin.endpoints()

    found = session.call(work)
    if trial is not None:
        session.emit({"endpoint": trial, "sent": True}, lambda: f"{trial} has taken a trial letter")
        return
    empty = "no endpoint is configured; write [endpoints.NAME] into agentcron.toml"
    session.emit(
        [{"name": name, "kind": kind} for name, kind in found.items()],
        lambda: session.table(("NAME", "KIND"), list(found.items()), empty),
    )


def _row(letter: Letter, job: Job) -> tuple[str, ...]:
    return (
        letter.id, job.name, letter.event.value, letter.target, when(letter.created, job.timezone), letter.status.value,
        str(letter.tries), first_line(letter.error or "", 80),
    )  # fmt: skip
