"""The server's clock, so that nodes whose own clocks differ agree on what is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from agentcron.ports import SystemClock

# The way to the server and back makes every comparison unsure by this much; a smaller difference is left alone, since
# a clock that jumps to and fro is worse than one that is a little off.
TOLERANCE: Final = 0.02


class ServerClock(SystemClock):
    """This machine's clock, set right by the server's at each beat."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._offset

    def set(self, server: float, asked: float, heard: float) -> None:
        """Learn that the server said ``server`` between ``asked`` and ``heard``, all in seconds since the epoch."""
        offset = server - (asked + heard) / 2
        if abs(offset - self._offset.total_seconds()) > TOLERANCE + (heard - asked) / 2:
            self._offset = timedelta(seconds=offset)
