"""Agents that do as they are told, for tests without a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentDefinitionError
from agentcron.ports import Clock, RunContext

Act = str | AgentOutcome | BaseException | Callable[[str, RunContext], Awaitable[Any]]


class FakeAgentFactory:
    """Makes agents that act in the order given to ``then``, and answer ``answer`` afterwards.

    An act is a text or ``AgentOutcome`` to answer, an exception to raise, or ``async fn(prompt, context)``.
    ``fail_creation`` holds exceptions that ``create`` raises first. What happened is in ``contexts``, ``prompts``,
    ``live`` and ``closed`` (``one_closed`` is set with the first); ``partial`` is what an agent
    that failed or was cut tells of itself. ``most_at_once`` is the highest number of agents that lived at one time.
    """

    def __init__(self, answer: str = "done", *, max_concurrent_agents: int = 10, known: tuple[str, ...] = ()) -> None:
        self.answer = answer
        self.fail_creation: deque[BaseException] = deque()
        self.contexts: list[RunContext] = []
        self.partial: AgentOutcome | None = None
        self.prompts: list[str] = []
        self.closed: list[str] = []
        self.one_closed = asyncio.Event()
        self.live = 0
        self.most_at_once = 0
        self._acts: deque[Act] = deque()
        self._places = max_concurrent_agents
        self._known = known

    @property
    def max_concurrent_agents(self) -> int:
        return self._places

    @property
    def default_definition(self) -> str:
        return "fake"

    def then(self, *acts: Act) -> None:
        """What the next agents do, one after another."""
        self._acts.extend(acts)

    def check(self, definition: str) -> None:
        if self._known and definition not in self._known:
            raise AgentDefinitionError(f"agent {definition!r} is unknown; known are {', '.join(self._known)}")

    async def create(self, definition: str, context: RunContext) -> FakeAgent:
        if self.fail_creation:
            raise self.fail_creation.popleft()
        self.contexts.append(context)
        self.live += 1
        self.most_at_once = max(self.most_at_once, self.live)
        act = self._acts.popleft() if self._acts else self.answer
        return FakeAgent(self, f"{definition}-{len(self.contexts)}", act, context)


class FakeAgent:
    """One agent of a ``FakeAgentFactory``."""

    def __init__(self, factory: FakeAgentFactory, agent_id: str, act: Act, context: RunContext) -> None:
        self._factory = factory
        self._agent_id = agent_id
        self._act = act
        self._context = context

    @property
    def agent_id(self) -> str:
        return self._agent_id

    async def run(self, prompt: str) -> AgentOutcome:
        self._factory.prompts.append(prompt)
        act = self._act
        if isinstance(act, BaseException):
            raise act
        answer = await act(prompt, self._context) if callable(act) else act
        return answer if isinstance(answer, AgentOutcome) else AgentOutcome(output=str(answer))

    def so_far(self) -> AgentOutcome | None:
        return self._factory.partial

    async def close(self) -> None:
        self._factory.live -= 1
        self._factory.closed.append(self._agent_id)
        self._factory.one_closed.set()


class Gate:
    """An act that says when it was entered and waits until it is opened."""

    def __init__(self, answer: str = "done") -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.cancelled = False
        self._answer = answer

    async def __call__(self, prompt: str, context: RunContext) -> str:
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self._answer


class Delay:
    """An act that takes ``length`` by the clock, then answers."""

    def __init__(self, clock: Clock, length: timedelta, answer: str = "done") -> None:
        self._clock = clock
        self._length = length
        self._answer = answer

    async def __call__(self, prompt: str, context: RunContext) -> str:
        await self._clock.sleep_until(self._clock.now() + self._length)
        return self._answer


def create_mock_agent_factory(
    *acts: Act, answer: str = "done", creation_failures: Iterable[BaseException] = (), max_concurrent_agents: int = 10
) -> FakeAgentFactory:
    """A factory whose agents do ``acts`` one after another and answer ``answer`` from then on.

    An act is a text or ``AgentOutcome`` to answer, an exception to raise, a ``Delay``, a ``Gate``, or any
    ``async fn(prompt, context)``. ``creation_failures`` are raised, one each time, before an agent is created at all.
    """
    factory = FakeAgentFactory(answer, max_concurrent_agents=max_concurrent_agents)
    factory.then(*acts)
    factory.fail_creation.extend(creation_failures)
    return factory
