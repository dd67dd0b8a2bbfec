"""Until when each run may go on: one timer for all, since a timer for each would cost every run more than its plan."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
# So many entries of runs that ended are kept before they are sorted out.
_SLACK: Final = 256


class Deadlines(Generic[T]):
    """Calls ``late`` with each member that is not removed before its time, in seconds of the event loop."""

    def __init__(self, late: Callable[[T], None]) -> None:
        self._late = late
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = itertools.count()
        self._live: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def add(self, member: T, seconds: float) -> int:
        """Call for the member in so many seconds; answers what ``remove`` takes."""
        loop = asyncio.get_running_loop()
        number, at = next(self._numbers), loop.time() + seconds
        self._live.add(number)
        heapq.heappush(self._heap, (at, number, member))
        if at < self._rings_at:
            self._set(loop)
        return number

    def remove(self, number: int) -> None:
        """The member ended by itself. Twice is once."""
        self._live.discard(number)
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [entry for entry in self._heap if entry[1] in self._live]
            heapq.heapify(self._heap)

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._heap[0][0] if self._heap else math.inf
        self._timer = loop.call_at(self._rings_at, self._ring) if self._heap else None

    def _ring(self) -> None:
        loop, self._timer, self._rings_at = asyncio.get_running_loop(), None, math.inf
        while self._heap and self._heap[0][0] <= loop.time():
            _, number, member = heapq.heappop(self._heap)
            if number in self._live:
                self._live.discard(number)
                self._late(member)
        while self._heap and self._heap[0][1] not in self._live:
            heapq.heappop(self._heap)
        if self._heap:
            self._set(loop)
