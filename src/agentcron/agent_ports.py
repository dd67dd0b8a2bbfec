"""What an agent and its factory are to the engine, and what an agent is told."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from agentcron.domain.inputs import Decision, Input, InputKind, Question
from agentcron.domain.limits import NO_LIMITS, Limits
from agentcron.domain.made import Made
from agentcron.domain.model import idempotency_key
from agentcron.domain.outcomes import AgentOutcome, Conversation, Usage
from agentcron.journal import Steps


class InputNeeded(BaseException):
    """Raised by ``ask`` and ``approve`` of a ``RunContext`` where a person has to answer first: let it pass, the run is
    parked. No ``Exception``, since code that catches those to go on must not go on here."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.question)
        self.question = question


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    """What a run that was parked goes on with."""

    answers: Mapping[str, Input]
    """What was said, by the keys of the questions."""
    conversation: Conversation | None = None
    """What was said until it was parked, without the secrets in it."""
    usage: Usage | None = None
    """What it had used until then."""


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
    conversation: Conversation | None = None
    """What the run goes on with (``conversation = continue``): the native form, and the agent's session id."""
    limits: Limits = NO_LIMITS
    """What this run may use at most: the job's limits and the definition's, whichever is tighter."""
    steps: Steps | None = None
    """Where the job lets a run go on after a crash: paid calls go through it."""
    going_on: GoingOn | None = None
    """Where the run was parked and goes on."""
    report: Callable[..., None] = _unheard
    """``report(Usage(...), cost_usd=None)``: what the run has used since it began. Raises ``LimitReached`` where that
    is more than it may; let it pass."""

    @property
    def idempotency_key(self) -> str:
        """The same on every attempt: give it to what must happen once."""
        return idempotency_key(self.job_id, self.scheduled_for, self.execution_id)

    def ask(self, question: str, options: Sequence[str] = ()) -> str | None:
        """What a person answers; None where they would not, or nobody did. The run is parked until then, and the
        function is called again from its beginning, where this returns at once: let nothing with an effect stand
        before it. Questions are told apart by their text."""
        given = self._given(InputKind.QUESTION, question, tuple(options))
        return given.answer if given.decision is Decision.ANSWERED else None

    def approve(self, what: str) -> bool:
        """Whether a person approves of ``what`` is about to be done; parked until then, as with ``ask``."""
        return self._given(InputKind.APPROVAL, what, ()).decision is Decision.APPROVED

    def _given(self, kind: InputKind, question: str, options: tuple[str, ...]) -> Input:
        key = hashlib.blake2b(f"{kind}/{question}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        if self.going_on is None or key not in self.going_on.answers:
            raise InputNeeded(Question(key=key, kind=kind, question=question, options=options))
        return self.going_on.answers[key]


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
