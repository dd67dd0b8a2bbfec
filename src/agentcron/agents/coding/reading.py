"""What was read from a coding agent's output: the one form that all parsers answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from agentcron.domain.outcomes import Usage
from agentcron.errors import AgentError

_STATUS: Final = re.compile(r"\b(401|402|403|404|408|413|429|500|502|503|504|529)\b")
_KINDS: Final = {"401": "auth", "403": "auth", "402": "quota", "404": "model_not_found", "413": "request"}
# The first that fits: a refusal for too many requests may go on to speak of other ways to authenticate.
_WORDS: Final = (
    ("quota", ("insufficient_quota", "credit balance", "billing")),
    ("rate_limit", ("rate limit", "rate_limit", "too many requests", "resource_exhausted")),
    ("auth", ("api key", "unauthorized", "not logged in", "authentication", "auth method")),
    ("network", ("econnrefused", "enotfound", "connection refused", "connection error", "stream disconnected")),
)
# Beyond it no store could keep the sum of a few.
_MOST: Final = 2**53
_RETRYABLE: Final = ("rate_limit", "provider", "network")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One call of the program. ``complete``: it said itself how the call ended; ``counted``: it told its tokens;
    ``written`` are bytes of what it said; ``lost``: the session to go on with is not there.

    ``totals`` are figures that the program counts over the whole session: ``cost_usd``, or fields of ``Usage``. What
    earlier calls of the session used is in them, and is taken off by ``since``.
    """

    text: str = ""
    session: str | None = None
    turns: int = 0
    usage: Usage | None = None
    counted: bool = False
    cost_usd: Decimal | None = None
    model: str | None = None
    denied: tuple[str, ...] = ()
    failed: str | None = None
    error: str | None = None
    complete: bool = False
    lost: bool = False
    totals: Mapping[str, str] | None = None
    written: int = 0
    events: tuple[Any, ...] = ()


def since(reading: Reading, before: Mapping[str, str]) -> Reading:
    """The reading without what the session had used ``before`` the call: else every turn is paid for again."""
    totals = reading.totals or {}
    own = {
        key: Decimal(value) - Decimal(before[key])
        for key, value in totals.items()
        # A smaller figure than before was counted from nothing.
        if key in before and Decimal(before[key]) <= Decimal(value)
    }
    cost = own.pop("cost_usd", reading.cost_usd)
    usage = reading.usage and replace(reading.usage, **{key: int(value) for key, value in own.items()})
    return replace(reading, cost_usd=cost, usage=usage)


def objects(output: str) -> tuple[Any, ...]:
    """The JSON objects of an output: one per line, or one over many lines; other lines are passed over."""
    found = [value for line in output.splitlines() if (value := event_in(line)) is not None]
    if found:
        return tuple(found)
    start = output.find("{")
    whole = event_in(output[start : output.rfind("}") + 1]) if start >= 0 else None
    return () if whole is None else (whole,)


def table(value: Any, *keys: str) -> Mapping[str, Any]:
    """The object under these keys; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def whole(value: Any) -> int:
    """A count; 0 for what is none, or is more than anybody counts."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _MOST:
        return 0
    return int(value)


def money(value: Any) -> Decimal | None:
    """An amount of dollars; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _MOST:
        return None
    return Decimal(str(value))


def error_of(message: str) -> AgentError:
    """The error that a program told in words, sorted by the provider's status where one is in it."""
    low = message.lower()
    status = _STATUS.search(message)
    if status is not None:
        number = status.group()
        kind = _KINDS.get(number, "rate_limit" if number == "429" else "provider")
    else:
        kind = next((kind for kind, words in _WORDS if any(word in low for word in words)), "agent")
    return AgentError(message, kind=kind, retryable=kind in _RETRYABLE)


def event_in(line: str | bytes) -> dict[str, Any] | None:
    """The JSON object that the line holds; None where it is something else."""
    try:
        value = json.loads(line) if line[:1] in ("{", b"{") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
