"""A clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Time stands still until ``advance`` or ``set`` moves it; sleepers wake in the order of their instants."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        if instant <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (instant, next(self._numbers), future))
        await future

    def set(self, instant: datetime) -> None:
        """Step the clock to ``instant``, backwards too, and wake whoever slept until then."""
        self._now = instant
        while self._sleepers and self._sleepers[0][0] <= instant:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def advance(self, delta: timedelta) -> None:
        """Move on by ``delta``, stopping at every sleeper on the way so that what it starts happens in its time."""
        target = self._now + delta
        await settle_loop()
        while self._sleepers and self._sleepers[0][0] <= target:
            self.set(max(self._sleepers[0][0], self._now))
            await settle_loop()
        self.set(target)
        await settle_loop()


async def settle_loop(turns: int = 20) -> None:
    """Let every task that can go on do so."""
    for _ in range(turns):
        await asyncio.sleep(0)
