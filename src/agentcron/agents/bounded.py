"""A run that ends at the timeout of its definition."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentError

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent


class BoundedAgent:
    """Cancels the agent within it once its time is over, and waits until it is gone."""

    __slots__ = ("_agent", "_definition", "_timeout")

    def __init__(self, agent: BackgroundAgent, definition: str, timeout: timedelta) -> None:
        self._agent = agent
        self._definition = definition
        self._timeout = timeout

    @property
    def agent_id(self) -> str:
        return self._agent.agent_id

    async def run(self, prompt: str) -> AgentOutcome:
        bound = asyncio.timeout(self._timeout.total_seconds())
        try:
            async with bound:
                return await self._agent.run(prompt)
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise AgentError(
                f"no answer within {self._timeout.total_seconds():g} s, the timeout of agent {self._definition}",
                kind="timeout",
            ) from error

    def so_far(self) -> AgentOutcome | None:
        return self._agent.so_far()

    async def close(self) -> None:
        await self._agent.close()
