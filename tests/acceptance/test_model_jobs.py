"""A scheduled prompt against a server that speaks the OpenAI protocol: answers, and every way it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, Execution, ExecutionStatus, JobStatus
from tests.agents.fake_openai import FakeOpenAI, fake_openai


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as server:
        yield server


@asynccontextmanager
async def scheduler(folder: Path, base_url: str) -> AsyncIterator[BackgroundJobsPlugin]:
    definition = {"kind": "pydantic-ai", "model": "fake", "base_url": base_url, "api_key": "env:MODEL_KEY"}
    agents = AgentFactoryPlugin({"model": definition}, default_definition="model", environ={"MODEL_KEY": "wrong-key-1"})
    async with BackgroundJobsPlugin(storage_plugin=folder / "jobs.sqlite", agent_factory=agents) as plugin:
        yield plugin


async def first_end(plugin: BackgroundJobsPlugin, job_id: str) -> Execution:
    """The first execution of the job, once it has ended."""
    async with asyncio.timeout(30):
        while True:
            runs = [run for run in await plugin.get_executions(job_id) if run.final]
            if runs:
                return await plugin.wait_for_execution(runs[-1].id)
            await asyncio.sleep(0.02)


async def test_an_answer_is_kept_with_tokens_and_conversation(fake: FakeOpenAI, tmp_path: Path) -> None:
    async with scheduler(tmp_path, fake.base_url) as plugin:
        job_id = await plugin.create_job("ask", "every 1s", "How is it?", max_runs=1)
        run = await first_end(plugin, job_id)
        assert (run.status, run.result, run.prompt) == (ExecutionStatus.SUCCESS, "All is well.", "How is it?")
        assert run.usage is not None
        assert (run.usage.input_tokens, run.usage.output_tokens, run.usage.requests) == (11, 7, 1)
        talk = await plugin.get_conversation(run.id)
        assert talk is not None
        assert talk.format == "pydantic-ai"
        assert "How is it?" in str(talk.native)
        assert "All is well." in str(talk.native)


@pytest.mark.parametrize(
    ("fault", "options", "status", "reason", "words"),
    [
        ({"mode": "401"}, {}, ExecutionStatus.ERROR, "auth", "MODEL_KEY"),
        ({"mode": "500"}, {}, ExecutionStatus.ERROR, "provider", "500"),
        ({"mode": "429"}, {}, ExecutionStatus.ERROR, "rate_limit", "429"),
        ({"mode": "hang"}, {"timeout": "1s"}, ExecutionStatus.INCOMPLETE, "timeout", "not done within"),
    ],
)
async def test_a_fault_is_told_so_that_a_person_can_act_and_the_job_stays_scheduled(
    fake: FakeOpenAI,
    tmp_path: Path,
    fault: dict[str, Any],
    options: dict[str, Any],
    status: ExecutionStatus,
    reason: str,
    words: str,
) -> None:
    for name, value in fault.items():
        setattr(fake, name, value)
    async with scheduler(tmp_path, fake.base_url) as plugin:
        job_id = await plugin.create_job("ask", "every 1s", "How is it?", **options)
        run = await first_end(plugin, job_id)
        assert (run.status, run.reason) == (status, reason)
        assert words in (run.error or "")
        assert "wrong-key-1" not in (run.error or "")
        job = await plugin.get_job(job_id)
        assert job is not None
        assert job.status in (JobStatus.WAITING, JobStatus.RUNNING)
        assert job.next_run is not None


async def test_an_unreachable_server_is_named(fake: FakeOpenAI, tmp_path: Path) -> None:
    async with scheduler(tmp_path, "http://127.0.0.1:9/v1") as plugin:
        job_id = await plugin.create_job("ask", "every 1s", "How is it?")
        run = await first_end(plugin, job_id)
        assert (run.status, run.reason) == (ExecutionStatus.ERROR, "network")
        assert "127.0.0.1:9" in (run.error or "")


async def test_a_busy_provider_is_asked_again_when_it_allows_and_no_retry_is_spent(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    fake.mode, fake.headers = "429", {"retry-after": "1"}
    async with scheduler(tmp_path, fake.base_url) as plugin:
        job_id = await plugin.create_job("ask", "every 1s", "How is it?", max_runs=1)
        await asyncio.wait_for(fake.asked.wait(), 20)
        fake.mode, fake.headers = "ok", {}
        run = await first_end(plugin, job_id)
        assert (run.status, run.attempt, run.retries) == (ExecutionStatus.SUCCESS, 2, 0)
        assert len(fake.requests) == 2


async def test_a_missing_key_is_told_when_the_job_is_made(tmp_path: Path) -> None:
    agents = AgentFactoryPlugin({"model": "openai:gpt-5"}, default_definition="model", environ={})
    plugin = BackgroundJobsPlugin(storage_plugin="memory:", agent_factory=agents)
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        await plugin.create_job("ask", "every 1s", "How is it?")
    assert await plugin.get_jobs() == []
