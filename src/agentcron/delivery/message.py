"""What is told to somebody outside, and how telling it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from agentcron.errors import AgentcronError

if TYPE_CHECKING:
    from agentcron.delivery.heartbeat import Heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to be told; every try sends the same."""

    id: str
    """Stable over every try: receivers drop repeats by it."""
    event: str
    """``success``, ``failure``, ``missed``, ``paused``, ``awaiting_input`` or ``recovered``."""
    created: datetime
    """When it happened, aware, UTC."""
    subject: str
    """One line."""
    text: str
    """Plain text of a few lines."""
    body: str
    """The JSON object that webhooks send and files keep, exactly these bytes on each try."""


class DeliveryError(AgentcronError):
    """The message was not taken. One that is not ``retryable`` is given up at once; another is tried again, never
    sooner than ``retry_after``."""

    def __init__(self, message: str, *, retryable: bool, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class Sender(Protocol):
    """One endpoint."""

    async def send(self, message: Message) -> None:
        """Return when the receiver has taken it. Raises ``DeliveryError``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What sends to each endpoint that takes messages, and what pings each heartbeat, by their names."""

    senders: Mapping[str, Sender] = field(default_factory=dict)
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
