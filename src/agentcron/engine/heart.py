"""When heartbeats are pinged: where a run begins and ends, and each minute while the scheduler works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from agentcron.delivery.heartbeat import Signal
from agentcron.delivery.pulse import Pulse
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.settling import Settlement
from agentcron.ports import Clock

EVERY: Final = timedelta(minutes=1)
# What is due is looked for at the start of a scheduler, which may take a moment.
FIRST: Final = timedelta(seconds=5)
MOST_RUNS: Final = 10_000


class Heart:
    """``own`` is the heartbeat of the scheduler itself, pinged while ``works`` answers that it does its work."""

    def __init__(self, pulse: Pulse, clock: Clock, own: str | None) -> None:
        self._pulse = pulse
        self._clock = clock
        self._own = own
        # Which run of this process has which heartbeat. Those of a process that died are not told: it is noticed by
        # the silence that follows their start.
        self._runs: dict[str, str] = {}
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
        self._runs.clear()
        await self._pulse.stop()

    def begun(self, execution: Execution, name: str) -> None:
        """A run of a job with this heartbeat begins here."""
        self._runs[execution.id] = name
        if len(self._runs) > MOST_RUNS:
            # Those whose rows others took over are never settled here.
            del self._runs[next(iter(self._runs))]
        self._pulse.beat(name, Signal.START)

    def settled(self, settlement: Settlement) -> None:
        """A stretch of running has ended; one that goes on later, by a retry or an answer, is told when it does."""
        name = self._runs.pop(settlement.after.id, None)
        if name is not None and settlement.ended:
            # Nothing to do, as a gate says, is done well.
            well = settlement.gated or settlement.after.status is ExecutionStatus.SUCCESS
            self._pulse.beat(name, Signal.SUCCESS if well else Signal.FAIL)

    async def _loop(self, own: str, works: Callable[[], bool]) -> None:
        await self._clock.sleep_until(self._clock.now() + FIRST)
        while True:
            if works():
                self._pulse.beat(own, Signal.SUCCESS)
            await self._clock.sleep_until(self._clock.now() + EVERY)
