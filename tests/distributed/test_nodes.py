"""Several processes on one Postgres, which cannot see each other but through it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agentcron import ExecutionStatus
from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec
from tests.distributed.conftest import Field

# The ordinary run has a few of these, each process of which takes a second of CPU; `make deep` has them all.
DEEP = bool(os.environ.get("AGENTCRON_NODES"))
SLOTS = 3000 if DEEP else 200
ENGINES = pytest.mark.parametrize("engine", ["local", "dbos"] if DEEP else ["dbos"])
LOCAL_FIRST = pytest.mark.parametrize("engine", ["local", "dbos"] if DEEP else ["local"])
deep = pytest.mark.skipif(not DEEP, reason="runs with AGENTCRON_NODES=1, as in `make deep`")


@LOCAL_FIRST
async def test_every_slot_runs_once_on_four_nodes(
    nodes: Field, engine: str, record_property: Callable[[str, object], None]
) -> None:
    store = nodes.plugin.storage
    await store.open()
    now = datetime.now(UTC)
    ago = now - timedelta(minutes=20, seconds=30)
    for number in range(SLOTS // 20):
        values = {
            "name": f"job {number}", "prompt": "0 0", "schedule": "every 1m", "agent": "work", "catch_up": "all",
            "catch_up_max": 50, "catch_up_window": "1d", "end_at": now.isoformat(), "overlap": "allow_all",
        }  # fmt: skip
        assert await store.commit([changes.create(read_spec(values), f"{number:016x}", ago)]) == [True]
    began = time.monotonic()
    nodes.start(4, engine=engine)
    rows = await nodes.ended(SLOTS // 20 * 20)
    took = time.monotonic() - began
    begun = Counter(words[1] for words in nodes.log if words[0] == "begin")
    assert set(begun.values()) == {1}
    assert len(begun) == len(rows) == len({(row.job_id, row.at) for row in rows}) == SLOTS // 20 * 20
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    by_node = Counter(words[-1] for words in nodes.log if words[0] == "begin")
    shares = sorted(by_node.values())
    record_property("figures", f"4 nodes, {engine}: {len(rows)} slots in {took:.1f} s, by node {shares}")


@ENGINES
async def test_runs_of_nodes_that_are_killed_go_on_elsewhere(nodes: Field, engine: str) -> None:
    """Repeated calls are those that were under way."""
    doomed = nodes.start(2, engine=engine, places=4)
    for _ in range(8):
        await nodes.job("6 0.3", on_interrupt="resume")
    await nodes.calling(16)
    nodes.start(1, engine=engine, places=10)
    for process in doomed:
        process.kill()
        process.wait()
    lost = {row.id for row in await nodes.plugin.storage.open_executions()}
    rows = await nodes.ended(8)
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    calls = nodes.calls()
    assert len(calls) == 8 * 6
    assert calls.total() - len(calls) <= len(lost)
    assert max(calls.values()) <= 2


@LOCAL_FIRST
async def test_a_node_that_slept_longer_than_its_lease_makes_no_further_call(nodes: Field, engine: str) -> None:
    [sleeper] = nodes.start(1, engine=engine)
    await nodes.job("12 0.4", on_interrupt="resume")
    await nodes.calling(2)
    nodes.start(1, engine=engine)
    sleeper.send_signal(signal.SIGSTOP)
    [row] = await nodes.ended(1)
    before = nodes.calls()
    sleeper.send_signal(signal.SIGCONT)
    # It has seen what became of its run when it has beaten and nothing of its own is left.
    seen = {node.pid: node.seen_at for node in await nodes.plugin.storage.nodes()}

    async def beaten() -> bool:
        found = [node for node in await nodes.plugin.storage.nodes() if node.pid == sleeper.pid]
        return found[0].alive

    await nodes.until(beaten)
    assert seen[sleeper.pid]
    again = await nodes.job("1 0")
    await nodes.plugin.wait_for_execution(again)
    calls = nodes.calls()
    assert row.status is ExecutionStatus.SUCCESS
    assert {key: count for key, count in calls.items() if key[0] == row.id} == before
    assert before.total() - len(before) <= 1


@deep
@ENGINES
async def test_a_cancel_from_elsewhere_reaches_the_run(
    nodes: Field, engine: str, record_property: Callable[[str, object], None]
) -> None:
    nodes.start(2, engine=engine)
    asked = await nodes.job("1 60")
    await nodes.calling(1)
    began = time.monotonic()
    assert await nodes.plugin.cancel_execution(asked)
    [row] = await nodes.ended(1)
    assert (row.status, row.reason) == (ExecutionStatus.INCOMPLETE, "canceled")
    record_property("figures", f"cancel from elsewhere, {engine}: {time.monotonic() - began:.2f} s")


@deep
@ENGINES
async def test_a_node_that_is_told_to_stop_gives_its_runs_back(nodes: Field, engine: str) -> None:
    [leaving] = nodes.start(1, engine=engine, grace=0.2)
    asked = await nodes.job("5 0.3", on_interrupt="resume")
    await nodes.calling(2)
    nodes.start(1, engine=engine)
    leaving.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(leaving.wait, 30) == 0
    [row] = await nodes.ended(1)
    assert (row.id, row.status) == (asked, ExecutionStatus.SUCCESS)
    calls = nodes.calls()
    assert calls.total() - len(calls) <= 1


@deep
async def test_the_limit_on_all_nodes_is_never_exceeded(nodes: Field) -> None:
    nodes.start(3, engine="dbos", everywhere=2)
    for _ in range(9):
        await nodes.job("1 0.2")
    await nodes.ended(9)
    running = most = 0
    for words in nodes.log:
        running += {"begin": 1, "end": -1}.get(words[0], 0)
        most = max(most, running)
    assert most == 2


@deep
@ENGINES
async def test_a_server_that_stops_at_once_and_comes_back_loses_and_repeats_nothing(
    nodes: Field, engine: str, restart_postgres: Callable[[], None]
) -> None:
    nodes.start(2, engine=engine)
    for _ in range(4):
        await nodes.job("8 0.5", on_interrupt="resume")
    await nodes.calling(8)
    await asyncio.to_thread(restart_postgres)
    rows = await nodes.ended(4)
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    calls = nodes.calls()
    assert (len(calls), calls.total()) == (4 * 8, 4 * 8)
    assert [row.attempt for row in rows] == [1] * 4
    later = await nodes.plugin.wait_for_execution(await nodes.job("1 0"))
    assert later.status is ExecutionStatus.SUCCESS
    assert all(process.poll() is None for process in nodes.processes)
