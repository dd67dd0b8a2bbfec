"""A sleep that can be woken."""

from __future__ import annotations

import asyncio
from datetime import datetime

from agentcron.ports import Clock


class Alarm:
    """Waits until an instant or until somebody rings, whichever is first. A ring is kept until the next wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait that goes on, or the next one."""
        self._rung.set()

    async def wait(self, until: datetime | None) -> None:
        """Return at ``until`` at the latest; None waits for a ring alone."""
        if not self._rung.is_set() and until is not None:
            sleeper = asyncio.ensure_future(self._clock.sleep_until(until))
            ringer = asyncio.ensure_future(self._rung.wait())
            try:
                await asyncio.wait((sleeper, ringer), return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Not awaited: a suppressed CancelledError could be the caller's own, and a stop would wait for ever.
                sleeper.cancel()
                ringer.cancel()
        elif until is None:
            await self._rung.wait()
        self._rung.clear()


async def first_of(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    """Return when either is set, after so many seconds at the latest."""
    waits = [asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
