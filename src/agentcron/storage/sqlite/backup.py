"""How a copy of the file is taken while it is in use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from agentcron.errors import StoreUnavailable
from agentcron.storage.placing import flush, placing
from agentcron.storage.sqlite.connection import SQLITE_ERRORS, connect, explain, migrations


def back_up(source: Path, target: Path, *, overwrite: bool) -> int:
    """Copy the store as it is at one instant, check the copy, and answer its size in bytes.

    Others go on reading and writing meanwhile. The copy is one file, mode 0600, usable as a store at once. Raises
    ``ConflictError`` and ``StoreUnavailable``.
    """
    if not source.is_file() or source.stat().st_size == 0:
        raise StoreUnavailable(f"{source}: there is no store to back up; name one with --store")
    if target.is_dir():
        target = target / source.name
    with placing(target, store=source, overwrite=overwrite) as temporary:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(source, temporary)
        _finish(source, temporary)
        flush(temporary)
        return temporary.stat().st_size


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(connect(source, write=False)) as reader:
        try:
            with contextlib.closing(sqlite3.connect(target)) as writer:
                # In one step, which is one read transaction: a copy in several begins again at each write of others.
                reader.backup(writer)
        except SQLITE_ERRORS as error:
            raise explain(error, source) from error


def _finish(source: Path, target: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")
            if copy.execute("PRAGMA user_version").fetchone()[0] <= len(migrations()):
                # Nothing runs in the copy: a scheduler that opens it must not end agents of the one that runs.
                copy.execute("UPDATE executions SET process = NULL WHERE process IS NOT NULL")
            verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except SQLITE_ERRORS as error:
        raise explain(error, source) from error
    if verdict != "ok":
        raise StoreUnavailable(
            f"{source}: is damaged ({verdict}), no backup was made; run 'agentcron doctor', restore an earlier backup, "
            "and keep the damaged file"
        )
