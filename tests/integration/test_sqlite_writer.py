"""Who writes to the SQLite file: short changes on the event loop's thread, whatever waits on another one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentcron import SqliteStorage, StoreError, StoreUnavailable
from agentcron.storage.lock_file import LockFile
from agentcron.storage.sqlite import writer
from agentcron.testing.clock import settle_loop


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    # The first change opens the file.
    await store._write(lambda tx: put(tx, "first"))
    yield store
    await store.close()


def put(tx: Any, key: str) -> int:
    """Write something; answers on which thread."""
    tx.execute("INSERT INTO meta VALUES (?, 'x')", (key,))
    return threading.get_ident()


def kept(store: SqliteStorage) -> set[str]:
    rows = store._read(lambda connection: connection.execute("SELECT key FROM meta WHERE value = 'x'").fetchall())
    return {row[0] for row in rows}


async def test_short_changes_are_written_by_the_thread_that_asked_and_long_ones_by_another(
    store: SqliteStorage,
) -> None:
    assert await store._write(lambda tx: put(tx, "short"), brief=True) == threading.get_ident()
    assert await store._write(lambda tx: put(tx, "long")) != threading.get_ident()
    assert kept(store) == {"first", "short", "long"}


async def test_what_is_asked_for_at_once_is_one_commit(store: SqliteStorage) -> None:
    before = store.commits
    await asyncio.gather(*(store._write(lambda tx, n=n: put(tx, f"{n}"), brief=True) for n in range(7)))
    assert store.commits == before + 1
    assert len(kept(store)) == 8


async def test_a_short_change_among_long_ones_goes_with_them(store: SqliteStorage) -> None:
    before = store.commits
    threads = await asyncio.gather(
        *(store._write(lambda tx, n=n: put(tx, f"{n}"), brief=bool(n % 2)) for n in range(4))
    )
    assert store.commits == before + 1
    assert threading.get_ident() not in threads


async def test_a_file_that_another_process_writes_does_not_hold_the_event_loop(store: SqliteStorage) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store._write(lambda tx: put(tx, "waits"), brief=True))
    # These turns of the loop come to pass because nothing holds it.
    await settle_loop(200)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert await waiting != threading.get_ident()
    assert kept(store) == {"first", "waits"}


async def test_a_file_that_stays_locked_is_waited_for_once_by_all_that_is_asked_for_together(
    store: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BUSY_MS", 1)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asked: list[str] = []
    assert store._writer is not None
    assert store._writer._connection is not None
    store._writer._connection.set_trace_callback(asked.append)
    told = await asyncio.gather(
        *(store._write(lambda tx, n=n: put(tx, f"{n}")) for n in range(9)), return_exceptions=True
    )
    assert [type(one) for one in told] == [StoreUnavailable] * 9
    assert asked.count("BEGIN IMMEDIATE") == 1
    other.close()
    assert await store._write(lambda tx: put(tx, "next")) != threading.get_ident()


async def test_nor_does_the_lock_beside_the_file(store: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store._writer is not None
    if store._writer._lock is None:
        monkeypatch.setattr(store._writer, "_lock", LockFile(Path(f"{store.path}-lock"), patience=30))
    other = LockFile(Path(f"{store.path}-lock"))
    assert other.take()
    waiting = asyncio.create_task(store._write(lambda tx: put(tx, "waits"), brief=True))
    await settle_loop(200)
    assert not waiting.done()
    other.close()
    assert await waiting != threading.get_ident()


async def test_a_short_change_that_is_refused_leaves_its_neighbours(store: SqliteStorage) -> None:
    keys = ["a", "b", "first", "c"]
    told = await asyncio.gather(
        *(store._write(lambda tx, key=key: put(tx, key), brief=True) for key in keys), return_exceptions=True
    )
    assert [isinstance(one, Exception) for one in told] == [False, False, True, False]
    assert kept(store) == {"first", "a", "b", "c"}
    # The connection is left without a transaction, for whoever comes next.
    assert await store._write(lambda tx: put(tx, "next"), brief=True) == threading.get_ident()


async def test_a_change_whose_caller_went_away_is_made_all_the_same(store: SqliteStorage) -> None:
    asked = asyncio.create_task(store._write(lambda tx: put(tx, "gone"), brief=True))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await store._write(lambda tx: put(tx, "after"), brief=True)
    assert kept(store) == {"first", "gone", "after"}


async def test_closing_waits_for_what_was_asked_for(tmp_path: Path) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    asked = [asyncio.create_task(store._write(lambda tx, n=n: put(tx, f"{n}"), brief=True)) for n in range(3)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*asked)) == 3
    await store.open()
    assert kept(store) == {"0", "1", "2"}
    await store.close()


@pytest.mark.parametrize("turns", range(4))
def test_a_loop_that_was_closed_in_the_middle_does_not_hold_up_the_next_one(tmp_path: Path, turns: int) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")

    async def left() -> None:
        await store.open()
        await store._write(lambda tx: put(tx, "first"))
        asked = asyncio.create_task(store._write(lambda tx: put(tx, "left"), brief=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()

    async def next_one() -> None:
        await store._write(lambda tx: put(tx, "next"), brief=True)
        assert {"first", "next"} <= kept(store)
        await store.close()

    asyncio.run(left())
    asyncio.run(next_one())


def test_ctrl_c_in_the_middle_of_a_change_leaves_a_store_that_can_be_closed(tmp_path: Path) -> None:
    store, tries = SqliteStorage(tmp_path / "s.sqlite"), 0

    def unit(tx: Any) -> None:
        nonlocal tries
        tries += 1
        put(tx, "once")
        if tries == 1:
            raise KeyboardInterrupt

    async def interrupted() -> None:
        await store.open()
        await store._write(lambda tx: put(tx, "first"))
        await store._write(unit, brief=True)

    async def closed() -> None:
        await store.close()
        await store.open()
        assert kept(store) == {"first", "once"}
        await store.close()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted())
    asyncio.run(asyncio.wait_for(closed(), 30))


async def test_a_file_whose_transaction_cannot_be_taken_back_is_opened_anew(
    store: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store._writer is not None

    class Stuck:
        """A connection that can neither commit nor take back."""

        def __init__(self, real: sqlite3.Connection) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def execute(self, sql: str, *values: Any) -> Any:
            if sql in ("COMMIT", "ROLLBACK"):
                raise sqlite3.OperationalError("disk I/O error")
            return self._real.execute(sql, *values)

    monkeypatch.setattr(store._writer, "_connection", Stuck(store._writer._connection))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        await store._write(lambda tx: put(tx, "lost"), brief=True)
    await store._write(lambda tx: put(tx, "next"), brief=True)
    assert kept(store) == {"first", "next"}
