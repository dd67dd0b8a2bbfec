"""Who is told of what: the rules of a job, and how they are read from text and JSON.

A rule as text is ``ops: failure, recovered; after 3; cooldown 1h``: the endpoint, the events, and what holds it back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from agentcron.errors import InvalidJobError
from agentcron.schedule import format_duration, parse_duration

MAX_RULES: Final = 20
MAX_AFTER: Final = 100
OFF: Final = "off"
_NONE: Final = timedelta(0)
_LONGEST: Final = timedelta(days=366)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_FORM: Final = "write 'ops: failure, recovered; after 3; cooldown 1h'"


class Event(StrEnum):
    """What somebody outside may be told of."""

    SUCCESS = "success"
    """A run succeeded, and its answer is not a silent one."""
    FAILURE = "failure"
    """A run ended as FAILURE, as ERROR, or as INCOMPLETE by its time limit, a crash or a stop of the scheduler; not by
    a person who canceled it. A run that is tried again has not ended."""
    MISSED = "missed"
    """Slots could not run in time: one letter for each MISSED row, however many slots it stands for."""
    PAUSED = "paused"
    """The job was paused by failures in a row or by a budget, or it waits for a person's consent."""
    AWAITING_INPUT = "awaiting_input"
    """A run is parked until a person answers."""
    RECOVERED = "recovered"
    """The first success after ``failure`` or ``missed`` was told to this endpoint, in place of ``success``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """One rule: which events of a job are told to one endpoint. Raises ``InvalidJobError``."""

    to: str
    """The endpoint, as the configuration names it."""
    on: frozenset[Event] = frozenset(Event) - {Event.SUCCESS}
    after: int = 1
    """``failure`` is told from this many failed runs in a row on."""
    cooldown: timedelta = _NONE
    """After ``failure`` or ``missed`` was told, the same event of the job is not told again for so long."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.to)):
            raise _refuse(f"{self.to!r} is no endpoint's name; use letters, digits and _ . -; {_FORM}")
        if not self.on:
            raise _refuse(f"{self.to}: names no event; the events are {', '.join(Event)}")
        if not 1 <= self.after <= MAX_AFTER:
            raise _refuse(f"{self.to}: after {self.after} is out of range (1 to {MAX_AFTER})")
        if not _NONE <= self.cooldown <= _LONGEST:
            raise _refuse(f"{self.to}: cooldown must be 0 or more and at most 366d")

    def __str__(self) -> str:
        after = f"; after {self.after}" if self.after > 1 else ""
        cooldown = f"; cooldown {format_duration(self.cooldown)}" if self.cooldown else ""
        return f"{self.to}: {', '.join(event for event in Event if event in self.on)}{after}{cooldown}"


def read_notify(value: Any, name: str = "notify") -> tuple[Notify, ...] | None:
    """Rules from one or several of: a ``Notify``, a mapping of its fields, or text. ``off`` or an empty list: nobody is
    told anything; None: what the configuration says holds. Raises ``InvalidJobError``."""
    if value is None:
        return None
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    parts: Any = [value] if isinstance(value, Notify | Mapping) else value
    if not isinstance(parts, Iterable):
        raise _refuse(f"{value!r} is not a rule; {_FORM}", name)
    given = list(parts)
    if [part.strip().lower() for part in given if isinstance(part, str)] == [OFF] and len(given) == 1:
        return ()
    if len(given) > MAX_RULES:
        raise _refuse(f"{len(given)} rules are given; at most {MAX_RULES}", name)
    return tuple(_read(part, name) for part in given)


def check_targets(rules: Iterable[Notify], known: Collection[str], name: str = "notify") -> None:
    """Refuse a rule for an endpoint that is not configured. Raises ``InvalidJobError``."""
    for rule in rules:
        if rule.to not in known:
            have = f"known are {', '.join(sorted(known))}" if known else "none is configured; write [endpoints.NAME]"
            raise _refuse(f"there is no endpoint {rule.to!r}; {have}", name)


def _read(part: Any, name: str) -> Notify:
    if isinstance(part, Notify):
        return part
    if isinstance(part, str):
        part = _parsed(part, name)
    if not isinstance(part, Mapping):
        raise _refuse(f"{part!r} is not a rule; {_FORM}", name)
    for key in part:
        if key not in ("to", "on", "after", "cooldown"):
            raise _refuse(f"{key!r} is none of to, on, after, cooldown", name)
    if "to" not in part:
        raise _refuse(f"a rule names no endpoint; {_FORM}", name)
    read: dict[str, Any] = {"to": part["to"]}
    if (on := part.get("on")) is not None:
        read["on"] = _events(on, name)
    if (after := part.get("after")) is not None:
        if isinstance(after, bool) or not str(after).isdecimal():
            raise _refuse(f"after {after!r} is not a number of failures", name)
        read["after"] = int(after)
    if (cooldown := part.get("cooldown")) is not None:
        read["cooldown"] = _cooldown(cooldown, name)
    return Notify(**read)


def _parsed(text: str, name: str) -> dict[str, Any]:
    """The parts of a rule that is written as text."""
    head, *clauses = [part.strip() for part in text.split(";")]
    to, mark, events = head.partition(":")
    read: dict[str, Any] = {"to": to.strip()}
    if mark:
        read["on"] = [event.strip() for event in events.split(",") if event.strip()]
    for clause in clauses:
        word, _, rest = clause.partition(" ")
        if word not in ("after", "cooldown") or not rest.strip():
            raise _refuse(f"{clause!r} is neither 'after N' nor 'cooldown DURATION'; {_FORM}", name)
        read[word] = rest.strip()
    return read


def _events(value: Any, name: str) -> frozenset[Event]:
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, Iterable):
        raise _refuse(f"on {value!r} is not a list of events", name)
    found = set()
    for part in given:
        try:
            found.add(Event(str(part).strip().lower().replace("-", "_")))
        except ValueError:
            raise _refuse(f"{part!r} is not an event; the events are {', '.join(Event)}", name) from None
    return frozenset(found)


def _cooldown(value: Any, name: str) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(seconds=value)
        return parse_duration(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _refuse(f"cooldown {value!r} is not a duration; write 30s, 5m, 2h or 1d", name) from None


def _refuse(told: str, name: str = "notify") -> InvalidJobError:
    return InvalidJobError(f"{name}: {told}", field="notify")
