"""Reads that take long, on a thread and a connection of their own.

SQLite looks without holding Python's lock, so that the event loop goes on meanwhile. That holds for reads that go
through much and answer few rows: each row asks for the lock again, and with a busy event loop beside it waits for it
each time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agentcron.storage.sqlite.connection import connect

T = TypeVar("T")


class Beside:
    """Reads one query after another; thread and connection are there from the first of them on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What the query answers. Raises what ``sqlite3`` does, and ``StoreError`` for a file that cannot be opened."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="agentcron-reader")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, query)

    async def close(self) -> None:
        """Let go of the file, after what is being read."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = connect(self._path, write=False)
        return query(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
