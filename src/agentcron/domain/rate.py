"""How many starts in how long a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agentcron.schedule import parse_duration

_RATE: Final = re.compile(r"(\d{1,6}) (?:per|in) (\S+)")
_LONGEST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``starts`` within any ``period``."""

    starts: int
    period: timedelta


def read_rate(text: str) -> Rate:
    """The rate of a text such as ``5 per 2s``. Raises ``ValueError`` with what was expected instead."""
    found = _RATE.fullmatch(text.strip())
    wanted = "a number of starts and a duration, such as '30 per 1m'"
    if found is None or int(found[1]) < 1:
        raise ValueError(wanted)
    period = parse_duration(found[2])
    if not timedelta(0) < period <= _LONGEST:
        raise ValueError(f"{wanted}, of at most a day")
    return Rate(int(found[1]), period)
