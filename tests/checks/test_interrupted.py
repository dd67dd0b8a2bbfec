"""Gates and checks when a scheduler dies, a run is resumed, retried or canceled, and the store fails."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

from agentcron import AgentError, ExecutionStatus, SqliteStorage, StoreUnavailable
from agentcron.domain.findings import Findings, Mark
from agentcron.domain.model import Execution
from agentcron.domain.planner import plan
from agentcron.domain.queries import Node
from agentcron.testing import Gate
from tests.checks.conftest import Bench, Site, make_bench

S = ExecutionStatus


async def lost(bench: Bench, findings: Findings | None) -> Execution:
    """A slot whose scheduler is gone: it had claimed it, and begun it where there are findings."""
    await bench.clock.advance(timedelta(hours=1))
    store, now = bench.plugin.storage, bench.clock.now()
    await store.open()
    node = Node(id="gone", host="h", pid=1, version="0", started_at=now, seen_at=now)
    await store.join(node)
    made = plan(await bench.now(), now, lambda: f"{1:026x}")
    assert made is not None
    assert await store.commit([made]) == [True]
    [row] = await store.claim(node.id, now, 1, begin=True)
    if findings is not None:
        assert await store.begin(row.id, row.fence, now, findings)
    await store.leave(node.id, now)
    return row


async def test_a_crash_between_claim_and_beginning_asks_the_gate_again(stored: Bench) -> None:
    stored.write("a", "1")
    await stored.job(when_changed="file:a")
    row = await lost(stored, None)
    after = await stored.look()
    assert (after.id, after.status, after.attempt, after.fence) == (row.id, S.SUCCESS, 1, 2)
    assert stored.factory.prompts == ["tell what is new"]


async def test_a_crash_before_the_beginning_may_still_end_as_skipped(stored: Bench) -> None:
    stored.write("a", "1")
    await stored.job(when_changed="file:a")
    await stored.slot()
    row = await lost(stored, None)
    after = await stored.look()
    assert (after.id, after.status, after.reason) == (row.id, S.SKIPPED, "gate")


async def test_a_run_that_is_resumed_is_not_asked_again_and_its_success_moves_the_mark(
    stored: Bench, site: Site
) -> None:
    url = site.serve("/page", "now")
    await stored.job(when_changed=f"url:{url}", on_interrupt="resume")
    found = Findings(gate="changed", marks=(Mark(f"url:{url}", "as it was then", stored.clock.now()),))
    row = await lost(stored, found)
    after = await stored.look()
    assert (after.id, after.status, after.attempt) == (row.id, S.SUCCESS, 1)
    assert site.asked == []
    assert (await stored.now()).marks == found.marks


async def test_a_run_that_a_crash_ended_moves_no_mark(stored: Bench) -> None:
    stored.write("a", "1")
    await stored.job(when_changed="file:a")
    await lost(stored, Findings(gate="changed", marks=(Mark("file:a", "x", stored.clock.now()),)))
    after = await stored.look()
    assert (after.status, after.reason) == (S.INCOMPLETE, "lost")
    assert (await stored.now()).marks == ()
    assert (await stored.slot()).status is S.SUCCESS


async def test_a_retry_of_the_agent_goes_by_what_the_first_attempt_saw(stored: Bench) -> None:
    stored.write("a", "1")
    stored.factory.then(AgentError("busy", retryable=True))
    await stored.job(when_changed="file:a", retry="attempts=2,backoff=10s,jitter=0")
    assert (await stored.slot()).status is S.PENDING
    stored.write("a", "2")
    await stored.clock.advance(timedelta(seconds=10))
    after = await stored.look()
    assert (after.status, after.attempt) == (S.SUCCESS, 2)
    assert (await stored.slot()).status is S.SUCCESS
    assert (await stored.slot()).status is S.SKIPPED


async def test_what_was_written_before_a_crash_counts_as_written_in_the_run(stored: Bench) -> None:
    stored.write("report.md", "of yesterday")
    await stored.job(expect="changed:report.md", on_interrupt="resume")
    before = Findings(before=(Mark("changed:report.md", "1 file 0123456789abcdef", stored.clock.now()),))
    await lost(stored, before)
    assert (await stored.look()).status is S.SUCCESS


async def test_a_cancel_while_the_gate_is_looked_at_ends_what_looks(bench: Bench) -> None:
    script = bench.folder / "slow"
    script.write_text("#!/bin/sh\necho $$ > pid\nexec sleep 1000\n")
    script.chmod(0o755)
    await bench.job(when_changed="command:./slow")
    await bench.clock.advance(timedelta(hours=1))
    running = asyncio.create_task(bench.look())
    while not (bench.folder / "pid").exists() or not (bench.folder / "pid").read_text():
        await asyncio.sleep(0.005)
    [row] = await bench.plugin.storage.open_executions(bench.job_id)
    assert not row.begun
    await bench.plugin.cancel_execution(row.id)
    while not running.done():
        await bench.clock.advance(timedelta(seconds=1))
        await asyncio.sleep(0.005)
    row = await running
    assert (row.status, row.reason) == (S.SKIPPED, "canceled")
    assert not psutil.pid_exists(int((bench.folder / "pid").read_text()))
    assert bench.factory.prompts == []


async def test_a_look_that_takes_the_jobs_whole_time_is_an_error_and_not_asked_for_ever(bench: Bench) -> None:
    await bench.job(when_changed="command:sleep 1000", timeout="0.5s")
    row = await bench.slot()
    assert (row.status, row.reason, row.attempt) == (S.ERROR, "gate", 1)
    assert row.error == "gate: could not be looked at within 0.45 s"


async def test_a_check_may_take_longer_than_the_end_of_an_agent(bench: Bench) -> None:
    script = "echo x > started; while [ ! -e go ]; do sleep 0.01; done"
    await bench.job(expect={"command": ["sh", "-c", script]}, timeout="1s")
    async with bench.plugin:
        await bench.clock.advance(timedelta(hours=1))
        while not (bench.folder / "started").exists():
            await asyncio.sleep(0.005)
        for _ in range(100):
            await bench.clock.advance(timedelta(seconds=1))
        [row] = await bench.plugin.storage.open_executions(bench.job_id)
        bench.write("go", "")
        row = await bench.plugin.wait_for_execution(row.id, timedelta(0))
    assert (row.status, row.error) == (S.SUCCESS, None)


async def test_a_cancel_while_the_outcome_is_checked_keeps_the_answer(bench: Bench) -> None:
    await bench.job(expect={"command": ["sh", "-c", "echo x > started; sleep 1000"]})
    async with bench.plugin:
        await bench.clock.advance(timedelta(hours=1))
        while not (bench.folder / "started").exists():
            await bench.clock.advance(timedelta(milliseconds=100))
            await asyncio.sleep(0.005)
        [row] = await bench.plugin.storage.open_executions(bench.job_id)
        await bench.plugin.cancel_execution(row.id)
        row = await bench.plugin.wait_for_execution(row.id, timedelta(0))
    assert (row.status, row.reason, row.result) == (S.INCOMPLETE, "canceled", "done")


class LosesTheAnswer(SqliteStorage):
    """The first beginning is refused, before it is durable or after."""

    durable = False
    fails = True

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        if not self.fails:
            return await super().begin(execution_id, fence, now, findings)
        self.fails = False
        if self.durable:
            await super().begin(execution_id, fence, now, findings)
        raise StoreUnavailable("the disk is full")


@pytest.mark.parametrize("durable", [False, True])
async def test_a_beginning_without_an_answer_calls_the_agent_once_in_the_end(tmp_path: Path, durable: bool) -> None:
    store = LosesTheAnswer(tmp_path / "store.sqlite")
    store.durable = durable
    bench = make_bench(store, tmp_path / "work")
    bench.write("a", "1")
    await bench.job(when_changed="file:a")
    assert (await bench.slot()).status is S.PENDING
    assert bench.factory.prompts == []
    await bench.clock.advance(timedelta(seconds=5))
    row = await bench.look()
    assert (row.status, row.attempt, row.fence) == (S.SUCCESS, 1, 2)
    assert len(bench.factory.prompts) == 1
    assert (await bench.slot()).status is S.SKIPPED
    await bench.plugin.close()


async def test_the_marks_are_there_after_a_restart_and_in_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    bench = make_bench(SqliteStorage(path), tmp_path / "work")
    bench.write("a", "1")
    await bench.job(when_changed="file:a")
    await bench.slot()
    await bench.plugin.backup(tmp_path / "copy.sqlite")
    await bench.plugin.close()
    for name in ("store.sqlite", "copy.sqlite"):
        again = make_bench(SqliteStorage(tmp_path / name), tmp_path / "work", bench.clock)
        again.job_id = bench.job_id
        assert (await again.slot()).reason == "gate", name
        assert again.factory.prompts == []
        await again.plugin.close()


async def test_a_slot_that_waits_for_a_gate_holds_its_lane(bench: Bench) -> None:
    gate = Gate()
    bench.factory.then(gate)
    bench.write("a", "1")
    await bench.job(when_changed="file:a", overlap="buffer_all")
    async with bench.plugin:
        await bench.clock.advance(timedelta(hours=1))
        await gate.entered.wait()
        await bench.clock.advance(timedelta(hours=1))
        rows = await bench.plugin.storage.open_executions(bench.job_id)
        while [row.status for row in rows] != [S.RUNNING, S.PENDING]:
            await asyncio.sleep(0.005)
            rows = await bench.plugin.storage.open_executions(bench.job_id)
        gate.opened.set()
        last = await bench.plugin.wait_for_execution(rows[1].id, timedelta(0))
        assert (last.status, last.reason) == (S.SKIPPED, "gate")
