"""How pings go out beside the runs: never in their way, never late, and so never twice."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agentcron.delivery.message import DeliveryError
from agentcron.observability import Log
from agentcron.ports import Clock

if TYPE_CHECKING:
    from agentcron.delivery.heartbeat import Heartbeat

# What waited longer would tell of a moment that has passed as if it were now.
LATE: Final = 60.0
# So many wait for one endpoint; the oldest gives way.
MOST_WAITING: Final = 16
# So many go out at once: each takes a thread that others need too.
AT_ONCE: Final = 2
# How long a process that ends waits for its last pings.
LAST: Final = 3.0


class Signal(StrEnum):
    """What a ping says."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


class Pulse:
    """Sends pings in their order for each endpoint. What fails is told once, until it works again."""

    def __init__(self, heartbeats: Mapping[str, Heartbeat], clock: Clock, log: Log) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        self._log = log
        self._lines: dict[str, deque[tuple[Signal, float]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._failing: set[str] = set()

    def beat(self, name: str, signal: Signal) -> None:
        """Send a ping soon; nothing is waited for."""
        if name not in self._heartbeats:
            self._failed(name, "there is no endpoint of this name and of kind heartbeat in the settings")
            return
        line = self._lines.setdefault(name, deque(maxlen=MOST_WAITING))
        line.append((signal, self._clock.steady()))
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._drain(name), name="agentcron-heartbeat")

    async def stop(self) -> None:
        """Let the last pings go out for a moment, then drop what is left."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=LAST)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, name: str) -> None:
        line = self._lines[name]
        try:
            while line:
                async with self._places:
                    signal, since = line.popleft()
                    if self._clock.steady() - since <= LATE:
                        await self._ping(name, signal)
        finally:
            line.clear()
            del self._tasks[name]

    async def _ping(self, name: str, signal: Signal) -> None:
        try:
            await self._heartbeats[name].ping(signal)
        except DeliveryError as error:
            self._failed(name, str(error))
        except Exception as error:  # a ping that fails in a way nobody thought of costs no run its end
            self._failed(name, repr(error))
        else:
            if name in self._failing:
                self._failing.discard(name)
                self._log.info(f"heartbeat {name}: is heard again")

    def _failed(self, name: str, told: str) -> None:
        if name not in self._failing:
            self._failing.add(name)
            self._log.warning(f"heartbeat {name}: is not heard: {told}")
