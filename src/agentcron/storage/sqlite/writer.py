"""How changes become durable: one connection, many changes to a commit.

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
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from agentcron.domain.model import Job
from agentcron.errors import StoreUnavailable
from agentcron.storage.lock_file import LockFile
from agentcron.storage.specs import Learned
from agentcron.storage.sqlite.connection import BUSY_MS, SQLITE_ERRORS, connect, explain, is_busy, statement, together
from agentcron.storage.sqlite.creating import insert_created
from agentcron.storage.tally import Tally

T = TypeVar("T")
Unit = Callable[["Transaction"], Any]

MAX_GROUP: Final = 4096
# How long the log may grow before the scheduler moves it into the file, and any other that writes for hours.
CHECKPOINT_BYTES: Final = 16 << 20
LONG_LOG_BYTES: Final = 64 << 20
# So many rows go into one statement, which costs a third less than one by one. Each statement also gives the
# interpreter's lock away, and takes it back from a busy event loop late and dearly.
ROWS: Final = (64, 16, 4)
# From this version on SQLite itself keeps a writer and a checkpoint apart.
SAFE_WAL_VERSION: Final = (3, 51, 3)


class Transaction:
    """What one unit of work writes through."""

    __slots__ = ("created", "execute", "executemany", "learned", "tally")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.tally = Tally()
        self.created: list[Job] = []
        self.learned: Learned = {}

    def each(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run ``sql/NAME.sql``, which takes one row of ``VALUES``, for all rows in their order, many to a statement. Of
        those that change the same row only one would be heard: such rows go one by one."""
        at = 0
        for many in ROWS:
            while len(rows) - at >= many:
                self.execute(together(name, many), tuple(chain.from_iterable(rows[at : at + many])))
                at += many
        if at < len(rows):
            self.executemany(statement(name), rows[at:])


class Asked(NamedTuple):
    """A unit of work, and who waits for what it returns."""

    unit: Unit
    future: asyncio.Future[Any]
    brief: bool


