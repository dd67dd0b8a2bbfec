"""What an agent and its factory are to the engine, and what an agent is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from agentcron.domain.limits import NO_LIMITS, Limits
from agentcron.domain.made import Made
from agentcron.domain.model import idempotency_key
from agentcron.domain.outcomes import AgentOutcome, Usage
from agentcron.journal import Steps


def _unheard(usage: Usage, cost_usd: Decimal | None = None) -> None:
    """Nobody counts."""


@dataclass(frozen=True, kw_only=True)
class RunContext(Made):
    """What an agent is told about the run besides the prompt.

    ``record_process`` stores the pid and start time (seconds since the epoch, as psutil reports) of a child before the
    child works, so that a later scheduler can end it after a crash.
    """

    job_id: str
    """The job's id."""
    job_name: str
    """The job's name."""
    execution_id: str
    """The execution's id."""
    scheduled_for: datetime | None
    """The slot, aware, UTC; None for a manual run."""
    attempt: int
    """Which fresh beginning this is, from 1."""
    timeout: timedelta
    """The longest time this attempt may take; the caller ends the run at it."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """The job's own values."""
    record_process: Callable[[int, float], Awaitable[None]] | None = None
    limits: Limits = NO_LIMITS
    """What this run may use at most: the job's limits and the definition's, whichever is tighter."""
    steps: Steps | None = None
    """Where the job lets a run go on after a crash: paid calls go through it."""
    report: Callable[..., None] = _unheard
    """``report(Usage(...), cost_usd=None)``: what the run has used since it began. Raises ``LimitReached`` where that
    is more than it may; let it pass."""

    @property
    def idempotency_key(self) -> str:
        """The same on every attempt: give it to what must happen once."""
        return idempotency_key(self.job_id, self.scheduled_for, self.execution_id)


@runtime_checkable
class BackgroundAgent(Protocol):
    """One agent, made for one attempt of one execution."""

    @property
    def agent_id(self) -> str:
        """Its own id, recorded with the execution."""
        ...

    async def run(self, prompt: str) -> AgentOutcome:
        """Do the work. Raises ``AgentError`` where it cannot be done; cancellation ends it, with what it started."""
        ...

    def so_far(self) -> AgentOutcome | None:
        """What a run that failed or was cut had said and used until then; None where that is unknown."""
        ...

    async def close(self) -> None:
        """Give back everything it holds. Called once, whatever happened, also after a cancelled ``run``."""
        ...


class AgentFactory(Protocol):
    """Makes agents from named definitions."""

    @property
    def max_concurrent_agents(self) -> int:
        """How many agents may live at once."""
        ...

    @property
    def default_definition(self) -> str:
        """The definition of a job that names none."""
        ...

    def check(self, definition: str) -> None:
        """Raise ``AgentDefinitionError`` where the definition is unknown or cannot work."""
        ...

    async def create(self, definition: str, context: RunContext) -> BackgroundAgent:
        """A fresh agent. Raises ``AgentError`` (kind ``creation``) or ``AgentDefinitionError``."""
        ...
