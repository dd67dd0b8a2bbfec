"""Time that passes only when nothing is left to do: an event loop that jumps to its next timer, and a clock on it.

The loop's own time never goes back, as the machine's monotonic time; the wall clock over it can be stepped both ways.
So everything that is built on ``asyncio`` (timeouts, sleeps) runs unchanged, a month in a second.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")
_MICROSECOND: Final = timedelta(microseconds=1)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is ready; when nothing is, its time jumps to the next timer.

    ``abroad`` counts what goes on in threads: while it is above zero, time stands still and the loop waits for them.
    """

    def __init__(self) -> None:
        self.elapsed_us = 0
        self.abroad = 0
        super().__init__(_Jumping(self))
        # A timer that is due within one step of a large float would be waited for again and again, for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.elapsed_us / 1e6


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        if loop.abroad:
            return super().select(None if timeout is None or timeout > 0 else 0)
        if timeout is None:
            raise RuntimeError("the simulation stands still: nothing is ready and no timer is set")
        if timeout > 0:
            loop.elapsed_us += math.ceil(timeout * 1e6)
        return []


class VirtualClock:
    """The wall clock on a ``VirtualLoop``. It sleeps as ``SystemClock`` does: for a length of the loop's time."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self.highest = start
        self._shown = start
        self._shown_us = 0

    def now(self) -> datetime:
        """The present instant of the wall clock, aware, UTC."""
        elapsed_us = self._loop.elapsed_us
        if elapsed_us != self._shown_us:
            self._shown, self._shown_us = self._start + elapsed_us * _MICROSECOND, elapsed_us
        return self._shown

    def steady(self) -> float:
        """Seconds that passed on the loop; no step moves it."""
        return self._loop.time()

    async def sleep_until(self, instant: datetime) -> None:
        """Return when the wall clock, were it not stepped, shows ``instant``."""
        await asyncio.sleep(max(0.0, (instant - self.now()) / _SECOND))

    def step(self, by: timedelta) -> None:
        """Set the wall clock forward or back; no timer is moved by it."""
        self.highest = max(self.highest, self.now())
        self._start += by
        self._shown = self._start + self._loop.elapsed_us * _MICROSECOND

    @property
    def latest(self) -> datetime:
        """The latest instant that it has ever shown."""
        return max(self.highest, self.now())


_SECOND: Final = timedelta(seconds=1)


def run_virtually(main: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run ``main`` to its end on ``loop``, end what is left of other tasks, and close the loop.

    Not by ``asyncio.Runner``: that tells the signal module of its task, which would spell out the whole result.
    """
    # What a simulated death leaves behind is no news.
    loop.set_exception_handler(lambda loop, context: None)
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=3600))
        loop.abroad += 1
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
