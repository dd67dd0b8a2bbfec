"""What is wrong here, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentcron.cli.session import Session, command
from agentcron.errors import AgentcronError

if TYPE_CHECKING:
    from agentcron.agents.factory import AgentFactoryPlugin
    from agentcron.domain.model import Job
    from agentcron.ports import JobStore

ENOUGH_SPACE: Final = 100 << 20
_MADE: Final = "the first 'agentcron add' makes its tables, and so does 'agentcron start'"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: ``ok``, ``warn`` or ``fail``, where, and what to do."""

    check: str
    verdict: str
    detail: str
    fix: str = ""
    where: str = ""


@command("doctor")
def doctor_command(session: Session) -> int:
    """Check settings, store, clock, zones, agents and endpoints, changing nothing; exit code 1 where something fails.

    Example: agentcron doctor --json
    """
    findings = examine(session)
    rows = [(finding.verdict, finding.check, finding.detail, finding.fix) for finding in findings]
    session.emit(
        [vars(finding) for finding in findings],
        lambda: session.table(("", "CHECK", "FOUND", "WHAT TO DO"), rows, ""),
    )
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0


def examine(session: Session) -> list[Finding]:
    """Everything that can be looked at."""
    from agentcron.cli.doctor_machine import machine_findings
    from agentcron.cli.doctor_port import port_findings

    return [_settings(session), *machine_findings(), *port_findings(), *_below(session)]


def _settings(session: Session) -> Finding:
    try:
        place = str(session.config.file or "")
        session.factory  # noqa: B018 - reads the definitions
    except AgentcronError as error:
        return Finding(check="settings", verdict="fail", detail=str(error), fix="correct the file or the variable")
    return Finding(check="settings", verdict="ok", detail=place or "no agentcron.toml; defaults hold", where=place)


def _below(session: Session) -> Iterator[Finding]:
    """What the settings name: the store, whatever the agents are like, and the agents, whatever the store is like."""
    jobs: list[Job] = []
    from agentcron.cli.doctor_endpoints import endpoint_findings

    try:
        config = session.config
    except AgentcronError:
        return  # told as settings
    yield from endpoint_findings(config)
    try:
        storage = session.storage
    except AgentcronError as error:
        yield Finding(check="store", verdict="fail", detail=str(error), fix="correct --store or store.url")
        return
    except OSError as error:
        yield _unreachable(error)
        return
    for finding in _store(session, storage, jobs):
        yield finding if finding.where else replace(finding, where=storage.url)
    with contextlib.suppress(AgentcronError):  # told as settings
        yield from _agents(
            session.factory, {job.agent for job in jobs if job.status.value not in ("CANCELED", "COMPLETED")}
        )


def _store(session: Session, storage: JobStore, jobs: list[Job]) -> Iterator[Finding]:
    """What the store is like from outside, then, where it can be opened, from inside; its ``jobs`` are added."""
    from agentcron.cli.doctor_folder import folder_findings, missing
    from agentcron.storage.json_files import StorageFsPlugin
    from agentcron.storage.sqlite import SqliteStorage

    level, place = logging.ERROR, None
    try:
        is_made = None if isinstance(storage, SqliteStorage) else getattr(storage, "is_made", None)
        if is_made is not None and not asyncio.run(is_made()):
            yield Finding(check="store", verdict="warn", detail=f"{storage.url} holds no jobs yet", fix=_MADE)
            return
        if isinstance(storage, SqliteStorage):
            place = storage.path
        if isinstance(storage, StorageFsPlugin):
            place, level = storage.folder.path, logging.CRITICAL  # what it would log is found here
        if place is not None and not place.exists():
            # Opening would make it.
            yield missing(place)
            return
        if isinstance(storage, StorageFsPlugin):
            yield from folder_findings(storage.folder)
        if isinstance(storage, SqliteStorage):
            from agentcron.cli.doctor_file import file_findings

            outside = list(file_findings(storage.path))
            yield from outside
            if any(finding.check == "store" and finding.verdict != "ok" for finding in outside):
                return
        session.log(logging.DEBUG if session.debug else level)
        yield from asyncio.run(_inside(storage, jobs, session.config.endpoints))
    except AgentcronError as error:
        yield Finding(check="store", verdict="fail", detail=str(error), fix="see the message")
    except OSError as error:
        yield _unreachable(error)


def _unreachable(error: OSError) -> Finding:
    detail = f"{str(error.filename)[:200]}: {error.strerror}"
    return Finding(check="store", verdict="fail", detail=detail, fix="check the place and its permissions")


async def _inside(storage: JobStore, jobs: list[Job], endpoints: Collection[str]) -> list[Finding]:
    from agentcron.cli.doctor_folder import damage_findings
    from agentcron.cli.doctor_jobs import job_findings, run_findings
    from agentcron.cli.doctor_letters import letter_findings
    from agentcron.ports import SystemClock

    await storage.open()
    try:
        jobs += await _all_jobs(storage)
        found = [Finding(check="store", verdict="ok", detail=f"{storage.url}, {len(jobs)} jobs")]
        found += damage_findings(storage)
        found += job_findings(jobs)
        found += [finding async for finding in run_findings(storage)]
        found += [finding async for finding in letter_findings(storage, endpoints, SystemClock().now())]
    finally:
        await storage.close()
    return found


async def _all_jobs(storage: JobStore) -> list[Job]:
    from agentcron.domain.queries import JobFilters

    found: list[Job] = []
    after: str | None = None
    while True:
        page = await storage.list_jobs(JobFilters(), after=after, limit=1000)
        found += page.items
        if (after := page.after) is None:
            return found


def space(place: Path) -> Finding:
    """Whether there is room for what is to come."""
    import shutil

    free = shutil.disk_usage(place).free
    told = f"{free >> 20} MiB free"
    if free < ENOUGH_SPACE:
        return Finding(check="disk", verdict="warn", detail=told, fix=f"free some space in {place}", where=str(place))
    return Finding(check="disk", verdict="ok", detail=told, where=str(place))


def _agents(factory: AgentFactoryPlugin, used: set[str]) -> Iterator[Finding]:
    rows = factory.describe()
    for row in rows:
        needed = row["name"] in used
        where = f"agents.{row['name']}"
        if row["problem"] is None:
            yield Finding(check=f"agent {row['name']}", verdict="ok", detail=row["kind"], where=where)
        elif needed or row["source"] != "built-in":
            verdict, fix = "fail" if needed else "warn", "correct its definition"
            yield Finding(check=f"agent {row['name']}", verdict=verdict, detail=row["problem"], fix=fix, where=where)
    for name in sorted(used - {row["name"] for row in rows}):
        detail, fix = "jobs use it and it is not defined", f"[agents.{name}]"
        yield Finding(check=f"agent {name}", verdict="fail", detail=detail, fix=fix, where=f"agents.{name}")
