"""Until when each run may go on: one timer for all, since a timer for each would cost every run more than its plan."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls ``late`` with each member that is not removed before its time is over.

    Members of the same timeout are late in the order in which they came: each timeout has a line of its own, and only
    those who are late are sorted.
    """

    def __init__(self, late: Callable[[T], None]) -> None:
        self._late = late
        # The seconds of each timeout, and for each member its instant, as the event loop tells time.
        self._lines: dict[timedelta, tuple[float, dict[T, float]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def add(self, member: T, timeout: timedelta) -> None:
        """Call for the member after so long."""
        loop = asyncio.get_running_loop()
        line = self._lines.get(timeout)
        if line is None:
            line = self._lines[timeout] = (timeout.total_seconds(), {})
        seconds, members = line
        members[member] = at = loop.time() + seconds
        if at < self._rings_at:
            self._set(loop, at)

    def remove(self, member: T, timeout: timedelta) -> None:
        """The member ended by itself. Twice is once."""
        line = self._lines.get(timeout)
        if line is not None:
            line[1].pop(member, None)
            if not line[1]:
                del self._lines[timeout]

    def _set(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = loop.call_at(at, self._ring)

    def _ring(self) -> None:
        loop, self._timer, self._rings_at = asyncio.get_running_loop(), None, math.inf
        over: list[tuple[float, T, timedelta]] = []
        for timeout, (_, members) in self._lines.items():
            for member, at in members.items():
                if at > loop.time():
                    break
                over.append((at, member, timeout))
        for _, member, timeout in sorted(over, key=lambda entry: entry[0]):
            self.remove(member, timeout)
            self._late(member)
        firsts = [next(iter(members.values())) for _, members in self._lines.values()]
        if firsts:
            self._set(loop, min(firsts))
