"""An agent that makes jobs gets no further than its maker allows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agentcron import SchedulingLimits
from agentcron.agent_scheduling import AgentScheduling
from agentcron.domain.lifecycle import JobState
from agentcron.errors import InvalidJobError, NotAllowedError
from agentcron.ports import RunContext
from agentcron.scheduling_tools import scheduling_tools
from agentcron.testing import Environment, create_test_environment

DAILY = ("report", "0 9 * * *", "Write it")


def tools(env: Environment, agent: str | None = None) -> dict[str, Any]:
    return {tool.__name__: tool for tool in scheduling_tools(env.plugin, agent)}


async def in_a_run(tool: str, *arguments: Any, config: dict[str, Any] | None = None, **fields: Any) -> tuple[Any, Any]:
    """What the tool answered that a run of a job called, and the environment's jobs afterwards."""
    answers: list[Any] = []

    async with create_test_environment(**(config or {})) as env:

        async def work(prompt: str, context: RunContext) -> str:
            answers.append(await tools(env)[tool](*arguments))
            return "done"

        env.agent_factory.then(work)
        job_id = await env.plugin.create_job("maker", prompt="go", agent="work", **{"schedule": "0 9 * * *", **fields})
        await env.plugin.run_here(await env.plugin.run_job_now(job_id))
        return answers[0], {job.name: job for job in await env.plugin.get_jobs()}


@pytest.mark.parametrize(("tool", "arguments"), [("create_job", DAILY), ("list_jobs", ()), ("delete_job", ("maker",))])
async def test_the_tools_are_off_in_a_run_of_a_job_that_does_not_allow_them(tool: str, arguments: Any) -> None:
    answer, jobs = await in_a_run(tool, *arguments)
    assert "the scheduling tools are off in runs of the job 'maker'" in answer["error"]
    assert list(jobs) == ["maker"]


async def test_what_a_run_makes_has_its_jobs_definition_and_rules_and_may_not_schedule_itself() -> None:
    answer, jobs = await in_a_run(
        "create_job", *DAILY, None, 1, may_schedule=True, timeout="90s", tags=["bills"], max_runs=3,
        end_at="2026-01-09T00:00Z",
    )  # fmt: skip
    made, maker = jobs["report"], jobs["maker"]
    assert answer["id"] == made.id
    assert str(made.made_by).startswith(f"job:{maker.id}/")
    assert (made.agent, made.timeout) == ("work", timedelta(seconds=90))
    assert (made.may_schedule, made.tags, made.max_runs, maker.max_runs) == (False, ("bills",), 1, 2)
    assert made.spec.end_at == maker.spec.end_at


async def test_a_run_can_neither_see_nor_change_the_jobs_of_others() -> None:
    assert (await in_a_run("list_jobs", may_schedule=True))[0] == []
    answer, jobs = await in_a_run("delete_job", "maker", may_schedule=True)
    assert "was not made by this job's runs" in answer["error"]
    assert list(jobs) == ["maker"]


async def test_a_run_schedules_no_closer_than_its_own_job() -> None:
    answer, _ = await in_a_run("create_job", "x", "every 1h", "y", may_schedule=True)
    assert "agents may schedule every" in answer["error"]


async def test_which_run_made_a_job_is_kept() -> None:
    async with create_test_environment() as env:

        async def work(prompt: str, context: RunContext) -> str:
            await tools(env)["create_job"](*DAILY)
            return "done"

        env.agent_factory.then(work)
        job_id = await env.plugin.create_job("maker", "0 9 * * *", "go", may_schedule=True)
        run = await env.plugin.run_here(await env.plugin.run_job_now(job_id))
        assert (await env.plugin.find_job("report")).made_by == f"job:{job_id}/{run.id}"


async def test_a_run_gives_away_no_more_runs_than_its_job_has_left_and_says_how_many() -> None:
    answer, _ = await in_a_run("create_job", *DAILY, may_schedule=True, max_runs=3)
    assert "say how many of the 2 runs that 'maker' has left" in answer["error"]
    answer, _ = await in_a_run("create_job", *DAILY, None, 3, may_schedule=True, max_runs=3)
    assert "'maker' has 2 left, and 3 are asked for" in answer["error"]


async def test_what_a_run_left_behind_schedules_nothing_once_the_run_is_over() -> None:
    async with create_test_environment() as env:
        left: list[asyncio.Task[Any]] = []
        over = asyncio.Event()

        async def afterwards() -> Any:
            await over.wait()
            return await tools(env)["create_job"](*DAILY)

        async def work(prompt: str, context: RunContext) -> str:
            left.append(asyncio.create_task(afterwards()))
            return "done"

        env.agent_factory.then(work)
        job_id = await env.plugin.create_job("maker", "0 9 * * *", "go", may_schedule=True)
        await env.plugin.run_here(await env.plugin.run_job_now(job_id))
        over.set()
        assert "is not under way" in (await left[0])["error"]


