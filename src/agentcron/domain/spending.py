"""Amounts that runs use, and the budget that bounds them, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from agentcron.errors import InvalidJobError
from agentcron.schedule import format_duration, parse_duration

WINDOWS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30))
BUDGET_EXAMPLE: Final = "tokens=100000,window=1d,action=skip"
_FORM: Final = f"write {BUDGET_EXAMPLE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What some runs used, or are expected to use. Money in US dollars."""

    runs: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            runs=self.runs + other.runs, tokens=self.tokens + other.tokens, cost_usd=self.cost_usd + other.cost_usd
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the runs of one scope that ended in one hour used. ``hour`` counts from the epoch."""

    scope: str
    hour: int
    amount: Amount


class BudgetAction(StrEnum):
    """What becomes of a run for which nothing is left."""

    SKIP = "skip"
    """It does not run: SKIPPED(budget)."""
    PAUSE = "pause"
    """It does not run, and the job is paused until a person resumes it."""
    FALLBACK = "fallback"
    """It runs with ``fallback_agent``, a cheaper definition, which the budget does not hold back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that runs may use in a rolling window of 1h, 1d, 7d or 30d.

    At 80 % a warning is told; a run that would go beyond 100 % meets ``action``. Raises ``InvalidJobError``.
    """

    window: timedelta = timedelta(days=1)
    """1h, 1d, 7d or 30d."""
    tokens: int | None = None
    """Input and output together."""
    cost_usd: Decimal | None = None
    """US dollars. Runs whose cost is not known count as nothing."""
    runs: int | None = None
    """Executions that an agent was begun for."""
    action: BudgetAction = BudgetAction.SKIP
    fallback_agent: str | None = None
    """With ``action = fallback``: the definition to use."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise _refuse(f"window {format_duration(self.window)} is none of 1h, 1d, 7d, 30d")
        limits = (self.tokens, self.cost_usd, self.runs)
        if all(limit is None for limit in limits):
            raise _refuse(f"bounds nothing; {_FORM}")
        if any(limit is not None and limit <= 0 for limit in limits):
            raise _refuse("tokens, cost_usd and runs must be more than 0")
        if (self.action is BudgetAction.FALLBACK) != (self.fallback_agent is not None):
            raise _refuse("action=fallback and fallback_agent=NAME go together")

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in write_budget(self).items())


def read_budgets(name: str, value: Any) -> tuple[Budget, ...]:
    """Budgets from one or several of: a ``Budget``, a mapping of its fields, or text such as
    ``tokens=100000,window=1d,action=skip``. Text holds several with ``;`` between. Raises ``InvalidJobError``."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part for part in value.split(";") if part.strip()]
    parts: Iterable[Any] = [value] if isinstance(value, Budget | Mapping) else value
    if not isinstance(parts, Iterable):
        raise _refuse(f"{value!r} is not a budget; {_FORM}", name)
    return tuple(_read(name, part) for part in parts)


def read_shared(budgets: Mapping[str, Any]) -> dict[str, tuple[Budget, ...]]:
    """The budgets of ``all`` jobs and of tags. Raises ``InvalidJobError``."""
    for scope in budgets:
        if scope != "all" and not (scope.startswith("tag:") and len(scope) > 4):
            raise _refuse(f"{scope!r} is no scope; write all, or tag:NAME")
    read = {scope: read_budgets(f"budgets.{scope}", given) for scope, given in budgets.items()}
    return {scope: found for scope, found in read.items() if found}


def write_budget(budget: Budget) -> dict[str, Any]:
    """The JSON object of a budget, without what it leaves open."""
    found: dict[str, Any] = {"window": format_duration(budget.window)}
    for key in ("tokens", "cost_usd", "runs"):
        if (limit := getattr(budget, key)) is not None:
            found[key] = str(limit) if key == "cost_usd" else limit
    found["action"] = budget.action.value
    if budget.fallback_agent is not None:
        found["fallback_agent"] = budget.fallback_agent
    return found


def _read(name: str, value: Any) -> Budget:
    if isinstance(value, Budget):
        return value
    if isinstance(value, str):
        pairs: list[Sequence[str]] = [part.split("=", 1) for part in value.split(",")]
        if not all(len(pair) == 2 for pair in pairs):
            raise _refuse(f"{value!r} is not a budget; {_FORM}", name)
        value = {key.strip(): part.strip() for key, part in pairs}
    if not isinstance(value, Mapping):
        raise _refuse(f"{value!r} is not a budget; {_FORM}", name)
    known = [field.name for field in fields(Budget)]
    read: dict[str, Any] = {}
    for key, part in value.items():
        if key not in known:
            raise _refuse(f"{key!r} is not one of {', '.join(known)}", name)
        if part is not None:
            read[key] = _part(name, key, part)
    return Budget(**read)


def _part(name: str, key: str, part: Any) -> Any:
    try:
        if key == "window":
            return part if isinstance(part, timedelta) else parse_duration(part)
        if key == "action":
            return BudgetAction(part)
        if key == "cost_usd" and not isinstance(part, bool):
            amount = Decimal(str(part).removeprefix("$"))
            if amount.is_finite():
                return amount
        if key in ("tokens", "runs") and not isinstance(part, bool) and str(part).isdecimal():
            return int(part)
        if key == "fallback_agent" and isinstance(part, str) and part.strip():
            return part
    except (ValueError, InvalidOperation, TypeError):
        pass
    raise _refuse(f"{key} {part!r} cannot be read; {_FORM}", name)


def _refuse(told: str, name: str = "budgets") -> InvalidJobError:
    return InvalidJobError(f"{name}: {told}", field="budgets")
