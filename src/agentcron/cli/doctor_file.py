"""What is wrong with a SQLite file, found without making it, migrating it or becoming one that writes it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from agentcron.cli.doctor import Finding, space
from agentcron.errors import StoreUnavailable
from agentcron.ports import SystemClock
from agentcron.storage.sqlite.checking import damage, look, unreadable_jobs
from agentcron.storage.sqlite.connection import APPLICATION_ID, SQLITE_ERRORS, explain, migrations
from agentcron.storage.sqlite.making import judge
from agentcron.storage.sqlite.writer import SAFE_WAL_VERSION

_SLACK: Final = timedelta(minutes=5)
_KEEP: Final = "restore a backup ('agentcron backup' makes one); keep the damaged file"


def file_findings(path: Path) -> Iterator[Finding]:
    """What the file that is there tells. A finding ``store`` that is not ok says that it cannot be opened."""
    yield from _access(path)
    yield _clock(path)
    yield space(path.parent)
    yield from _modes(path)
    yield _version()
    unusable = _unusable(path)
    if unusable is not None:
        yield unusable
        return
    found = damage(path)
    if found:
        told = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
        yield Finding(check="integrity", verdict="fail", detail=f"{path}: {told}", fix=_KEEP, where=str(path))
    else:
        detail = "every page, rule and text is sound"
        yield Finding(check="integrity", verdict="ok", detail=detail, where=str(path))
    yield from _jobs(path)


def _access(path: Path) -> Iterator[Finding]:
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        detail, fix = f"{path} or its folder cannot be written", "chown it to the user who runs agentcron"
        yield Finding(check="access", verdict="fail", detail=detail, fix=fix, where=str(path))


def _clock(path: Path) -> Finding:
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if written > SystemClock().now() + _SLACK:
        detail = f"stands before the last write to the store ({written:%Y-%m-%d %H:%M} UTC)"
        return Finding(check="clock", verdict="warn", detail=detail, fix="set the clock of this machine")
    return Finding(check="clock", verdict="ok", detail="stands after the last write to the store")


def _modes(path: Path) -> Iterator[Finding]:
    beside = (path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-lock", "-nodes"))
    for name in (path, *beside):
        if os.name != "nt" and name.exists() and (mode := stat.S_IMODE(name.stat().st_mode)) & 0o077:
            detail = f"{name} can be read by others ({mode:o})"
            fix = f"chmod {'700' if name.is_dir() else '600'} {name}"
            yield Finding(check="file modes", verdict="warn", detail=detail, fix=fix, where=str(name))


def _version() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SAFE_WAL_VERSION:
        detail = f"{version} has the WAL-reset bug (until 3.51.2); writers and checkpoints share a lock here"
        return Finding(check="SQLite", verdict="ok", detail=detail, fix="a Python with SQLite 3.51.3 needs no lock")
    return Finding(check="SQLite", verdict="ok", detail=version)


def _unusable(path: Path) -> Finding | None:
    """Why the file must not be opened as a store, where it must not: opening would change it, or fail."""
    where = str(path)
    try:
        judge(path)
        with contextlib.closing(look(path)) as connection:
            number = connection.execute("PRAGMA user_version").fetchone()[0]
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except StoreUnavailable as error:
        return Finding(check="store", verdict="fail", detail=str(error), fix=_KEEP, where=where)
    except SQLITE_ERRORS as error:
        return Finding(check="store", verdict="fail", detail=str(explain(error, path)), fix=_KEEP, where=where)
    if tables and owner != APPLICATION_ID:
        detail = f"{path} is a SQLite file of another program"
        return Finding(check="store", verdict="fail", detail=detail, fix="name another place with --store", where=where)
    if number > len(migrations()):
        detail = f"{path} was written by a newer agentcron (schema {number}, this one knows {len(migrations())})"
        return Finding(check="store", verdict="fail", detail=detail, fix="upgrade agentcron", where=where)
    if number < len(migrations()):
        detail = f"{path} has schema {number} of {len(migrations())}; jobs and runs are looked at once it is up to date"
        fix = "the next command that uses it brings it up to date; 'agentcron backup' first keeps a way back"
        return Finding(check="store", verdict="warn", detail=detail, fix=fix, where=where)
    return None


def _jobs(path: Path) -> Iterator[Finding]:
    with contextlib.suppress(*SQLITE_ERRORS):  # told as damage
        for told in unreadable_jobs(path):
            fix = "use the agentcron that wrote it; else restore a backup"
            yield Finding(check="unreadable job", verdict="fail", detail=told, fix=fix, where=str(path))
