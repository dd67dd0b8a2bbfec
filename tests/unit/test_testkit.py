"""The kit for users' own tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, SqliteStorage
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import StoreUnavailable
from agentcron.testing import (
    Delay,
    MockStorage,
    create_mock_agent_factory,
    create_mock_storage_plugin,
    create_test_environment,
)

_E = ExecutionStatus


def test_an_environment_needs_no_event_loop() -> None:
    env = create_test_environment()
    assert env.plugin.storage is env.storage
    assert env.plugin.agent_factory is env.agent_factory
    assert env.clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert isinstance(env.storage, MockStorage)


async def test_an_environment_runs_what_is_due_while_it_is_moved_on() -> None:
    async with create_test_environment(start=datetime(2026, 7, 1, 8, 59, 59, tzinfo=UTC)) as env:
        job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
        await env.plugin.start_background_execution()
        await env.advance(0.5)
        assert await env.runs(job_id) == []
        await env.advance(0.5)
        [run] = await env.runs()
        assert (run.status, run.scheduled_for) == (_E.SUCCESS, datetime(2026, 7, 1, 9, tzinfo=UTC))


async def test_an_environment_stands_on_a_given_store_too(tmp_path: Path) -> None:
    async with create_test_environment(storage_plugin=SqliteStorage(tmp_path / "jobs.sqlite")) as env:
        await env.plugin.create_job("tick", "every 1s", "hello")
        await env.plugin.start_background_execution()
        await env.advance(5)
        assert [run.status for run in await env.runs()] == [_E.SUCCESS] * 5


async def test_agents_act_on_a_script_of_answers_failures_and_delays() -> None:
    env = create_test_environment()
    env.agent_factory.then(
        "first",
        AgentOutcome(output="half", failed="refused"),
        ValueError("broken"),
        Delay(env.clock, timedelta(seconds=3), "slow"),
    )
    async with env:
        job_id = await env.plugin.create_job("tick", "every 1s", "hello", overlap="buffer_all", max_runs=5)
        await env.plugin.start_background_execution()
        await env.advance(10)
        runs = await env.runs(job_id)
        assert [run.status for run in runs] == [_E.SUCCESS, _E.FAILURE, _E.ERROR, _E.SUCCESS, _E.SUCCESS]
        assert [run.result for run in runs] == ["first", "half", "", "slow", "done"]
        assert runs[3].duration == timedelta(seconds=3)


async def test_a_factory_is_scripted_when_it_is_made() -> None:
    factory = create_mock_agent_factory("one", answer="rest", creation_failures=[OSError("x")], max_concurrent_agents=2)
    assert factory.max_concurrent_agents == 2
    async with create_test_environment(agent_factory=factory) as env:
        await env.plugin.create_job("tick", "every 10s", "hello")
        await env.plugin.start_background_execution()
        await env.advance(25)
        assert [run.result for run in await env.runs()] == ["one", "rest"]


async def test_the_two_mocks_make_a_plugin_as_any_others_do() -> None:
    storage, factory = create_mock_storage_plugin(), create_mock_agent_factory(answer="mocked")
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory)
    job_id = await plugin.create_job("Daily Report", "0 9 * * *", "Write it")
    run = await plugin.run_here(await plugin.run_job_now(job_id))
    assert (run.status, run.result) == (_E.SUCCESS, "mocked")
    await plugin.close()


async def test_a_mock_store_notes_its_calls_and_fails_on_request() -> None:
    async with create_test_environment() as env:
        assert isinstance(env.storage, MockStorage)
        await env.plugin.create_job("kept", "0 9 * * *", "hello")
        assert env.storage.calls == ["commit"]
        env.storage.failure = StoreUnavailable("the disk is full; free some space")
        for call in (env.plugin.get_jobs, env.plugin.get_statistics, env.plugin.clear_all_jobs):
            with pytest.raises(StoreUnavailable, match="free some space"):
                await call()
        with pytest.raises(StoreUnavailable):
            await env.plugin.create_job("lost", "0 9 * * *", "hello")
        env.storage.failure = None
        assert [job.name for job in await env.plugin.get_jobs()] == ["kept"]
