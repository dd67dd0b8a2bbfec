"""What the original plugin's README promises, one test for each sentence that promises something."""

from __future__ import annotations

import asyncio
import errno
import inspect
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import (
    Agent,
    AgentFactoryPlugin,
    AgentManagerPlugin,
    BackgroundJobsConfig,
    BackgroundJobsPlugin,
    CronSchedule,
    DateRange,
    Execution,
    ExecutionStatus,
    InvalidScheduleError,
    Job,
    JobFilters,
    JobStatistics,
    JobStatus,
    MemoryStorage,
    SqliteStorage,
    StorageFsPlugin,
    StoreUnavailable,
    get_logger,
)
from agentcron.domain.outcomes import AgentOutcome
from agentcron.domain.queries import ExecutionFilters
from agentcron.errors import AgentDefinitionError
from agentcron.testing import (
    Environment,
    Gate,
    MockStorage,
    create_mock_agent_factory,
    create_mock_storage_plugin,
    create_test_environment,
)

# A job as the original writes it.
GOOD = {"id": "job-1", "name": "Daily Report", "cronExpression": "0 9 * * *", "prompt": "Write it", "status": "waiting",
        "created": "2025-12-31T08:00:00.000Z", "executionHistory": []}  # fmt: skip
_E, _J = ExecutionStatus, JobStatus
NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
async def env() -> AsyncIterator[Environment]:
    """A started plugin at one minute to nine."""
    async with create_test_environment(start=NINE - timedelta(minutes=1)) as made:
        await made.plugin.start_background_execution()
        yield made


async def stored(env: Environment, job_id: str) -> Job:
    job = await env.plugin.get_job(job_id)
    assert job is not None
    return job


# --- Features ---------------------------------------------------------------------------------------------------------


async def test_feature_cron_based_scheduling(env: Environment) -> None:
    job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
    await env.advance(59)
    assert await env.runs(job_id) == []
    await env.advance(1)
    [run] = await env.runs(job_id)
    assert run.scheduled_for == NINE


async def test_feature_autonomous_agent_execution(env: Environment) -> None:
    for name in ("one", "two"):
        await env.plugin.create_job(name, "0 9 * * *", "Write it")
    await env.advance(60)
    assert sorted(run.agent_id or "" for run in await env.runs()) == ["fake-1", "fake-2"]


STORES: list[Callable[[Path], Any]] = [lambda path: SqliteStorage(path / "jobs.sqlite"), StorageFsPlugin]


@pytest.mark.parametrize("store", STORES, ids=["sqlite", "json"])
async def test_feature_persistent_storage_with_execution_history(tmp_path: Path, store: Callable[[Path], Any]) -> None:
    def make() -> Environment:
        return create_test_environment(storage_plugin=store(tmp_path))

    async with make() as env:
        job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it")
        await env.plugin.start_background_execution()
        await env.advance(121)
        before = await stored(env, job_id)
    async with make() as env:
        assert await stored(env, job_id) == before
        assert len(before.execution_history) == 2


