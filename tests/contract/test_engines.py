"""Every engine passes the one contract suite."""

import asyncio
import shutil
from pathlib import Path

import pytest

from agentcron.engine.dbos import DbosEngine, LimitedEngine
from agentcron.engine.dbos.instance import Instance
from agentcron.engine.local import LocalEngine
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.observability import Log, get_logger
from agentcron.ports import Engine, JobStore
from agentcron.redaction import Redactor
from agentcron.storage.postgres import PostgresStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import EngineBench, EngineContract


class TestLocal(EngineContract):
    async def make_engine(self, bench: EngineBench) -> Engine:
        log = Log(get_logger("test"), "engine")
        runner = Runner(bench.storage, bench.factory, bench.clock, Redactor({}), log)
        settler = Settler(bench.storage, bench.clock, log)
        return LocalEngine(bench.storage, runner, settler, bench.clock, bench.node, bench.places, log)


@pytest.fixture(scope="module")
def dbos_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DBOS's tables and the queue in them: to make them takes longer than a test."""
    path = tmp_path_factory.mktemp("dbos") / "dbos.sqlite"

    async def make() -> None:
        async def nothing(_: str) -> bool:
            return False

        instance = Instance(f"sqlite:///{path}", "maker")
        await instance.launch(nothing)
        await instance.listen(1, None, None)
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
        return _dbos(DbosEngine, bench, f"sqlite:///{self.folder / 'dbos.sqlite'}")


class TestDbosOnPostgres(EngineContract):
    @pytest.fixture(autouse=True)
    def _database(self, postgres_url: str, tmp_path: Path) -> None:
        self.url, self.locks = postgres_url, tmp_path

    async def make_store(self) -> JobStore:
        return PostgresStorage(self.url, locks_dir=self.locks)

    async def make_engine(self, bench: EngineBench) -> Engine:
        return _dbos(DbosEngine, bench, self.url)


class TestLimitedOnPostgres(TestDbosOnPostgres):
    async def make_engine(self, bench: EngineBench) -> Engine:
        return _dbos(LimitedEngine, bench, self.url)


@pytest.mark.nodes
class TestLimitedOnSqlite(TestDbosOnSqlite):
    async def make_engine(self, bench: EngineBench) -> Engine:
        return _dbos(LimitedEngine, bench, f"sqlite:///{self.folder / 'dbos.sqlite'}")


def _dbos(kind: type[DbosEngine], bench: EngineBench, url: str) -> DbosEngine:
    log = Log(get_logger("test"), "engine")
    runner = Runner(bench.storage, bench.factory, bench.clock, Redactor({}), log)
    settler = Settler(bench.storage, bench.clock, log)
    return kind(bench.storage, runner, settler, bench.clock, bench.node, bench.places, log, url=url)
