"""The tables of a SQLite file, read or filled as a whole."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agentcron.storage.sqlite.connection import SQLITE_ERRORS, connect, explain
from agentcron.storage.sqlite.writer import wal_locked


class SqliteTables:
    """All tables, within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def columns(self, table: str) -> Sequence[str]:
        return [name for (name,) in self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]

    def is_empty(self, table: str) -> bool:
        return self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None  # noqa: S608

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        return self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")  # noqa: S608

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - no user text
        return self._connection.executemany(insert, rows).rowcount


@contextlib.contextmanager
def tables(path: Path) -> Iterator[SqliteTables]:
    """The tables; what is added is there after the block, or not at all. Nobody else writes meanwhile."""
    connection = connect(path, write=True)
    try:
        with wal_locked(path):
            connection.execute("BEGIN IMMEDIATE")
            yield SqliteTables(connection)
            connection.execute("COMMIT")
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error
    finally:
        # Whatever is not committed is undone.
        connection.close()