async def test_feature_real_time_management(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it")
    await env.advance(60)
    assert await env.plugin.update_job(job_id, prompt="Write it well")
    await env.advance(60)
    assert env.agent_factory.prompts == ["Write it", "Write it well"]
    assert await env.plugin.pause_job(job_id)
    await env.advance(120)
    assert await env.plugin.resume_job(job_id)
    await env.advance(60)
    assert len(env.agent_factory.prompts) == 3
    assert await env.plugin.cancel_job(job_id)
    assert await env.plugin.delete_job(job_id)
    await env.advance(120)
    assert len(env.agent_factory.prompts) == 3


async def test_feature_execution_history_with_conversation_links(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it")
    await env.advance(60)
    [run] = (await stored(env, job_id)).execution_history
    conversation = await env.plugin.get_conversation(run.id)
    assert conversation is not None
    assert [turn["text"] for turn in conversation.native] == ["Write it", "done"]


async def test_feature_graceful_resource_management(env: Environment) -> None:
    gate = Gate()
    env.agent_factory.then(gate)
    await env.plugin.create_job("Tick", "* * * * *", "Write it")
    await env.advance(60)
    await env.plugin.stop_background_execution(grace=timedelta(0))
    assert (gate.cancelled, env.agent_factory.live) == (True, 0)
    assert not await env.plugin.scheduler_alive()


async def test_feature_configurable_logging(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mine")
    with caplog.at_level(logging.INFO, "mine"):
        async with create_test_environment(logger=logger) as env:
            await env.plugin.create_job("Tick", "* * * * *", "Write it")
    assert [(record.name, record.getMessage()[:31]) for record in caplog.records] == [
        ("mine", "[background-jobs] created Tick ")
    ]


async def test_feature_a_custom_logger_gets_the_lines_of_the_storage_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "background-jobs").mkdir()
    (tmp_path / "background-jobs" / "jobs.json").write_text(json.dumps([GOOD, {"id": "bad"}]))
    plugin = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(tmp_path), logger=logging.getLogger("mine"))
    assert len(await plugin.get_jobs()) == 1
    await plugin.close()
    assert [record.name for record in caplog.records if "is set aside" in record.getMessage()] == ["mine"]


METHODS = {
    "start_background_execution": [],
    "stop_background_execution": [],
    "create_job": ["name", "schedule", "prompt"],
    "get_job": ["job_id"],
    "get_jobs": ["filters"],
    "update_job": ["job_id", "updates"],
    "delete_job": ["job_id"],
    "pause_job": ["job_id"],
    "resume_job": ["job_id"],
    "cancel_job": ["job_id"],
    "get_statistics": [],
    "force_evaluation": [],
    "clear_all_jobs": [],
}


@pytest.mark.parametrize("name", METHODS)
def test_feature_comprehensive_api(name: str) -> None:
    method = getattr(BackgroundJobsPlugin, name)
    assert inspect.iscoroutinefunction(method)
    assert inspect.getdoc(method)
    assert list(inspect.signature(method).parameters)[1 : 1 + len(METHODS[name])] == METHODS[name]


# --- Quick Start ------------------------------------------------------------------------------------------------------


async def test_basic_usage_creates_a_job_and_answers_its_id(tmp_path: Path) -> None:
    plugin = BackgroundJobsPlugin(
        storage_plugin=SqliteStorage(tmp_path / "jobs.sqlite"),
        agent_factory=AgentFactoryPlugin(default_definition="echo"),
        agent_manager=None,
        logger=get_logger(),
        evaluation_interval_ms=1000,
    )
    await plugin.start_background_execution()
    job_id = await plugin.create_job("Daily Report", "0 9 * * *", "Generate and save a daily status report")
    assert [job.id for job in await plugin.get_jobs()] == [job_id]
    await plugin.close()


async def test_job_management_examples_find_all_jobs_and_some(env: Environment) -> None:
    env.agent_factory.then(Gate())
    running = await env.plugin.create_job("Tick", "* * * * *", "x")
    report = await env.plugin.create_job("Daily Report", "0 10 * * *", "x")
    paused = await env.plugin.create_job("Weekly report", "0 9 * * 1", "x")
    await env.plugin.pause_job(paused)
    await env.advance(60)

    async def found(filters: JobFilters | None = None) -> list[str]:
        return [job.id for job in await env.plugin.get_jobs(filters)]

    assert await found() == [running, report, paused]
    assert await found(JobFilters(status=[_J.RUNNING, _J.WAITING])) == [running, report]
    assert await found(JobFilters(name_contains="report")) == [report, paused]
    assert (await stored(env, report)).name == "Daily Report"


async def test_advanced_usage_get_execution_statistics(env: Environment) -> None:
    env.agent_factory.then("fine", Gate())
    await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.plugin.create_job("Daily Report", "0 23 * * *", "x")
    await env.advance(120)
    figures = await env.plugin.get_statistics()
    assert (figures.total_jobs, figures.running_jobs) == (2, 1)
    assert (figures.total_executions, figures.executions_by_status[_E.RUNNING], figures.success_rate) == (1, 1, 1.0)


async def test_advanced_usage_force_job_evaluation_useful_for_testing() -> None:
    async with create_test_environment(start=NINE - timedelta(minutes=1)) as env:
        job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
        await env.plugin.force_evaluation()
        assert await env.runs(job_id) == []
        env.clock.set(NINE)
        await env.plugin.force_evaluation()
        assert [run.status for run in await env.runs(job_id)] == [_E.SUCCESS]


async def test_advanced_usage_update_a_jobs_cron_expression(env: Environment) -> None:
    job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
    assert await env.plugin.update_job(job_id, {"cron_expression": "0 */2 * * *"})
    job = await stored(env, job_id)
    assert (job.cron_expression, job.next_run) == ("0 */2 * * *", NINE + timedelta(hours=1))


async def test_advanced_usage_clear_all_jobs(env: Environment) -> None:
    await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
    await env.plugin.clear_all_jobs()
    assert await env.plugin.get_jobs() == []


# --- CRON Expression Format -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8"]
)
def test_cron_format_field_ranges(bad: str) -> None:
    with pytest.raises(InvalidScheduleError, match="out of range"):
        CronSchedule(bad)


