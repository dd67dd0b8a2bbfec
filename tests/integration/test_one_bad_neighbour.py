"""One bad row, plan, job or process never stops the others, and is told."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.planner import plan
from agentcron.domain.queries import JobFilters
from agentcron.domain.spec_fields import read_spec
from agentcron.engine.alarm import Alarm
from agentcron.errors import StoreUnavailable
from agentcron.storage.lock_file import LockFile
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeAgentFactory, FakeClock, Gate, MockStorage, create_test_environment
from agentcron.testing.clock import settle_loop

from .conftest import World

_E = ExecutionStatus
FIELDS = {"name": "job", "prompt": "do it", "schedule": "every 1m"}


# --- the store ----------------------------------------------------------------------------------------------------


async def test_a_plan_that_the_store_refuses_leaves_its_neighbours(tmp_path: Path) -> None:
    store, clock = SqliteStorage(tmp_path / "s.sqlite"), FakeClock()
    await store.open()
    made = [changes.create(read_spec(FIELDS), key * 16, clock.now()) for key in "abc"]
    assert await store.commit(made) == [True] * 3
    now = clock.now() + timedelta(minutes=1)
    # Two rows of one id break a rule of the schema.
    ids = iter(["1" * 26, "1" * 26, "2" * 26])
    jobs = (await store.list_jobs(JobFilters())).items
    plans = [planned for job in jobs if (planned := plan(job, now, lambda: next(ids))) is not None]
    assert await store.commit(plans) == [True, False, True]
    assert {row.job_id for row in await store.open_executions()} == {"a" * 16, "c" * 16}
    await store.close()


async def test_a_job_that_cannot_be_read_keeps_no_other_from_running(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    async with create_test_environment(storage_plugin=SqliteStorage(path)) as env:
        bad = await env.plugin.create_job("from the future", "every 1m", "hello")
        good = await env.plugin.create_job("plain", "every 1m", "hello")
        await env.plugin.start_background_execution()
        await env.advance(61)
        await env.plugin.close()
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(
                "UPDATE job_versions SET spec = json_set(spec, '$.overlap', 'telepathy') "
                "WHERE job = (SELECT seq FROM jobs WHERE id = ?)", (bad,),
            )  # fmt: skip
        connection.close()
        again = create_test_environment(storage_plugin=SqliteStorage(path), start=env.clock.now())
        async with again:
            await again.plugin.start_background_execution()
            await again.advance(61)
            assert [job.id for job in await again.plugin.get_jobs()] == [good]
            assert [run.status for run in await again.runs(good)] == [_E.SUCCESS] * 2


async def test_rows_of_jobs_that_cannot_be_read_take_the_places_of_no_others(tmp_path: Path) -> None:
    path, factory = tmp_path / "s.sqlite", FakeAgentFactory(max_concurrent_agents=2)
    async with create_test_environment(storage_plugin=SqliteStorage(path), agent_factory=factory) as env:
        for number in range(2):
            await env.plugin.run_job_now(await env.plugin.create_job(f"new {number}", "0 0 1 1 *", "hello"))
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("UPDATE job_versions SET spec = json_set(spec, '$.overlap', 'telepathy')")
        connection.close()
    again = create_test_environment(storage_plugin=SqliteStorage(path), agent_factory=factory, start=env.clock.now())
    async with again:
        mine = await again.plugin.create_job("mine", "every 1m", "hello")
        await again.plugin.start_background_execution()
        await again.advance(121)
        assert [run.status for run in await again.runs(mine)] == [_E.SUCCESS] * 2


async def test_a_node_that_leaves_while_the_store_fails_is_gone_all_the_same(tmp_path: Path) -> None:
    class Failing(SqliteStorage):
        down = False

        async def _write(self, *given: Any, **options: Any) -> Any:
            if self.down:
                raise StoreUnavailable("the disk is full")
            return await super()._write(*given, **options)

    store, factory = Failing(tmp_path / "s.sqlite"), FakeAgentFactory()
    factory.then(Gate())
    async with create_test_environment(storage_plugin=store, agent_factory=factory) as env:
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "every 1m", "hello", timeout="1h")
        await env.advance(61)
        [run] = await store.open_executions(job_id)
        store.down = True
        stopping = asyncio.create_task(env.plugin.stop_background_execution())
        await env.advance(60)
        await stopping
        store.down = False
        await env.plugin.start_background_execution()
        await env.advance(2)
        ended = await env.plugin.get_execution(run.id)
        assert (ended.status, ended.reason) == (_E.INCOMPLETE, "lost")


async def test_a_store_whose_lock_is_never_freed_is_unavailable_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    await store.close()
    lock = tmp_path / "s.sqlite-lock"
    impatient = LockFile(lock, patience=0.05)
    monkeypatch.setattr("agentcron.storage.sqlite.writer.wal_lock", lambda path: impatient)
    await store.open()
    # Held by a process of an earlier release, which takes it with filelock.
    with FileLock(lock), pytest.raises(StoreUnavailable, match=r"s\.sqlite: cannot be locked .*look for a process"):
        await store.commit([changes.create(read_spec(FIELDS), "a" * 16, FakeClock().now())])
    assert await store.commit([changes.create(read_spec(FIELDS), "a" * 16, FakeClock().now())]) == [True]
    await store.close()


async def test_an_interval_edited_after_the_clock_was_set_back_gets_no_second_row_for_a_slot(world: World) -> None:
    job_id = await world.plugin.create_job("tick", "every 1m", "hello")
    await world.plugin.start_background_execution()
    await world.advance(181)
    world.clock.set(world.clock.now() - timedelta(minutes=2))
    assert await world.plugin.update_job(job_id, schedule="* * * * *")
    await world.advance(300)
    slots = [run.scheduled_for for run in await world.runs(job_id, skipped=True)]
    assert len(slots) == len(set(slots)) == 6


# --- schedulers ---------------------------------------------------------------------------------------------------


async def test_a_scheduler_that_starts_beside_another_gives_up_none_of_its_waiting_slots() -> None:
    gate = Gate()
    factory = FakeAgentFactory(max_concurrent_agents=1)
    factory.then(gate)
    async with create_test_environment(agent_factory=factory) as env:
        for name in ("first", "second"):
            await env.plugin.create_job(name, "at 2026-01-01T00:00:01", "hello", catch_up="skip")
        await env.plugin.start_background_execution()
        await env.advance(301)
        other = create_test_environment(storage_plugin=env.storage, start=env.clock.now())
        other.agent_factory.then(Gate())
        await other.plugin.start_background_execution()
        rows = await env.runs(include_skipped=True)
        assert _E.MISSED not in {row.status for row in rows}
        await other.plugin.stop_background_execution()
        gate.opened.set()
        await env.advance(5)


class SlowToStart(MockStorage):
    """Answers what lapsed only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def _asked(self, name: str, method: Any, *args: Any, **options: Any) -> Any:
        if name == "lapsed":
            self.asked.set()
            await self.let.wait()
        return await super()._asked(name, method, *args, **options)


