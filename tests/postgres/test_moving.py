"""A whole store moves to Postgres and back with nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentcron import BackgroundJobsPlugin, ExecutionStatus
from agentcron.errors import ConfigError, ConflictError, StoreUnavailable
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.moving import TABLES, Movable, move_store
from agentcron.storage.postgres import PostgresStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeAgentFactory, FakeClock, create_test_environment
from tests.postgres.lived_in import lived_in

# What one kind of store has and the other makes up.
OWN = {"texts": {"stored"}, "nodes": {"place", "lease_until", "steady_since"}}


@pytest.fixture
async def filled(tmp_path: Path) -> tuple[SqliteStorage, FakeClock, dict[str, str]]:
    store = SqliteStorage(tmp_path / "old.sqlite")
    clock, ids = await lived_in(store)
    return SqliteStorage(store.path), clock, ids


@contextlib.asynccontextmanager
async def plugin_on(store: JobStore, clock: FakeClock) -> AsyncIterator[BackgroundJobsPlugin]:
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=FakeAgentFactory(), clock=clock)
    try:
        yield plugin
    finally:
        await plugin.close()


def content(store: Movable) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with store.reading() as tables:
        for table in TABLES:
            columns = [name for name in tables.columns(table) if name not in OWN.get(table, ())]
            found[table] = [dict(zip(columns, row, strict=True)) for row in tables.rows(table, columns)]
    return found


def test_both_kinds_of_store_have_the_same_tables_and_columns(tmp_path: Path, postgres_url: str) -> None:
    """A column that only one has would be lost on the way."""
    stores = (SqliteStorage(tmp_path / "a.sqlite"), PostgresStorage(postgres_url, locks_dir=tmp_path))

    async def make() -> None:
        for store in stores:
            await store.open()
            await store.close()

    asyncio.run(make())
    with stores[0].reading() as one, stores[1].reading() as other:
        for table in TABLES:
            assert set(one.columns(table)) == set(other.columns(table)) - OWN.get(table, set()), table
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'agentcron' AND table_type <> 'VIEW'"
        ).fetchall()
    # What was started lately matters to the nodes that are up, and to nobody after a move.
    assert {name for (name,) in found} - {"meta", "starts"} == set(TABLES)


async def test_everything_moves_to_postgres_and_back(
    filled: tuple[SqliteStorage, FakeClock, dict[str, str]], postgres_url: str, tmp_path: Path
) -> None:
    source, _, _ = filled
    target = PostgresStorage(postgres_url, locks_dir=tmp_path)
    moved = await move_store(source, target)
    before = content(source)
    assert all(before[table] for table in TABLES), [table for table in TABLES if not before[table]]
    assert moved == {table: len(rows) for table, rows in before.items()}
    back = SqliteStorage(tmp_path / "back.sqlite")
    assert await move_store(PostgresStorage(postgres_url, locks_dir=tmp_path), back) == moved
    after = content(back)
    for table in TABLES:
        order = sorted(before[table][0])
        assert sorted(map(str, [[row[name] for name in order] for row in after[table]])) == sorted(
            map(str, [[row[name] for name in order] for row in before[table]])
        ), table


async def test_a_moved_store_goes_on_where_it_was(
    filled: tuple[SqliteStorage, FakeClock, dict[str, str]], postgres_url: str, tmp_path: Path
) -> None:
    source, clock, ids = filled
    await move_store(source, PostgresStorage(postgres_url, locks_dir=tmp_path))
    old, new = SqliteStorage(source.path), PostgresStorage(postgres_url, locks_dir=tmp_path)
    async with plugin_on(old, clock) as there, plugin_on(new, clock) as here:
        assert await here.get_jobs() == await there.get_jobs()
        assert await here.get_statistics() == await there.get_statistics()
        assert await here.get_usage("job", 1) == await there.get_usage("job", 1)
        assert await here.inbox() == await there.inbox()
        assert await here.get_executions(limit=100) == await there.get_executions(limit=100)
        paid = (await here.get_executions(ids["paid"]))[0]
        assert (paid.status, paid.result, paid.prompt) == (ExecutionStatus.SUCCESS, "\u2713 done " * 400, "write it")
        [asked] = await here.inbox()
        await here.answer(asked.id, "right")
        new_id = await here.create_job("another", "every 1h", "x")
        assert await here.get_job(new_id) is not None
        assert not any(node.alive for node in await here.get_nodes())


async def test_a_store_is_moved_only_while_it_rests_and_only_into_an_empty_one(
    postgres_url: str, tmp_path: Path
) -> None:
    source, target = SqliteStorage(tmp_path / "old.sqlite"), PostgresStorage(postgres_url, locks_dir=tmp_path)
    with pytest.raises(StoreUnavailable, match="there is no store"):
        await move_store(source, target)
    assert not source.path.exists()
    async with create_test_environment(storage_plugin=source) as world:
        await world.plugin.create_job("job", "every 1h", "x")
        await world.plugin.start_background_execution()
        with pytest.raises(ConflictError, match=r"a scheduler runs on it \(.*stop it"):
            await move_store(SqliteStorage(source.path), target)
    assert (await move_store(source, target))["jobs"] == 1
    with pytest.raises(ConflictError, match="has jobs or history already"):
        await move_store(source, target)
    with pytest.raises(ConfigError, match="is named twice"):
        await move_store(target, PostgresStorage(postgres_url))
    with pytest.raises(ConfigError, match="agentcron import original"):
        await move_store(StorageFsPlugin(tmp_path / "folder"), target)
    async with plugin_on(target, FakeClock()) as plugin:
        await plugin.start_background_execution()
        with pytest.raises(ConflictError, match="a scheduler runs on it"):
            await move_store(PostgresStorage(postgres_url, locks_dir=tmp_path), SqliteStorage(tmp_path / "new.sqlite"))
