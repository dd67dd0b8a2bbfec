"""How the limits of retention are written in the settings."""

from __future__ import annotations

import re
from typing import Any, Final

from agentcron.domain.retention import Retention
from agentcron.schedule import parse_duration

NONE: Final = "none"
RETENTION_KEYS: Final = ("max_age", "max_per_job", "max_bytes", "keep_last")

_WANTED: Final = {
    "max_age": "a duration such as '90d', or 'none'",
    "max_per_job": "a whole number from 1, or 'none'",
    "max_bytes": "a size such as '500MB' or '2GiB', or 'none'",
    "keep_last": "a whole number from 1",
}
_SIZE: Final = re.compile(r"([0-9]{1,15}) *([KMGT]?)(I?)B?", re.IGNORECASE)


def read_limit(name: str, value: Any) -> Any:
    """The limit as ``Retention`` takes it; None for ``none``. Raises ``ValueError`` saying what was expected."""
    if value == NONE and name != "keep_last":
        return None
    try:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ValueError
        read: Any = parse_duration(str(value)) if name == "max_age" else _number(str(value), name)
        Retention(**{name: read})
    except ValueError as error:
        raise ValueError(_WANTED[name]) from error
    return read


def _number(text: str, name: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None or (name != "max_bytes" and not text.isdecimal()):
        raise ValueError
    step = 1024 if found[3] else 1000
    power: int = ("", "K", "M", "G", "T").index(found[2].upper())
    return int(found[1]) * int(step**power)
