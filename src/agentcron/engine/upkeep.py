"""Nothing is left open by accident: the beat of this process, and the rows that nobody looks after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.lifecycle import OPEN, ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Cut, CutCause, Needless, Outcome, Unneeded
from agentcron.domain.planner import is_too_late
from agentcron.domain.retention import Retention
from agentcron.domain.settling import settle
from agentcron.domain.spec import JobSpec
from agentcron.engine.alarm import Alarm
from agentcron.engine.asking import expire
from agentcron.engine.local import LocalEngine
from agentcron.engine.settler import Settler
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

BEAT: Final = timedelta(seconds=1)
LOOK_EVERY: Final = timedelta(seconds=5)
# By how much clock and steady time may part between two beats before the clock is taken to have been set.
STEP: Final = 2.0
# How many seconds live owners have to renew their rows after a step, and after this process began: it may follow one.
RENEWAL: Final = 4.0
PRUNE_EVERY: Final = timedelta(hours=1)
# So many rows are settled in one write: with 10,000 left open by a killed process a write each would take minutes.
BATCH: Final = 1000


class Upkeep:
    """Beats each second while agents run here, and every five seconds, or as often as the store wants, looks for rows
    that lapsed (P3); as rarely as each ``interval`` where nothing is open."""

    def __init__(
        self,
        store: JobStore,
        engine: LocalEngine,
        settler: Settler,
        clock: Clock,
        node: str,
        log: Log,
        retention: Retention | None = None,
        interval: timedelta = LOOK_EVERY,
    ) -> None:
        self._store = store
        self._interval = interval
        # Where a lease says who is gone, the end of one is looked for at each beat; a lock is asked less often.
        self._look_every: timedelta = getattr(store, "look_every", LOOK_EVERY)
        self._next_look = self._look_every
        self._engine = engine
        self._settler = settler
        self._clock = clock
        self._node = node
        self._log = log
        self._retention = retention
        self._pruned: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._busy = Alarm(clock)
        engine.on_busy = self._busy.ring
        self._looked = clock.steady()
        # None while there is nothing to look after.
        self._turned: float | None = clock.steady()
        self._offset = self._clock_offset()
        self._believing_until = clock.steady() + RENEWAL

    def start(self) -> None:
        """Begin to look after open rows."""
        self._task = asyncio.create_task(self._loop(), name="agentcron-upkeep")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def stalled_for(self) -> timedelta:
        """For how long nothing was looked after; more than some seconds where a store or a program holds it up."""
        return timedelta(seconds=0.0 if self._turned is None else self._clock.steady() - self._turned)

    async def beat(self) -> None:
        """Say that this process lives and obey what it hears."""
        offset = self._clock_offset()
        if abs(offset - self._offset) > STEP:
            self._log.warning(f"the clock was set by {offset - self._offset:+.0f} s, or the machine slept")
            self._believing_until = self._clock.steady() + RENEWAL
            await self._engine.renew()
        self._offset = offset
        orders = await self._store.beat(self._node, self._clock.now(), self._engine.running)
        await self._engine.cancel(orders.cancel)
        await self._engine.lose(orders.lost)

    async def settle_lapsed(self) -> int:
        """Settle every row that nobody looks after; answers how many."""
        await self._engine.abandon_overdue()
        mine = {key for key, _ in self._engine.running}
        lapsed = [row for row in await self._store.lapsed(self._clock.now(), BATCH) if row.id not in mine]
        alive = {node.id for node in await self._store.nodes() if node.alive} if lapsed else set()
        settled, cuts = 0, []
        # By a clock that was set every run looks overdue; who lives says in a moment how long it is to be believed.
        believes = self._clock.steady() >= self._believing_until
        for execution in lapsed:
            if execution.status is ExecutionStatus.AWAITING_INPUT and execution.cancel_requested is None:
                settled += await self._expire(execution)
                continue
            cut = self._why(execution, alive)
            if believes or cut.cause is not CutCause.TIMEOUT:
                cuts.append((execution, cut))
        return settled + await self._settle(cuts)

    async def give_up_late(self) -> int:
        """Settle waiting slots that came too late while no scheduler was up; answers how many."""
        if any(node.alive and node.id != self._node for node in await self._store.nodes()):
            # Another scheduler was up: what waits, waits for a place or by policy.
            return 0
        now = self._clock.now()
        late: list[tuple[Execution, Outcome]] = []
        kept: set[str] = set()
        for execution in await self._store.open_executions():
            if execution.lane in kept:
                continue
            spec = await self._spec_of(execution)
            if spec is not None and is_too_late(execution, spec, now):
                late.append((execution, Unneeded(cause=Needless.LATE)))
            elif execution.lane is not None:
                kept.add(execution.lane)
        return sum([await self._settle(late[first : first + BATCH]) for first in range(0, len(late), BATCH)])

    async def prune(self) -> int:
        """Remove history beyond the retention, batch by batch; answers how many executions."""
        if self._retention is None:
            return 0
        removed, after = 0, None
        while True:
            batch = await self._store.prune(self._retention, self._clock.now(), after=after)
            removed, after = removed + batch.rows, batch.after
            self._turned = self._clock.steady()
            if after is None:
                break
        if removed:
            self._log.info(f"pruned {removed} executions beyond the retention")
        return removed

    async def _spec_of(self, execution: Execution) -> JobSpec | None:
        try:
            return await self._store.get_spec(execution.job_id, execution.version)
        except ValueError as error:
            # One job that this release cannot read must not keep the scheduler from starting.
            told = f"{execution.id} is left open, its job {execution.job_id} cannot be read: {error}"
            self._log.error(told, job_id=execution.job_id, execution_id=execution.id)
            return None

    def _clock_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.steady()

    def _why(self, execution: Execution, alive: set[str]) -> Cut:
        if execution.cancel_requested is not None:
            return Cut(cause=CutCause.CANCEL, message="canceled")
        gone = execution.owner is not None and execution.owner not in alive
        if not gone and execution.wake_at is not None and execution.wake_at < self._clock.now():
            return Cut(cause=CutCause.TIMEOUT, message="timeout: still open long after its deadline")
        return Cut(cause=CutCause.LOST, message="its scheduler was gone while it ran")

    async def _settle(self, outcomes: Sequence[tuple[Execution, Outcome]]) -> int:
        """Settle these in one write; answers how many were still open."""
        settlements = []
        for execution, outcome in outcomes:
            spec = await self._spec_of(execution)
            if spec is None:
                continue
            # A process is recorded with the agent that it belongs to.
            if execution.status is ExecutionStatus.RUNNING and execution.agent_id is not None:
                await self._end_processes(execution)
            settlements.append((settle(execution, outcome, self._clock.now(), spec), spec.name))
        if not settlements:
            return 0
        kept = await self._settler.settle_all(settlements)
        self._engine.wake()
        return kept

    async def _expire(self, execution: Execution) -> bool:
        spec = await self._spec_of(execution)
        if spec is None:
            return False
        done = await expire(execution, spec, self._store, self._settler, self._clock, self._log)
        self._engine.wake()
        return done

    async def _end_processes(self, execution: Execution) -> None:
        """End what the lost attempt left running, before anything is written or started for its slot."""
        process = await self._store.process_of(execution.id)
        if process is None:
            return
        from agentcron.agents.processes import end_tree

        pid, started = process.split(":")
        ended = await asyncio.to_thread(end_tree, int(pid), float(started), execution.id)
        if ended:
            told = f"{execution.id}: ended {ended} processes that outlived their scheduler"
            self._log.warning(told, job_id=execution.job_id, execution_id=execution.id)

    async def _loop(self) -> None:
        while True:
            began = self._clock.now()
            self._turned = self._clock.steady()
            try:
                await self.beat()
                if self._clock.steady() - self._looked >= (self._look_every - BEAT / 2).total_seconds():
                    self._looked = self._clock.steady()
                    await self.settle_lapsed()
                    self._next_look = await self._look_again()
                if self._pruned is None or abs(self._clock.now() - self._pruned) >= PRUNE_EVERY:
                    self._pruned = self._clock.now()
                    await self.prune()
            except StoreError as error:
                self._log.debug(f"upkeep waits for the store: {error}")
            except Exception as error:  # upkeep that dies in a living process leaves rows open for ever
                self._log.error(f"upkeep failed and is tried again: {error!r}")
            await self._rest(began)

    async def _rest(self, began: datetime) -> None:
        """Until the next beat. Where agents run a cancel that was asked for elsewhere must reach them within a second;
        an idle process has nothing to be told, and wakes in time for the next look."""
        if self._engine.running:
            await self._clock.sleep_until(began + BEAT)
            return
        self._turned = None
        await self._busy.wait(max(self._look_at(), began + BEAT))
        if self._engine.running:
            self._next_look = self._look_every
            await self._clock.sleep_until(min(self._look_at(), self._clock.now() + BEAT))

    def _look_at(self) -> datetime:
        """When to look again, however many beats there were since."""
        return self._clock.now() + self._next_look - timedelta(seconds=self._clock.steady() - self._looked)

    async def _look_again(self) -> timedelta:
        """How soon. Where the store holds no open row, whatever lapses next is opened here, which wakes this, or by
        another process, and how soon its changes are noticed is the interval."""
        if self._interval <= self._look_every or self._engine.running:
            return self._look_every
        counted = (await self._store.statistics()).executions_by_status
        return self._look_every if any(counted.get(status) for status in OPEN) else self._interval
