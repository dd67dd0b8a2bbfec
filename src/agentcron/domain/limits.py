"""How much one run may use, and which bound it went beyond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from agentcron.domain.outcomes import Usage

LIMITS_EXAMPLE: Final = "requests=5,cost_usd=0.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run, each of them optional: reaching beyond one ends the run as FAILURE(limit)."""

    requests: int | None = None
    """Calls to a model."""
    tool_calls: int | None = None
    """Calls of tools that the model makes."""
    input_tokens: int | None = None
    """Read by the model over the whole run, cached ones included."""
    output_tokens: int | None = None
    """Written by the model over the whole run."""
    total_tokens: int | None = None
    """Input and output together."""
    cost_usd: Decimal | None = None
    """US dollars."""
    turns: int | None = None
    """Answers of the model, those that only call tools included."""
    output_bytes: int | None = None
    """What the agent writes, as UTF-8."""

    def __iter__(self) -> Iterator[tuple[str, int | Decimal]]:
        """The bounds that are set, by name."""
        for name in NAMES:
            if (most := getattr(self, name)) is not None:
                yield name, most

    def tighter(self, other: Limits) -> Limits:
        """Of each bound the smaller one."""
        if other is NO_LIMITS:
            return self
        bounds: dict[str, Any] = dict(other)
        for name, most in self:
            bounds[name] = min(most, bounds.get(name, most))
        return Limits(**bounds)

    def hit(
        self, usage: Usage | None = None, cost_usd: Decimal | None = None, *, turns: int = 0, output_bytes: int = 0
    ) -> str | None:
        """The bound that was gone beyond, as ``limit: NAME: USED used, at most MOST allowed``; None within all."""
        used: dict[str, int | Decimal] = {"turns": turns, "output_bytes": output_bytes, "cost_usd": cost_usd or 0}
        if usage is not None:
            used |= {name: getattr(usage, name) for name in _OF_USAGE}
            used["total_tokens"] = usage.tokens
        for name, most in self:
            if used.get(name, 0) > most:
                return said(name, most, used[name])
        return None


def said(name: str, most: int | Decimal, used: int | Decimal, word: str = "used") -> str:
    """What an execution that hit a limit is told to have done: which one, and at what."""
    return f"limit: {name}: {_plain(used)} {word}, at most {_plain(most)} allowed"


def read_limits(value: Any) -> Limits:
    """``Limits``, a mapping of names to numbers, or text such as ``requests=5,cost_usd=0.10``; None is no limit.

    Raises ``ValueError``; its text goes on from the name of the field: ``.requests: a whole number is needed``.
    """
    if isinstance(value, Limits):
        return value
    if isinstance(value, str):
        value = dict(part.strip().partition("=")[::2] for part in value.split(",") if part.strip())
    if not isinstance(value, Mapping):
        raise ValueError(f": a table is needed, not {value!r}; write {LIMITS_EXAMPLE}")
    bounds: dict[str, Any] = {}
    for name, most in value.items():
        if name not in NAMES:
            import difflib

            near = difflib.get_close_matches(str(name), NAMES, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f".{name}: is not known; {hint}Known: {', '.join(NAMES)}")
        if most is not None:
            bounds[name] = _money(most) if name == "cost_usd" else _count(name, most)
    return Limits(**bounds) if bounds else NO_LIMITS


def write_limits(limits: Limits) -> dict[str, int | str]:
    """The bounds that are set, as JSON; money as decimal text."""
    return {name: most if isinstance(most, int) else _plain(most) for name, most in limits}


def _count(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f".{name}: a whole number of at least 1 is needed, not {value!r}")
    return value


def _money(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount > 0):
        raise ValueError(f".cost_usd: an amount of more than 0 US dollars such as 0.25 is needed, not {value!r}")
    return amount


def _plain(value: int | Decimal) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


NAMES: Final = tuple(field.name for field in fields(Limits))
NO_LIMITS: Final = Limits()
_OF_USAGE: Final = ("requests", "tool_calls", "input_tokens", "output_tokens")
