"""The server's clock, so that nodes whose own clocks differ agree on what is due."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

# The way to the server and back makes every comparison unsure by this much; a smaller difference is left alone, since
# a clock that jumps to and fro is worse than one that is a little off.
TOLERANCE: Final = 0.02


class ServerClock:
    """This machine's clock, set right by the server's at each beat."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def steady(self) -> float:
        return time.monotonic()

    async def sleep_until(self, instant: datetime) -> None:
        await asyncio.sleep(max(0.0, (instant - self.now()).total_seconds()))

    def set(self, server: float, asked: float, heard: float) -> None:
        """Learn that the server said ``server`` between ``asked`` and ``heard``, all in seconds since the epoch."""
        offset = server - (asked + heard) / 2
        if abs(offset - self._offset.total_seconds()) > TOLERANCE + (heard - asked) / 2:
            self._offset = timedelta(seconds=offset)
