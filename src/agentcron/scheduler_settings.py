"""What may stand in the section ``[scheduler]`` of the settings?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from agentcron.domain.rate import read_rate
from agentcron.schedule import parse_duration, zone

SCHEDULER_KEYS: Final = (
    "timezone",
    "default_agent",
    "engine",
    "max_concurrent_agents",
    "max_concurrent_everywhere",
    "max_starts_everywhere",
    "evaluation_interval",
    "stop_grace",
    "log_format",
    "heartbeat",
)
# The same setting as a number of milliseconds, as the library spells it.
IN_MS: Final = "evaluation_interval_ms"
_WANTED: Final = {
    "timezone": "text such as 'Europe/Berlin'",
    "default_agent": "the name of a definition",
    "engine": "'local' or 'dbos'",
    "evaluation_interval": "a duration such as '1s'",
    "stop_grace": "a duration such as '30s'",
    "max_starts_everywhere": "text such as '30 per 1m'",
    "log_format": "text or json",
    "heartbeat": "the name of an endpoint of kind heartbeat",
}
_ONE_OF: Final = {"engine": ("local", "dbos"), "log_format": ("text", "json")}


def read_setting(name: str, value: Any, *, text: bool = False) -> Any:
    """The value as its setting needs it; ``text``: it comes from where everything is text.

    Raises ``ValueError`` saying what was expected, and ``InvalidScheduleError`` for zones and durations.
    """
    if name in ("max_concurrent_agents", "max_concurrent_everywhere"):
        return _whole(value, 1, 100_000, text)
    if name == IN_MS:
        return timedelta(milliseconds=_whole(value, 10, 3_600_000, text))
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text that is not empty" if isinstance(value, str) else _WANTED[name])
    if name in _ONE_OF and value not in _ONE_OF[name]:
        raise ValueError(_WANTED[name])
    if name == "timezone":
        zone(value)
    if name == "max_starts_everywhere":
        read_rate(value)
    if name in ("evaluation_interval", "stop_grace"):
        duration = parse_duration(value)
        if name == "evaluation_interval" and not timedelta(milliseconds=10) <= duration <= timedelta(hours=1):
            raise ValueError("a duration from 10ms to 1h")
        return duration
    return value


def _whole(value: Any, least: int, most: int, text: bool) -> int:
    number = int(value) if text and value.isascii() and value.isdecimal() and len(value) < 10 else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return number
