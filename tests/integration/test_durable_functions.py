"""A function that has an agent of pydantic-ai goes on where it was, as an agent of the kind ``pydantic-ai`` does."""

from __future__ import annotations

import asyncio
from collections import Counter

from pydantic_ai import Agent, Tool
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentcron import ExecutionStatus, InputKind, RunContext
from agentcron.agents.durability import RunDurability
from agentcron.testing import create_test_environment
from agentcron.testing.environment import Environment


class Writer:
    """Has its model asked thrice for a draft, with a tool between, and once more for a title. It hangs at ``stuck``."""

    def __init__(self, stuck: str, *, repeat: bool = False) -> None:
        self.stuck: str | None = stuck
        self.calls = Counter[str]()
        self.hangs = asyncio.Event()
        tool = Tool(self._look_up, name="look_up", metadata={"agentcron": {"repeat": repeat}})
        self._agent = Agent(FunctionModel(self._answer), name="writer", tools=[tool], capabilities=[RunDurability()])

    async def __call__(self, prompt: str, context: RunContext) -> str:
        draft = await self._agent.run(prompt)
        title = await self._agent.run("A title", message_history=draft.all_messages())
        return f"{title.output}: {draft.output}"

    async def _call(self, name: str) -> None:
        self.calls[name] += 1
        if name == self.stuck:
            self.stuck = None
            self.hangs.set()
            await asyncio.Event().wait()

    async def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = sum(isinstance(one, ModelResponse) for one in messages)
        await self._call(f"model {said}")
        if said < 2:
            return ModelResponse(parts=[ToolCallPart("look_up", {"number": said})])
        return ModelResponse(parts=[TextPart("a draft" if said == 2 else "Title")])

    async def _look_up(self, number: int) -> str:
        await self._call(f"tool {number}")
        return f"found {number}"


async def interrupted(env: Environment, writer: Writer, on_interrupt: str) -> str:
    """Ask for a run, stop the scheduler where the writer hangs, and start it again; answers the job's id."""
    env.agent_factory.then(*[writer] * 3)
    await env.plugin.start_background_execution()
    job_id = await env.plugin.create_job("job", "at 2026-01-01T00:00:05", "Write", on_interrupt=on_interrupt)
    await env.advance(6)
    await writer.hangs.wait()
    await env.plugin.stop_background_execution()
    await env.plugin.start_background_execution()
    await env.advance(2)
    return job_id


async def test_a_model_is_asked_nothing_twice_but_what_was_under_way() -> None:
    async with create_test_environment() as env:
        writer = Writer("model 3")
        [run] = await env.plugin.get_executions(await interrupted(env, writer, "resume"))
        assert (run.status, run.attempt) == (ExecutionStatus.SUCCESS, 1)
        assert (await env.plugin.get_execution(run.id)).result == "Title: a draft"
        assert writer.calls == {"model 0": 1, "tool 0": 1, "model 1": 1, "tool 1": 1, "model 2": 1, "model 3": 2}


async def test_a_tool_that_may_be_called_again_is_and_a_person_is_asked_about_others() -> None:
    async with create_test_environment() as env:
        writer = Writer("tool 1", repeat=True)
        [run] = await env.plugin.get_executions(await interrupted(env, writer, "resume"))
        assert (run.status, writer.calls["tool 1"], writer.calls["tool 0"]) == (ExecutionStatus.SUCCESS, 2, 1)
    async with create_test_environment() as env:
        writer = Writer("tool 1")
        job_id = await interrupted(env, writer, "resume")
        [asked] = await env.plugin.inbox()
        assert (asked.kind, asked.tool) == (InputKind.UNKNOWN_CALL, "look_up")
        await env.plugin.answer(asked.id, "found it")
        await env.advance(2)
        [run] = await env.plugin.get_executions(job_id)
        assert (run.status, writer.calls["tool 1"], writer.calls.total()) == (ExecutionStatus.SUCCESS, 1, 6)


async def test_a_job_that_is_not_to_resume_writes_nothing_down() -> None:
    async with create_test_environment() as env:
        writer = Writer("model 2")
        [run] = await env.plugin.get_executions(await interrupted(env, writer, "retry"))
        assert run.attempt == 2
        assert (writer.calls["model 0"], writer.calls["model 2"]) == (2, 2)
