"""What an agent returns, and what a stretch of running came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Question
from agentcron.domain.made import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run consumed. Tokens are as the provider counts them."""

    input_tokens: int = 0
    """Read by the model, cached ones included."""
    output_tokens: int = 0
    """Written by the model."""
    cached_tokens: int = 0
    """Of the input, those that the provider had cached."""
    requests: int = 0
    """Calls to a model."""
    tool_calls: int = 0
    """Calls of tools that the model made."""

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class CostBasis(StrEnum):
    """How far a cost can be trusted."""

    REPORTED = "reported"
    """By the agent or its provider."""
    ESTIMATED = "estimated"
    """From the tokens and a list of prices."""
    UNKNOWN = "unknown"
    """There is no figure, or nobody says where it is from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What agent and model said, in the agent's native form."""

    kind: str
    """The kind of agent."""
    format: str
    """Names the form of ``native``: ``pydantic-ai``, ``messages``."""
    format_version: int
    """Revision of the form."""
    native: Any
    """The JSON value itself."""
    session: str | None = None
    """The agent's own name for the conversation, where it has one."""


@dataclass(frozen=True, kw_only=True)
class AgentOutcome(Made):
    """What an agent returns when it finished.

    With ``failed`` the execution ends as FAILURE with this text as its reason. An agent that could not do its work
    raises ``AgentError`` instead.
    """

    output: str = ""
    """The answer."""
    failed: str | None = None
    """Set when the agent finished and the work was not done: a refusal, a limit that was hit."""
    usage: Usage | None = None
    """What the run consumed."""
    cost_usd: Decimal | None = None
    """What it cost, in US dollars."""
    cost_basis: CostBasis = CostBasis.UNKNOWN
    """Where the cost is from."""
    conversation: Conversation | None = None
    """What agent and model said."""
    asking: tuple[Question, ...] = ()
    """What a person must say before the agent can go on: the run is parked, and goes on with the answers."""


class CutCause(StrEnum):
    """Why a run was interrupted."""

    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"
    CANCEL = "canceled"
    LOST = "lost"


class Needless(StrEnum):
    """Why a slot that was waiting is not begun after all."""

    LATE = "too_late"
    BUDGET = "budget"
    GATE = "gate"


@dataclass(frozen=True, kw_only=True)
class Done(Made):
    """The agent finished. ``silent``: its answer says that there is nothing to tell."""

    answer: AgentOutcome
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The agent finished, and it or a check says that the work was not done. ``kind`` goes into the reason."""

    kind: str
    message: str
    answer: AgentOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Errored:
    """The agent could not do its work. Not ``again``: there is no room for another attempt, whatever the job wants."""

    kind: str
    message: str
    retryable: bool = False
    retry_after: timedelta | None = None
    provider: str | None = None
    answer: AgentOutcome | None = None
    again: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The provider asks to be left alone ``until`` then; ``agents`` are the definitions that would ask it."""

    key: str
    until: datetime
    agents: tuple[str, ...]
    message: str
    answer: AgentOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The run was interrupted."""

    cause: CutCause
    message: str = ""
    answer: AgentOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The agent waits for a person, at most ``until`` then (None: as long as the job allows). What it had said and used
    is in ``answer``; with ``fresh_steps`` it goes on from that conversation, else from its journal."""

    questions: tuple[Question, ...]
    until: datetime | None = None
    answer: AgentOutcome | None = None
    fresh_steps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unneeded:
    """The slot was given up before the agent was called; ``findings`` are what a gate saw."""

    cause: Needless
    message: str = ""
    findings: Findings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """Claimed, not begun, and returned to the line: nothing is asked and nothing is lost."""

    ready_at: datetime


Outcome = Done | Failed | Errored | Held | Cut | Asking | Unneeded | GivenBack
