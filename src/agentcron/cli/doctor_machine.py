"""What is wrong with this machine: its clock and its zones."""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from agentcron.cli.doctor import Finding
from agentcron.ports import SystemClock

# No machine with this release can stand before it.
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_UNSYNCHRONISED: Final = 5


def machine_findings() -> Iterator[Finding]:
    """The clock as far as it can be judged alone, and the zones."""
    yield from _clock(SystemClock().now(), kept_by_ntp())
    yield _zones()


def _clock(now: datetime, kept: bool | None) -> Iterator[Finding]:
    if not _EARLIEST <= now < _LATEST:
        detail, fix = f"stands at {now:%Y-%m-%d %H:%M} UTC, which cannot be", "set the clock of this machine"
        yield Finding(check="clock", verdict="fail", detail=detail, fix=fix)
    if kept:
        yield Finding(check="time sync", verdict="ok", detail="the clock is kept by NTP")
    if kept is False:
        detail = "is not kept by NTP, says the kernel: it may drift, and jump when it is set"
        fix = "start systemd-timesyncd, chrony or ntpd (in a container: on its host)"
        yield Finding(check="time sync", verdict="warn", detail=detail, fix=fix)


def kept_by_ntp() -> bool | None:
    """Whether the kernel says that something keeps its clock; None where it does not say."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        # struct timex has 208 bytes; modes = 0 only reads.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def _zones() -> Finding:
    try:
        zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        return Finding(check="zone data", verdict="fail", detail="no IANA zones", fix="pip install tzdata")
    count = len(zoneinfo.available_timezones())
    try:
        told = f"{count} zones; tzdata {importlib.metadata.version('tzdata')}"
    except importlib.metadata.PackageNotFoundError:
        told = f"{count} zones, those of the system; the package tzdata is missing"
        return Finding(check="zone data", verdict="warn", detail=told, fix="pip install tzdata")
    return Finding(check="zone data", verdict="ok", detail=f"{told} (the system's own zones go before it)")
