"""How a SQLite file is opened, migrated, and how its errors are told to a person."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from pathlib import Path
from typing import Final

from agentcron.errors import StoreError, StoreTooNew, StoreUnavailable

# "agcr": marks the file as ours, so that another program's database is never migrated.
APPLICATION_ID: Final = 0x61676372
BUSY_MS: Final = 10_000
# What stands for NULL among the values of a statement that turns it back with nullif. Of None, of bytes and of a bool
# Python's sqlite3 asks whether they can be adapted, which takes longer than to write the value.
NOTHING: Final = ""

# What SQLite raises; of a damaged schema Python cannot even read the message.
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)

_HERE: Final = Path(__file__).parent
_VALUES: Final = re.compile(r"VALUES (\([^()]+\))")
_DISK_FULL: Final = 13
_CORRUPT: Final = (11, 26)
_READ_ONLY: Final = 8
_DISK_FAULT: Final = 10


@cache
def statement(name: str) -> str:
    """The SQL of ``sql/NAME.sql``."""
    return (_HERE / "sql" / f"{name}.sql").read_text("utf-8")


@cache
def together(name: str, rows: int) -> str:
    """The same where it takes one row of ``VALUES``, for so many rows at once."""
    return _VALUES.sub(lambda found: f"VALUES {', '.join([found[1]] * rows)}", statement(name), count=1)


@cache
def migrations() -> tuple[str, ...]:
    """The scripts that make the schema, oldest first; the schema number is how many have run."""
    return tuple(path.read_text("utf-8") for path in sorted((_HERE / "migrations").glob("*.sql")))


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection for one thread at a time. Checkpoints are the caller's: two at once can corrupt a WAL file
    before SQLite 3.51.3 (its "WAL-reset" bug)."""
    connection = None
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if not write:
            connection.execute("PRAGMA query_only = ON")
            connection.create_function("casefold", 1, str.casefold, deterministic=True)
    except SQLITE_ERRORS as error:
        if connection is not None:
            connection.close()
        raise explain(error, path) from error
    return connection


def schema_number(connection: sqlite3.Connection, path: Path) -> int:
    """How many migrations have run. Raises ``StoreTooNew``, and ``StoreError`` for a file that is not ours."""
    try:
        number: int = connection.execute("PRAGMA user_version").fetchone()[0]
        owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error
    if tables and owner != APPLICATION_ID:
        raise StoreError(f"{path}: is a SQLite file of another program; name another place with --store")
    if number > len(migrations()):
        raise StoreTooNew(
            f"{path}: was written by a newer agentcron (schema {number}, this one knows {len(migrations())}); "
            "nothing was touched; upgrade agentcron, or name another store"
        )
    return number


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, each step whole or not at all; safe when several processes try at once."""
    try:
        while True:
            connection.execute("BEGIN IMMEDIATE")
            try:
                number = schema_number(connection, path)
                if number < len(migrations()):
                    for part in migrations()[number].split(";\n\n"):
                        connection.execute(part)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {number + 1}")
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            if number + 1 >= len(migrations()):
                return
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error


def is_busy(error: Exception) -> bool:
    """Whether another program held the file for longer than anybody waits."""
    return _code(error) == sqlite3.SQLITE_BUSY


def _code(error: Exception) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def explain(error: Exception, path: Path) -> StoreError:
    """The same fault with the path and what to do about it."""
    code = _code(error)
    if isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error):
        code = _CORRUPT[0]
    if code == _DISK_FULL:
        return StoreUnavailable(f"{path}: the disk is full; free some space, nothing that was acknowledged is lost")
    if code in _CORRUPT:
        return StoreUnavailable(
            f"{path}: is damaged or not a SQLite file ({error}); run 'agentcron doctor', restore a backup, "
            "and keep the damaged file"
        )
    if code == _DISK_FAULT:
        return StoreUnavailable(
            f"{path}: the disk reports a fault ({error}); check it and its free space, then run 'agentcron doctor'"
        )
    if code == _READ_ONLY:
        return StoreUnavailable(f"{path}: is read-only; check the permissions of the file and of its folder")
    return StoreUnavailable(
        f"{path}: {error}; check that the folder exists and can be written, or see 'agentcron doctor'"
    )
