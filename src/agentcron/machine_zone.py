"""The time zone of this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import zone


def machine_zone(environ: Mapping[str, str] | None = None) -> str:
    """The IANA name of the machine's zone: ``TZ``, the link ``/etc/localtime``, ``/etc/timezone``, else UTC."""
    environ = os.environ if environ is None else environ
    named = environ.get("TZ", "").removeprefix(":")
    candidates = [named.partition("zoneinfo/")[2] or named]
    with contextlib.suppress(OSError):
        candidates.append(str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2])
    with contextlib.suppress(OSError):
        candidates.append(Path("/etc/timezone").read_text("utf-8", "replace").strip())
    for name in candidates:
        if name:
            try:
                zone(name)
            except InvalidScheduleError:
                continue
            return name
    return "UTC"
