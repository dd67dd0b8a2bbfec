"""What is wrong here, and what to do about it."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import sqlite3
import stat
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentcron.cli.session import Session, command
from agentcron.errors import AgentcronError
from agentcron.ports import SystemClock
from agentcron.storage.sqlite import SqliteStorage
from agentcron.storage.sqlite.writer import SAFE_WAL_VERSION

if TYPE_CHECKING:
    from agentcron.agents.factory import AgentFactoryPlugin
    from agentcron.plugin import BackgroundJobsPlugin

ENOUGH_SPACE: Final = 100 << 20
_SLACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: ``ok``, ``warn`` or ``fail``, and what to do."""

    check: str
    verdict: str
    detail: str
    fix: str = ""


@command("doctor")
def doctor_command(session: Session) -> int:
    """Check settings, store, clock data and agents; exit code 1 where something fails.

    Example: agentcron doctor --json
    """
    findings = [_settings(session), *_zones()]
    if findings[0].verdict != "fail":
        findings += _store(session)
    rows = [(finding.verdict, finding.check, finding.detail, finding.fix) for finding in findings]
    session.emit(
        [vars(finding) for finding in findings],
        lambda: session.table(("", "CHECK", "FOUND", "WHAT TO DO"), rows, ""),
    )
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0


def _settings(session: Session) -> Finding:
    try:
        config = session.config
        session.factory  # noqa: B018 - reads the definitions
    except AgentcronError as error:
        return Finding(check="settings", verdict="fail", detail=str(error), fix="correct the file or the variable")
    return Finding(check="settings", verdict="ok", detail=str(config.file or "no agentcron.toml; defaults hold"))


def _zones() -> Iterator[Finding]:
    try:
        zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        yield Finding(check="zone data", verdict="fail", detail="no IANA zones", fix="pip install tzdata")
    else:
        yield Finding(check="zone data", verdict="ok", detail=f"{len(zoneinfo.available_timezones())} zones")


def _store(session: Session) -> Iterator[Finding]:
    from agentcron.cli.doctor_folder import folder_findings, missing
    from agentcron.storage.json_files import StorageFsPlugin

    level = logging.ERROR
    try:
        storage = session.storage
        place = storage.path if isinstance(storage, SqliteStorage) else None
        if isinstance(storage, StorageFsPlugin):
            place, level = storage.folder.path, logging.CRITICAL  # what it would log is found here
        if place is not None and not place.exists():
            # Opening would make it.
            yield missing(place)
            yield from _agents(session.factory, set())
            return
        if isinstance(storage, StorageFsPlugin):
            yield from folder_findings(storage.folder)
        yield from session.call(functools.partial(_inside, session), level=level)
    except AgentcronError as error:
        yield Finding(check="store", verdict="fail", detail=str(error), fix="see the message")
    except OSError as error:
        detail = f"{str(error.filename)[:200]}: {error.strerror}"
        yield Finding(check="store", verdict="fail", detail=detail, fix="check the place and its permissions")


async def _inside(session: Session, plugin: BackgroundJobsPlugin) -> list[Finding]:
    jobs = await plugin.get_jobs()
    findings = [Finding(check="store", verdict="ok", detail=f"{plugin.storage.url}, {len(jobs)} jobs")]
    if isinstance(plugin.storage, SqliteStorage):
        findings += _file(plugin.storage.path)
    else:
        from agentcron.cli.doctor_folder import damage_findings

        findings += damage_findings(plugin.storage)
    alive = await plugin.scheduler_alive()
    findings.append(
        Finding(check="scheduler", verdict="ok", detail="is running")
        if alive
        else Finding(check="scheduler", verdict="warn", detail="is not running", fix="agentcron start")
    )
    orphans = [run for run in await plugin.storage.open_executions() if run.status.value == "RUNNING"]
    if orphans and not alive:
        detail = f"{len(orphans)} runs were cut when their scheduler ended"
        findings.append(Finding(check="open runs", verdict="warn", detail=detail, fix="agentcron start settles them"))
    findings += _agents(
        session.factory, {job.agent for job in jobs if job.status.value not in ("CANCELED", "COMPLETED")}
    )
    return findings


def _file(path: Path) -> Iterator[Finding]:
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        detail = f"{path} or its folder cannot be written"
        yield Finding(check="store", verdict="fail", detail=detail, fix="chown it to the user who runs agentcron")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if written > SystemClock().now() + _SLACK:
        detail = f"stands before the last write to the store ({written:%Y-%m-%d %H:%M} UTC)"
        yield Finding(check="clock", verdict="warn", detail=detail, fix="set the clock of this machine")
    else:
        yield Finding(check="clock", verdict="ok", detail="stands after the last write to the store")
    free = shutil.disk_usage(path.parent).free
    told = f"{free >> 20} MiB free"
    if free < ENOUGH_SPACE:
        yield Finding(check="disk", verdict="warn", detail=told, fix=f"free some space in {path.parent}")
    else:
        yield Finding(check="disk", verdict="ok", detail=told)
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if name.exists() and (mode := stat.S_IMODE(name.stat().st_mode)) & 0o077:
            yield Finding(
                check="file modes",
                verdict="warn",
                detail=f"{name} can be read by others ({mode:o})",
                fix=f"chmod 600 {name}",
            )
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SAFE_WAL_VERSION:
        detail = f"{version} has the WAL-reset bug (until 3.51.2); writers and checkpoints share a lock here"
        yield Finding(check="SQLite", verdict="ok", detail=detail, fix="a Python with SQLite 3.51.3 needs no lock")
    else:
        yield Finding(check="SQLite", verdict="ok", detail=version)
    yield _integrity(path)


def _integrity(path: Path) -> Finding:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            schema = connection.execute("PRAGMA user_version").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        verdict, schema = str(error), None
    if verdict == "ok":
        return Finding(check="integrity", verdict="ok", detail=f"quick check passed, schema {schema}")
    return Finding(check="integrity", verdict="fail", detail=verdict, fix="restore a backup; keep the damaged file")


def _agents(factory: AgentFactoryPlugin, used: set[str]) -> Iterator[Finding]:
    rows = factory.describe()
    for row in rows:
        needed = row["name"] in used
        if row["problem"] is None:
            yield Finding(check=f"agent {row['name']}", verdict="ok", detail=row["kind"])
        elif needed or row["source"] != "built-in":
            verdict = "fail" if needed else "warn"
            yield Finding(
                check=f"agent {row['name']}", verdict=verdict, detail=row["problem"], fix="correct its definition"
            )
    for name in sorted(used - {row["name"] for row in rows}):
        yield Finding(
            check=f"agent {name}", verdict="fail", detail="jobs use it and it is not defined", fix=f"[agents.{name}]"
        )
