"""A provider that asks to wait is left alone until then: its runs wait, others go on, and it is told once."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import OnceSchedule, SqliteStorage
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.errors import AgentError
from agentcron.testing import create_test_environment
from tests.agents.fake_openai import fake_openai
from tests.agents.helpers import CONTEXT, factory_of

_E = ExecutionStatus


def busy(seconds: int) -> AgentError:
    return AgentError(
        "busy", kind="rate_limit", retryable=True, retry_after=timedelta(seconds=seconds), provider="somebody"
    )


async def test_runs_wait_until_the_provider_may_be_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with create_test_environment() as env:
        env.agent_factory.then(busy(300), busy(300))
        await env.plugin.start_background_execution()
        first = await env.plugin.create_job("first", "every 1m", "p", agent="x", pause_after_failures=1)
        second = await env.plugin.create_job("second", "every 1m", "p", agent="x")
        other = await env.plugin.create_job("other", "every 1m", "p", agent="y")
        with caplog.at_level(logging.WARNING):
            await env.advance(61)
        assert [line for line in caplog.messages if "asks to wait" in line] == [
            "[background-jobs] somebody asks to wait until 2026-01-01T00:06:00+00:00: runs of x wait"
        ]
        await env.advance(180)
        assert len(await env.runs(other)) == 4
        for job_id in (first, second):
            [run] = [run for run in await env.runs(job_id, include_skipped=True) if run.status is not _E.SKIPPED]
            assert (run.status, run.retries) == (_E.PENDING, 0)
            job = await env.plugin.get_job(job_id)
            assert job is not None
            # What comes due meanwhile is ordinary overlap, and the wait is no failure of the job.
            assert (job.status, job.streak, job.totals.skipped) == (JobStatus.WAITING, 0, 3)
        await env.advance(121)
        for job_id in (first, second):
            assert (await env.runs(job_id))[0].status is _E.SUCCESS


async def test_what_was_waited_for_is_forgotten_once_another_provider_asks_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    async with create_test_environment(storage_plugin=SqliteStorage(path)) as env:
        env.agent_factory.then(busy(100), "done", busy(100))
        await env.plugin.start_background_execution()
        await env.plugin.create_job("first", OnceSchedule(env.clock.now() + timedelta(minutes=1)), "p", agent="x")
        await env.advance(181)
        await env.plugin.create_job("second", OnceSchedule(env.clock.now() + timedelta(minutes=1)), "p", agent="y")
        await env.advance(61)
    with closing(sqlite3.connect(path)) as connection:
        assert [agent for (agent,) in connection.execute("SELECT agent FROM holds")] == ["y"]


async def test_a_model_that_is_told_to_wait_names_its_provider() -> None:
    async with fake_openai() as fake:
        fake.mode, fake.headers = "429", {"Retry-After": "7"}
        definition: dict[str, Any] = {"kind": "pydantic-ai", "model": "m", "base_url": fake.base_url}
        factory = factory_of(definition)
        factory.register("beside", {**definition, "model": "n"})
        factory.register("of another account", {**definition, "api_key": "env:KEY"})
        agent = await factory.create("it", CONTEXT)
        with pytest.raises(AgentError) as told:
            await agent.run("p")
        await agent.close()
    assert told.value.provider == f"127.0.0.1:{fake.port}"
    assert factory.sharing(told.value.provider) == ["it", "beside"]
