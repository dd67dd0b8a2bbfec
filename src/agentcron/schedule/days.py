"""Which days of a month match the fields? Plain days and weekdays, and those that depend on the month."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

MONTH_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Special(NamedTuple):
    """A day that depends on the month: ``L`` and ``L-n``, ``LW``, ``nW``, ``dL`` and ``d#n``.

    ``sign`` is ``L`` (n days before the last one), ``LW``, ``W`` (the working day nearest to day n), ``dL``
    (the last weekday n) or ``#`` (the nth weekday n).
    """

    sign: str
    n: int = 0
    nth: int = 0


class Fields(NamedTuple):
    """The meaning of an expression: equal fields fire alike in a zone. Bit n of a mask stands for value n."""

    seconds: int
    minutes: int
    hours: int
    days: int
    day_specials: frozenset[Special]
    months: int
    weekdays: int
    weekday_specials: frozenset[Special]
    either: bool
    wildcard: bool


def days_of(fields: Fields) -> Fields:
    """What the fields say of days alone, which most expressions have in common with many others."""
    return fields._replace(seconds=1, minutes=1, hours=1, wildcard=False)


@lru_cache(maxsize=4096)
def year_mask(fields: Fields, weekday: int, leap: bool) -> int:
    """Matching days of a year, by the weekday of its 1st of January (0 = Sunday) and its length; bit 0 is that day."""
    mask = offset = 0
    for month, length in enumerate(MONTH_LENGTHS, 1):
        days = length + (leap and month == 2)
        if fields.months >> month & 1:
            mask |= (month_mask(fields, (weekday + offset) % 7, days) >> 1) << offset
        offset += days
    return mask


def month_mask(fields: Fields, first: int, length: int) -> int:
    """Matching days of a month, by the weekday of its 1st (0 = Sunday) and its length; bit n is day n."""
    whole = (2 << length) - 2
    days = fields.days & whole
    for special in fields.day_specials:
        days |= _special_day(special, first, length)
    weekdays = 0
    if fields.weekdays:
        weeks = sum(fields.weekdays << days_before for days_before in (0, 7, 14, 21, 28, 35))
        weekdays = weeks >> first << 1 & whole
    for special in fields.weekday_specials:
        day = 1 + (special.n - first) % 7
        day += (length - day) // 7 * 7 if special.sign == "dL" else 7 * (special.nth - 1)
        weekdays |= 1 << day & whole
    return days | weekdays if fields.either else days & weekdays


def _special_day(special: Special, first: int, length: int) -> int:
    if special.sign == "L":
        return (1 << max(length - special.n, 0)) & ~1
    day = length if special.sign == "LW" else special.n
    if day > length:
        return 0
    weekday = (first + day - 1) % 7
    if weekday == 6:
        day += -1 if day > 1 else 2
    elif weekday == 0:
        day += 1 if day < length else -2
    return 1 << day


def can_fire(fields: Fields) -> bool:
    """Whether any month of any year has a matching day."""
    return any(
        month_mask(fields, first, length)
        for month in range(1, 13)
        if fields.months >> month & 1
        for length in ((29, 28) if month == 2 else (MONTH_LENGTHS[month - 1],))
        for first in range(7)
    )