@pytest.mark.parametrize("good", ["0 0 1 1 0", "59 23 31 12 7", "* * * * *"])
def test_cron_format_limits_are_included(good: str) -> None:
    assert CronSchedule(good).next_after(NINE) is not None


def test_cron_format_sunday_is_0_or_7() -> None:
    sunday = datetime(2026, 1, 4, 9, tzinfo=UTC)
    assert [CronSchedule(f"0 9 * * {day}").next_after(NINE) for day in (0, 7)] == [sunday, sunday]


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("0 9 * * *", datetime(2026, 1, 2, 9, tzinfo=UTC)),
        ("*/15 * * * *", datetime(2026, 1, 1, 9, 15, tzinfo=UTC)),
        ("0 */2 * * *", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("0 9 * * 1", datetime(2026, 1, 5, 9, tzinfo=UTC)),
        ("0 9 1 * *", datetime(2026, 2, 1, 9, tzinfo=UTC)),
        ("0 9 1 1 *", datetime(2027, 1, 1, 9, tzinfo=UTC)),
    ],
)
def test_cron_format_common_examples(expression: str, following: datetime) -> None:
    assert CronSchedule(expression).next_after(NINE) == following


# --- Data Structure ---------------------------------------------------------------------------------------------------


async def test_job_data_has_every_field(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it", metadata={"team": "ops"})
    job = await stored(env, job_id)
    assert (job.id, job.name, job.cron_expression, job.prompt) == (job_id, "Tick", "* * * * *", "Write it")
    assert (job.status, job.created, job.last_run, job.next_run) == (_J.WAITING, env.clock.now(), None, NINE)
    assert (job.execution_history, job.metadata) == ((), {"team": "ops"})
    await env.advance(60)
    job = await stored(env, job_id)
    assert (job.last_run, job.next_run) == (NINE, NINE + timedelta(minutes=1))
    assert len(job.execution_history) == 1


async def test_job_execution_has_every_field(env: Environment) -> None:
    env.agent_factory.then("The report", ValueError("broken"))
    job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it")
    await env.advance(120)
    failed, fine = (await stored(env, job_id)).execution_history
    assert fine.id != failed.id
    assert (fine.agent_id, fine.start_time, fine.end_time) == ("fake-1", NINE, NINE)
    assert (fine.status, fine.prompt, fine.result, fine.error) == (_E.SUCCESS, "Write it", "The report", None)
    assert failed.error == "ValueError: broken"


async def test_job_status_waiting_is_scheduled_and_waits(env: Environment) -> None:
    assert (await stored(env, await env.plugin.create_job("Tick", "* * * * *", "x"))).status is _J.WAITING


async def test_job_status_running_is_currently_executing(env: Environment) -> None:
    env.agent_factory.then(Gate())
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    assert (await stored(env, job_id)).status is _J.RUNNING


async def test_job_status_paused_is_temporary(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.plugin.pause_job(job_id)
    assert (await stored(env, job_id)).status is _J.PAUSED
    await env.plugin.resume_job(job_id)
    assert (await stored(env, job_id)).status is _J.WAITING


async def test_job_status_canceled_is_for_good(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.plugin.cancel_job(job_id)
    assert (await stored(env, job_id)).status is _J.CANCELED
    assert not await env.plugin.resume_job(job_id)


async def test_job_status_completed_has_finished_all_scheduled_executions(env: Environment) -> None:
    job_id = await env.plugin.create_job("Twice", "* * * * *", "x", max_runs=2)
    await env.advance(240)
    assert (await stored(env, job_id)).status is _J.COMPLETED
    assert len(await env.runs(job_id)) == 2


async def test_execution_status_pending_is_queued() -> None:
    async with create_test_environment() as env:
        job_id = await env.plugin.create_job("Tick", "0 9 * * *", "x")
        run = await env.plugin.get_execution(await env.plugin.run_job_now(job_id))
        assert run is not None
        assert run.status is _E.PENDING


async def test_execution_status_running_is_in_progress(env: Environment) -> None:
    env.agent_factory.then(Gate())
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    assert [run.status for run in await env.runs(job_id)] == [_E.RUNNING]


@pytest.mark.parametrize(
    ("act", "status"),
    [
        ("fine", _E.SUCCESS),
        (AgentOutcome(output="", failed="the site is down"), _E.FAILURE),
        (ValueError("broken"), _E.ERROR),
    ],
)
async def test_execution_status_success_failure_error(act: Any, status: ExecutionStatus, env: Environment) -> None:
    env.agent_factory.then(act)
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    assert [run.status for run in await env.runs(job_id)] == [status]


async def test_execution_status_incomplete_was_interrupted(env: Environment) -> None:
    env.agent_factory.then(Gate())
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x", timeout="3s")
    await env.advance(60)
    assert await env.plugin.cancel_execution((await env.runs(job_id))[0].id)
    await env.advance(1)
    assert [run.status for run in await env.runs(job_id)] == [_E.INCOMPLETE]


# --- API Reference ----------------------------------------------------------------------------------------------------


async def test_api_answers_have_the_types_that_are_told(env: Environment) -> None:
    job_id: object = await env.plugin.create_job("Tick", "0 9 * * *", "x")
    assert isinstance(job_id, str)
    assert isinstance(await env.plugin.get_job(job_id), Job)
    assert await env.plugin.get_job("unknown") is None
    assert all(isinstance(job, Job) for job in await env.plugin.get_jobs())
    assert isinstance(await env.plugin.get_statistics(), JobStatistics)
    changes: list[Callable[[str], Awaitable[bool]]] = [
        env.plugin.pause_job, env.plugin.resume_job, env.plugin.cancel_job, env.plugin.delete_job,
    ]  # fmt: skip
    assert [await change(job_id) for change in changes] == [True] * 4
    assert [await change(job_id) for change in changes] == [False] * 4


async def test_api_starting_and_stopping_twice_is_once(env: Environment) -> None:
    await env.plugin.start_background_execution()
    assert len([node for node in await env.plugin.get_nodes() if node.alive]) == 1
    await env.plugin.stop_background_execution()
    await env.plugin.stop_background_execution()


@pytest.mark.parametrize(
    "filters",
    [
        JobFilters(status=[_J.PAUSED]),
        JobFilters(name_contains="report"),
        JobFilters(cron_pattern="0 9"),
        JobFilters(date_range=DateRange(start="2026-01-01T08:59", end="2026-01-01T08:59:30")),
    ],
)
async def test_api_job_filtering(filters: JobFilters, env: Environment) -> None:
    job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "x")
    await env.plugin.pause_job(job_id)
    await env.advance(45)
    await env.plugin.create_job("Backup", "0 2 * * *", "x")
    assert [job.id for job in await env.plugin.get_jobs(filters)] == [job_id]


# --- Plugin Integration -----------------------------------------------------------------------------------------------


async def test_agent_core_plugin_initializes_automatically_with_the_agent() -> None:
    env = create_test_environment(start=NINE - timedelta(minutes=1))
    async with Agent("my-agent") as agent:
        await agent.add_plugin(env.plugin)
        await agent.tools["create_job"]("Daily Report", "0 9 * * *", "Write it")
        await env.advance(60)
        assert [run.status for run in await env.runs()] == [_E.SUCCESS]


async def test_storage_fs_creates_a_file_of_jobs_and_one_file_for_each_execution(tmp_path: Path) -> None:
    home = tmp_path / "background-jobs"
    async with create_test_environment(storage_plugin=StorageFsPlugin(tmp_path)) as env:
        job_id = await env.plugin.create_job("Tick", "* * * * *", "Write it")
        await env.plugin.start_background_execution()
        await env.advance(121)
        runs = await env.runs(job_id)
    jobs = json.loads((home / "jobs.json").read_text("utf-8"))
    [job] = jobs if isinstance(jobs, list) else jobs.values()
    assert (job["id"], job["cronExpression"]) == (job_id, "* * * * *")
    names = {path.name for path in (home / "executions").iterdir()}
    assert names >= {f"{job_id}-{run.id}.json" for run in runs}
    assert len(runs) == 2


async def test_storage_fs_uses_a_directory_of_that_name_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "data" / "background-jobs"
    async with create_test_environment(storage_plugin=StorageFsPlugin(home)) as env:
        await env.plugin.run_job_now(await env.plugin.create_job("Tick", "0 9 * * *", "Write it"))
        await env.plugin.force_evaluation()
    assert {path.name for path in home.iterdir()} >= {"jobs.json", "executions"}
    assert not (home / "background-jobs").exists()


async def test_agent_factory_each_execution_creates_a_dedicated_agent(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(180)
    agents = [run.agent_id for run in await env.runs(job_id)]
    assert len(agents) == len(set(agents)) == 3


@pytest.mark.parametrize("act", ["fine", ValueError("broken")])
async def test_agent_factory_agents_are_automatically_cleaned_up_after_execution(act: Any, env: Environment) -> None:
    env.agent_factory.then(act)
    await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    assert (env.agent_factory.live, env.agent_factory.closed) == (0, ["fake-1"])


def test_agent_factory_options() -> None:
    factory = AgentFactoryPlugin(default_definition="background-job", max_concurrent_agents=10)
    assert (factory.default_definition, factory.max_concurrent_agents) == ("background-job", 10)


async def test_agent_manager_is_optional_and_knows_the_live_agents() -> None:
    manager = AgentManagerPlugin()
    async with create_test_environment(agent_manager=manager, start=NINE - timedelta(minutes=1)) as env:
        env.agent_factory.then(Gate())
        await env.plugin.create_job("Tick", "* * * * *", "x")
        await env.plugin.start_background_execution()
        await env.advance(60)
        assert [agent.agent_id for agent in manager.list_agents()] == ["fake-1"]


# --- Testing ----------------------------------------------------------------------------------------------------------


async def test_mock_strategy_needs_no_real_dependencies() -> None:
    factory = create_mock_agent_factory()
    factory.then("mocked")
    plugin = BackgroundJobsPlugin(storage_plugin=create_mock_storage_plugin(), agent_factory=factory)
    await plugin.run_job_now(await plugin.create_job("Tick", "0 9 * * *", "x"))
    await plugin.force_evaluation()
    assert [run.result for run in await plugin.get_executions()] == ["mocked"]
    await plugin.close()


# --- Architecture -----------------------------------------------------------------------------------------------------


def test_architecture_cron_utilities_parse_and_validate() -> None:
    schedule = CronSchedule("*/15 9-17 * * MON-FRI", "Europe/Berlin")
    assert (schedule.expression, schedule.timezone) == ("*/15 9-17 * * MON-FRI", "Europe/Berlin")
    assert schedule.next_after(NINE) == NINE + timedelta(minutes=15)
    with pytest.raises(InvalidScheduleError, match="hour: 25 is out of range"):
        CronSchedule("0 25 * * *")


async def test_data_flow_from_a_stored_job_to_a_stored_result(env: Environment) -> None:
    env.agent_factory.then("the report")
    job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "Write it")
    assert await env.storage.get_job(job_id) is not None
    assert env.agent_factory.contexts == []
    await env.advance(60)
    assert [context.job_id for context in env.agent_factory.contexts] == [job_id]
    assert env.agent_factory.prompts == ["Write it"]
    page = await env.storage.list_executions(ExecutionFilters(job_id=job_id), 10)
    assert [(run.status, run.result) for run in page.items] == [(_E.SUCCESS, "the report")]


async def test_data_flow_a_change_by_another_process_is_seen_within_a_second() -> None:
    storage = MemoryStorage()
    env = create_test_environment(storage_plugin=storage)
    async with env, create_test_environment(storage_plugin=storage) as other:
        await env.plugin.start_background_execution()
        await env.advance(10)
        other.clock.set(env.clock.now())
        await other.plugin.create_job("Now", "* * * * * *", "x")
        await env.advance(2)
        assert len(await env.runs()) >= 1


async def test_data_flow_jobs_return_to_waiting_with_their_next_run(env: Environment) -> None:
    job_id = await env.plugin.create_job("Daily Report", "0 9 * * *", "x")
    await env.advance(60)
    job = await stored(env, job_id)
    assert (job.status, job.next_run) == (_J.WAITING, NINE + timedelta(days=1))


# --- Configuration ----------------------------------------------------------------------------------------------------


def test_configuration_evaluation_interval_is_1000_ms_by_default() -> None:
    assert BackgroundJobsConfig().evaluation_interval_ms == 1000


def test_configuration_object_and_keywords_are_two_ways_to_the_same_plugin() -> None:
    storage, factory = MemoryStorage(), AgentFactoryPlugin(default_definition="echo")
    config = BackgroundJobsConfig(storage_plugin=storage, agent_factory=factory)
    assert (
        BackgroundJobsPlugin(config).config
        == BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory).config
    )
    with pytest.raises(TypeError, match="not both"):
        BackgroundJobsPlugin(config, storage_plugin=storage)


async def test_performance_the_evaluation_interval_is_how_soon_other_processes_are_noticed() -> None:
    storage = MemoryStorage()
    env = create_test_environment(storage_plugin=storage, evaluation_interval_ms=30_000)
    async with env, create_test_environment(storage_plugin=storage) as other:
        await env.plugin.start_background_execution()
        await env.advance(31)
        other.clock.set(env.clock.now())
        await other.plugin.create_job("Now", "* * * * * *", "x", catch_up="all")
        await env.advance(20)
        assert await env.runs() == []
        await env.advance(12)
        assert len(await env.runs()) >= 1


async def test_performance_concurrent_jobs_are_limited_by_max_concurrent_agents() -> None:
    gate, lived = asyncio.Event(), []

    async def wait(prompt: str) -> str:
        lived.append(factory.living)
        await gate.wait()
        return "done"

    factory = AgentFactoryPlugin({"background-job": {"kind": "python", "callable": wait}}, max_concurrent_agents=2)
    async with BackgroundJobsPlugin(storage_plugin=MemoryStorage(), agent_factory=factory) as plugin:
        asked = []
        for number in range(5):
            asked.append(await plugin.run_job_now(await plugin.create_job(f"job {number}", "0 9 * * *", "x")))
        async with asyncio.timeout(10):
            while len(lived) < 2:
                await asyncio.sleep(0.01)
        gate.set()
        for execution_id in asked:
            await plugin.wait_for_execution(execution_id, timedelta(milliseconds=5))
    assert (len(lived), max(lived)) == (5, 2)


async def test_performance_jobs_are_saved_after_each_modification(tmp_path: Path) -> None:
    async with create_test_environment(storage_plugin=SqliteStorage(tmp_path / "jobs.sqlite")) as env:
        job_id = await env.plugin.create_job("Tick", "0 9 * * *", "x")
        for prompt in ("one", "two"):
            await env.plugin.update_job(job_id, prompt=prompt)
            async with create_test_environment(storage_plugin=SqliteStorage(tmp_path / "jobs.sqlite")) as other:
                assert (await stored(other, job_id)).prompt == prompt


async def test_performance_a_job_carries_its_last_50_executions_and_the_store_all(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "every 1s", "x")
    await env.advance(55)
    assert len((await stored(env, job_id)).execution_history) == 50
    assert len(await env.plugin.get_executions(job_id, limit=1000)) == 55


# --- Error Handling ---------------------------------------------------------------------------------------------------


async def test_error_invalid_cron_expression_is_thrown_during_job_creation(env: Environment) -> None:
    with pytest.raises(InvalidScheduleError, match="minute: 61 is out of range"):
        await env.plugin.create_job("Bad", "61 * * * *", "x")
    assert await env.plugin.get_jobs() == []


async def test_error_storage_failures_are_gracefully_handled_with_logging(
    env: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(env.storage, MockStorage)
    await env.plugin.create_job("Tick", "* * * * *", "x")
    with caplog.at_level(logging.ERROR, "agentcron"):
        env.storage.failure = StoreUnavailable("the disk is full")
        await env.advance(30)
        told = [record.getMessage() for record in caplog.records]
        assert any("the disk is full" in line for line in told)
        assert len(told) <= 2
        env.storage.failure = None
        await env.advance(30)
    assert [run.status for run in await env.runs()] == [_E.SUCCESS]


async def test_error_agent_creation_failures_are_retried_and_then_marked(env: Environment) -> None:
    env.agent_factory.fail_creation.extend([OSError("no room")] * 2)
    await env.plugin.create_job("Tick", "*/2 * * * *", "x", start_at="2026-01-01T09:00")
    await env.advance(70)
    assert [run.status for run in await env.runs()] == [_E.SUCCESS]
    env.agent_factory.fail_creation.extend([OSError("no room")] * 3)
    await env.advance(120)
    run = (await env.runs())[-1]
    assert (run.status, "could not be created (3 attempts): no room" in (run.error or "")) == (_E.ERROR, True)


async def test_error_agent_execution_failures_are_captured_in_execution_history(env: Environment) -> None:
    env.agent_factory.then(ValueError("broken"))
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    [run] = (await stored(env, job_id)).execution_history
    assert (run.status, run.error) == (_E.ERROR, "ValueError: broken")


async def test_recovery_jobs_with_failed_executions_remain_scheduled_for_next_run(env: Environment) -> None:
    env.agent_factory.then(ValueError("broken"))
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(120)
    assert [run.status for run in await env.runs(job_id)] == [_E.ERROR, _E.SUCCESS]


async def test_recovery_storage_errors_do_not_affect_job_state(env: Environment) -> None:
    assert isinstance(env.storage, MockStorage)
    job_id = await env.plugin.create_job("Tick", "0 9 * * *", "x")
    before = await stored(env, job_id)
    env.storage.failure = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await env.plugin.pause_job(job_id)
    env.storage.failure = None
    assert await stored(env, job_id) == before


@pytest.mark.parametrize("store", STORES, ids=["sqlite", "json"])
async def test_recovery_plugin_can_be_restarted_without_losing_job_definitions(
    tmp_path: Path, store: Callable[[Path], Any]
) -> None:
    def make() -> Environment:
        return create_test_environment(storage_plugin=store(tmp_path))

    async with make() as env:
        env.agent_factory.then(Gate())
        ids = [await env.plugin.create_job(f"job {number}", "* * * * *", "x") for number in range(3)]
        await env.plugin.start_background_execution()
        await env.advance(60)
    async with make() as env:
        assert [job.id for job in await env.plugin.get_jobs()] == ids
        assert sorted(run.status for run in await env.runs()) == [_E.INCOMPLETE, _E.SUCCESS, _E.SUCCESS]


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "bad"},
        {**GOOD, "id": "bad", "cronExpression": "61 * * * *"},
        {**GOOD, "id": "bad", "status": "asleep"},
        7,
    ],
    ids=["hardly anything", "expression", "status", "no object"],
)
async def test_recovery_corrupted_job_data_is_logged_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: Any
) -> None:
    home = tmp_path / "background-jobs"
    home.mkdir()
    (home / "jobs.json").write_text(json.dumps([bad, GOOD]))
    start = NINE - timedelta(minutes=1)
    async with create_test_environment(storage_plugin=StorageFsPlugin(tmp_path), start=start) as env:
        await env.plugin.start_background_execution()
        await env.advance(61)
        assert [job.id for job in await env.plugin.get_jobs()] == ["job-1"]
        assert _E.SUCCESS in [run.status for run in await env.runs("job-1")]
    assert len([line for line in caplog.messages if "job 0" in line and "is set aside" in line]) == 1
    [kept] = (home / "corrupt").iterdir()
    assert json.loads(kept.read_text()) == bad


