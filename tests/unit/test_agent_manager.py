"""The agents that live now, and how they are ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentcron import Agent, AgentFactoryPlugin, AgentManagerPlugin
from agentcron.agents.manager import LiveAgent
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.errors import AgentDefinitionError
from agentcron.ports import RunContext
from agentcron.testing import Environment, Gate, create_test_environment

_E = ExecutionStatus


async def busy(manager: AgentManagerPlugin, count: int = 2) -> tuple[Environment, list[Gate]]:
    """A started plugin whose first agents wait at gates."""
    env = create_test_environment(agent_manager=manager)
    gates = [Gate() for _ in range(count)]
    env.agent_factory.then(*gates)
    for number in range(count):
        await env.plugin.create_job(f"job {number}", "* * * * *", "hello", agent="writer")
    await env.plugin.start_background_execution()
    await env.advance(60)
    for gate in gates:
        await gate.entered.wait()
    return env, gates


async def test_a_live_agent_is_known_with_its_job_and_execution_until_it_has_ended() -> None:
    manager = AgentManagerPlugin()
    env, gates = await busy(manager, 1)
    async with env:
        [job] = await env.plugin.get_jobs()
        [context] = env.agent_factory.contexts
        assert manager.list_agents() == [
            LiveAgent(
                agent_id="writer-1",
                definition="writer",
                execution_id=context.execution_id,
                job_id=job.id,
                job_name="job 0",
                since=env.clock.now(),
            )
        ]
        assert (manager.count(), manager.get_agent("writer-1")) == (1, manager.list_agents()[0])
        gates[0].opened.set()
        await env.advance(1)
        assert (manager.count(), manager.get_agent("writer-1")) == (0, None)


async def test_a_stopped_agent_ends_as_canceled_and_its_job_stays_scheduled() -> None:
    manager = AgentManagerPlugin()
    env, gates = await busy(manager)
    async with env:
        [first, second] = manager.list_agents()
        assert await manager.stop_agent(first.agent_id) is True
        run = await env.plugin.get_execution(first.execution_id)
        assert run is not None
        assert (run.status, run.reason, run.agent_id) == (_E.INCOMPLETE, "canceled", first.agent_id)
        assert (gates[0].cancelled, gates[1].cancelled) == (True, False)
        assert manager.list_agents() == [second]
        job = await env.plugin.get_job(first.job_id)
        assert job is not None
        assert job.status is JobStatus.WAITING
        await env.advance(60)
        assert len(await env.runs(first.job_id)) == 2


async def test_an_unknown_agent_is_not_stopped() -> None:
    assert await AgentManagerPlugin().stop_agent("nobody") is False
    assert await AgentManagerPlugin().stop_all() == 0


async def test_all_agents_of_all_plugins_are_stopped_at_once() -> None:
    manager = AgentManagerPlugin()
    one, _ = await busy(manager)
    other, _ = await busy(manager, 1)
    async with one, other:
        assert manager.count() == 3
        assert await manager.stop_all() == 3
        assert manager.count() == 0
        assert {run.status for env in (one, other) for run in await env.runs()} == {_E.INCOMPLETE}


async def test_an_agent_that_fails_or_is_never_created_leaves_nothing_behind() -> None:
    manager = AgentManagerPlugin()
    async with create_test_environment(agent_manager=manager) as env:
        env.agent_factory.fail_creation.extend([OSError("no room")] * 3)
        env.agent_factory.then(ValueError("broken"))
        job_id = await env.plugin.create_job("tick", "every 10s", "hello")
        await env.plugin.start_background_execution()
        await env.advance(25)
        assert [run.status for run in await env.runs(job_id)] == [_E.ERROR, _E.ERROR]
        assert manager.count() == 0


async def test_who_waits_for_an_agent_that_ignores_its_end_is_let_go_when_its_row_is_settled() -> None:
    manager = AgentManagerPlugin()
    env = create_test_environment(agent_manager=manager)
    release = asyncio.Event()

    async def deaf(prompt: str, context: RunContext) -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    env.agent_factory.then(deaf)
    try:
        await env.plugin.create_job("deaf", "at 2026-01-01T00:00:01", "hello", timeout="1h")
        await env.plugin.start_background_execution()
        await env.advance(2)
        stopping = asyncio.create_task(manager.stop_agent("fake-1"))
        await env.advance(50)
        assert not stopping.done()
        await env.advance(20)
        assert await stopping is True
        [run] = await env.runs()
        assert (run.status, run.reason) == (_E.INCOMPLETE, "canceled")
    finally:
        release.set()
        await env.plugin.close()


async def test_a_host_agent_stops_the_agents_when_it_is_closed() -> None:
    manager = AgentManagerPlugin()
    async with Agent("my-agent") as host:
        await host.add_plugin(manager)
        env, gates = await busy(manager, 1)
    assert (manager.count(), gates[0].cancelled) == (0, True)
    await env.plugin.close()


async def test_a_factory_creates_an_agent_for_callers_outside_a_scheduler() -> None:
    factory = AgentFactoryPlugin(default_definition="echo", max_concurrent_agents=1)
    context = RunContext(
        job_id="j", job_name="n", execution_id="e", scheduled_for=None, attempt=1,
        timeout=timedelta(seconds=5),
    )  # fmt: skip
    for definition in (None, "echo"):
        agent = await factory.create_agent(definition, context=context)
        assert factory.living == 1
        assert "hello" in (await agent.run("hello")).output
        await agent.close()
    assert factory.living == 0
    with pytest.raises(AgentDefinitionError, match="there is no agent"):
        await factory.create_agent("nobody", context=context)
