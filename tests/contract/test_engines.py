"""Every engine passes the one contract suite."""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.rate import Rate
from agentcron.engine.dbos import DbosEngine
from agentcron.engine.dbos import engine as dbos_engine
from agentcron.engine.dbos import instance as dbos_instance
from agentcron.engine.dbos.instance import Instance
from agentcron.engine.local import LocalEngine
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.observability import Log, get_logger
from agentcron.ports import Engine, JobStore, RunContext
from agentcron.redaction import Redactor
from agentcron.storage.postgres import PostgresStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import EngineBench, EngineContract, Gate


class TestLocal(EngineContract):
    async def make_engine(self, bench: EngineBench) -> Engine:
        return LocalEngine(*_parts(bench))


@pytest.fixture(scope="module")
def dbos_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DBOS's tables and the queue in them: to make them takes longer than a test."""
    path = tmp_path_factory.mktemp("dbos") / "dbos.sqlite"

    async def make() -> None:
        instance = Instance(f"sqlite:///{path}", "maker")
        await instance.launch()
        await instance.leave()

    asyncio.run(make())
    return path


class TestDbosOnSqlite(EngineContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, dbos_file: Path) -> None:
        self.folder = tmp_path
        shutil.copy(dbos_file, tmp_path / "dbos.sqlite")

    async def make_store(self) -> JobStore:
        return SqliteStorage(self.folder / "store.sqlite")

    async def make_engine(self, bench: EngineBench) -> Engine:
        return DbosEngine(*_parts(bench), url=f"sqlite:///{self.folder / 'dbos.sqlite'}")

    async def test_an_agent_that_does_not_end_keeps_no_stop_from_returning(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dbos_engine, "LAST_WORDS", timedelta(0))
        ending = Gate()

        async def deaf(prompt: str, context: RunContext) -> str:
            while not ending.opened.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await ending("", context)
            return "late"

        async with self.started() as bench:
            bench.factory.then(deaf)
            asked = await bench.ready(await bench.job(timeout="1s"))
            await ending.entered.wait()
            await self._given_up(bench)
            async with asyncio.timeout(10):
                await bench.engine.stop(timedelta(0))
            row = await bench.row(asked)
            assert (row.status, row.reason) == (ExecutionStatus.INCOMPLETE, "timeout")
            ending.opened.set()
            await bench.quiet()

    async def test_a_run_that_dbos_names_after_it_was_given_up_calls_no_agent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked, answered, run = asyncio.Event(), asyncio.Event(), Instance.run

        async def slow(instance: Instance, workflow_id: str, work: Callable[[], Awaitable[None]]) -> None:
            asked.set()
            await answered.wait()
            await run(instance, workflow_id, work)

        monkeypatch.setattr(Instance, "run", slow)
        async with self.started() as bench:
            execution_id = await bench.ready(await bench.job(timeout="1s"))
            await asked.wait()
            await self._given_up(bench)
            await bench.ended(execution_id)
            answered.set()
            await bench.quiet()
            assert bench.factory.prompts == []

    async def test_all_that_ended_is_forgotten_however_much_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dbos_instance, "AT_ONCE", 2)
        instance = Instance(f"sqlite:///{self.folder / 'dbos.sqlite'}", "me")

        async def nothing() -> None: ...

        await instance.launch()
        try:
            for number in range(5):
                await instance.run(f"run.{number}", nothing)
            await instance.forget(datetime.now(UTC) + timedelta(hours=1))
            assert await instance.call(DBOS.list_workflows) == []
        finally:
            await instance.leave()

    async def _given_up(self, bench: EngineBench) -> None:
        """The time of what runs is over, and the time in which it should have ended."""
        assert isinstance(bench.engine, DbosEngine)
        await bench.clock.advance(timedelta(minutes=5))
        await bench.engine.abandon_overdue()


class TestDbosOnPostgres(EngineContract):
    @pytest.fixture(autouse=True)
    def _database(self, postgres_url: str, tmp_path: Path) -> None:
        self.url, self.locks = postgres_url, tmp_path

    async def make_store(self) -> JobStore:
        return PostgresStorage(self.url, locks_dir=self.locks)

    async def make_engine(self, bench: EngineBench) -> Engine:
        return DbosEngine(*_parts(bench), url=self.url)


class TestLocalWithLimits(EngineContract):
    """Limits that never bind change nothing of what an engine does."""

    async def make_engine(self, bench: EngineBench) -> Engine:
        return LocalEngine(*_parts(bench), limits=_WIDE)


class TestDbosWithLimits(TestDbosOnPostgres):
    async def make_engine(self, bench: EngineBench) -> Engine:
        return DbosEngine(*_parts(bench), url=self.url, limits=_WIDE)


_WIDE = ClaimLimits(queues={"reports": 100}, everywhere=100, rate=Rate(1000, timedelta(seconds=1)))


def _parts(bench: EngineBench) -> tuple[Any, ...]:
    log = Log(get_logger("test"), "engine")
    runner = Runner(bench.storage, bench.factory, bench.clock, Redactor({}), log)
    settler = Settler(bench.storage, bench.clock, log)
    return bench.storage, runner, settler, bench.clock, bench.node, bench.places, log
