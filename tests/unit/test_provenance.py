"""Who made a job: bound to the tools that made it, out of a model's reach."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from agentcron import Agent, background_jobs_toolset
from agentcron.errors import InvalidJobError
from agentcron.scheduling_tools import scheduling_tools
from agentcron.testing import create_test_environment

DAILY = ("Daily Report", "0 9 * * *", "Write it")


async def test_a_job_of_a_host_agents_tools_bears_the_agents_name() -> None:
    env = create_test_environment()
    async with Agent("my-agent") as agent:
        await agent.add_plugin(env.plugin)
        await agent.tools["create_job"](*DAILY)
        assert [job.made_by for job in await env.plugin.get_jobs()] == ["agent:my-agent"]


@pytest.mark.parametrize(("name", "told"), [("assistant", "agent:assistant"), (None, "agent")])
async def test_a_job_of_a_pydantic_ai_agent_bears_the_name_that_the_program_gave(name: str | None, told: str) -> None:
    from pydantic_ai import Agent as ModelAgent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    shown: list[dict[str, Any]] = []

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        shown.extend(tool.parameters_json_schema for tool in info.function_tools)
        if len(messages) > 1:
            return ModelResponse(parts=[TextPart("done")])
        wanted = dict(zip(("name", "schedule", "prompt"), DAILY, strict=True))
        return ModelResponse(parts=[ToolCallPart("create_job", wanted)])

    async with create_test_environment() as env:
        await ModelAgent(FunctionModel(model), toolsets=[background_jobs_toolset(env.plugin, agent=name)]).run("go")
        assert [job.made_by for job in await env.plugin.get_jobs()] == [told]
    assert not any("made_by" in schema["properties"] or "agent" in schema["properties"] for schema in shown)


async def test_no_tool_takes_who_made_a_job_or_what_it_may_do() -> None:
    async with create_test_environment() as env:
        for tool in scheduling_tools(env.plugin, "narrow"):
            assert set(inspect.signature(tool).parameters) <= {
                "name", "schedule", "prompt", "timezone", "max_runs", "key", "name_contains", "job", "limit",
            }  # fmt: skip
            with pytest.raises(TypeError):
                await tool(made_by="agent:wide")


async def test_who_made_a_job_cannot_be_edited() -> None:
    async with create_test_environment() as env:
        job_id = await env.plugin.create_job(*DAILY, made_by="agent:narrow")
        with pytest.raises(InvalidJobError, match="made_by: cannot be changed"):
            await env.plugin.update_job(job_id, made_by=None)
        assert await env.plugin.update_job(job_id, prompt="other")
        assert [job.made_by for job in await env.plugin.get_jobs()] == ["agent:narrow"]


async def test_a_job_of_a_person_or_program_names_nobody_unless_it_is_told() -> None:
    async with create_test_environment() as env:
        await env.plugin.create_job(*DAILY)
        await env.plugin.create_job(*DAILY, made_by="team:ops")
        for bad in ("a\0b", "a\ud83d"):
            with pytest.raises(InvalidJobError, match="made_by: holds a NUL character or half"):
                await env.plugin.create_job(*DAILY, made_by=bad)
        assert [job.made_by for job in await env.plugin.get_jobs()] == [None, "team:ops"]
