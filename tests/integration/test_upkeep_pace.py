"""How often an idle scheduler wakes, and that nobody waits for it longer because of that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from agentcron import BackgroundJobsPlugin, ExecutionStatus, SqliteStorage
from agentcron.testing import FakeAgentFactory, Gate, MockStorage, create_test_environment

_E = ExecutionStatus


async def test_an_idle_scheduler_beats_as_rarely_as_it_looks_and_each_second_while_an_agent_runs() -> None:
    storage, factory, gate = MockStorage(), FakeAgentFactory(), Gate()
    factory.then(gate)
    async with create_test_environment(
        storage_plugin=storage, agent_factory=factory, evaluation_interval_ms=60_000
    ) as env:
        await env.plugin.start_background_execution()
        await env.advance(600)
        assert storage.calls.count("beat") <= 12
        job_id = await env.plugin.create_job("j", "@daily", "go")
        await env.plugin.run_job_now(job_id)
        await env.advance(0)
        before = storage.calls.count("beat")
        await env.advance(30)
        assert storage.calls.count("beat") - before >= 29
        gate.opened.set()
        await env.advance(10)
        before = storage.calls.count("beat")
        await env.advance(600)
        assert storage.calls.count("beat") - before <= 12
        assert [run.status for run in await env.runs(job_id)] == [_E.SUCCESS]


async def test_a_cancel_from_another_process_reaches_an_agent_of_a_scheduler_that_was_idle(tmp_path: Path) -> None:
    factory = FakeAgentFactory()
    factory.then(Gate())
    async with create_test_environment(
        storage_plugin=SqliteStorage(tmp_path / "s.sqlite"), agent_factory=factory, evaluation_interval_ms=60_000
    ) as env:
        await env.plugin.start_background_execution()
        await env.advance(100)
        job_id = await env.plugin.create_job("j", "@daily", "go")
        run = await env.plugin.run_job_now(job_id)
        await env.advance(0)
        [row] = await env.runs(job_id)
        assert row.status is _E.RUNNING
        other = BackgroundJobsPlugin(storage_plugin=SqliteStorage(tmp_path / "s.sqlite"), agent_factory=factory)
        assert await other.cancel_execution(run)
        await other.close()
        await env.advance(2)
        found = await env.plugin.wait_for_execution(run, timedelta(0))
        assert (found.status, found.reason) == (_E.INCOMPLETE, "canceled")


async def test_a_row_that_lapses_while_the_scheduler_is_idle_is_found_within_five_seconds() -> None:
    storage, factory = MockStorage(), FakeAgentFactory()
    factory.then(Gate(), Gate())
    async with create_test_environment(
        storage_plugin=storage, agent_factory=factory, evaluation_interval_ms=60_000
    ) as env:
        other = create_test_environment(storage_plugin=storage, agent_factory=factory, start=env.clock.now())
        job_id = await other.plugin.create_job("j", "@daily", "go")
        await other.plugin.start_background_execution()
        await other.plugin.run_job_now(job_id)
        await other.advance(1)
        await env.plugin.start_background_execution()
        await env.advance(11)
        [row] = await env.runs(job_id)
        assert row.status is _E.RUNNING
        assert row.owner is not None
        await storage.leave(row.owner, env.clock.now())
        await env.advance(6)
        assert [run.reason for run in await env.runs(job_id)] == ["lost"]
