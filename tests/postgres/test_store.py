"""What the Postgres store does beyond the contract: several processes, a server that fails, secrets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentcron.domain import changes
from agentcron.domain.budgets import Cap, Claim
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.planner import plan
from agentcron.domain.queries import ExecutionFilters, Node
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.spending import Amount, Budget
from agentcron.errors import ConfigError, StoreTooNew, StoreUnavailable
from agentcron.storage.postgres import PostgresStorage

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@contextlib.asynccontextmanager
async def node(url: str, locks: Path, name: str, **options: Any) -> AsyncIterator[PostgresStorage]:
    """A store in which a process of that name runs executions."""
    store = PostgresStorage(url, locks_dir=locks, **options)
    await store.open()
    await store.join(Node(id=name, host=name, pid=1, version="0", started_at=NOW, seen_at=NOW))
    try:
        yield store
    finally:
        await store.close()


def new_id() -> str:
    return uuid.uuid4().hex


async def add(store: PostgresStorage, **fields: Any) -> Job:
    values = {"name": "job", "prompt": "do it", "schedule": "every 1m", **fields}
    made = changes.create(read_spec(values), new_id(), NOW)
    assert await store.commit([made]) == [True]
    assert made.job_after is not None
    return made.job_after


async def tick(store: PostgresStorage, jobs: list[Job], now: datetime = NOW + MINUTE) -> list[bool]:
    return await store.commit([made for job in jobs if (made := plan(job, now, new_id)) is not None])


async def test_nodes_share_the_line_and_no_row_is_claimed_twice(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        jobs = [await add(one) for _ in range(60)]
        # Both plan the same slots: the compare-and-set lets each be planned once.
        planned = await asyncio.gather(tick(one, jobs), tick(two, jobs))
        assert all(first != second for first, second in zip(*planned, strict=True))
        claims = [store.claim(name, NOW + MINUTE, 7, begin=True) for name, store in (("one", one), ("two", two)) * 5]
        claimed = [row for rows in await asyncio.gather(*claims) for row in rows]
        assert len(claimed) == len({row.id for row in claimed}) == 60
        assert {row.owner for row in claimed} == {"one", "two"}


async def test_rows_of_jobs_that_a_node_cannot_read_take_the_places_of_no_others(
    postgres_url: str, tmp_path: Path
) -> None:
    async with node(postgres_url, tmp_path, "new") as new:
        later = [await add(new, name="later") for _ in range(3)]
        await tick(new, later)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute('UPDATE agentcron.job_versions SET spec = \'{"overlap": "telepathy"}\'')
    async with node(postgres_url, tmp_path, "old") as old:
        mine = await add(old, name="mine")
        await tick(old, [mine], NOW + 2 * MINUTE)
        claimed = await old.claim("old", NOW + 2 * MINUTE, 2, begin=True)
        assert [row.job_id for row in claimed] == [mine.id]


async def test_a_lane_runs_one_at_a_time_whoever_claims(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        job = await add(one, overlap="buffer_all", catch_up="all")
        await tick(one, [job], NOW + 5 * MINUTE)
        rows = await one.open_executions(job.id)
        ids = [row.id for row in rows]
        claims = [store.claim("x", NOW + 9 * MINUTE, 5, ids=[key]) for key in ids for store in (one, two)]
        claimed = [row for found in await asyncio.gather(*claims) for row in found]
        assert len(claimed) == 1


async def test_budgets_are_judged_in_the_database(postgres_url: str, tmp_path: Path) -> None:
    """Ten runs ask at once, on two nodes, for the room that three have."""
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        budget = Budget(runs=3)
        jobs = [await add(one, budgets=[budget]) for _ in range(10)]
        await tick(one, jobs)
        rows = await one.claim("one", NOW + MINUTE, 10, begin=True)
        assert not any(row.begun for row in rows)
        claim = Claim(caps=[Cap(scope="all", budget=budget)], expected=Amount())
        asked = [
            store.begin_within(row.id, row.fence, NOW + MINUTE, claim)
            for row, store in zip(rows, (one, two) * 5, strict=True)
        ]
        verdicts = await asyncio.gather(*asked)
        assert sum(verdict is not None and verdict.refused is None for verdict in verdicts) == 3


async def test_a_cancel_is_seen_by_the_beat_of_the_node_that_runs_it(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        await tick(one, [await add(one)])
        [row] = await one.claim("one", NOW + MINUTE, 1, begin=True)
        await two.ask_cancel([row.id], NOW + MINUTE)
        assert list((await one.beat("one", NOW + MINUTE, [(row.id, row.fence)])).cancel) == [row.id]


async def test_a_change_wakes_the_other_nodes(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        heard = asyncio.Event()
        two.listen(heard.set)
        while not heard.is_set():  # the first word may come before the ear is there
            await add(one)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), 0.2)


@pytest.mark.usefixtures("many_open_files")
async def test_a_node_hears_the_others_where_very_many_files_are_open(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as one, node(postgres_url, tmp_path, "two") as two:
        words: asyncio.Queue[None] = asyncio.Queue()
        two.listen(lambda: words.put_nowait(None))
        async with asyncio.timeout(20):
            # The first one says that the ear is there.
            await words.get()
            await add(one)
            await words.get()


async def test_a_node_of_another_host_is_gone_when_its_lease_is_over(postgres_url: str, tmp_path: Path) -> None:
    """Locks are in two folders: what one sees of the other is the lease alone."""
    async with node(postgres_url, tmp_path / "a", "one") as one:
        await tick(one, [await add(one)])
        [row] = await one.claim("one", NOW + MINUTE, 1, begin=True)
        async with node(postgres_url, tmp_path / "b", "two", lease=0.5) as two:
            assert await two.lapsed(NOW + MINUTE, 10) == []
            assert [found.alive for found in await two.nodes()] == [True, True]
            await _stop_renewing(postgres_url, one)
            assert [found.id for found in await two.lapsed(NOW + MINUTE, 10)] == [row.id]
            assert {found.id: found.alive for found in await two.nodes()} == {"one": False, "two": True}


async def test_after_a_gap_in_its_own_lease_a_node_judges_nobody(postgres_url: str, tmp_path: Path) -> None:
    """Whoever wakes up first after the server or the network stood still would take all others for dead."""
    first, second = node(postgres_url, tmp_path / "a", "one"), node(postgres_url, tmp_path / "b", "two", lease=0.5)
    async with first as one, second as two:
        await tick(one, [await add(one)])
        await one.claim("one", NOW + MINUTE, 1, begin=True)
        await _stop_renewing(postgres_url, one)
        two._lease = 0.0
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            renewed = "SELECT 1 FROM agentcron.nodes WHERE id = 'two' AND steady_since < 'infinity'"
            found, in_the_gap = list[Execution](), False
            while not in_the_gap:
                # The lease ran out, and its thread renews it: on a slow machine before anybody was judged.
                connection.execute(
                    "UPDATE agentcron.nodes SET lease_until = now() - interval '1 hour', steady_since = 'infinity' "
                    "WHERE id = 'two'"
                )
                found = list(await two.lapsed(NOW + MINUTE, 10))
                in_the_gap = connection.execute(renewed).fetchone() is None
            assert found == []
            while connection.execute(renewed).fetchone() is None:
                await asyncio.sleep(0.01)
        assert [row.owner for row in await two.lapsed(NOW + MINUTE, 10)] == ["one"]


async def test_a_node_whose_own_lease_ran_out_judges_nobody(postgres_url: str, tmp_path: Path) -> None:
    """Its pool is back after an outage and asks before the thread that renews the lease has a connection."""
    first, second = node(postgres_url, tmp_path / "a", "one"), node(postgres_url, tmp_path / "b", "two")
    async with first as one, second as two:
        await tick(one, [await add(one)])
        await one.claim("one", NOW + MINUTE, 1, begin=True)
        await _stop_renewing(postgres_url, one)
        await _stop_renewing(postgres_url, two)
        assert await two.lapsed(NOW + MINUTE, 10) == []


async def test_half_a_lease_without_renewal_is_a_gap(postgres_url: str, tmp_path: Path) -> None:
    """Its own lease has not run out in the outage; another one's may have, which was renewed a little earlier."""
    async with node(postgres_url, tmp_path, "one", lease=60.0):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("UPDATE agentcron.nodes SET lease_until = now() + interval '29 seconds'")
            renewed = (
                "SELECT steady_since > now() - interval '1 minute' FROM agentcron.nodes "
                "WHERE lease_until > now() + interval '50 seconds'"
            )
            while (row := connection.execute(renewed).fetchone()) is None:
                await asyncio.sleep(0.01)
            assert row == (True,)


