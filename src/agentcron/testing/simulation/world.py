"""The simulated world as its parts see it: virtual time, one store, which faults are planned, and the log of it all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from agentcron.domain.plans import Plan
from agentcron.domain.settling import Settlement
from agentcron.observability import Log
from agentcron.ports import RunContext
from agentcron.testing.simulation import points
from agentcron.testing.simulation.ground import Ground
from agentcron.testing.simulation.scenario import Happening, Scenario
from agentcron.testing.simulation.trace import PERSON, Deed, Event, Start, Trace, Trouble
from agentcron.testing.simulation.virtual_time import VirtualClock, VirtualLoop

if TYPE_CHECKING:
    from agentcron.testing.simulation.processes import Process

SECOND: Final = timedelta(seconds=1)
# Lines of events that are kept in a long run: what a violation is told with are the last ones.
_KEPT: Final = 200_000


class World:
    """One scenario being lived through. Everything that happens is told to the trace."""

    def __init__(self, scenario: Scenario, ground: Ground) -> None:
        self.scenario = scenario
        self.ground = ground
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop, scenario.start)
        self.luck = Random(f"agentcron {scenario.seed} world")  # noqa: S311 - to be repeated, not kept secret
        self.trace = Trace(scenario=scenario)
        self.armed: list[Happening] = []
        self.slowness = timedelta(0)
        self.store_down = False
        self.log = Log(_silent(), "simulation")
        self.job_ids: list[str] = []
        self.place_of: dict[str, int] = {}
        self.processes: list[Process] = []
        self.down_since = self.clock.now()
        self.troubled_us = 0
        self.deed: str | None = None
        self.on_death: Callable[[Process], Coroutine[Any, Any, None]] | None = None
        self._ids = 0

    # --- what the parts tell and ask --------------------------------------------------------------------------------

    def note(self, who: str, what: str) -> None:
        """One line of the log."""
        events = self.trace.events
        events.append(Event(self.loop.elapsed_us, self.clock.now(), who, what))
        if len(events) > _KEPT:
            del events[: _KEPT // 2]

    def count(self, point: str, who: str) -> None:
        """A fault fired."""
        self.trace.fired[point] += 1
        self.note(who, f"FAULT {point}")

    def fires(self, point: str, who: str) -> bool:
        """Whether a fault that was planned happens at this point. A person is no scheduler, and does not crash."""
        for planned in self.armed:
            if planned.what == point:
                if who == PERSON and point.startswith("crash"):
                    return False
                self.armed.remove(planned)
                self.slowness = planned.length
                self.count(point, who)
                self.trouble(timedelta(0), planned.length if point.startswith("slow") else timedelta(0), point)
                return True
        return False

    def trouble(self, before: timedelta, after: timedelta, why: str) -> None:
        """A stretch around this moment in which a slot may be missed."""
        now = self.clock.now()
        self.trace.troubles.append(Trouble(begin=now - before - 2 * SECOND, end=now + after + 3 * SECOND, why=why))
        self.troubled_us = max(self.troubled_us, self.loop.elapsed_us + round(after / SECOND * 1e6))

    def hesitation(self) -> float | None:
        """How long a write waits for its turn: mostly not at all, else at least so long that others have theirs."""
        chance = self.luck.random()
        if chance > 0.25:
            return None
        return 0.0 if chance > 0.03 else self.luck.choice((0.001, 0.02, 0.5))

    def new_id(self) -> str:
        """The next id of an execution, in the order of time."""
        self._ids += 1
        return f"{self._ids:026x}"

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a task whose death with its process is no news."""
        task = self.loop.create_task(work)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def ring_all(self) -> None:
        """Something changed that every scheduler will notice within its interval."""
        for process in self.processes:
            process.ring()

    def act_of(self, job_id: str) -> tuple[str, float]:
        """What the next agent of a job does: a fault or "", and how many seconds its work takes."""
        nature = self.scenario.natures[self.place_of[job_id]]
        seconds = nature.seconds * self.luck.uniform(0.5, 1.5)
        chance = self.luck.random()
        for fault, share in nature.faults.items():
            chance -= share
            if chance < 0:
                return fault, seconds
        return "", seconds

    async def saw_start(self, node: str, places: int, context: RunContext) -> Start:
        """An agent begins."""
        row = await self.ground.row(context.execution_id)
        start = Start(
            execution_id=context.execution_id,
            attempt=context.attempt,
            node=node,
            places=places,
            key=context.idempotency_key,
            at=self.clock.now(),
            latest=self.clock.latest,
            begun_us=self.loop.elapsed_us,
            row=row,
        )
        self.trace.starts.append(start)
        self.note(node, f"agent of {context.execution_id} begins, {context.idempotency_key} attempt {context.attempt}")
        return start

    def saw_plan(self, who: str, plan: Plan) -> None:
        """A plan took effect."""
        # Spelled by hand: every slot is told here, and strftime would be the dearest part of it.
        rows = ", ".join([f"{row.id[-6:]} {row.status} {row.reason or ''} {str(row.at)[8:19]}" for row in plan.rows])
        self.note(who, f"plan of {plan.job_id}: {rows or 'no row'}")
        if who == PERSON and self.deed is not None:
            self.trace.deeds.append(
                Deed(
                    what=self.deed,
                    job_id=plan.job_id,
                    at=plan.now,
                    latest=self.clock.latest,
                    spec=plan.job_after.spec if plan.job_after is not None else None,
                    execution_id=plan.rows[0].id if self.deed == points.RUN_NOW else None,
                )
            )

    def saw_settlement(self, who: str, settlement: Settlement, ok: bool) -> None:
        """A settlement was answered by the store."""
        after = settlement.after
        word = after.status.value + (f" ({after.reason})" if after.reason else "")
        self.note(who, f"{after.id} fence {after.fence}: {word}{'' if ok else ', refused'}")
        if ok and settlement.before.owner not in (None, who):
            # Its owner hears with its next beat that the run is no longer its own.
            self.ring_all()
        if ok and settlement.ended:
            if after.id in self.trace.kept:
                self.trace.late.append(after)
            else:
                self.trace.kept[after.id] = after

    @property
    def planned_for(self) -> bool:
        """Whether a scheduler looks after the calendar."""
        return not all(process.stopping for process in self.processes)

    def no_longer_plans(self, process: Process) -> None:
        """A process is about to stop. It may wait long for its agents, and plans nothing meanwhile."""
        process.stopping = True
        if not self.planned_for:
            self.down_since = self.clock.now()

    def process_ended(self, process: Process, how: str) -> None:
        """A process is gone; another one takes its place after a while."""
        self.note(process.name, how)
        if not process.stopping:
            self.no_longer_plans(process)
        self.processes.remove(process)
        self.trace.crashes += how == "dies"
        if self.on_death is not None:
            self.spawn(self.on_death(process))


def _silent() -> logging.Logger:
    logger = logging.Logger("agentcron.simulation")
    logger.disabled = True
    logger.setLevel(logging.CRITICAL + 1)
    return logger