async def test_recovery_corrupted_execution_data_is_logged_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "background-jobs"
    (home / "executions").mkdir(parents=True)
    (home / "jobs.json").write_text(json.dumps([GOOD]))
    (home / "executions" / "job-1-exec-1.json").write_text('{"id": "exec-1", "sta')
    async with create_test_environment(storage_plugin=StorageFsPlugin(tmp_path)) as env:
        assert (await stored(env, "job-1")).execution_history == ()
    assert [line for line in caplog.messages if "job-1-exec-1.json: is set aside" in line]


# --- Best Practices and Troubleshooting -------------------------------------------------------------------------------


async def test_best_practice_idempotent_prompts_are_helped_by_a_key_for_each_slot(env: Environment) -> None:
    job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
    await env.advance(60)
    assert [context.idempotency_key for context in env.agent_factory.contexts] == [f"{job_id}:{NINE.isoformat()}"]


async def test_best_practice_overlapping_executions_are_avoided(env: Environment) -> None:
    gate = Gate()
    env.agent_factory.then(gate)
    job_id = await env.plugin.create_job("Slow", "* * * * *", "x")
    await env.advance(200)
    assert len(env.agent_factory.contexts) == 1
    gate.opened.set()
    await env.advance(1)
    rows: list[Execution] = await env.runs(job_id, include_skipped=True)
    assert [(row.status, row.reason) for row in rows] == [(_E.SUCCESS, None), *[(_E.SKIPPED, "overlap")] * 2]


