"""What runs used, told by job, agent, tag or day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from agentcron.domain.budgets import hour_of
from agentcron.domain.spending import Amount, Spent

PREFIXES: Final = {"job": "job:", "model": "agent:", "agent": "agent:", "tag": "tag:", "day": "all"}
MAX_DAYS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One job, agent, tag or day (``2030-01-31``, UTC), and what its runs used. Of a job ``key`` is its id."""

    key: str
    name: str
    amount: Amount


def usage_range(by: str, days: int, now: datetime) -> tuple[str, int]:
    """Which sums answer: how their scopes begin, and from which hour on. Raises ``ValueError``."""
    if by not in PREFIXES:
        raise ValueError(f"by: {by!r} is none of {', '.join(PREFIXES)}")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days: {days} is out of range (1 to {MAX_DAYS})")
    begins = (now - timedelta(days=days - 1)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return PREFIXES[by], hour_of(begins)


def usage_lines(by: str, spent: Iterable[Spent], names: Mapping[str, str]) -> list[UsageLine]:
    """The sums by what was asked for, the dearest first, days in order. ``names`` are those of jobs by their ids."""
    sums: dict[str, Amount] = {}
    for found in spent:
        if by == "day":
            key = datetime.fromtimestamp(found.hour * 3600, UTC).date().isoformat()
        else:
            key = found.scope.removeprefix(PREFIXES[by])
        sums[key] = sums.get(key, Amount()) + found.amount
    lines = [UsageLine(key=key, name=names.get(key, key), amount=amount) for key, amount in sums.items()]
    if by == "day":
        return sorted(lines, key=lambda line: line.key)
    return sorted(lines, key=lambda line: (-line.amount.cost_usd, -line.amount.tokens, line.key))
