"""One simulated scheduler process: the real engine, runner, job manager and upkeep on a store and agents that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.queries import Node
from agentcron.domain.settling import Settlement
from agentcron.engine.job_manager import JobManager
from agentcron.engine.local import LocalEngine
from agentcron.engine.runner import Runner
from agentcron.engine.scheduler import Scheduler
from agentcron.engine.settler import Settler
from agentcron.engine.upkeep import Upkeep
from agentcron.errors import StoreError
from agentcron.ports import JobStore
from agentcron.redaction import Redactor
from agentcron.testing.simulation.agents import SimulatedAgents
from agentcron.testing.simulation.scenario import Variant
from agentcron.testing.simulation.shaky_store import NodeGone, ShakyStore

if TYPE_CHECKING:
    from agentcron.testing.simulation.world import World

_INTERVAL: Final = timedelta(seconds=1)
_REST: Final = timedelta(hours=12)
_UPKEEP: Final = timedelta(seconds=5)
_MOMENT: Final = timedelta(milliseconds=1)
_NOTHING: Final = timedelta(0)


class Process:
    """A scheduler from its start to its stop or its death. It looks after the calendar when it is told that something
    changed, and when something is due."""

    def __init__(self, world: World, name: str, store: JobStore) -> None:
        self._world = world
        self.name = name
        self.store = ShakyStore(world, store, name, self.die)
        self.agents = SimulatedAgents(world, name, world.scenario.places)
        runner = Runner(self.store, self.agents, world.clock, Redactor({}), world.log)
        settler = Settler(self.store, world.clock, world.log, self._settled)
        self.engine = LocalEngine(self.store, runner, settler, world.clock, name, world.scenario.places, world.log)
        self.manager = self._manager(lambda: None)
        self.upkeep = Upkeep(self.store, self.engine, settler, world.clock, name, world.log)
        self.stopping = False
        self._rung = asyncio.Event()
        self._failed = False
        self._beat_at: int | None = None
        self._look_due: int | None = None
        self._task: asyncio.Task[None] | None = None

    def _manager(self, on_look: Callable[[], None]) -> JobManager:
        # Ids of a scheduler's own making are drawn from the system, and two runs of one seed would differ.
        return JobManager(
            self.store,
            self._world.clock,
            lambda now: self._world.new_id,
            _INTERVAL,
            self._world.log,
            self._planned,
            on_look,
            self.engine.commit,
        )

    @property
    def alive(self) -> bool:
        """Whether it neither died nor stopped."""
        return not self.store.dead

    @property
    def running(self) -> int:
        """How many executions it runs."""
        return len(self.engine.running)

    def start(self) -> None:
        """Begin as a process does: join, settle what a lost scheduler left, then plan and run."""
        self._task = self._world.spawn(self._live())

    def ring(self) -> None:
        """Something changed that its loops would notice within their interval."""
        self._world.loop.call_later(_INTERVAL.total_seconds(), self._look)

    def die(self) -> None:
        """It ends here and now: nothing that it was about to do is done."""
        if self.store.dead:
            return
        self.store.dead = True
        self.agents.die()
        self._cancel_all()
        self._world.process_ended(self, "dies")

    async def stop(self) -> None:
        """An orderly stop: runs are cut at once and settled, then it leaves."""
        if self.store.dead:
            return
        self._world.no_longer_plans(self)
        if self._task is not None:
            self._task.cancel()
        try:
            await self.manager.stop()
            await self.engine.stop(timedelta(seconds=5))
            await self.store.leave(self.name, self._world.clock.now())
        except StoreError:
            self._world.note(self.name, "could not say that it stops")
        except NodeGone:
            return
        if not self.store.dead:
            self.store.dead = True
            self._world.process_ended(self, "stops")

    # --- inside ---------------------------------------------------------------------------------------------------

    def _node(self) -> Node:
        now = self._world.clock.now()
        return Node(id=self.name, host="simulated", pid=1, version="0", started_at=now, seen_at=now)

    async def _live(self) -> None:
        try:
            await self._begin()
            while True:
                await self._turn()
        except StoreError as error:
            # A scheduler that cannot start ends with an error; whoever supervises it starts it again.
            self._world.note(self.name, f"cannot start: {error}")
            self.die()

    async def _begin(self) -> None:
        await self.store.join(self._node())
        while await self.upkeep.settle_lapsed():
            pass
        await self.upkeep.give_up_late()
        self.ring()

    async def _turn(self) -> None:
        """What the loops of a scheduler do between two waits, once."""
        world, clock = self._world, self._world.clock
        self._rung.clear()
        until = clock.now() + _REST
        try:
            next_at = await self.manager.evaluate()
            ready_at, looked = await self.store.ready_at(), clock.now()
            if self._failed or (ready_at is not None and ready_at <= looked):
                # After a failure rows may be claimed that nobody runs: the engine's next claim gives them back.
                await self.engine.claim()
                self._failed = False
            if self._beat_at is not None and world.loop.elapsed_us >= self._beat_at:
                self._beat_at = None
                await self.upkeep.beat()
                await self.upkeep.settle_lapsed()
            wakes = [next_at, *self._overdue(await world.ground.open_rows(), looked)]
            until = min([until, *(wake for wake in wakes if wake is not None)])
        except StoreError as error:
            world.note(self.name, f"the store fails: {error}")
            self._failed = True
            self._look_in(_INTERVAL)
        await self._wait(until)

    def _overdue(self, rows: Sequence[Execution], looked: datetime) -> list[datetime]:
        """When rows are ready, or past their time; what is past it is looked after at the next upkeep, and what became
        ready after the line was ``looked`` at, during a claim that the store was slow with, at the next turn."""
        now, found = self._world.clock.now(), []
        for row in rows:
            if row.wake_at is not None and row.wake_at > (looked if row.status is ExecutionStatus.PENDING else now):
                found.append(row.wake_at + (_NOTHING if row.status is ExecutionStatus.PENDING else _MOMENT))
            elif row.status is not ExecutionStatus.PENDING:
                self._look_in(_UPKEEP)
        if any(run.overdue >= 0 for run in self.engine._runs.values()):
            self._look_in(_UPKEEP)
        return found

    async def _wait(self, until: datetime) -> None:
        delay = max((until - self._world.clock.now()).total_seconds(), _MOMENT.total_seconds())
        timer = self._world.loop.call_later(delay, self._rung.set)
        await self._rung.wait()
        timer.cancel()

    def _look(self) -> None:
        self._beat_at = self._world.loop.elapsed_us
        self._look_due = None
        self._rung.set()

    def _look_in(self, delay: timedelta) -> None:
        if self._look_due is None:
            self._look_due = self._world.loop.elapsed_us
            self._world.loop.call_later(delay.total_seconds(), self._look)

    async def _planned(self, plan: Plan) -> None:
        if plan.to_cancel is not ToCancel.NONE:
            self._world.ring_all()

    def _settled(self, settlement: Settlement) -> None:
        # The run is still a task of the engine at this moment: its place is free a moment later.
        self._world.loop.call_later(_MOMENT.total_seconds(), self._rung.set)

    def _cancel_all(self) -> None:
        current = asyncio.current_task()
        tasks = [self._task, *(run.task for run in self.engine._runs.values())]
        for task in tasks:
            if task is not None and task is not current:
                task.cancel()


class LoopedProcess(Process):
    """The same with the loops that a scheduler runs by itself, each beat of them."""

    def __init__(self, world: World, name: str, store: JobStore) -> None:
        super().__init__(world, name, store)
        self._scheduler = Scheduler(
            self.store, self.agents, world.clock, self._node(), _INTERVAL, Redactor({}), world.log, self._planned
        )
        self.engine = self._scheduler.engine
        self.manager = self._scheduler.manager = self._manager(self.engine.wake)
        self._tasks: list[asyncio.Task[Any]] = []

    async def _live(self) -> None:
        try:
            await self._scheduler.start()
        except StoreError as error:
            self._world.note(self.name, f"cannot start: {error}")
            self.die()

    async def _planned(self, plan: Plan) -> None:
        if plan.to_cancel is not ToCancel.NONE:
            self._world.ring_all()
        self.engine.wake()

    def ring(self) -> None:
        """Its loops notice by themselves."""

    async def stop(self) -> None:
        if self.store.dead:
            return
        self._world.no_longer_plans(self)
        try:
            await self._scheduler.stop(timedelta(seconds=5))
        except NodeGone:
            return
        if not self.store.dead:
            self.store.dead = True
            self._world.process_ended(self, "stops")

    def _cancel_all(self) -> None:
        super()._cancel_all()
        current = asyncio.current_task()
        upkeep = self._scheduler._upkeep
        for task in (self.manager._task, self.engine._task, upkeep._task):
            if task is not None and task is not current:
                task.cancel()


def make_process(world: World, name: str, store: JobStore) -> Process:
    """A process in the way that the scenario asks for."""
    return (LoopedProcess if world.scenario.variant is Variant.LOOPS else Process)(world, name, store)
