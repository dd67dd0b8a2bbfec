"""What does a cron expression say? One expression in, bit masks out, or one line that names the fault."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from agentcron.errors import InvalidScheduleError
from agentcron.schedule.days import Fields, Special, can_fire

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ALIASES: Final = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
_MAX_LENGTH: Final = 1000
_FOREIGN: Final = re.compile(r"[^0-9A-Za-z*?,/#@ \t-]")
_LAYOUT: Final = "minute hour day-of-month month day-of-week"


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: dict[str, int]


_SECOND: Final = _Field("second", 0, 59, {})
_MINUTE: Final = _Field("minute", 0, 59, {})
_HOUR: Final = _Field("hour", 0, 23, {})
_DAY: Final = _Field("day of month", 1, 31, {})
_MONTH: Final = _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)})
_WEEKDAY: Final = _Field("day of week", 0, 7, {name: n for n, name in enumerate(_DAYS)})
_SIX: Final = (_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


_NO_DAYS: Final[frozenset[Special]] = frozenset()


class Parsed(NamedTuple):
    """An expression that was understood: meaning, six texts (seconds first), what its writer should know."""

    fields: Fields
    texts: tuple[str, ...]
    warnings: tuple[str, ...]


def parse_fields(expression: str) -> Parsed:
    """Read one expression; ``InvalidScheduleError`` names the field, the value and the allowed range."""
    if not isinstance(expression, str):
        raise InvalidScheduleError(f"cron expression: text is needed, not {type(expression).__name__}")
    text = expression.strip(" \t").upper() if expression.isascii() else expression.strip(" \t")
    if len(text) > _MAX_LENGTH:
        raise InvalidScheduleError(f"cron expression: longer than {_MAX_LENGTH} characters")
    tokens = text.replace("\t", " ").split(" ")
    if "" in tokens:
        tokens = [token for token in tokens if token]
    foreign = _FOREIGN.search(text)
    if foreign:
        _refuse_character(foreign, tokens)
    if text.startswith("@"):
        tokens = _alias(text).split(" ")
    count = len(tokens)
    if count == 5:
        tokens.insert(0, "0")
    elif count != 6:
        _refuse_count(count)
    if count == 5:
        return _parse(tokens)
    try:
        return _parse(tokens)
    except InvalidScheduleError as error:
        # Who meant the sixth as a year would look for the fault in the wrong field.
        year = " and there is no year field" if re.fullmatch(r"[0-9]{4}([-,/][0-9]+)*", tokens[5]) else ""
        told = f"{error}; six fields are read with seconds first{',' if year else ''}{year}"
        raise InvalidScheduleError(told, kind=error.kind, field=error.field) from None


def _parse(tokens: list[str]) -> Parsed:
    """The meaning of six fields, seconds first."""
    second, minute, hour, day, month, weekday = tokens
    warnings: list[str] = []
    seconds, _ = _field(_SECOND, second, warnings)
    minutes, _ = _field(_MINUTE, minute, warnings)
    hours, _ = _field(_HOUR, hour, warnings)
    days, day_specials = _field(_DAY, day, warnings)
    months, _ = _field(_MONTH, month, warnings)
    weekdays, weekday_specials = _field(_WEEKDAY, weekday, warnings)
    either = day[0] not in "*?" and weekday[0] not in "*?"
    every_day = days == 0xFFFFFFFE
    every_weekday = weekdays == 0x7F
    if not either and not every_day and not every_weekday:
        starred = "day of month" if day[0] in "*?" else "day of week"
        warnings.append(
            f"{starred} begins with * or ?, so a day must match both day of month {day} and day of week {weekday}"
        )
    wildcard = minute[0] == "*" or hour[0] == "*" or second[0] == "*"
    fields = Fields(seconds, minutes, hours, days, day_specials, months, weekdays, weekday_specials, either, wildcard)
    # A whole field of plain days always has a match; only the rest can be impossible, such as 30 February.
    if not (every_day and every_weekday) and not can_fire(fields):
        raise InvalidScheduleError(
            f"day of month: {day} in month {month} with day of week {weekday} never happens, "
            "so the schedule would never fire; choose a day that the month has",
            kind="never_fires",
            field="day of month",
        )
    return Parsed(fields, tuple(tokens), tuple(warnings))


def _field(field: _Field, whole: str, warnings: list[str]) -> tuple[int, frozenset[Special]]:
    if whole == "*" or (whole == "?" and field in (_DAY, _WEEKDAY)):
        return (0x7F if field is _WEEKDAY else (2 << field.high) - (1 << field.low)), _NO_DAYS
    if whole.isdigit() and field is not _WEEKDAY:
        return 1 << _value(field, whole, whole), _NO_DAYS
    mask = 0
    specials: set[Special] = set()
    for item in whole.split(","):
        special = _special(field, item) if field is _DAY or field is _WEEKDAY else None
        if special is None:
            mask |= _item(field, item, whole, warnings)
        else:
            specials.add(special)
    if field is _WEEKDAY and mask & 0x80:
        mask = mask & 0x7F | 1
    return mask, frozenset(specials) if specials else _NO_DAYS


def _item(field: _Field, item: str, whole: str, warnings: list[str]) -> int:
    if item.isdigit():
        return 1 << _value(field, item, item)
    if not item:
        _refuse(field, f"{whole} has an empty place in its list; write values between the commas", "malformed")
    body, slash, step_text = item.partition("/")
    first, dash, last = body.partition("-")
    step = _step(field, item, step_text) if slash else 1
    if body == "*":
        low, high = field.low, field.high
    elif not first or (dash and not last) or "-" in last:
        _refuse(field, f"{item} is incomplete; write a number, a range a-b, or a step */n", "malformed")
    else:
        low = _value(field, first, item)
        high = _value(field, last, item) if dash else field.high if slash else low
    if low > high:
        lower = str(field.low) if field.low == high else f"{field.low}-{high}"
        top = 6 if field is _WEEKDAY else field.high
        upper = str(top) if top == low else f"{low}-{top}"
        _refuse(field, f"{item} runs backwards; write {upper},{lower}", "reversed_range")
    if step == 1:
        return (2 << high) - (1 << low)
    if low + step > high:
        warnings.append(f"{field.name}: the step of {item} is wider than its range, so it matches only {low}")
        return 1 << low
    mask = 0
    for value in range(low, high + 1, step):
        mask |= 1 << value
    return mask


def _step(field: _Field, item: str, text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        _refuse(field, f"the step of {item} is not a whole number of 1 or more, such as */5", "bad_step")
    return int(text)


def _value(field: _Field, text: str, item: str) -> int:
    if text.isdigit():
        value = int(text)
        if not field.low <= value <= field.high:
            where = text if text == item else f"{text} in {item}"
            _refuse(field, f"{where} is out of range ({field.low}-{field.high})", "out_of_range")
        return value
    if text in field.names:
        return field.names[text]
    return _refuse_word(field, text, item)


def _special(field: _Field, item: str) -> Special | None:
    if field is _DAY:
        if item in ("L", "LW"):
            return Special(item)
        if item.startswith("L-") and item[2:].isdigit():
            if not 1 <= int(item[2:]) <= 30:
                _refuse(field, f"{item[2:]} in {item} is out of range (1-30)", "out_of_range")
            return Special("L", int(item[2:]))
        if item.endswith("W") and item[:-1].isdigit():
            return Special("W", _value(field, item[:-1], item))
        return None
    day, hash_sign, nth = item.partition("#")
    if hash_sign:
        if "-" in day or "*" in day or not day or not nth.isdigit():
            _refuse(field, f"{item} is not a day and its number; write MON#1 for the first Monday", "bad_special")
        if not 1 <= int(nth) <= 5:
            _refuse(field, f"{nth} in {item} is out of range (1-5)", "out_of_range")
        return Special("#", _value(field, day, item) % 7, int(nth))
    if len(item) > 1 and item.endswith("L") and (item[:-1].isdigit() or item[:-1] in field.names):
        return Special("dL", _value(field, item[:-1], item) % 7)
    return None


def _alias(text: str) -> str:
    if text in _ALIASES:
        return _ALIASES[text]
    import difflib  # only who is refused something pays for it

    known = ", ".join(name.lower() for name in _ALIASES)
    if text.startswith("@EVERY"):
        hint = 'write "every 5m" without the @'
    elif text.startswith("@REBOOT"):
        hint = "there is no schedule for a start of the machine"
    else:
        near = difflib.get_close_matches(text, _ALIASES, 1)
        hint = f"did you mean {near[0].lower()}?" if near else f"known: {known}"
    raise InvalidScheduleError(f"cron expression: {text.lower()} is not an alias; {hint}", kind="bad_alias")


def _refuse(field: _Field, problem: str, kind: str) -> NoReturn:
    raise InvalidScheduleError(f"{field.name}: {problem}", kind=kind, field=field.name)


def _refuse_word(field: _Field, text: str, item: str) -> NoReturn:
    import difflib

    where = text if text == item else f"{text} in {item}"
    if "*" in text or "?" in text or "@" in text:
        hint = "? stands alone in a day field" if "?" in text else "* stands alone or before a step, as in */5"
        _refuse(field, f"{item} cannot be read; {hint}", "malformed")
    if text in ("L", "W", "LW", "H") or "#" in text or re.fullmatch(r"[0-9]+[LWH]|L[0-9]+W?", text):
        hints = {
            "day of month": "write L, LW, L-3 or 15W, each without a range or a step",
            "day of week": "write FRIL for the last Friday, FRI#2 for the second",
        }
        hint = hints.get(field.name, "L, W and # belong to the day fields; H is not supported")
        _refuse(field, f"{where} is not allowed here; {hint}", "bad_special")
    if not field.names:
        _refuse(field, f"{where} is not a number ({field.low}-{field.high})", "bad_name")
    near = next((name for name in field.names if text.startswith(name)), None)
    near = near or next(iter(difflib.get_close_matches(text, field.names, 1)), None)
    names = ", ".join(field.names)
    hint = f"write {near}" if near else f"use {field.low}-{field.high} or {names}"
    _refuse(field, f"{where} is not a name of a {'month' if field is _MONTH else 'day'}; {hint}", "bad_name")


def _refuse_character(found: re.Match[str], tokens: list[str]) -> NoReturn:
    character = found.group()
    shown = character if character.isprintable() else ascii(character).strip("'")
    problem = f"the character {shown} (U+{ord(character):04X}) is not allowed; use digits, names and * , - / ? #"
    index = next((n for n, token in enumerate(tokens) if character in token), None)
    if index is None or len(tokens) not in (5, 6) or not character.isprintable():
        raise InvalidScheduleError(f"cron expression: {problem}", kind="bad_character")
    _refuse(_SIX[index + 6 - len(tokens)], problem, "bad_character")


def _refuse_count(count: int) -> NoReturn:
    if count == 0:
        problem = "it is empty; write"
    elif count == 7:
        problem = "7 fields; a year field is not supported, write"
    else:
        problem = f"{count} field{'' if count == 1 else 's'}; write"
    raise InvalidScheduleError(
        f"cron expression: {problem} five ({_LAYOUT}) or six with seconds first, such as 0 9 * * *",
        kind="field_count",
    )
