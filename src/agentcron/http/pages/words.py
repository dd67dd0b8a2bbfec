"""How instants, durations, amounts and statuses read on a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from agentcron.domain.plain_text import plain
from agentcron.schedule import format_duration, on_clock

_STEPS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def clock(instant: datetime, zone: str, now: datetime, *, seconds: bool = False) -> str:
    """The shortest unmistakable form: the time today, with the day before and after, with the year beyond."""
    local, today = on_clock(instant, zone), on_clock(now, zone)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    days = (local.date() - today.date()).days
    if days == 0:
        return time
    if -7 < days < 7:
        return f"{local:%a} {time}"
    day = f"{local.day} {local:%b}"
    return f"{day} {time}" if local.year == today.year else f"{day} {local.year}, {time}"


def whole(instant: datetime, zone: str) -> str:
    """Date, time to the second, and the zone's abbreviation."""
    local = on_clock(instant, zone)
    name = local.tzname() or ""
    return f"{local:%a %Y-%m-%d %H:%M:%S} {'UTC' + name if name[:1] in '+-' else name}"


def slot(instant: datetime, zone: str) -> str:
    """One of several times below each other: day, date, time, and the zone's abbreviation."""
    told = whole(instant, zone)
    return told if on_clock(instant, zone).second else told.replace(":00 ", " ", 1)


def away(instant: datetime, now: datetime) -> str:
    """``in 2 h 5 min``, ``3 d ago``, ``now``."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    told = _two_parts(int(abs(seconds)))
    return f"in {told}" if seconds > 0 else f"{told} ago"


def span(duration: timedelta | None) -> str:
    """A measured duration in at most two parts; an en dash for none."""
    if duration is None:
        return "–"
    seconds = duration.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else _two_parts(round(seconds))


def _two_parts(seconds: int) -> str:
    for place, (unit, size) in enumerate(_STEPS):
        if seconds >= size:
            told = f"{seconds // size} {unit}"
            rest = seconds % size
            if place + 1 < len(_STEPS) and seconds // size < 10:
                smaller, small = _STEPS[place + 1]
                told += f" {rest // small} {smaller}" if rest // small else ""
            return told
    return "0 s"


def money(cost: Decimal | None) -> str:
    """US dollars, small amounts to where they begin; an en dash where unknown."""
    if cost is None:
        return "–"
    if cost == 0:
        return "$0"
    if cost >= 1:
        return f"${cost:,.2f}"
    return f"${cost:.4f}" if cost >= Decimal("0.0001") else "<$0.0001"


def count(number: int) -> str:
    """A count with its thousands told apart."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """About how many: ``940``, ``12.3k``, ``4.1M``."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if number >= size:
            return f"{number / size:.1f}{unit}".replace(".0", "")
    return str(number)


def percent(share: float | None) -> str:
    """A share of 1 as whole per cents; 100 only where nothing is missing."""
    if share is None:
        return "–"
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"


def policy(value: object) -> str:
    """A policy's value as people write it."""
    if value is None:
        return "–"
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value)


def why_paused(reason: str | None) -> str | None:
    """Why a job is paused, in words."""
    return {
        "person": "by a person",
        "streak": "after failures in a row",
        "budget": "its budget is used up",
        "approval": "waits for consent",
    }.get(reason or "", reason)


def tame(text: str | None) -> str:
    """A text of an agent as it may be shown; nothing for none."""
    return plain(text or "")


def first_line(text: str | None, width: int = 120) -> str:
    """The beginning of a text on one line."""
    flat = tame(" ".join((text or "").split()))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"
