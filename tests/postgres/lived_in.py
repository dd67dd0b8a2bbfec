"""A store with some of everything in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agentcron import AgentError, AgentOutcome, RunContext, Usage
from agentcron.delivery.message import Message
from agentcron.domain.queries import Node
from agentcron.journal import Step
from agentcron.ports import JobStore
from agentcron.testing import FakeAgentFactory, FakeClock, create_test_environment


async def asks(prompt: str, context: RunContext) -> str:
    return f"took {context.ask('Which one?', ['left', 'right'])}"


async def answers(prompt: str, context: RunContext) -> AgentOutcome:
    return AgentOutcome(output="\u2713 done " * 400, usage=Usage(requests=1, input_tokens=10, output_tokens=5))


async def busy(prompt: str, context: RunContext) -> str:
    raise AgentError("busy", kind="rate_limit", retryable=True, retry_after=timedelta(hours=1), provider="somebody")


async def breaks(prompt: str, context: RunContext) -> str:
    raise AgentError("broken", kind="provider", retryable=True)


class Taker:
    """An endpoint that takes everything."""

    async def send(self, message: Message) -> None:
        pass


async def lived_in(store: JobStore) -> tuple[FakeClock, dict[str, str]]:
    """Fill the store with some of everything; answers the time there, and the jobs by their names."""
    factory = FakeAgentFactory()
    world = create_test_environment(
        storage_plugin=store, agent_factory=factory, endpoints={"log": Taker()}, notify="log: success, awaiting_input"
    )
    plugin, ids = world.plugin, {}
    async with world:
        await plugin.start_background_execution()

        async def run(name: str, *acts: Any, **fields: Any) -> None:
            factory.then(*acts)
            ids[name] = await plugin.create_job(name, "every 1h", "write it", **fields)
            await plugin.run_job_now(ids[name])
            await world.advance(2)

        await run("paid", answers, tags=["team"])
        await plugin.update_job(ids["paid"], prompt="write it well")
        await run("tried", breaks, answers, retry={"attempts": 2, "backoff": "1s"})
        await run("parked", asks)
        await run("held", busy)
        ids["gone"] = await plugin.create_job("gone", "every 1h", "x")
        await plugin.delete_job(ids["gone"])
        await plugin.pause_job(ids["paid"])
        await world.advance(1)
        # What a killed scheduler leaves behind: a claimed run with a finished step.
        await plugin.stop_background_execution()
        ids["lost"] = await plugin.create_job("lost", "every 1h", "x", agent="other")
        claimed = await plugin.run_job_now(ids["lost"])
        await store.join(
            Node(id="dead", host="h", pid=1, version="0", started_at=world.clock.now(), seen_at=world.clock.now())
        )
        [row] = await store.claim("dead", world.clock.now(), 1, ids=[claimed], begin=True)
        assert await store.record_step(row.id, row.fence, row.attempt, Step(n=1, name="look", result='"seen"'))
    return world.clock, ids
