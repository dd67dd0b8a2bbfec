"""How changes become durable: one thread, one connection, many changes to a commit.

A commit costs one flush of the disk whatever it holds. While one group is flushed the next one gathers, so the rate of
changes is not the rate of flushes (group commit, DeWitt et al. 1984). A future is resolved after its group is
committed, never before.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from agentcron.domain.model import Job
from agentcron.errors import StoreUnavailable
from agentcron.storage.lock_file import LockFile
from agentcron.storage.sqlite.connection import SQLITE_ERRORS, connect, explain, insertion, statement
from agentcron.storage.sqlite.creating import insert_created
from agentcron.storage.tally import Tally

T = TypeVar("T")
Unit = Callable[["Transaction"], Any]

MAX_GROUP: Final = 4096
# How long the log may grow before it is moved into the file: by the scheduler, and by any other process that writes,
# which may be the only one for hours (an import, a program that only creates).
CHECKPOINT_BYTES: Final = 4 << 20
LONG_LOG_BYTES: Final = 64 << 20
# So many rows are inserted by one statement, which costs a third less than one by one, and more would gain no more.
ROWS: Final = 32
# From this version on SQLite itself keeps a writer and a checkpoint apart.
SAFE_WAL_VERSION: Final = (3, 51, 3)


class Transaction:
    """What one unit of work writes through."""

    __slots__ = ("created", "execute", "executemany", "tally")

    def __init__(self, connection: sqlite3.Connection, tally: Tally) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.tally = tally
        self.created: list[Job] = []

    def insert(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows by ``sql/NAME.sql``, in their order."""
        whole = len(rows) - len(rows) % ROWS
        for at in range(0, whole, ROWS):
            self.execute(insertion(name, ROWS), tuple(chain.from_iterable(rows[at : at + ROWS])))
        if whole < len(rows):
            self.executemany(statement(name), rows[whole:])


class Writer:
    """Applies units of work in order, in groups, on a thread of its own."""

    def __init__(self, path: Path, node: str) -> None:
        self._path = path
        self._node = node
        self._units: queue.SimpleQueue[tuple[Unit, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = wal_lock(path)
        self._log = path.with_name(path.name + "-wal")
        self._delayed = 1
        self.checkpoints = False
        self.commits = 0

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run the unit inside a committed transaction and answer what it returned."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="agentcron-writer", daemon=True)
            self._thread.start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._units.put((unit, future))
        # A caller that is cancelled must not believe that its change was not made: the unit runs all the same.
        return await future

    async def close(self) -> None:
        """Apply what is queued, then let go of the file."""
        if self._thread is not None:
            self._units.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        closing = False
        while not closing:
            group, closing = self._next_group()
            results: list[tuple[asyncio.Future[Any], Any]] = []
            if group:
                try:
                    connection = connection or connect(self._path, write=True)
                    results = self._apply(connection, group)
                except Exception as error:  # the writer outlives any fault: a dead one would hang every caller
                    told = error if isinstance(error, StoreUnavailable) else self._told(error)
                    results = [(future, told) for _, future in group]
            _resolve(results)
            if connection is not None:
                self._checkpoint(connection)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        if self._lock is not None:
            self._lock.close()

    def _next_group(self) -> tuple[list[tuple[Unit, asyncio.Future[Any]]], bool]:
        first = self._units.get()
        if first is None:
            return [], True
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < MAX_GROUP:
                unit = self._units.get_nowait()
                if unit is None:
                    return group, True
                group.append(unit)
        return group, False

    def _apply(
        self, connection: sqlite3.Connection, group: list[tuple[Unit, asyncio.Future[Any]]]
    ) -> list[tuple[asyncio.Future[Any], Any]]:
        try:
            with self._lock or contextlib.nullcontext(), _transaction(connection):
                tally = Tally()
                transaction = Transaction(connection, tally)
                changed = connection.total_changes
                results = [(future, unit(transaction)) for unit, future in group]
                insert_created(transaction)
                for name, rows in tally.writes(self._node):
                    connection.executemany(statement(name), rows)
                wrote = connection.total_changes > changed
            self.commits += wrote
        except Exception as error:
            if len(group) == 1 or isinstance(error, OSError):
                return [(future, self._told(error)) for _, future in group]
        else:
            return results
        # One unit of the group failed and took its neighbours back with it: each is tried alone.
        return [result for unit in group for result in self._apply(connection, [unit])]

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            return error
        if isinstance(error, OSError):
            # The lock beside the file: held for too long by a process that stands still, or not to be opened.
            return StoreUnavailable(f"{self._path}: cannot be locked ({error}); look for a process that is stopped")
        return explain(error, self._path) if isinstance(error, SQLITE_ERRORS) else error

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Move the log into the file once it is large."""
        most = (CHECKPOINT_BYTES if self.checkpoints else LONG_LOG_BYTES) * self._delayed
        with contextlib.suppress(OSError, sqlite3.Error):
            if self._log.stat().st_size >= most:
                with self._lock or contextlib.nullcontext():
                    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                # A reader that stays, such as a backup, is not waited for after every commit.
                self._delayed = self._delayed * 2 if busy else 1


def wal_lock(path: Path) -> LockFile | None:
    """The lock that keeps writes and checkpoints of several processes apart, where SQLite needs that."""
    if sqlite3.sqlite_version_info >= SAFE_WAL_VERSION:
        return None
    return LockFile(path.with_name(path.name + "-lock"), patience=30)


@contextlib.contextmanager
def wal_locked(path: Path) -> Iterator[None]:
    """For a write outside of the writer."""
    lock = wal_lock(path)
    try:
        with lock or contextlib.nullcontext():
            yield
    finally:
        if lock is not None:
            lock.close()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _resolve(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    """Hand the results over, with one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for future, result in results:
        loops.setdefault(future.get_loop(), []).append((future, result))
    for loop, mine in loops.items():
        # A loop that was closed meanwhile has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, mine)


def _tell(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
