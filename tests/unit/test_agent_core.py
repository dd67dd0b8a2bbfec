"""A host agent, its plugins and their tools."""

from __future__ import annotations

import asyncio
import inspect
import logging

import pytest

from agentcron import Agent, Plugin
from agentcron.errors import ConflictError
from agentcron.testing import create_test_environment


class Probe:
    """A plugin that notes what is done with it."""

    def __init__(self, name: str, told: list[str], *, fails: BaseException | None = None) -> None:
        self.name = name
        self.told = told
        self.fails = fails
        self.close_fails: BaseException | None = None

    async def initialize(self, agent: Agent) -> None:
        self.told.append(f"initialize {self.name}")

        async def look() -> str:
            """Look."""
            return self.name

        look.__name__ = f"look_{self.name}"
        agent.register_tools(self, [look])
        if self.fails is not None:
            raise self.fails

    async def close(self) -> None:
        self.told.append(f"close {self.name}")
        if self.close_fails is not None:
            raise self.close_fails


async def test_a_plugin_is_initialized_when_it_is_added_and_closed_with_the_agent() -> None:
    told: list[str] = []
    async with Agent("my-agent") as agent:
        first: Plugin = Probe("a", told)
        await agent.add_plugin(first)
        await agent.add_plugin(Probe("b", told))
        assert [plugin.name for plugin in agent.plugins] == ["a", "b"]
        assert agent.plugin("a") is first
        assert await agent.tools["look_b"]() == "b"
    assert told == ["initialize a", "initialize b", "close b", "close a"]
    assert (agent.plugins, dict(agent.tools), agent.plugin("a")) == ((), {}, None)
    await agent.close()
    assert len(told) == 4


async def test_a_plugin_of_the_same_name_is_refused_and_the_first_one_stays() -> None:
    told: list[str] = []
    agent = Agent("my-agent")
    await agent.add_plugin(Probe("a", told))
    with pytest.raises(ConflictError, match="plugin 'a' was added to agent 'my-agent' before"):
        await agent.add_plugin(Probe("a", told))
    assert told == ["initialize a"]
    assert list(agent.tools) == ["look_a"]


async def test_a_plugin_that_cannot_start_is_closed_and_leaves_no_trace() -> None:
    told: list[str] = []
    agent = Agent("my-agent")
    await agent.add_plugin(Probe("a", told))
    broken = Probe("b", told, fails=OSError("no disk"))
    broken.close_fails = OSError("not even that")
    with pytest.raises(OSError, match="no disk"):
        await agent.add_plugin(broken)
    assert told[-1] == "close b"
    assert [plugin.name for plugin in agent.plugins] == ["a"]
    assert list(agent.tools) == ["look_a"]
    await agent.add_plugin(Probe("b", told))


async def test_every_plugin_is_closed_although_one_fails_and_the_failure_is_heard() -> None:
    told: list[str] = []
    agent = Agent("my-agent")
    plugins = [Probe(name, told) for name in "abc"]
    for plugin in plugins:
        await agent.add_plugin(plugin)
    plugins[2].close_fails = OSError("c does not close")
    plugins[1].close_fails = OSError("b does not close")
    with pytest.raises(OSError, match="c does not close"):
        await agent.close()
    assert told[-3:] == ["close c", "close b", "close a"]


async def test_every_plugin_is_closed_although_the_closing_is_canceled() -> None:
    told: list[str] = []
    agent = Agent("my-agent")
    for name in "ab":
        await agent.add_plugin(Probe(name, told))
    agent.plugins[1].close_fails = asyncio.CancelledError()  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await agent.close()
    assert told[-2:] == ["close b", "close a"]


async def test_a_plugin_that_is_still_starting_when_the_agent_is_closed_is_closed_too() -> None:
    told: list[str] = []
    agent = Agent("my-agent")

    class Slow(Probe):
        async def initialize(self, agent: Agent) -> None:
            await super().initialize(agent)
            await agent.close()

    with pytest.raises(ConflictError, match="was closed while plugin 'slow' was initialized"):
        await agent.add_plugin(Slow("slow", told))
    assert told == ["initialize slow", "close slow"]
    assert (agent.plugins, dict(agent.tools)) == ((), {})


async def test_a_tool_whose_name_is_taken_is_refused_whole() -> None:
    told: list[str] = []
    agent = Agent("my-agent")
    await agent.add_plugin(Probe("a", told))

    async def fresh() -> None:
        """Fresh."""

    async def look_a() -> None:
        """Taken."""

    with pytest.raises(ConflictError, match="tool 'look_a' of 'b': agent 'my-agent' has one of 'a'"):
        agent.register_tools(Probe("b", told), [fresh, look_a])
    assert list(agent.tools) == ["look_a"]


async def test_a_tool_must_be_an_async_function_that_says_what_it_does() -> None:
    async def silent() -> None:
        pass

    for tool in (silent, print):
        with pytest.raises(TypeError, match="an async function with a docstring is needed"):
            Agent("my-agent").register_tools(Probe("a", []), [tool])  # type: ignore[list-item]


def test_an_agent_has_a_name() -> None:
    with pytest.raises(ValueError, match="name: is empty"):
        Agent(" ")


async def test_an_agent_tells_what_it_does_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("host")
    with caplog.at_level(logging.INFO, "host"):
        async with Agent("my-agent", logger=logger) as agent:
            await agent.add_plugin(Probe("a", []))
    assert [record.getMessage() for record in caplog.records if record.name == "host"] == ["[my-agent] added a"]


# --- with background jobs ---------------------------------------------------------------------------------------------


async def test_background_jobs_run_from_the_moment_they_are_added_until_the_agent_is_closed() -> None:
    env = create_test_environment()
    async with Agent("my-agent") as agent:
        await env.plugin.create_job("tick", "every 1s", "hello")
        await agent.add_plugin(env.plugin)
        assert await env.plugin.scheduler_alive()
        await env.advance(2)
        assert len(env.agent_factory.prompts) == 2
    await env.clock.advance(env.plugin.config.stop_grace)
    assert len(env.agent_factory.prompts) == 2
    assert not any(node.alive for node in await env.storage.nodes())


async def test_without_autostart_nothing_runs_until_it_is_started() -> None:
    env = create_test_environment(autostart=False)
    async with Agent("my-agent") as agent:
        await agent.add_plugin(env.plugin)
        await env.plugin.create_job("tick", "every 1s", "hello")
        await env.advance(2)
        assert env.agent_factory.prompts == []
        await env.plugin.start_background_execution()
        await env.advance(2)
        assert env.agent_factory.prompts != []


async def test_the_agent_gets_the_scheduling_tools_with_types_and_words() -> None:
    async with Agent("my-agent") as agent, create_test_environment() as env:
        await agent.add_plugin(env.plugin)
        assert list(agent.tools) == [
            "create_job",
            "list_jobs",
            "pause_job",
            "resume_job",
            "cancel_job",
            "delete_job",
            "job_history",
        ]
        for tool in agent.tools.values():
            assert inspect.getdoc(tool)
            assert all(
                parameter.annotation is not inspect.Parameter.empty
                for parameter in inspect.signature(tool).parameters.values()
            )


async def test_a_store_that_does_not_open_leaves_the_agent_without_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    env = create_test_environment()

    async def refuse() -> None:
        raise OSError("locked")

    monkeypatch.setattr(env.storage, "open", refuse)
    async with Agent("my-agent") as agent:
        with pytest.raises(OSError, match="locked"):
            await agent.add_plugin(env.plugin)
        assert (agent.plugins, dict(agent.tools)) == ((), {})
