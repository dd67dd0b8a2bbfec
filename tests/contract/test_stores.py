"""Every store passes the one contract suite."""

from pathlib import Path

import pytest

from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.postgres import PostgresStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import StoreContract


class TestMemory(StoreContract):
    async def make_store(self) -> JobStore:
        return MemoryStorage()


class TestSqlite(StoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make_store(self) -> JobStore:
        return SqliteStorage(self.folder / "store.sqlite")


class TestJsonFolder(StoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make_store(self) -> JobStore:
        return StorageFsPlugin(self.folder)


class TestPostgres(StoreContract):
    @pytest.fixture(autouse=True)
    def _database(self, postgres_url: str, tmp_path: Path) -> None:
        self.url, self.locks = postgres_url, tmp_path

    async def make_store(self) -> JobStore:
        return PostgresStorage(self.url, locks_dir=self.locks)
