"""Commands that move jobs and history between the store and other programs' files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.session import Session, command
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.plain_text import plain
from agentcron.errors import AgentDefinitionError
from agentcron.schedule import zone

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin
    from agentcron.ports import JobStore
    from agentcron.storage.transfer import Moved

_NAMED: Final = 5
_OVER: Final = (JobStatus.CANCELED, JobStatus.COMPLETED)


@click.group("import")
def import_command() -> None:
    """Add jobs and their history from another program's files."""


@click.group("export")
def export_command() -> None:
    """Write jobs and their history as another program's files."""


@command("original", makes_store=True)
@click.argument("directory", metavar="DIR")
@click.option("--timezone", metavar="ZONE", help="IANA zone of the jobs that name none.")
def import_original_command(session: Session, directory: str, timezone: str | None) -> int:
    """Add the jobs and executions of a folder of the TypeScript plugin, which stays as it is.

    DIR holds the folder background-jobs, or is it. Jobs whose id the store has are left as they are. Exit code 1
    where something was set aside.

    Example: agentcron import original ./data
    """
    from agentcron.storage.transfer import folder_with_jobs, import_original

    # Asked first: a slip in the path must not leave an empty store behind.
    folder = folder_with_jobs(directory)
    chosen = timezone or session.zone
    zone(chosen)

    async def work(plugin: BackgroundJobsPlugin) -> tuple[Moved, JobStore, list[str], bool]:
        alive = await plugin.scheduler_alive()
        agent = plugin.agent_factory.default_definition
        moved = await import_original(folder.path, plugin.storage, timezone=chosen, agent=agent)
        return moved, plugin.storage, await _warnings(plugin) if moved.jobs else [], alive

    # Without log lines: what was set aside is a part of the answer.
    moved, storage, warnings, alive = session.call(work, level=logging.CRITICAL)
    store = storage.url
    origin = "as asked for" if timezone else session.zone_origin
    told = [f"  zone   {chosen} ({origin}), for jobs that name none"] if moved.jobs else []
    words = {"from": str(folder.path), "to": store, **_values(moved), "timezone": chosen}
    session.emit(words, lambda: _told(f"imported {_count(moved)} from {folder.path} into {store}", moved, told))
    # A folder is written whole when it is closed; what it says then is said after the work.
    for warning in [*warnings, *getattr(storage, "problems", ())]:
        session.say(warning)
    if not alive:
        session.say("no scheduler is running on this store; start one with 'agentcron start'")
    return 1 if moved.problems else 0


@command("original")
@click.argument("directory", metavar="DIR")
def export_original_command(session: Session, directory: str) -> int:
    """Write all jobs and executions into a folder that the TypeScript plugin can read.

    DIR is made where it is missing; the files go into its folder background-jobs. Jobs whose id the folder has are
    left as they are. Exit code 1 where something was left out.

    Example: agentcron export original ./data
    """
    from agentcron.storage.json_files.files import folder_of
    from agentcron.storage.transfer import export_original

    async def work(plugin: BackgroundJobsPlugin) -> Moved:
        await plugin.scheduler_alive()
        return await export_original(plugin.storage, directory)

    moved = session.call(work, level=logging.CRITICAL)
    store, folder = session.storage.url, folder_of(directory).path
    words = {"from": store, "to": str(folder), **_values(moved)}
    session.emit(words, lambda: _told(f"exported {_count(moved)} from {store} into {folder}", moved))
    return 1 if moved.problems else 0


import_command.add_command(import_original_command)
export_command.add_command(export_original_command)


def _values(moved: Moved) -> dict[str, Any]:
    return {
        "jobs": moved.jobs,
        "executions": moved.executions,
        "known": list(moved.known),
        "problems": list(moved.problems),
    }


def _count(moved: Moved) -> str:
    parts = ((moved.jobs, "job"), (moved.executions, "execution"))
    return " and ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in parts)


def _told(first: str, moved: Moved, more: Sequence[str] = ()) -> str:
    lines = [first, *more]
    if moved.known:
        ids = ", ".join(moved.known[:_NAMED]) + (", …" if len(moved.known) > _NAMED else "")
        one = len(moved.known) == 1
        were, left = (
            ("1 job was", "it is with its") if one else (f"{len(moved.known)} jobs were", "they are with their")
        )
        lines.append(f"  known  {were} there already, left as {left} history: {ids}")
    return plain("\n".join([*lines, *(f"  aside  {problem}" for problem in moved.problems)]))


async def _warnings(plugin: BackgroundJobsPlugin) -> list[str]:
    """What is wrong with the store, and with agents: a job that was imported may name one that cannot work here."""
    found = list(getattr(plugin.storage, "problems", ()))
    for name in sorted({job.agent for job in await plugin.get_jobs() if job.status not in _OVER}):
        try:
            plugin.agent_factory.check(name)
        except AgentDefinitionError as error:
            found.append(f"jobs use the agent {name!r}, which cannot work here: {error}")
    return found
