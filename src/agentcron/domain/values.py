"""How a plain value of a job's field is read from text or JSON: a text, a number, a yes or no, names, a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentcron.errors import InvalidJobError


def bad(name: str, value: Any, wanted: str) -> InvalidJobError:
    return InvalidJobError(f"{name}: {value!r} is not {wanted}", field=name)


def read_text(name: str, value: Any, _zone: str) -> str:
    if not isinstance(value, str):
        raise bad(name, value, "text")
    return value


def read_yes_or_no(name: str, value: Any, _zone: str) -> bool:
    known = {"yes": True, "true": True, "no": False, "false": False}
    found = known.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise bad(name, value, "yes or no")
    return found


def read_whole(name: str, value: Any, _zone: str) -> int:
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and value.isascii():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad(name, value, "a whole number")
    return value


def read_mapping(name: str, value: Any, _zone: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise bad(name, value, "a mapping of names to values")
    return dict(value)


def read_names(name: str, value: Any, _zone: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, Iterable):
        raise bad(name, value, "a list of names")
    names: list[Any] = list(value)
    if not all(isinstance(part, str) for part in names):
        raise bad(name, value, "a list of names")
    return tuple(dict.fromkeys(names))
