"""Evaluation on demand, filters, statistics, and a clean slate, on every store of one process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.outcomes import AgentOutcome, CostBasis, Usage
from agentcron.domain.queries import DateRange, ExecutionFilters, JobFilters
from agentcron.errors import AgentError, InvalidJobError
from agentcron.ports import RunContext
from agentcron.schedule import CronSchedule, EverySchedule, OnceSchedule
from agentcron.testing import Gate

from .conftest import World

_E, _J = ExecutionStatus, JobStatus


# --- force_evaluation -------------------------------------------------------------------------------------------------


async def test_a_forced_evaluation_runs_what_is_due_to_its_end_where_nothing_was_started(world: World) -> None:
    due = await world.plugin.create_job("due", "* * * * *", "hello")
    await world.plugin.create_job("later", "0 9 * * *", "hello")
    world.clock.set(world.clock.now() + timedelta(seconds=61))
    await world.plugin.force_evaluation()
    [run] = await world.runs(due)
    assert (run.status, run.result) == (_E.SUCCESS, "done")
    assert (len(world.factory.contexts), world.factory.live) == (1, 0)
    assert not await world.plugin.scheduler_alive()
    await world.plugin.force_evaluation()
    assert len(world.factory.contexts) == 1


async def test_a_forced_evaluation_runs_more_than_there_are_places_and_what_waits_behind_others(world: World) -> None:
    async def slow(prompt: str, context: RunContext) -> str:
        await asyncio.sleep(0.01)
        return "done"

    world.factory._places = 2
    world.factory.then(*[slow] * 8)
    for number in range(5):
        await world.plugin.create_job(f"job {number}", "* * * * *", "hello")
    queued = await world.plugin.create_job("q", "every 20s", "hello", overlap="buffer_all", misfire_grace="1h")
    world.clock.set(world.clock.now() + timedelta(seconds=61))
    await world.plugin.force_evaluation()
    assert len(world.factory.contexts) == 8
    assert world.factory.most_at_once == 2
    assert [run.status for run in await world.runs(queued)] == [_E.SUCCESS] * 3


async def test_a_forced_evaluation_leaves_a_retry_for_its_time(world: World) -> None:
    world.factory.then(AgentError("busy", kind="rate_limit", retryable=True))
    job_id = await world.plugin.create_job("busy", "* * * * *", "hello", retry="attempts=2,backoff=10s")
    world.clock.set(world.clock.now() + timedelta(seconds=61))
    await world.plugin.force_evaluation()
    [run] = await world.plugin.get_executions(job_id, include_skipped=True)
    assert (run.status, run.retries) == (_E.PENDING, 1)
    world.clock.set(world.clock.now() + timedelta(seconds=20))
    await world.plugin.force_evaluation()
    rows = await world.plugin.get_executions(job_id)
    assert [row.status for row in rows if row.id == run.id] == [_E.SUCCESS]


async def test_a_forced_evaluation_beside_a_started_scheduler_does_not_wait_for_agents(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("due", "* * * * *", "hello")
    await world.plugin.start_background_execution()
    world.clock._now += timedelta(seconds=61)  # the scheduler's own timer has not heard of it
    async with asyncio.timeout(10):
        await world.plugin.force_evaluation()
        await gate.entered.wait()
    [run] = await world.plugin.get_executions(job_id)
    assert run.status is _E.RUNNING
    gate.opened.set()


async def test_a_forced_evaluation_leaves_the_running_to_another_scheduler_on_the_store(world: World) -> None:
    other = world.another()
    await other.start_background_execution()
    try:
        await world.plugin.create_job("due", "* * * * *", "hello")
        world.clock._now += timedelta(seconds=61)
        await world.plugin.force_evaluation()
        [node] = [node for node in await world.plugin.get_nodes() if node.alive]
        rows = await world.plugin.storage.open_executions()
        assert {row.owner for row in rows} <= {None, node.id}
        assert len(await world.plugin.get_nodes()) == 1
    finally:
        await other.close()


async def test_a_canceled_evaluation_leaves_no_agent_and_no_open_run(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("slow", "* * * * *", "hello")
    world.clock.set(world.clock.now() + timedelta(seconds=61))
    forced = asyncio.create_task(world.plugin.force_evaluation())
    await gate.entered.wait()
    forced.cancel()
    with pytest.raises(asyncio.CancelledError):
        await forced
    [run] = await world.runs(job_id)
    assert (run.status, run.reason, world.factory.live) == (_E.INCOMPLETE, "shutdown", 0)


# --- filters ----------------------------------------------------------------------------------------------------------


async def names(world: World, filters: JobFilters | None = None) -> list[str]:
    return [job.name for job in await world.plugin.get_jobs(filters)]


async def filled(world: World) -> None:
    """Four jobs, made a day apart."""
    for name, schedule in (
        ("Daily Report", "0 9 * * *"),
        ("Weekly report", "0 9 * * 1"),
        ("Backup", "*/15 * * * *"),
        ("Interval", "every 10m"),
    ):
        await world.plugin.create_job(name, schedule, "hello")
        world.clock.set(world.clock.now() + timedelta(days=1))


async def test_without_filters_every_job_comes_in_the_order_of_creation(world: World) -> None:
    await filled(world)
    assert await names(world) == ["Daily Report", "Weekly report", "Backup", "Interval"]


async def test_jobs_are_filtered_by_any_of_several_statuses(world: World) -> None:
    await filled(world)
    jobs = await world.plugin.get_jobs()
    await world.plugin.pause_job(jobs[0].id)
    await world.plugin.cancel_job(jobs[1].id)
    assert await names(world, JobFilters(status=[_J.RUNNING, _J.WAITING])) == ["Backup", "Interval"]
    assert await names(world, JobFilters(status=[_J.PAUSED])) == ["Daily Report"]
    assert await names(world, JobFilters(status=[_J.CANCELED, _J.PAUSED])) == ["Daily Report", "Weekly report"]
    assert await names(world, JobFilters(status=[])) == []


async def test_a_job_that_runs_is_found_as_running(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    await world.plugin.create_job("busy", "* * * * *", "hello")
    await world.plugin.create_job("idle", "0 9 * * *", "hello")
    await world.plugin.start_background_execution()
    await world.advance(61)
    assert await names(world, JobFilters(status=[_J.RUNNING])) == ["busy"]
    assert (await world.plugin.get_statistics()).running_jobs == 1
    gate.opened.set()


async def test_jobs_are_filtered_by_a_part_of_the_name_in_any_case(world: World) -> None:
    await filled(world)
    assert await names(world, JobFilters(name_contains="report")) == ["Daily Report", "Weekly report"]
    assert await names(world, JobFilters(name_contains="%")) == []


async def test_jobs_are_filtered_by_a_part_of_the_expression_or_an_equal_schedule(world: World) -> None:
    await filled(world)
    assert await names(world, JobFilters(cron_pattern="0 9")) == ["Daily Report", "Weekly report"]
    assert await names(world, JobFilters(cron_pattern="0 9 * * MON")) == ["Weekly report"]
    assert await names(world, JobFilters(cron_pattern="0,15,30,45 * * * *")) == ["Backup"]
    assert await names(world, JobFilters(cron_pattern="10m")) == []


async def test_jobs_are_filtered_by_the_date_of_their_creation(world: World) -> None:
    await filled(world)
    second = datetime(2026, 1, 2, tzinfo=UTC)
    between = DateRange(start=second, end="2026-01-03T00:00:00Z")
    assert await names(world, JobFilters(date_range=between)) == ["Weekly report", "Backup"]
    assert await names(world, JobFilters(date_range=DateRange(start="2026-01-04"))) == ["Interval"]
    assert await names(world, JobFilters(date_range=DateRange(end="2026-01-01T12:00"))) == ["Daily Report"]
    assert await names(world, JobFilters(date_range=DateRange(second, second + timedelta(days=1)))) == [
        "Weekly report",
        "Backup",
    ]


async def test_a_status_to_look_for_is_given_alone_or_as_text_or_is_refused(world: World) -> None:
    await filled(world)
    everyone = await names(world, JobFilters(status=[_J.WAITING]))
    asked: list[Any] = [_J.WAITING, "WAITING", "waiting", ["waiting", "running"], {"WAITING"}]
    assert [await names(world, JobFilters(status=status)) for status in asked] == [everyone] * len(asked)
    for wrong in ("ACTIVE", ["WAITING", "done"], [3]):
        with pytest.raises(InvalidJobError, match=r"^status: .* is not one or more of WAITING, RUNNING, "):
            JobFilters(status=cast("Any", wrong))


async def test_executions_are_looked_for_by_status_as_text_too(world: World) -> None:
    run = await world.plugin.run_job_now(await world.plugin.create_job("a", "@daily", "hello"))
    await world.plugin.force_evaluation()
    for statuses in ("success", ["SUCCESS", "ERROR"]):
        page = await world.plugin.list_executions(ExecutionFilters(statuses=cast("Any", statuses)))
        assert [found.id for found in page.items] == [run]
    with pytest.raises(InvalidJobError, match=r"^statuses: 'LOST' is not one or more of PENDING"):
        ExecutionFilters(statuses=cast("Any", "LOST"))


# --- making and changing by the names of the parameters ---------------------------------------------------------------


async def test_a_schedule_is_given_by_the_name_of_its_kind_too(world: World) -> None:
    plugin = world.plugin
    nine = await plugin.create_job(name="a", cron_expression="0 9 * * *", prompt="hello")
    often = await plugin.create_job(name="b", every=timedelta(minutes=10), prompt="hello")
    once = await plugin.create_job(name="c", at="2026-02-01T09:00", prompt="hello", timezone="Europe/Berlin")
    made = {job.id: job.schedule for job in await plugin.get_jobs()}
    assert made[nine] == CronSchedule("0 9 * * *")
    assert made[often] == EverySchedule(timedelta(minutes=10), anchor=world.clock.now())
    assert made[once] == OnceSchedule(datetime(2026, 2, 1, 8, tzinfo=UTC), "Europe/Berlin")
    for fields, words in (
        ({"prompt": "hello"}, "schedule: is missing"),
        ({"schedule": "@daily"}, "prompt: is empty"),
        ({"schedule": "@daily", "every": "5m", "prompt": "hello"}, "is given too; a job has one schedule"),
    ):
        with pytest.raises(ValueError, match=words):
            await plugin.create_job("d", **cast("Any", fields))


async def test_a_change_is_given_as_a_mapping_in_place_or_by_name(world: World) -> None:
    job_id = await world.plugin.create_job("a", "@daily", "hello")
    assert await world.plugin.update_job(job_id, {"name": "b"})
    assert await world.plugin.update_job(job_id=job_id, updates={"name": "c"}, prompt="more")
    [job] = await world.plugin.get_jobs()
    assert (job.name, job.prompt, job.version) == ("c", "more", 3)


async def test_filters_that_are_given_together_must_all_hold(world: World) -> None:
    await filled(world)
    filters = JobFilters(
        status=[_J.WAITING], name_contains="report", cron_pattern="0 9", date_range=DateRange(start="2026-01-02")
    )
    assert await names(world, filters) == ["Weekly report"]


# --- statistics and a clean slate -------------------------------------------------------------------------------------


async def test_statistics_count_jobs_and_executions_by_status_with_times_tokens_and_cost(world: World) -> None:
    spent = AgentOutcome(
        output="fine",
        usage=Usage(input_tokens=30, output_tokens=12),
        cost_usd=Decimal("0.25"),
        cost_basis=CostBasis.REPORTED,
    )
    world.factory.then(spent, AgentOutcome(output="", failed="refused"), AgentError("gone", kind="network"), "fine")
    await world.plugin.create_job("tick", "every 1s", "hello", max_runs=4)
    paused = await world.plugin.create_job("paused", "0 9 * * *", "hello")
    await world.plugin.pause_job(paused)
    await world.plugin.start_background_execution()
    await world.advance(5)
    figures = await world.plugin.get_statistics()
    assert figures.total_jobs == 2
    assert {status: count for status, count in figures.jobs_by_status.items() if count} == {"COMPLETED": 1, "PAUSED": 1}
    assert figures.running_jobs == 0
    assert figures.total_executions == 4
    by_status = {status: count for status, count in figures.executions_by_status.items() if count}
    assert by_status == {"SUCCESS": 2, "FAILURE": 1, "ERROR": 1, "SKIPPED": 1}
    assert figures.success_rate == 0.5
    assert figures.mean_duration == timedelta(0)
    assert figures.p95_duration is not None
    assert (figures.tokens, figures.cost_usd) == (42, Decimal("0.25"))


async def test_statistics_of_an_empty_store_are_zeros(world: World) -> None:
    figures = await world.plugin.get_statistics()
    assert (figures.total_jobs, figures.total_executions, figures.success_rate) == (0, 0, None)
    assert not any(figures.jobs_by_status.values())


async def test_clearing_ends_what_runs_and_removes_jobs_and_history(world: World) -> None:
    gate = Gate()
    world.factory.then("fine", gate)
    await world.plugin.create_job("tick", "every 1s", "hello")
    await world.plugin.create_job("idle", "0 9 * * *", "hello")
    await world.plugin.start_background_execution()
    await world.advance(3)
    await world.plugin.clear_all_jobs()
    assert gate.cancelled
    assert (await names(world), await world.plugin.get_executions()) == ([], [])
    await world.advance(3)
    assert len(world.factory.contexts) == 2
    assert (await world.plugin.get_statistics()).total_jobs == 0
    await world.plugin.clear_all_jobs()
