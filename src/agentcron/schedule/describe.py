"""How does a person say it? A parsed cron expression in plain words."""

from __future__ import annotations

from typing import Final

from agentcron.schedule.days import Fields, Special
from agentcron.schedule.fields import Parsed

_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ORDINALS: Final = ("", "first", "second", "third", "fourth", "fifth")
_ALL_MINUTES: Final = (1 << 60) - 1
_ALL_HOURS: Final = (1 << 24) - 1
_ALL_DAYS: Final = 0xFFFFFFFE
_ALL_MONTHS: Final = 0x1FFE
_ALL_WEEKDAYS: Final = 0x7F
_MOST_TIMES: Final = 8


def describe_cron(parsed: Parsed, timezone: str) -> str:
    """``at 09:00, Monday to Friday (Europe/Berlin)``, and after it whatever the writer may not have meant."""
    fields = parsed.fields
    parts = [_times(fields)]
    days = _days(fields)
    if days:
        parts.append(days)
    elif not fields.wildcard:
        parts.append("every day")
    if fields.months != _ALL_MONTHS:
        parts.append("in " + _listed([_MONTHS[n - 1] for n in _values(fields.months)], fields.months, 1))
    text = f"{', '.join(parts)} ({timezone})"
    return "; note: ".join((text, *parsed.warnings))


def _times(fields: Fields) -> str:
    seconds, minutes, hours = _values(fields.seconds), _values(fields.minutes), _values(fields.hours)
    whole_hours = fields.hours == _ALL_HOURS
    few = len(seconds) * len(minutes) * len(hours) <= _MOST_TIMES
    if few and not whole_hours:
        tails = [""] if seconds == [0] else [f":{second:02}" for second in seconds]
        return "at " + _and([f"{h:02}:{m:02}{tail}" for h in hours for m in minutes for tail in tails])
    of_hours = "" if whole_hours else f" of {_hours(fields.hours)}"
    past_hours = " past every hour" if whole_hours else f" past {_hours(fields.hours)}"
    if seconds != [0]:
        of_minutes = f" of minute{_s(minutes)} {_numbers(minutes)}{past_hours}"
        by_second = _each(seconds, 60, "second")
        if fields.minutes != _ALL_MINUTES:
            return by_second + of_minutes
        return by_second + (of_hours if by_second.startswith("every") else f" of every minute{of_hours}")
    if minutes == [0]:
        every = _each(hours, 24, "hour")
        return f"{every}, on the hour" if every.startswith("every") else f"on the hour, at {_hours(fields.hours)}"
    by_minute = _each(minutes, 60, "minute")
    return by_minute + (of_hours if by_minute.startswith("every") else past_hours)


def _each(values: list[int], size: int, unit: str) -> str:
    """The whole field or an even step round it as "every"; anything else by its numbers."""
    if len(values) == size:
        return f"every {unit}"
    step = values[1] if len(values) > 1 else 0
    if step and size % step == 0 and values == list(range(0, size, step)):
        return f"every {step} {unit}s"
    return f"at {unit}{_s(values)} {_numbers(values)}"


def _days(fields: Fields) -> str:
    whole_days = fields.days == _ALL_DAYS
    whole_weekdays = fields.weekdays == _ALL_WEEKDAYS
    by_day = "" if whole_days else f"on {_month_days(fields)} of the month"
    by_weekday = "" if whole_weekdays else _weekdays(fields)
    if fields.either:
        # With OR, one field that takes every day makes the other one idle.
        return "" if whole_days or whole_weekdays else f"{by_day} or {by_weekday} (either is enough)"
    if by_day and by_weekday:
        return f"{by_day}, but only if that is {by_weekday.removeprefix('on ')} (both must match)"
    return by_day or by_weekday


def _month_days(fields: Fields) -> str:
    days = _values(fields.days)
    said = [f"day{_s(days)} {_numbers(days)}"] if days else []
    said += [_month_special(special) for special in sorted(fields.day_specials)]
    return " and ".join(said)


def _month_special(special: Special) -> str:
    if special.sign == "LW":
        return "the last weekday (Monday to Friday)"
    if special.sign == "W":
        return f"the weekday (Monday to Friday) nearest day {special.n}"
    if special.n:
        return f"the day {special.n} day{'' if special.n == 1 else 's'} before the last"
    return "the last day"


def _weekdays(fields: Fields) -> str:
    values = _values(fields.weekdays)
    said: list[str] = []
    if fields.weekdays == 0b0111110:
        said.append("Monday to Friday")
    elif values:
        said.append(_listed([_DAYS[n] for n in values], fields.weekdays, 0))
    for special in sorted(fields.weekday_specials):
        which = "last" if special.sign == "dL" else _ORDINALS[special.nth]
        said.append(f"the {which} {_DAYS[special.n]} of the month")
    return " and ".join(said) if said[0].find(" to ") > 0 else "on " + " and ".join(said)


def _hours(mask: int) -> str:
    hours = _values(mask)
    return f"hour{_s(hours)} {_numbers(hours)}"


def _values(mask: int) -> list[int]:
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


def _numbers(values: list[int]) -> str:
    """Runs of three or more become a range: 1 to 5, 9 and 12."""
    said: list[str] = []
    start = 0
    while start < len(values):
        end = start
        while end + 1 < len(values) and values[end + 1] == values[end] + 1:
            end += 1
        if end - start >= 2:
            said.append(f"{values[start]} to {values[end]}")
        else:
            said += [str(value) for value in values[start : end + 1]]
        start = end + 1
    return _and(said)


def _listed(names: list[str], mask: int, low: int) -> str:
    run = mask >> low
    run //= run & -run
    return f"{names[0]} to {names[-1]}" if len(names) > 2 and run & (run + 1) == 0 else _and(names)


def _and(said: list[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _s(values: list[int]) -> str:
    return "" if len(values) == 1 else "s"
