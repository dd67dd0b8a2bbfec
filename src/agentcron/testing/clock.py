"""A clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sized
from datetime import UTC, datetime, timedelta
from typing import Final

# Turns in a row at which nothing was ready. One would do; the second lets a file or a socket be heard in between.
_STILL: Final = 2


class FakeClock:
    """Time stands still until ``advance`` moves it; sleepers wake in the order of their instants.

    ``set`` steps the clock as a person or NTP does: no time passes by it, and who sleeps goes on sleeping for as long
    as it meant to.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._passed = timedelta(0)
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return self._now

    def steady(self) -> float:
        return self._passed.total_seconds()

    async def sleep_until(self, instant: datetime) -> None:
        if instant <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + (instant - self._now), next(self._numbers), future))
        await future

    def set(self, instant: datetime) -> None:
        """Step the clock to ``instant``, backwards too."""
        self._now = instant

    async def advance(self, delta: timedelta) -> None:
        """Let so much time pass, stopping at every sleeper on the way so that what it starts happens in its time."""
        target = self._passed + delta
        await settle_loop()
        while self._sleepers and self._sleepers[0][0] <= target:
            self._pass_until(self._sleepers[0][0])
            await settle_loop()
        self._pass_until(target)
        await settle_loop()

    def _pass_until(self, passed: timedelta) -> None:
        self._now += passed - self._passed
        self._passed = passed
        while self._sleepers and self._sleepers[0][0] <= passed:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)


async def settle_loop(turns: int = 20) -> None:
    """Let every task that can go on do so, for so many turns of the loop at most."""
    # How many callbacks wait for their turn only asyncio's own loops tell; on others each turn is taken.
    ready: Sized | None = getattr(asyncio.get_running_loop(), "_ready", None)
    still = 0
    for _ in range(turns):
        await asyncio.sleep(0)
        still = still + 1 if ready is not None and not ready else 0
        if still == _STILL:
            return