async def test_a_job_whose_runs_schedule_has_no_budget_of_its_own_alone() -> None:
    async with create_test_environment() as env:
        with pytest.raises(InvalidJobError, match="give the job a tag, and the tag the budget"):
            await env.plugin.create_job(*DAILY, may_schedule=True, budgets="cost_usd=1,window=1d")


async def test_agents_choose_among_the_definitions_that_a_person_named() -> None:
    async with create_test_environment(scheduling=SchedulingLimits(agents=("small", "large"))) as env:
        may = AgentScheduling(env.plugin, "ada")
        assert (await may.create(*DAILY)).agent == "small"
        assert (await may.update("report", {"agent": "large"})).agent == "large"
        with pytest.raises(NotAllowedError, match="they are small, large"):
            await may.update("report", {"agent": "root"})


async def test_what_an_agent_edits_waits_for_consent_again() -> None:
    async with create_test_environment(scheduling=SchedulingLimits(approval=True)) as env:
        may = AgentScheduling(env.plugin, "ada")
        job = await may.create(*DAILY)
        with pytest.raises(NotAllowedError, match="consent"):
            await may.run_now(job.id)
        await env.plugin.resume_job(job.id)
        changed = await may.update(job.id, {"prompt": "Send it"})
        assert (changed.state, changed.state_reason) == (JobState.PAUSED, "approval")


async def test_a_run_that_an_agent_asks_for_is_one_of_the_jobs_runs() -> None:
    async with create_test_environment() as env:
        may = AgentScheduling(env.plugin, "ada")
        job = await may.create(*DAILY, max_runs=2)
        await env.plugin.run_here(await may.run_now(job.id))
        assert (await env.plugin.find_job(job.id)).max_runs == 1
        with pytest.raises(NotAllowedError, match="ran lately"):
            await may.run_now(job.id)
        with pytest.raises(NotAllowedError, match="its runs still count; cancel it instead"):
            await may.delete(job.id)
        await env.advance(61)
        with pytest.raises(NotAllowedError, match="one run left"):
            await may.run_now(job.id)
        assert (await may.delete(job.id)).id == job.id


async def test_a_second_call_with_the_same_key_answers_the_job_that_there_is() -> None:
    async with create_test_environment() as env:
        first = await tools(env, "ada")["create_job"](*DAILY, key="daily")
        assert await tools(env, "ada")["create_job"]("again", "0 8 * * *", "x", key="daily") == first
        assert (await tools(env, "bob")["create_job"](*DAILY, key="daily"))["id"] != first["id"]


async def test_a_key_that_holds_half_of_a_character_is_a_key_like_any_other() -> None:
    async with create_test_environment() as env:
        first = await env.plugin.create_job("one", "every 1h", "go", key="cut \ud83d")
        assert await env.plugin.create_job("two", "every 1h", "go", key="cut \ud83d") == first
        assert await env.plugin.create_job("three", "every 1h", "go", key="cut \ud83e") != first


async def test_with_approval_a_job_waits_until_a_person_resumes_it_and_no_agent_can() -> None:
    async with create_test_environment(scheduling=SchedulingLimits(approval=True)) as env:
        told = await tools(env)["create_job"](*DAILY)
        assert (told["status"], told["next_runs"]) == ("PAUSED", [])
        [job] = await env.plugin.get_jobs()
        assert job.state_reason == "approval"
        assert "waits for a person's consent" in (await tools(env)["resume_job"](job.id))["error"]
        assert await env.plugin.resume_job(job.id)
        assert (await env.plugin.get_jobs())[0].state is JobState.ACTIVE


async def test_two_calls_at_once_do_not_both_take_the_last_place() -> None:
    async with create_test_environment(scheduling=SchedulingLimits(jobs=1)) as env:
        told = await asyncio.gather(*(tools(env)["create_job"](*DAILY) for _ in range(2)))
        assert sum("error" in answer for answer in told) == 1
        assert "1 are allowed; cancel one" in str(told)


@pytest.mark.parametrize("limit", [{"jobs": 0}, {"max_runs": 0}, {"min_interval": timedelta(0)}])
def test_a_limit_that_allows_nothing_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(InvalidJobError, match=r"scheduling\."):
        SchedulingLimits(**limit)