async def _stop_renewing(url: str, store: PostgresStorage) -> None:
    """As if the process had died an hour ago, on a server that has been up for days."""
    assert store._membership is not None
    await store._membership.stop()
    store._membership = None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE agentcron.nodes SET lease_until = pg_postmaster_start_time() - interval '1 hour' WHERE id = %s",
            (store._node,),
        )
    # The server of the tests has not been up for the length of a lease of 30 seconds.
    store._lease = 0.0


async def test_connections_that_the_server_ended_are_made_anew(postgres_url: str, tmp_path: Path) -> None:
    async with node(postgres_url, tmp_path, "one") as store:
        job = await add(store)
        for _ in range(3):
            _end_connections(postgres_url)
            assert await store.get_job(job.id) == job
            _end_connections(postgres_url)
            assert await store.ask_cancel([], NOW) == []


def _end_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize(("given", "kept"), [("off", "on"), ("remote_apply", "remote_apply")])
async def test_what_is_acknowledged_is_durable_whatever_the_server_is_set_to(
    postgres_url: str, tmp_path: Path, given: str, kept: str
) -> None:
    """A server that may answer first loses, when it is killed, claims and steps that agents were begun on."""
    url = f"{postgres_url}&options=-c%20synchronous_commit%3D{given}"
    async with node(url, tmp_path, "one") as store:
        found = await store._database.read(lambda connection: _shown(connection, "synchronous_commit"))
        assert found == kept


