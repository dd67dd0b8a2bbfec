"""What an agent can do about schedules, and what it is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from agentcron import SchedulingLimits, background_jobs_toolset
from agentcron.errors import StoreUnavailable
from agentcron.scheduling_tools import LONGEST_TEXT, scheduling_tools
from agentcron.testing import Environment, MockStorage, create_test_environment

OFTEN = SchedulingLimits(min_interval=timedelta(seconds=1))


def tools(env: Environment) -> dict[str, Any]:
    return {tool.__name__: tool for tool in scheduling_tools(env.plugin)}


async def test_a_created_job_is_told_with_its_schedule_in_words_and_its_next_runs() -> None:
    async with create_test_environment() as env:
        told = await tools(env)["create_job"]("Daily Report", "0 9 * * *", "Write it", "Europe/Berlin")
        [job] = await env.plugin.get_jobs()
        assert told == {
            "id": job.id,
            "name": "Daily Report",
            "status": "WAITING",
            "schedule": "at 09:00, every day (Europe/Berlin)",
            "next_runs": [f"2026-01-0{day}T09:00:00+01:00 (Europe/Berlin)" for day in (1, 2, 3)],
        }


async def test_every_answer_is_json_as_it_stands() -> None:
    async with create_test_environment(scheduling=OFTEN) as env:
        call = tools(env)
        answers = [await call["create_job"]("tick", "every 1s", "hello", None)]
        await env.plugin.start_background_execution()
        await env.advance(2)
        answers += [await call[name]("tick") for name in ("pause_job", "resume_job", "job_history")]
        answers += [await call["list_jobs"]()]
        answers += [await call["cancel_job"]("tick")]
        await env.advance(1)
        answers += [await call["delete_job"]("tick")]
        assert json.loads(json.dumps(answers)) == answers
        assert not [answer for answer in answers if "error" in answer]


async def test_a_job_is_named_by_id_name_or_beginning_of_an_id() -> None:
    async with create_test_environment() as env:
        call = tools(env)
        job_id = (await call["create_job"]("one", "0 9 * * *", "x"))["id"]
        for given in (job_id, "one", job_id[:8]):
            assert (await call["pause_job"](given))["status"] == "PAUSED"


async def test_the_list_can_be_narrowed_by_name() -> None:
    async with create_test_environment() as env:
        call = tools(env)
        for name in ("Daily report", "Backup"):
            await call["create_job"](name, "0 9 * * *", "x")
        assert [job["name"] for job in await call["list_jobs"]("REPORT")] == ["Daily report"]
        assert len(await call["list_jobs"]()) == 2


async def test_the_history_tells_answers_and_errors_newest_first_and_shortens_long_ones() -> None:
    async with create_test_environment(scheduling=OFTEN) as env:
        call = tools(env)
        env.agent_factory.then(ValueError("broken"), "x" * (LONGEST_TEXT + 5))
        await call["create_job"]("tick", "every 1s", "hello")
        await env.plugin.start_background_execution()
        await env.advance(2)
        newest, oldest = await call["job_history"]("tick", limit=10)
        assert (oldest["status"], oldest["error"], oldest["result"]) == ("ERROR", "ValueError: broken", "")
        assert newest["result"].endswith("x… (5 more characters)")
        assert newest["scheduled_for"] == "2026-01-01T00:00:02+00:00 (UTC)"
        assert len(await call["job_history"]("tick", limit=-3)) == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("create_job", ("x", "61 * * * *", "y"), "the job was not created: "),
        ("create_job", ("x", "* * * * *", " "), "prompt: is empty"),
        ("create_job", ("x", "* * * * *", "y", "Mars/Base"), "Mars/Base"),
        ("pause_job", ("nowhere",), "nothing was paused: job 'nowhere' is unknown"),
        ("resume_job", ("over",), "nothing was resumed: job 'over' is CANCELED; it cannot be resumed"),
        ("cancel_job", ("same",), "ambiguous"),
        ("delete_job", ("nowhere",), "nothing was deleted: job 'nowhere' is unknown"),
        ("job_history", ("nowhere",), "the history cannot be shown: job 'nowhere' is unknown"),
    ],
)
async def test_an_error_is_a_text_that_says_what_is_wrong(tool: str, arguments: tuple[str, ...], told: str) -> None:
    async with create_test_environment() as env:
        for name in ("same", "same", "over"):
            last = await env.plugin.create_job(name, "0 9 * * *", "x")
        await env.plugin.cancel_job(last)
        answer = await tools(env)[tool](*arguments)
        assert list(answer) == ["error"]
        assert told in answer["error"]


async def test_a_store_that_fails_is_told_as_no_fault_of_the_call() -> None:
    async with create_test_environment() as env:
        assert isinstance(env.storage, MockStorage)
        env.storage.failure = StoreUnavailable("the disk is full")
        for answer in (await tools(env)["list_jobs"](), await tools(env)["create_job"]("x", "0 9 * * *", "y")):
            assert "the disk is full; this is no fault of the call" in answer["error"]


async def test_an_agent_of_pydantic_ai_creates_a_job_with_the_toolset() -> None:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    shown: list[AgentInfo] = []

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        shown.append(info)
        returned = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if returned:
            return ModelResponse(parts=[TextPart(f"scheduled {returned[0].content['schedule']}")])
        wanted = {"name": "Daily Report", "schedule": "0 9 * * *", "prompt": "Write it", "timezone": "Europe/Paris"}
        return ModelResponse(parts=[ToolCallPart("create_job", wanted)])

    async with create_test_environment() as env:
        agent = Agent(FunctionModel(model), toolsets=[background_jobs_toolset(env.plugin)])
        answer = await agent.run("Write me a report every morning")
        assert answer.output == "scheduled at 09:00, every day (Europe/Paris)"
        [job] = await env.plugin.get_jobs()
        assert (job.name, job.timezone, job.prompt) == ("Daily Report", "Europe/Paris", "Write it")
    defined = {tool.name: tool for tool in shown[0].function_tools}
    assert set(defined) == {tool.__name__ for tool in scheduling_tools(env.plugin)}
    for tool in defined.values():
        assert tool.description
        for parameter in tool.parameters_json_schema["properties"].values():
            assert parameter["description"]
    assert "Cron expression" in defined["create_job"].parameters_json_schema["properties"]["schedule"]["description"]
