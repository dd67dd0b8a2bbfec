"""The engine on many nodes where limits hold for all of them together: what is ready is offered to DBOS's queue, and
whoever gets it claims the row first of all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan
from agentcron.domain.rate import Rate
from agentcron.domain.spec import JobSpec
from agentcron.engine.dbos.engine import DbosEngine
from agentcron.engine.local import PAUSE, LocalEngine
from agentcron.engine.runner import Run
from agentcron.errors import StoreError

if TYPE_CHECKING:
    from dbos import WorkflowStatus

# So many rows are offered at one look; the queue holds what is to come meanwhile.
OFFERED_AT_ONCE: Final = 200
# How long a row that DBOS says a living node has may stay unclaimed before it is offered again, and how often all of
# what DBOS knows is compared with the rows: what a lost node held counts for the limits until then.
UNCLAIMED: Final = 10.0
COMPARE_EVERY: Final = 5.0
_ENDED: Final = ("SUCCESS", "ERROR")
_STOPPED: Final = ("CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class LimitedEngine(DbosEngine):
    """Runs executions that DBOS hands to this node, at most ``places`` at once; on all nodes together at most
    ``everywhere`` at once, and no more starts than ``rate``."""

    def __init__(self, *args: Any, everywhere: int | None = None, rate: Rate | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._everywhere = everywhere
        self._rate = rate
        self._room = asyncio.Semaphore(self._places)
        self._offered: dict[tuple[str, int], float] = {}
        self._compared = 0.0

    async def start(self) -> None:
        self._offered.clear()
        await super().start()

    async def _join(self) -> None:
        await self._instance.launch(self._execute)
        await self._instance.listen(self._places, self._everywhere, self._rate)

    def _begin(self, execution: Execution, spec: JobSpec) -> None:
        LocalEngine._begin(self, execution, spec)

    async def _work(self, run: Run, spec: JobSpec) -> None:
        # It is in a workflow already, the one that claimed it.
        await LocalEngine._work(self, run, spec)

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        """Commit the plans; the rows are there before DBOS hears of them."""
        applied = await self._store.commit(plans)
        self._alarm.ring()
        return applied

    # --- what DBOS hands over -------------------------------------------------------------------------------------

    async def _execute(self, execution_id: str) -> bool:
        """Claim the row and run it to its end; whether it is to be offered again."""
        with self._counted():
            try:
                async with self._room:
                    if not self._stopping and await self.claim([execution_id]):
                        await self.finished([execution_id])
                return await self._waits(execution_id)
            except Exception as error:  # a workflow that fails is never run again, and its row would wait for ever
                self._log.warning(f"{execution_id} is given back: {error!r}")
                return True

    async def _waits(self, execution_id: str) -> bool:
        row = await self._store.get_execution(execution_id)
        if row is not None:
            self._offered.pop((row.id, row.fence), None)
        return row is not None and row.status is ExecutionStatus.PENDING

    # --- what DBOS is offered -------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        while not self._stopping:
            now = self._clock.now()
            try:
                until = await self._offer(now)
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    self._log.error(f"nothing can be offered: {error}")
                self._failing = True
                until = now + PAUSE
            except Exception as error:  # an engine that dies in a living process is a scheduler that starts nothing
                self._log.error(f"a look at the queue failed and is tried again: {error!r}")
                until = now + PAUSE
            await self._alarm.wait(until)

    async def _offer(self, now: datetime) -> datetime | None:
        """Tell DBOS of the rows that are ready; answers when to look again."""
        steady = self._clock.steady()
        if steady - self._compared >= COMPARE_EVERY:
            self._compared = steady
            await self._compare()
        until = await self._store.ready_at()
        if until is None or until > now:
            return until
        ready = await self._ready(now)
        fresh = [row for row in ready if (row.id, row.fence) not in self._offered]
        late = [row for row in ready if steady - self._offered.get((row.id, row.fence), steady) >= UNCLAIMED]
        self._offered = {(row.id, row.fence): self._offered.get((row.id, row.fence), steady) for row in ready}
        if fresh or late:
            known = await self._instance.find([_name(row) for row in (*fresh, *late)])
            alive = {node.id for node in await self._store.nodes() if node.alive}
            again = [_name(row) for row in fresh if _is_free(known.get(_name(row)), alive)]
            again += [_name(row) for row in late if _is_stuck(known.get(_name(row)))]
            if again:
                await self._instance.resume(again)
            offers = []
            for row in fresh:
                status = known.get(_name(row))
                if status is None:
                    offers.append(self._instance.enqueue(_name(row), row.id, row.priority))
                elif status.status in _ENDED:
                    # It ended there without a word here; its steps cannot be had again.
                    offers.append(self._instance.enqueue(f"{_name(row)}.{row.fence}", row.id, row.priority))
            await asyncio.gather(*offers)
        return now + PAUSE

    async def _ready(self, now: datetime) -> Sequence[Execution]:
        """The rows that can be claimed, the most urgent first."""
        waiting_of = getattr(self._store, "waiting", None)
        if waiting_of is not None:
            found: Sequence[Execution] = await waiting_of(now, OFFERED_AT_ONCE)
            return found
        waiting = [
            row
            for row in await self._store.open_executions()
            if row.status is ExecutionStatus.PENDING
            and row.cancel_requested is None
            and row.wake_at is not None
            and row.wake_at <= now
        ]
        waiting.sort(key=lambda row: (row.priority, row.wake_at))
        return waiting[:OFFERED_AT_ONCE]


def _name(row: Execution) -> str:
    return f"{row.id}.{row.attempt}"


def _is_free(status: WorkflowStatus | None, alive: Collection[str]) -> bool:
    """Whether the workflow was there and nobody has it: it was given back, or its node is gone."""
    if status is None:
        return False
    return status.status in _STOPPED or (status.status == "PENDING" and status.executor_id not in alive)


def _is_stuck(status: WorkflowStatus | None) -> bool:
    return status is not None and status.status in (*_STOPPED, "PENDING")