async def _shown(connection: Any, setting: str) -> Any:
    return (await (await connection.execute(f"SHOW {setting}")).fetchone())[0]


async def test_many_processes_make_the_schema_once(empty_postgres: Any) -> None:
    url = empty_postgres()
    stores = [PostgresStorage(url, schema="made_at_once") for _ in range(4)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        await add(stores[0])
        assert (await stores[3].statistics()).total_jobs == 1
    finally:
        for store in stores:
            await store.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA made_at_once CASCADE")


async def test_a_store_of_a_newer_release_is_left_alone(postgres_url: str) -> None:
    store = PostgresStorage(postgres_url, schema="newer")
    await store.open()
    await store.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE newer.meta SET value = '999' WHERE key = 'schema'")
        with pytest.raises(StoreTooNew, match="schema 999"):
            await store.open()
        connection.execute("DROP SCHEMA newer CASCADE")


async def test_a_server_that_is_not_there_is_told_in_one_line_without_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = PostgresStorage("postgresql://me:hunter2-secret@127.0.0.1:1/jobs")
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreUnavailable) as told:
        await store.open()
    assert store.url == "postgresql://me@127.0.0.1:1/jobs"
    assert "127.0.0.1:1" in str(told.value)
    assert "check that the server runs" in str(told.value)
    assert "\n" not in str(told.value)
    assert "hunter2" not in f"{told.value!r} {caplog.text} {store!r}"


def test_a_url_that_cannot_be_read_is_told_without_the_password() -> None:
    with pytest.raises(ConfigError) as told:
        PostgresStorage("postgresql://me:hunter2@[bad/jobs")
    assert "hunter2" not in str(told.value)
    assert "postgresql://USER@HOST:5432/DATABASE" in str(told.value)


async def test_an_answer_with_a_nul_is_kept(postgres_url: str, tmp_path: Path) -> None:
    from agentcron.domain.outcomes import AgentOutcome, Failed
    from agentcron.domain.settling import settle

    async with node(postgres_url, tmp_path, "one") as store:
        job = await add(store)
        await tick(store, [job])
        [row] = await store.claim("one", NOW + MINUTE, 1, begin=True)
        failed = Failed(kind="agent", message="bad \x00 byte", answer=AgentOutcome(output="a\x00b"))
        assert await store.settle([settle(row, failed, NOW + MINUTE, job.spec)]) == [True]
        [ended] = (await store.list_executions(ExecutionFilters(job_id=job.id), 10)).items
        assert (ended.status, ended.result, ended.error) == (ExecutionStatus.FAILURE, "a\x00b", "bad \ufffd byte")


async def test_a_job_with_a_nul_in_it_keeps_its_place_in_its_queue_and_holds_up_no_other(
    postgres_url: str, tmp_path: Path
) -> None:
    async with node(postgres_url, tmp_path, "one") as store:
        odd = [await add(store, queue="slow", tags=["odd"], metadata={"\\\0": "\\u0000 \0"}) for _ in range(2)]
        fine = await add(store, queue="fast")
        await tick(store, [*odd, fine])
        limits = ClaimLimits(queues={"slow": 1})
        claimed = [
            row.job_id for _ in range(3) for row in await store.claim("one", NOW + MINUTE, 1, begin=True, limits=limits)
        ]
        assert claimed == [odd[0].id, fine.id]
        left = [row.id for row in await store.open_executions(odd[1].id)]
        assert await store.claim("one", NOW + MINUTE, 1, ids=left, limits=limits) == []
        assert await store.tags(9) == ["odd"]


async def test_the_clock_of_the_store_is_the_servers(postgres_url: str, tmp_path: Path) -> None:
    from agentcron.storage.postgres.clock import ServerClock

    clock = ServerClock()
    here = datetime.now(UTC).timestamp()
    clock.set(here + 100.0, here, here)
    ahead = (clock.now() - datetime.now(UTC)).total_seconds()
    assert 99.0 < ahead < 101.0
    clock.set(here + 100.001, here, here)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds() - ahead) < 0.001