async def test_a_stop_during_a_start_leaves_no_scheduler_behind() -> None:
    storage = SlowToStart()
    async with create_test_environment(storage_plugin=storage) as env:
        starting = asyncio.create_task(env.plugin.start_background_execution())
        await storage.asked.wait()
        stopping = asyncio.create_task(env.plugin.stop_background_execution())
        await settle_loop()
        storage.let.set()
        await asyncio.gather(starting, stopping)
        job_id = await env.plugin.create_job("tick", "every 1s", "hello")
        await env.advance(3)
        assert await env.runs(job_id) == []
        assert not await env.plugin.scheduler_alive()


async def test_a_run_whose_scheduler_died_is_lost_and_no_timeout_however_late_it_is_found(tmp_path: Path) -> None:
    scheduler = _started(_DIES, tmp_path / "s.sqlite")
    assert await asyncio.to_thread(scheduler.wait, 30) == -signal.SIGKILL
    storage = SqliteStorage(tmp_path / "s.sqlite")
    env = create_test_environment(storage_plugin=storage)
    env.clock.set(env.clock.now() + timedelta(days=2))
    async with env:
        await env.plugin.start_background_execution()
        [run] = await env.runs()
        assert (run.status, run.reason) == (_E.INCOMPLETE, "lost")


_DIES = """
import asyncio, os, signal, sys
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import create_test_environment

async def main():
    env = create_test_environment(storage_plugin=SqliteStorage(sys.argv[1]))

    async def die(prompt, context):
        os.kill(os.getpid(), signal.SIGKILL)

    env.agent_factory.then(die)
    await env.plugin.create_job("dies", "at 2026-01-01T00:00:01", "hello", timeout="1h")
    await env.plugin.start_background_execution()
    await env.advance(2)
    await asyncio.Event().wait()

asyncio.run(main())
"""


# --- waiting ------------------------------------------------------------------------------------------------------


async def test_a_wait_that_is_canceled_as_the_alarm_rings_ends() -> None:
    clock = FakeClock()
    alarm = Alarm(clock)

    async def forever() -> None:
        while True:
            await alarm.wait(clock.now() + timedelta(seconds=1))

    for turns in range(8):
        waiter = asyncio.create_task(forever())
        await settle_loop()
        alarm.ring()
        await settle_loop(turns)
        waiter.cancel()
        await asyncio.wait([waiter], timeout=10)
        assert waiter.done(), f"it went on, canceled {turns} turns after the ring"


async def test_a_writer_that_holds_the_lock_and_stands_still_holds_up_and_does_not_break_a_change(
    tmp_path: Path,
) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    holder = _started(_HOLDS, tmp_path / "s.sqlite")
    try:
        while not (tmp_path / "held").exists():
            await asyncio.sleep(0.01)
        made = changes.create(read_spec(FIELDS), "a" * 16, FakeClock().now())
        committing = asyncio.create_task(store.commit([made]))
        await asyncio.sleep(0.05)
        assert not committing.done()
        os.kill(holder.pid, signal.SIGKILL)
        assert await asyncio.wait_for(committing, 20) == [True]
    finally:
        holder.kill()
        holder.wait()
        await store.close()


_HOLDS = """
import pathlib, sqlite3, sys, threading
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
pathlib.Path(sys.argv[1]).with_name("held").touch()
threading.Event().wait()
"""


def _started(program: str, store: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, str(store)])
