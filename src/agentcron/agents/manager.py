"""Which agents are alive, and how one of them is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentcron.agent_core import Agent

NAME: Final = "agent-manager"


@dataclass(frozen=True, kw_only=True)
class LiveAgent:
    """An agent between its creation and its end; ``since`` is when it was created, aware, UTC."""

    agent_id: str
    definition: str
    execution_id: str
    job_id: str
    job_name: str
    since: datetime


@dataclass(eq=False)
class Entry:
    """One place in the manager's list, kept by whoever runs the agent."""

    agent: LiveAgent
    stop: Callable[[], None]
    ended: asyncio.Event


class AgentManagerPlugin:
    """Knows the agents that live in this process and ends them on request.

    Give it to ``BackgroundJobsPlugin(agent_manager=...)``, which tells it of every agent it creates. One manager may
    serve several plugins. ``close()`` stops every agent, so on a host agent add it before the plugin that uses it.
    """

    name = NAME

    def __init__(self) -> None:
        # Oldest first. A list would be gone through at each end, and very many agents end at once.
        self._entries: dict[Entry, None] = {}

    async def initialize(self, agent: Agent) -> None:
        """Nothing is to be made ready: agents are made known by the plugins that create them."""

    async def close(self) -> None:
        """Stop every agent."""
        await self.stop_all()

    def list_agents(self) -> list[LiveAgent]:
        """The agents that live now, oldest first."""
        return [entry.agent for entry in self._entries]

    def count(self) -> int:
        """How many agents live now."""
        return len(self._entries)

    def get_agent(self, agent_id: str) -> LiveAgent | None:
        """The live agent of this id; None where none lives."""
        return next((entry.agent for entry in self._entries if entry.agent.agent_id == agent_id), None)

    async def stop_agent(self, agent_id: str) -> bool:
        """End this agent; its execution becomes INCOMPLETE(canceled), its job stays scheduled.

        Answers once the agent is closed and its execution is settled; False where no agent of this id lives.
        """
        return await self._stop([entry for entry in self._entries if entry.agent.agent_id == agent_id]) > 0

    async def stop_all(self) -> int:
        """End every agent that lives now; answers how many there were."""
        return await self._stop(list(self._entries))

    def register(self, agent: LiveAgent, stop: Callable[[], None], ended: asyncio.Event) -> Entry:
        """Make an agent known. ``stop`` asks for its end and does not wait; ``ended`` is set when its outcome is kept.
        The caller gives the answer to ``unregister`` when the agent is closed."""
        entry = Entry(agent, stop, ended)
        self._entries[entry] = None
        return entry

    def unregister(self, entry: Entry) -> None:
        """The agent is gone. Twice is once."""
        self._entries.pop(entry, None)

    async def _stop(self, entries: list[Entry]) -> int:
        for entry in entries:
            entry.stop()
        for entry in entries:
            await entry.ended.wait()
        return len(entries)