def test_best_practice_cron_expressions_can_be_tested_before_use() -> None:
    plugin = BackgroundJobsPlugin(storage_plugin="memory:")
    slots = plugin.preview("0 9 * * 1", count=2, after=NINE)
    assert slots == [datetime(2026, 1, day, 9, tzinfo=UTC) for day in (5, 12)]


async def test_best_practice_stop_on_exit_ends_what_runs(env: Environment) -> None:
    env.agent_factory.then(Gate())
    job_id = await env.plugin.create_job("Slow", "* * * * *", "x")
    await env.advance(60)
    await env.plugin.stop_background_execution()
    assert [(run.status, run.reason) for run in await env.runs(job_id)] == [(_E.INCOMPLETE, "shutdown")]


async def test_troubleshooting_jobs_do_not_execute_until_background_execution_is_started() -> None:
    async with create_test_environment(start=NINE - timedelta(minutes=1)) as env:
        job_id = await env.plugin.create_job("Tick", "* * * * *", "x")
        await env.advance(120)
        assert await env.runs(job_id) == []
        told = await env.plugin.explain(job_id, NINE)
        assert "no scheduler has looked" in told.sentence


async def test_troubleshooting_storage_errors_name_the_place_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, remedy in ((errno.EACCES, "check the permissions"), (errno.ENOSPC, "free some space")):
        plugin = BackgroundJobsPlugin(
            storage_plugin=StorageFsPlugin(tmp_path), agent_factory=create_mock_agent_factory()
        )
        await plugin.create_job("first", "0 9 * * *", "x")

        def refuses(*words: Any, code: int = code) -> int:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuses)
            with pytest.raises(StoreUnavailable, match=rf"background-jobs.*agentcron\.jsonl: .*{remedy}"):
                await plugin.create_job("second", "0 9 * * *", "x")
        assert await plugin.create_job("third", "0 9 * * *", "x")
        await plugin.close()


async def test_troubleshooting_the_storage_is_initialized_on_first_use(tmp_path: Path) -> None:
    plugin = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(tmp_path / "deep" / "data"))
    assert await plugin.get_jobs() == []
    await plugin.close()


async def test_troubleshooting_an_agent_definition_that_does_not_exist_is_refused_when_the_job_is_made() -> None:
    plugin = BackgroundJobsPlugin(
        storage_plugin=MemoryStorage(), agent_factory=AgentFactoryPlugin(default_definition="echo")
    )
    with pytest.raises(AgentDefinitionError, match="there is no agent"):
        await plugin.create_job("Tick", "* * * * *", "x", agent="nobody")


async def test_debug_mode_gives_a_custom_logger_detailed_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mine"):
        caplog.handler.setLevel(logging.DEBUG)
        async with create_test_environment(logger=logging.getLogger("mine"), debug=True) as env:
            await env.plugin.create_job("Tick", "* * * * *", "x")
            await env.plugin.start_background_execution()
            await env.advance(60)
    assert any("(on time); next slot" in record.getMessage() for record in caplog.records)
