"""When heartbeats are pinged: where a run begins and ends, and each minute while the scheduler works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from agentcron.delivery.pulse import Pulse, Signal
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.settling import Settlement
from agentcron.domain.spec import JobSpec
from agentcron.ports import Clock

EVERY: Final = timedelta(minutes=1)
# What is due is looked for at the start of a scheduler, which may take a moment.
FIRST: Final = timedelta(seconds=5)


class Heart:
    """``own`` is the heartbeat of the scheduler itself, pinged while ``works`` answers that it does its work."""

    def __init__(self, pulse: Pulse, clock: Clock, own: str | None) -> None:
        self._pulse = pulse
        self._clock = clock
        self._own = own
        self._task: asyncio.Task[None] | None = None

    def start(self, works: Callable[[], bool]) -> None:
        """Ping for the scheduler from now on."""
        if self._own is not None:
            self._task = asyncio.create_task(self._loop(self._own, works), name="agentcron-heart")

    async def stop(self) -> None:
        """Ping no more, once what has ended is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._pulse.stop()

    def begins(self, spec: JobSpec) -> None:
        """A run of the job begins here."""
        if spec.heartbeat is not None:
            self._pulse.beat(spec.heartbeat, Signal.START)

    def settled(self, settlement: Settlement) -> None:
        """A stretch of running is written down. One that goes on later, by a retry or an answer, has not ended; what
        was given up before it began is told by the silence."""
        spec, after = settlement.spec, settlement.after
        if spec is None or spec.heartbeat is None or not settlement.ended:
            return
        # Nothing to do, as a gate says, is done well.
        if settlement.gated or after.status is ExecutionStatus.SUCCESS:
            self._pulse.beat(spec.heartbeat, Signal.SUCCESS)
        elif after.status is not ExecutionStatus.SKIPPED:
            self._pulse.beat(spec.heartbeat, Signal.FAIL)

    async def _loop(self, own: str, works: Callable[[], bool]) -> None:
        await self._clock.sleep_until(self._clock.now() + FIRST)
        while True:
            if works():
                self._pulse.beat(own, Signal.SUCCESS)
            await self._clock.sleep_until(self._clock.now() + EVERY)