class Writer:
    """Applies units of work in order, in groups.

    Statements of brief units are run by the thread of the event loop: beside a busy loop another thread gets the
    interpreter's lock late and dearly, and finds the values in the cache of the wrong core. Whatever waits is left to a
    thread of its own: every flush of the disk, units that may take long, and a file that another process is writing.
    """

    def __init__(self, path: Path, node: str) -> None:
        self._path = path
        self._node = node
        self._asked: list[Asked] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing_loops = threading.Lock()
        # Whether a group is on its way, and is with the thread. The connection belongs to it, here or there.
        self._busy = self._handed = False
        self._idle = asyncio.Event()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock = wal_lock(path)
        self._log = path.with_name(path.name + "-wal")
        self._delayed = 1
        self._changed = 0
        self.checkpoints = False
        self.commits = 0

    async def write(self, unit: Callable[[Transaction], T], *, brief: bool = False) -> T:
        """Run the unit inside a committed transaction and answer what it returned. ``brief``: it takes some
        milliseconds at most, however often it is run."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # A closed loop never comes back to what it began; what is with the thread comes back to this one.
            with self._changing_loops:
                self._busy, self._loop = self._handed, loop
        future: asyncio.Future[T] = loop.create_future()
        self._asked.append(Asked(unit, future, brief))
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: what else is asked for in this turn of the loop goes into the same commit.
            loop.call_soon(self._next)
        # A caller that is cancelled must not believe that its change was not made: the unit runs all the same.
        return await future

    async def close(self) -> None:
        """Apply what is queued, then let go of the file."""
        if self._busy and self._loop is asyncio.get_running_loop():
            await self._idle.wait()
        if self._thread is not None:
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.close()

    def _next(self) -> None:
        group, self._asked = self._asked[:MAX_GROUP], self._asked[MAX_GROUP:]
        if not group:
            self._busy = False
            self._idle.set()
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._do_work, name="agentcron-writer", daemon=True)
            self._thread.start()
        begun = None
        try:
            if all(asked.brief for asked in group):
                begun = self._begun_here(group)
        finally:
            # Whatever ends the loop in the middle, Ctrl-C above all: those who close the store wait for this group.
            self._handed = True
            self._work.put(partial(self._write, group, begun))

    def _do_work(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _begun_here(self, group: Sequence[Asked]) -> list[Any] | None:
        """Run the units and leave their transaction open; answers what they returned. None, and no transaction, where
        that would wait for somebody, or where a unit fails: the thread waits, and tries each alone."""
        connection = self._connection
        try:
            if connection is None or (self._lock is not None and not self._lock.take()):
                return None
        except OSError:
            return None
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("BEGIN IMMEDIATE")
            return self._run(connection, group)
        except BaseException as error:
            self._roll_back(connection)
            if self._lock is not None:
                self._lock.free()
            if not isinstance(error, Exception):
                raise
            return None

    def _write(self, group: Sequence[Asked], begun: list[Any] | None) -> None:
        """Make the group durable, tell those who wait, and have the loop bring the next one."""
        try:
            if begun is not None:
                results = self._committed(group, begun)
            else:
                if self._connection is None:
                    self._connection = connect(self._path, write=True)
                results = self._applied(self._connection, group)
        except Exception as error:  # the writer outlives any fault: a dead one would hang every caller
            told = error if isinstance(error, StoreUnavailable) else self._told(error)
            results = [told] * len(group)
        then: Callable[[], None] = partial(self._go_on, group, results)
        if self._log_is_long():
            # Whoever waits for this group does not wait for the log to be moved as well.
            self._on_loop(partial(_tell, group, results))
            self._checkpoint()
            then = self._next
        with self._changing_loops:
            self._handed = False
            self._on_loop(then)

    def _on_loop(self, call: Callable[[], None]) -> None:
        # A loop that was closed meanwhile has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)

    def _go_on(self, group: Sequence[Asked], results: Sequence[Any]) -> None:
        _tell(group, results)
        self._next()

    def _committed(self, group: Sequence[Asked], begun: list[Any]) -> list[Any]:
        """Commit what was begun on the loop's thread; where that fails, all of it is done again."""
        connection = self._connection
        assert connection is not None
        try:
            self._commit(connection)
        except Exception:
            self._roll_back(connection)
        else:
            return begun
        finally:
            if self._lock is not None:
                self._lock.free()
        return self._applied(connection, group)

    def _applied(self, connection: sqlite3.Connection, group: Sequence[Asked]) -> list[Any]:
        try:
            with self._lock or contextlib.nullcontext():
                try:
                    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                    connection.execute("BEGIN IMMEDIATE")
                    results = self._run(connection, group)
                    self._commit(connection)
                except BaseException:
                    self._roll_back(connection)
                    raise
        except Exception as error:
            # Each unit alone would wait for the same lock as long as all of them did.
            if len(group) == 1 or isinstance(error, OSError) or is_busy(error):
                return [self._told(error)] * len(group)
        else:
            return results
        # One unit of the group failed and took its neighbours back with it: each is tried alone.
        return [result for asked in group for result in self._applied(connection, [asked])]

    def _run(self, connection: sqlite3.Connection, group: Sequence[Asked]) -> list[Any]:
        transaction = Transaction(connection)
        self._changed = connection.total_changes
        results = [asked.unit(transaction) for asked in group]
        insert_created(transaction)
        for name, rows in transaction.tally.writes(self._node):
            connection.executemany(statement(name), rows)
        return results

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        self.commits += connection.total_changes > self._changed

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            # A full disk has rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # What it holds is unknown: the next group opens the file anew.
            connection.close()
            self._connection = None

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            return error
        if isinstance(error, OSError):
            # The lock beside the file: held for too long by a process that stands still, or not to be opened.
            return StoreUnavailable(f"{self._path}: cannot be locked ({error}); look for a process that is stopped")
        return explain(error, self._path) if isinstance(error, SQLITE_ERRORS) else error

    def _log_is_long(self) -> bool:
        most = (CHECKPOINT_BYTES if self.checkpoints else LONG_LOG_BYTES) * self._delayed
        try:
            return self._log.stat().st_size >= most
        except OSError:
            return False

    def _checkpoint(self) -> None:
        """Move the log into the file."""
        if (connection := self._connection) is None:
            return
        with contextlib.suppress(OSError, sqlite3.Error):
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


def _tell(group: Sequence[Asked], results: Sequence[Any]) -> None:
    for asked, result in zip(group, results, strict=True):
        if asked.future.done() or asked.future.get_loop().is_closed():
            continue
        if isinstance(result, Exception):
            asked.future.set_exception(result)
        else:
            asked.future.set_result(result)
