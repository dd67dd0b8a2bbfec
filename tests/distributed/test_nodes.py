"""Several processes on one Postgres, which cannot see each other but through it. ``make test-postgres`` runs these."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
import pytest

from agentcron import ExecutionStatus
from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec
from tests.distributed.cable import cable_to
from tests.distributed.conftest import LEASE, Field

pytestmark = pytest.mark.nodes
ENGINES = pytest.mark.parametrize("engine", ["local", "dbos"])
LIMITS = pytest.mark.parametrize("limits", [{}, {"everywhere": 5, "rate": "100 per 1s"}], ids=["free", "limited"])
Record = Callable[[str, object], None]


async def slots_due(nodes: Field, count: int) -> None:
    """So many slots that were due within the last 20 minutes and are to be caught up."""
    store = nodes.plugin.storage
    await store.open()
    now = datetime.now(UTC)
    ago = now - timedelta(minutes=20, seconds=30)
    for number in range(count // 20):
        values = {
            "name": f"job {number}", "prompt": "0 0", "schedule": "every 1m", "agent": "work", "catch_up": "all",
            "catch_up_max": 50, "catch_up_window": "1d", "end_at": now.isoformat(), "overlap": "allow_all",
        }  # fmt: skip
        assert await store.commit([changes.create(read_spec(values), f"{number:016x}", ago)]) == [True]


@ENGINES
async def test_every_slot_runs_once_on_four_nodes(nodes: Field, engine: str, record_property: Record) -> None:
    await slots_due(nodes, 3000)
    began = time.monotonic()
    nodes.start(4, engine=engine)
    rows = await nodes.ended(3000)
    took = time.monotonic() - began
    begun = Counter(key for key, _ in nodes.began())
    assert set(begun.values()) == {1}
    assert len(begun) == len(rows) == len({(row.job_id, row.at) for row in rows}) == 3000
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    shares = sorted(Counter(words[-1] for words in nodes.log if words[0] == "begin").values())
    figures = f"4 processes, {engine}: 3000 slots in {took:.1f} s, starts included, 0 twice; by process {shares}"
    record_property("figures", figures)


@ENGINES
async def test_runs_of_nodes_that_are_killed_go_on_elsewhere(
    nodes: Field, engine: str, record_property: Record
) -> None:
    """Repeated calls are those that were under way."""
    doomed = nodes.start(4, engine=engine, places=8)[:2]
    for _ in range(20):
        await nodes.job("12 0.5", on_interrupt="resume")
    await nodes.calling(60)
    for process in doomed:
        process.kill()
    killed, lost_by = time.time(), {process.pid for process in doomed}
    for process in doomed:
        process.wait()
    last = {words[1]: int(words[-1]) for words in nodes.log if words[0] == "begin"}
    ended = {words[1] for words in nodes.log if words[0] == "end"}
    lost = {key for key, pid in last.items() if pid in lost_by and key not in ended}
    rows = await nodes.ended(20)
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    calls = nodes.calls()
    repeated = calls.total() - len(calls)
    assert len(calls) == 20 * 12
    assert repeated <= len(lost)
    assert max(calls.values()) <= 2
    again = [at - killed for key, at in nodes.began() if key in lost and at > killed]
    assert len(again) == len(lost) > 0
    record_property(
        "figures",
        f"4 nodes, {engine}, 2 killed: {len(lost)} runs lost, {repeated} calls repeated, 20 SUCCESS; gone on after "
        f"{min(again):.1f} to {max(again):.1f} s, lease {LEASE:.0f} s",
    )


@ENGINES
async def test_a_model_is_asked_nothing_twice_but_what_was_under_way_on_killed_nodes(
    nodes: Field, engine: str, record_property: Record
) -> None:
    """The steps of a model's run are its journal's with each engine: what it was told, and what its tools came to."""
    doomed = nodes.start(4, engine=engine, places=4, model=True)[:2]
    for _ in range(10):
        await nodes.job("12 0.3", agent="model", on_interrupt="resume")
    await nodes.calling(60)
    for process in doomed:
        process.kill()
    killed = time.time()
    for process in doomed:
        process.wait()
    lost_by = {process.pid for process in doomed}
    last = {words[1]: (words[2], int(words[-1])) for words in nodes.log}
    lost = {key for key, (call, pid) in last.items() if pid in lost_by and call != "model-11"}
    rows = await nodes.ended(10)
    calls = nodes.calls()
    repeated = [call for call, count in calls.items() if count > 1]
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    assert {row.usage.requests for row in rows if row.usage is not None} == {12}
    assert len(calls) == 10 * (12 + 11)
    assert {key for key, _ in repeated} <= lost != set()
    assert len(repeated) <= len(lost)
    assert max(calls.values()) <= 2
    again = min(float(words[-2]) for words in nodes.log if words[1] in lost and float(words[-2]) > killed)
    record_property(
        "figures",
        f"models on 4 nodes, {engine}, 2 killed: {len(lost)} runs lost, {len(repeated)} of {calls.total()} calls of "
        f"models and tools repeated, 10 SUCCESS; the first gone on after {again - killed:.1f} s",
    )


@ENGINES
async def test_a_node_that_slept_longer_than_its_lease_makes_no_further_call(
    nodes: Field, engine: str, record_property: Record
) -> None:
    [sleeper] = nodes.start(1, engine=engine)
    await nodes.job("12 0.4", on_interrupt="resume")
    await nodes.calling(2)
    nodes.start(1, engine=engine)
    sleeper.send_signal(signal.SIGSTOP)
    [row] = await nodes.ended(1)
    before = nodes.calls()
    sleeper.send_signal(signal.SIGCONT)

    async def beaten() -> bool:
        found = [node for node in await nodes.plugin.storage.nodes() if node.pid == sleeper.pid]
        return found[0].alive

    await nodes.until(beaten)
    again = await nodes.job("1 0")
    await nodes.plugin.wait_for_execution(again)
    calls = nodes.calls()
    assert row.status is ExecutionStatus.SUCCESS
    assert {key: count for key, count in calls.items() if key[0] == row.id} == before
    assert before.total() - len(before) <= 1
    record_property("figures", f"a node that slept, {engine}: {before.total()} calls for 12, none after it woke")


@ENGINES
async def test_a_node_that_slept_asks_its_models_nothing_for_jobs_that_keep_no_steps(
    nodes: Field, engine: str, record_property: Record
) -> None:
    """Others have begun them anew, or written them off."""
    [sleeper] = nodes.start(1, engine=engine, model=True)
    again = [await nodes.job("12 0.3", agent="model", on_interrupt="retry") for _ in range(3)]
    ended = [await nodes.job("12 0.3", agent="model") for _ in range(3)]
    await nodes.calling(12)
    sleeper.send_signal(signal.SIGSTOP)
    nodes.start(1, engine=engine, model=True)
    rows = {row.id: row for row in await nodes.ended(6)}
    woke = time.time()
    sleeper.send_signal(signal.SIGCONT)

    async def beaten() -> bool:
        return any(node.alive and node.pid == sleeper.pid for node in await nodes.plugin.storage.nodes())

    await nodes.until(beaten)
    await nodes.plugin.wait_for_execution(await nodes.job("4 0.3", agent="model"))
    late = [words for words in nodes.log if words[1] in rows and float(words[-2]) > woke]
    assert late == []
    assert {(rows[key].status, rows[key].attempt) for key in again} == {(ExecutionStatus.SUCCESS, 2)}
    assert {(rows[key].status, rows[key].reason) for key in ended} == {(ExecutionStatus.INCOMPLETE, "lost")}
    record_property("figures", f"a node that slept, {engine}, 6 jobs without steps: no call after it woke")


@ENGINES
async def test_a_cancel_from_elsewhere_reaches_the_run(nodes: Field, engine: str, record_property: Record) -> None:
    nodes.start(2, engine=engine)
    asked = await nodes.job("1 60")
    await nodes.calling(1)
    began = time.monotonic()
    assert await nodes.plugin.cancel_execution(asked)
    [row] = await nodes.ended(1)
    assert (row.status, row.reason) == (ExecutionStatus.INCOMPLETE, "canceled")
    record_property("figures", f"a cancel from elsewhere, {engine}: ended after {time.monotonic() - began:.2f} s")


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


def most_at_once(nodes: Field) -> int:
    """How many agents worked at once, by what they noted."""
    running = most = 0
    for words in nodes.log:
        running += {"begin": 1, "end": -1}.get(words[0], 0)
        most = max(most, running)
    return most


@ENGINES
async def test_the_limit_on_all_nodes_is_never_exceeded(nodes: Field, engine: str, record_property: Record) -> None:
    nodes.start(3, engine=engine, everywhere=2)
    for _ in range(12):
        await nodes.job("1 0.2")
    await nodes.ended(12)
    most = most_at_once(nodes)
    assert most == 2
    record_property("figures", f"limit 2 over 3 nodes, {engine}: {most} at once at most")


@ENGINES
async def test_a_queue_runs_no_more_at_once_than_its_concurrency_on_all_nodes(
    nodes: Field, engine: str, record_property: Record
) -> None:
    nodes.start(3, engine=engine)
    wanted = {await nodes.job("1 0.2", queue="reports") for _ in range(10)}
    beside = {await nodes.job("1 0") for _ in range(5)}
    await nodes.ended(15)
    running = most = 0
    for words in nodes.log:
        if words[0] in ("begin", "end") and words[1] in wanted:
            running += 1 if words[0] == "begin" else -1
            most = max(most, running)
    order = [key for key, _ in nodes.began()]
    assert most == 2
    # What is in no queue passes those that wait for a place in theirs.
    assert max(map(order.index, beside)) < max(map(order.index, wanted))
    record_property("figures", f"a queue of 2 over 3 nodes, {engine}: {most} at once at most")


@ENGINES
async def test_no_more_start_within_a_time_than_is_allowed(
    nodes: Field, engine: str, postgres_url: str, record_property: Record
) -> None:
    await nodes.plugin.storage.open()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        # When each was let go, which is soon forgotten; what a loaded machine did with it then is another matter.
        connection.execute(_SEEN)
        nodes.start(3, engine=engine, rate="5 per 2s")
        for _ in range(20):
            await nodes.job("1 0")
        await nodes.ended(20)
        started = [row[0] for row in connection.execute("SELECT extract(epoch FROM at)::float8 FROM seen ORDER BY 1")]
        connection.execute("DROP TABLE seen; DROP FUNCTION see CASCADE")
    windows = [later - earlier for earlier, later in zip(started, started[5:], strict=False)]
    assert len(started) == 20
    assert min(windows) >= 2.0
    record_property(
        "figures", f"5 per 2 s over 3 nodes, {engine}: 6 starts in a row take {min(windows):.2f} s at least"
    )


_SEEN = """
CREATE TABLE seen (at timestamptz);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO public.seen VALUES (NEW.at); RETURN NULL; END';
CREATE TRIGGER see AFTER INSERT ON agentcron.starts FOR EACH ROW EXECUTE FUNCTION see();
"""


@ENGINES
async def test_what_waits_starts_in_the_order_of_its_priority(
    nodes: Field, engine: str, record_property: Record
) -> None:
    nodes.start(1, engine=engine, places=1)
    await nodes.job("1 2")
    await nodes.calling(1)
    wanted = [(await nodes.job("1 0", priority=priority), priority) for priority in (5, 1, 9, 3, -4, 1)]
    await nodes.ended(7)
    priorities = dict(wanted)
    order = [priorities[key] for key, _ in nodes.began() if key in priorities]
    assert order == sorted(order)
    record_property("figures", f"priorities, {engine}: started as {order}")


@ENGINES
async def test_a_server_that_stops_at_once_and_comes_back_loses_and_repeats_nothing(
    nodes: Field, engine: str, restart_postgres: Callable[[], None], record_property: Record
) -> None:
    # As long as a loaded machine may need until all nodes have come back.
    nodes.start(2, engine=engine, lease=10.0)
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
    record_property("figures", f"the server killed and back, {engine}: 32 calls for 32, 4 SUCCESS")


@ENGINES
async def test_a_connection_that_is_cut_for_20_seconds_loses_and_repeats_nothing(
    nodes: Field, engine: str, postgres_url: str, record_property: Record
) -> None:
    """Shorter than the lease: what it answers for goes on."""
    async with cable_to(postgres_url) as cable:
        await asyncio.to_thread(nodes.start, 1, engine=engine, url=cable.url, lease=30.0)
        for _ in range(4):
            await nodes.job("8 0.5", on_interrupt="resume")
        await nodes.calling(8)
        cable.cut()
        # The time is what is tried here: longer than the network's own patience, shorter than the lease.
        await asyncio.sleep(20)
        mended = time.monotonic()
        cable.mend()
        rows = await nodes.ended(4)
        took = time.monotonic() - mended
        later = await nodes.plugin.wait_for_execution(await nodes.job("1 0"))
    calls = nodes.calls()
    assert {row.status for row in (*rows, later)} == {ExecutionStatus.SUCCESS}
    assert max(calls.values()) == 1
    assert [row.attempt for row in rows] == [1] * 4
    record_property(
        "figures", f"cut off for 20 s, {engine}: 32 calls for 32, 4 SUCCESS {took:.1f} s after it was mended"
    )


@ENGINES
@LIMITS
async def test_a_run_that_is_asked_for_elsewhere_starts_soon(
    nodes: Field, engine: str, limits: dict[str, object], record_property: Record
) -> None:
    nodes.start(1, engine=engine, **limits)
    waits = []
    for number in range(40):
        asked_at = time.time()
        asked = await nodes.job("1 0")
        await nodes.plugin.wait_for_execution(asked)
        waits.append(dict(nodes.began())[asked] - asked_at)
        # Not in step with the looks at the queue.
        await asyncio.sleep(0.03 * (number % 7))
    waits.sort()
    record_property(
        "figures",
        f"asked to started, {engine} {limits or 'without limits'}:"
        f" p50 {statistics.median(waits) * 1000:.0f} ms, p95 {waits[37] * 1000:.0f} ms",
    )


@ENGINES
@LIMITS
async def test_a_node_with_nothing_to_do_costs_little(
    nodes: Field, engine: str, limits: dict[str, object], record_property: Record
) -> None:
    [node] = nodes.start(1, engine=engine, **limits)
    process = psutil.Process(node.pid)
    await nodes.plugin.wait_for_execution(await nodes.job("1 0"))
    await asyncio.sleep(3)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(20)
    share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
    with psycopg.connect(nodes.url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    assert found is not None
    record_property(
        "figures",
        f"an idle node, {engine} {limits or 'without limits'}: {share:.1%} of a core, "
        f"{process.memory_info().rss / 1e6:.0f} MB, {process.num_threads()} threads, {found[0] - 3} connections or so",
    )
