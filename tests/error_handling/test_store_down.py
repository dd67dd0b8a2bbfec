"""The store fails for a while: nothing begins without it, nothing that ended is lost, and all goes on by itself."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from agentcron import JobFilters, StoreUnavailable
from agentcron.testing import Environment, Gate, MockStorage, create_test_environment

FULL = StoreUnavailable("/data/jobs.sqlite: the disk is full; free some space")
START = datetime(2026, 3, 1, 11, 59, 58, tzinfo=UTC)


def environment() -> tuple[Environment, MockStorage]:
    env = create_test_environment(start=START)
    assert isinstance(env.storage, MockStorage)
    return env, env.storage


async def test_every_call_tells_the_fault_and_changes_nothing() -> None:
    env, store = environment()
    async with env:
        job_id = await env.plugin.create_job("kept", "0 9 * * *", "p")
        store.failure = FULL
        for call in (
            lambda: env.plugin.create_job("more", "0 9 * * *", "p"),
            lambda: env.plugin.get_jobs(JobFilters()),
            lambda: env.plugin.update_job(job_id, prompt="q"),
            lambda: env.plugin.pause_job(job_id),
            lambda: env.plugin.delete_job(job_id),
            lambda: env.plugin.run_job_now(job_id),
            lambda: env.plugin.force_evaluation(),
            lambda: env.plugin.start_background_execution(),
            lambda: env.plugin.get_statistics(),
        ):
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                await call()
        store.failure = None
        [job] = await env.plugin.get_jobs()
        assert (job.name, job.prompt, job.status) == ("kept", "p", "WAITING")
        assert await env.plugin.pause_job(job_id)


async def test_nothing_begins_while_the_store_is_down_and_the_schedule_goes_on_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    env, store = environment()
    async with env:
        job_id = await env.plugin.create_job("tick", "* * * * *", "p")
        await env.plugin.start_background_execution()
        await env.advance(3)
        assert len(env.agent_factory.contexts) == 1
        store.failure = FULL
        with caplog.at_level(logging.INFO, "agentcron"):
            await env.advance(300)
        assert len(env.agent_factory.contexts) == 1
        # A fault that lasts is told once by each who meets it, not at every look.
        told = [record.getMessage() for record in caplog.records if "the disk is full" in record.getMessage()]
        assert 1 <= len(told) <= 3
        store.failure = None
        await env.advance(120)
        rows = await env.runs(job_id, include_skipped=True)
        slots = sum(row.slots for row in rows)
        # 12:00 to 12:07, each in one row.
        assert slots == 8
        assert rows[-1].status == "SUCCESS"
        assert [row.status for row in rows].count("SUCCESS") >= 3


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("skip", [("MISSED", "store_down", 4)]),
        ("latest", [("MISSED", "store_down", 3), ("SUCCESS", None, 1)]),
        ("all", [("SUCCESS", None, 1)] * 4),
    ],
)
async def test_slots_that_fell_due_while_the_store_was_down_and_do_not_run_say_so(
    catch_up: str, expected: list[tuple[str, str | None, int]]
) -> None:
    env, store = environment()
    async with env:
        job_id = await env.plugin.create_job("tick", "* * * * *", "p", misfire_grace="1s", catch_up=catch_up)
        await env.plugin.start_background_execution()
        await env.advance(3)
        store.failure = FULL
        await env.advance(290)
        store.failure = None
        await env.advance(5)
        rows = await env.runs(job_id, include_skipped=True)
        assert [(row.status.value, row.reason, row.slots) for row in rows][1:] == expected


async def test_an_outcome_waits_for_the_store_and_is_kept() -> None:
    env, store = environment()
    async with env:
        gate = Gate("the answer")
        env.agent_factory.then(gate)
        job_id = await env.plugin.create_job("slow", "0 12 * * *", "p")
        await env.plugin.start_background_execution()
        await env.advance(3)
        assert gate.entered.is_set()
        store.failure = FULL
        gate.opened.set()
        await env.advance(30)
        store.failure = None
        await env.advance(3)
        [run] = await env.runs(job_id)
        assert (run.status, run.result) == ("SUCCESS", "the answer")
        assert len(env.agent_factory.contexts) == 1


async def test_a_stop_while_the_store_is_down_comes_to_an_end_and_a_start_goes_on() -> None:
    env, store = environment()
    async with env:
        job_id = await env.plugin.create_job("noon", "0 12 * * *", "p")
        await env.plugin.start_background_execution()
        store.failure = FULL
        await env.advance(10)
        await env.plugin.stop_background_execution()
        store.failure = None
        assert await env.runs(job_id) == []
        await env.plugin.start_background_execution()
        await env.advance(3)
        assert [run.status for run in await env.runs(job_id)] == ["SUCCESS"]
