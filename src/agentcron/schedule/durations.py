"""How long is "1h30m"? Durations as people write them, and back."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Final

from agentcron.errors import InvalidScheduleError

_UNITS: Final = (
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
)
_WORDS: Final = {
    **dict.fromkeys(("us",), "us"),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_SIZES: Final = {**dict(_UNITS), "w": 7 * 86_400_000_000}
_LONG: Final = {
    "d": "day",
    "h": "hour",
    "m": "minute",
    "s": "second",
    "ms": "millisecond",
    "us": "microsecond",
}
_PART: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([a-z]+)(?: ?,? ?and |, ?| |$|(?=[0-9]))")
_HINT: Final = "write a number and a unit, such as 30s, 5m, 2h, 1d or 1h30m"


def parse_duration(text: str) -> timedelta:
    """Read ``3s``, ``5m``, ``2h``, ``1d``, ``1w``, ``250ms``, ``1h30m``, ``1.5h``, ``2 hours 30 minutes``.

    A day is 24 hours. Raises ``InvalidScheduleError`` (kind ``bad_interval``), for months and years too: they have no
    fixed length.
    """
    if not isinstance(text, str):
        raise _refusal(f"text is needed, not {type(text).__name__}")
    rest = text.strip(" \t").lower()
    shown = ascii(text[:60])
    if not rest:
        raise _refusal("it is empty")
    if rest.startswith("-"):
        raise _refusal(f"{shown} is negative")
    if rest.endswith(","):
        raise _refusal(f"{shown} ends with a comma")
    if re.fullmatch(r"[0-9.]+", rest):
        raise _refusal(f"{shown} has no unit")
    total = Fraction(0)
    seen: set[str] = set()
    place = 0
    while place < len(rest):
        part = _PART.match(rest, place)
        if part is None:
            raise _refusal(f"{shown} cannot be read")
        number, word = part.groups()
        unit = _WORDS.get(word)
        if unit is None:
            calendar = word.startswith(("mo", "y", "quarter"))
            raise _refusal(f"{word} in {shown} {'has no fixed length' if calendar else 'is not a unit'}")
        if unit in seen:
            raise _refusal(f"{shown} says {unit} twice")
        seen.add(unit)
        total += Fraction(number) * _SIZES[unit]
        place = part.end()
    if total.denominator != 1:
        raise _refusal(f"{shown} is finer than a microsecond")
    try:
        return timedelta(microseconds=int(total))
    except OverflowError:
        raise _refusal(f"{shown} is too long") from None


def duration_us(duration: timedelta) -> int:
    """Whole microseconds: dividing one timedelta by another takes five times as long, and every run asks."""
    return (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds


def format_duration(duration: timedelta) -> str:
    """The text that ``parse_duration`` reads back: ``1h30m``. A negative one gets a minus in front."""
    sign = "-" if duration < timedelta(0) else ""
    parts = [f"{count}{unit}" for count, unit in _split(abs(duration))]
    return sign + ("".join(parts) or "0s")


def say_duration(duration: timedelta) -> str:
    """In words: ``2 hours 30 minutes``."""
    parts = [f"{count} {_LONG[unit]}{'' if count == 1 else 's'}" for count, unit in _split(abs(duration))]
    return " ".join(parts) or "0 seconds"


def _split(duration: timedelta) -> list[tuple[int, str]]:
    left = duration_us(duration)
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append((count, unit))
    return parts


def _refusal(problem: str) -> InvalidScheduleError:
    return InvalidScheduleError(f"duration: {problem}; {_HINT}", kind="bad_interval")
