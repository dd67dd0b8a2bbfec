"""Simulated agents: they take their time, fail in every way there is, and write their own log of starts."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentError
from agentcron.ports import RunContext
from agentcron.testing.simulation import points
from agentcron.testing.simulation.shaky_store import NodeGone
from agentcron.testing.simulation.trace import Start

if TYPE_CHECKING:
    from agentcron.testing.simulation.world import World


class SimulatedAgents:
    """The agent factory of one simulated process."""

    default_definition = "simulated"

    def __init__(self, world: World, node: str, places: int) -> None:
        self._world = world
        self._node = node
        self.max_concurrent_agents = places
        self.gone = False
        self.running: list[Start] = []

    def check(self, definition: str) -> None:
        pass

    async def create(self, definition: str, context: RunContext) -> SimulatedAgent:
        act, seconds = self._world.act_of(context.job_id)
        if act == points.NO_AGENT:
            self._world.count(act, self._node)
            raise AgentError("simulated: no agent today", kind="creation")
        return SimulatedAgent(self._world, self, await self._start(context), act, seconds, context)

    async def _start(self, context: RunContext) -> Start:
        start = await self._world.saw_start(self._node, self.max_concurrent_agents, context)
        self.running.append(start)
        return start

    def die(self) -> None:
        """The process is gone, and its agents with it."""
        self.gone = True
        for start in self.running:
            start.ended_us = self._world.loop.elapsed_us
        self.running.clear()


class SimulatedAgent:
    """One agent. It works from its creation until it answered, raised, or gave way to its end."""

    def __init__(
        self, world: World, factory: SimulatedAgents, start: Start, act: str, seconds: float, context: RunContext
    ) -> None:
        self._world = world
        self._factory = factory
        self._start = start
        self._act = act
        self._seconds = seconds
        self._context = context
        self.agent_id = f"agent-{start.execution_id}-{start.attempt}"

    async def run(self, prompt: str) -> AgentOutcome:
        try:
            return await self._run()
        finally:
            if self._start in self._factory.running:
                self._factory.running.remove(self._start)
                self._start.ended_us = self._world.loop.elapsed_us
                self._world.note(self._factory_node, f"agent of {self._start.execution_id} ends")

    @property
    def _factory_node(self) -> str:
        return self._start.node

    async def _run(self) -> AgentOutcome:
        act, world = self._act, self._world
        if act:
            world.count(act, self._start.node)
        match act:
            case points.SLOW_AGENT:
                await asyncio.sleep(self._seconds * 20)
            case points.HANGING_AGENT:
                await asyncio.sleep(timedelta(days=400).total_seconds())
            case points.STUBBORN_AGENT:
                await self._ignore_the_end()
            case _:
                await asyncio.sleep(self._seconds)
        match act:
            case points.ASKING_AGENT:
                # Every answer is fine; the first time this parks the run.
                self._context.ask("May I go on?", ("yes", "no"))
            case points.REFUSING_AGENT:
                self._start.answer = "not done"
                return AgentOutcome(output="", failed="simulated: it was not done")
            case points.BROKEN_AGENT:
                raise AgentError("simulated: refused", kind="auth")
            case points.BUSY_AGENT:
                raise AgentError("simulated: away", kind="network", retryable=True)
            case points.HELD_AGENT:
                raise AgentError("simulated", kind="rate_limit", retryable=True, retry_after=timedelta(minutes=7))
            case points.RAISING_AGENT:
                raise ValueError("simulated: a slip in the agent")
            case points.EXITING_AGENT:
                raise SystemExit(3)
        self._start.answer = f"{self._start.execution_id}/{self._start.attempt}"
        return AgentOutcome(output=self._start.answer)

    async def _ignore_the_end(self) -> None:
        """Work for hours, and go on for a while when told to stop."""
        try:
            await asyncio.sleep(timedelta(hours=2).total_seconds())
        except asyncio.CancelledError:
            self._start.deaf_us = self._world.loop.elapsed_us
            deaf = self._start.deaf_us + round(self._world.luck.choice((5, 40, 300)) * 1e6)
            while self._world.loop.elapsed_us < deaf and not self._factory.gone:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep((deaf - self._world.loop.elapsed_us) / 1e6)
            if self._factory.gone:
                raise NodeGone from None
            raise

    def so_far(self) -> AgentOutcome | None:
        return None

    async def close(self) -> None:
        if self._act == points.SLOW_CLOSE:
            await asyncio.sleep(12)
