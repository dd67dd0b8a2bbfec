"""Nodes in network namespaces, one of which loses its link: shorter than its lease, and longer."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from agentcron import ExecutionStatus
from tests.distributed.conftest import Field, field_on
from tests.distributed.network import Network, server_on, two_hosts

pytestmark = pytest.mark.nodes
ENGINES = pytest.mark.parametrize("engine", ["local", "dbos"])
Record = Callable[[str, object], None]
LEASE = 10.0


@pytest.fixture(scope="module")
def wire() -> Iterator[Network]:
    """Two hosts and a server on one bridge."""
    with two_hosts() as network, server_on(network):
        yield network


@pytest.fixture
async def field(wire: Network, tmp_path: Path) -> AsyncIterator[Field]:
    """A field on a database of its own, which goes with the server."""
    name = f"on_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(wire.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    async with field_on(f"{wire.url.rpartition('/')[0]}/{name}", tmp_path) as found:
        yield found


async def three_runs_each(field: Field, wire: Network, engine: str, prompt: str) -> tuple[str, int]:
    """A node on each host with three runs each, all of which have begun; answers the first host and its node's pid."""
    first, second = wire.hosts
    [node] = await asyncio.to_thread(field.start, 1, engine=engine, host=first, places=3, lease=LEASE)
    mine = [await field.job(prompt, on_interrupt="resume") for _ in range(3)]
    await field.calling(3)
    await asyncio.to_thread(field.start, 1, engine=engine, host=second, places=6, lease=LEASE)
    theirs = [await field.job(prompt, on_interrupt="resume") for _ in range(3)]

    async def all_begun() -> bool:
        return len(field.began()) == 6

    await field.until(all_begun)
    by = {words[1]: int(words[-1]) for words in field.log if words[0] == "begin"}
    assert {by[key] for key in mine} == {node.pid}
    assert node.pid not in {by[key] for key in theirs}
    return first, node.pid


@ENGINES
async def test_a_link_that_is_down_for_less_than_the_lease_changes_nothing(
    field: Field, wire: Network, engine: str, record_property: Record
) -> None:
    host, _ = await three_runs_each(field, wire, engine, "10 0.5")
    wire.cut(host)
    # The time is what is tried here.
    await asyncio.sleep(3)
    wire.mend(host)
    mended = time.monotonic()
    rows = await field.ended(6)
    took = time.monotonic() - mended
    calls = field.calls()
    assert {(row.status, row.attempt, row.fence) for row in rows} == {(ExecutionStatus.SUCCESS, 1, 1)}
    assert len(field.began()) == 6
    assert (len(calls), calls.total()) == (60, 60)
    record_property(
        "figures", f"a link down for 3 s, {engine}: 60 calls for 60, 6 SUCCESS {took:.1f} s after it was up again"
    )


@ENGINES
async def test_a_link_that_is_down_for_longer_than_the_lease_hands_its_runs_over_and_fences_its_node(
    field: Field, wire: Network, engine: str, record_property: Record
) -> None:
    host, cut_off = await three_runs_each(field, wire, engine, "20 0.5")
    wire.cut(host)
    cut_at = time.time()
    await asyncio.sleep(20)
    lost = {words[1] for words in field.log if words[0] == "begin" and int(words[-1]) == cut_off}
    done = {words[1] for words in field.log if words[0] == "end" and int(words[-1]) == cut_off}
    wire.mend(host)
    rows = await field.ended(6)
    again = [at - cut_at for key, at in field.began() if key in lost and at > cut_at]

    async def back() -> bool:
        return any(node.alive and node.pid == cut_off for node in await field.plugin.storage.nodes())

    await field.until(back)
    later = [await field.plugin.wait_for_execution(await field.job("1 0")) for _ in range(12)]
    calls = field.calls()
    after_lease = [
        words for words in field.log
        if words[0] == "call" and words[1] in lost and int(words[-1]) == cut_off and float(words[-2]) > cut_at + LEASE
    ]  # fmt: skip
    owners = {row.id: row.owner for row in rows}
    repeated = calls.total() - len(calls)
    assert {row.status for row in (*rows, *later)} == {ExecutionStatus.SUCCESS}
    assert done == set()
    assert len(lost) == len(again) == 3
    assert after_lease == []
    assert {row.fence for row in rows if row.id in lost} == {2}
    assert {row.fence for row in rows if row.id not in lost} == {1}
    assert len(set(owners.values())) == 1
    assert repeated <= len(lost)
    assert len(field.began()) == 6 + len(lost) + 12
    assert not [row for row in await field.plugin.storage.open_executions() if row.id in owners]
    record_property(
        "figures",
        f"a link down for 20 s, {engine}: {len(lost)} runs taken over {min(again):.1f} to {max(again):.1f} s after "
        f"the cut (lease {LEASE:.0f} s), {repeated} calls repeated, none by the cut node after its lease, 6 SUCCESS",
    )


@ENGINES
async def test_a_node_that_was_cut_off_asks_its_models_nothing_after_its_lease(
    field: Field, wire: Network, engine: str, record_property: Record
) -> None:
    """In jobs that keep no steps, too: others begin them anew, and both would be paid for."""
    first, second = wire.hosts
    how = {"engine": engine, "lease": LEASE, "model": True}
    [node] = await asyncio.to_thread(field.start, 1, host=first, **how)
    again = [await field.job("30 0.5", agent="model", on_interrupt="retry") for _ in range(2)]
    ended = [await field.job("30 0.5", agent="model") for _ in range(2)]
    await field.calling(8)
    await asyncio.to_thread(field.start, 1, host=second, **how)
    wire.cut(first)
    cut_at = time.time()
    await asyncio.sleep(20)
    before = field.calls()
    wire.mend(first)
    rows = {row.id: row for row in await field.ended(4)}

    async def back() -> bool:
        return any(one.alive and one.pid == node.pid for one in await field.plugin.storage.nodes())

    await field.until(back)
    await field.plugin.wait_for_execution(await field.job("1 0", agent="model"))
    late = [words for words in field.log if int(words[-1]) == node.pid and words[1] in rows
            and float(words[-2]) > cut_at + LEASE]  # fmt: skip
    assert late == []
    assert {(rows[key].status, rows[key].attempt) for key in again} == {(ExecutionStatus.SUCCESS, 2)}
    assert {(rows[key].status, rows[key].reason) for key in ended} == {(ExecutionStatus.INCOMPLETE, "lost")}
    assert sum(before[key, call] for key in ended for call in {call for _, call in before}) == sum(
        count for (key, _), count in field.calls().items() if key in ended
    )
    record_property(
        "figures",
        f"a link down for 20 s, {engine}, jobs without steps: no call by the cut node after its lease ({LEASE:.0f} s), "
        f"2 begun anew elsewhere and SUCCESS, 2 INCOMPLETE(lost)",
    )
