"""Which time zone is this machine set to?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import zone

_LOCALTIME: Final = "/etc/localtime"


def machine_zone(environ: Mapping[str, str] | None = None, tell: Callable[[str], None] | None = None) -> str:
    """The IANA name of the machine's zone: ``TZ``, the link ``/etc/localtime``, ``/etc/timezone``, else UTC.

    ``tell`` gets a line where ``TZ`` names no zone: whoever set it would find the jobs at other times than meant.
    """
    environ = os.environ if environ is None else environ
    asked = environ.get("TZ", "").removeprefix(":")
    named = "" if asked == _LOCALTIME else asked.partition("zoneinfo/")[2] or asked
    wrong = _wrong(named) if named else None
    if named and wrong is None:
        return named
    found = _set_up()
    if wrong is not None and tell is not None:
        tell(f"TZ: {wrong} ({found} holds meanwhile)")
    return found


def _set_up() -> str:
    """The zone that the machine's files name."""
    candidates = []
    with contextlib.suppress(OSError):
        candidates.append(str(Path(_LOCALTIME).readlink()).partition("zoneinfo/")[2])
    with contextlib.suppress(OSError):
        candidates.append(Path("/etc/timezone").read_text("utf-8", "replace").strip())
    for name in candidates:
        if name and _wrong(name) is None:
            return name
    return "UTC"


def _wrong(name: str) -> str | None:
    """Why the name is none of a zone."""
    try:
        zone(name)
    except InvalidScheduleError as error:
        return str(error).removeprefix("timezone: ")
    return None
