"""The course of things: processes start, die and are replaced, faults befall them, people act, and then all rests."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from agentcron.domain import changes
from agentcron.domain.model import Execution
from agentcron.testing.simulation import points
from agentcron.testing.simulation.ground import Ground, MemoryGround
from agentcron.testing.simulation.people import Person
from agentcron.testing.simulation.processes import Process, make_process
from agentcron.testing.simulation.quiet import find_changed, find_stuck
from agentcron.testing.simulation.scenario import Happening, Scenario
from agentcron.testing.simulation.trace import Deed, Trace
from agentcron.testing.simulation.virtual_time import run_virtually
from agentcron.testing.simulation.world import SECOND, World

_LOOKS: Final = 120
# History is long, and is compared with itself less often than the few open rows are looked at.
_CHANGES_EVERY: Final = 8
_QUIET_US: Final = 600_000_000
# What is found open past its time is looked for once more after so many seconds.
_TAKEN: Final = 8.0
_REST: Final = 600.0
# Longer than any run with its retries: what does not move for so long does not move at all.
_STANDSTILL_US: Final = 6 * 3_600_000_000
_NOW: Final = timedelta(0)


def live(scenario: Scenario, ground: Ground | None = None) -> Trace:
    """Live through a scenario, on a store in memory unless another ground is given."""
    world = World(scenario, ground or MemoryGround())
    with _unswept():
        return run_virtually(_Course(world).live(), world.loop)


@contextlib.contextmanager
def _unswept() -> Iterator[None]:
    """Without the garbage collector: it would look through a growing history again and again, a fifth of the time,
    and find little, since what dies here is mostly in no cycle."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


class _Course:
    def __init__(self, world: World) -> None:
        self._world = world
        self._number = 0
        self._over = False
        self._looks = 0
        self._may_start = asyncio.Event()
        self._may_start.set()
        world.on_death = self._bury

    async def live(self) -> Trace:
        """From the first job to the end of the drain."""
        world = self._world
        await self._make_jobs()
        self._person = Person(world, await world.ground.connect())
        for _ in range(world.scenario.schedulers):
            await self._start_process()
        looking = world.spawn(self._look_on())
        for happening in world.scenario.happenings:
            await self._pass(happening.at)
            await self._happen(happening)
        await self._pass(timedelta(days=world.scenario.days))
        looking.cancel()
        await self._drain()
        await self._take_stock()
        await world.ground.close()
        return world.trace

    async def _make_jobs(self) -> None:
        world = self._world
        store = await world.ground.connect()
        for number, spec in enumerate(world.scenario.jobs):
            job_id = f"{number:02d}{world.luck.getrandbits(56):014x}"
            plan = changes.create(spec, job_id, world.clock.now())
            assert plan.job_after is not None
            assert await store.commit([plan]) == [True]
            world.job_ids.append(job_id)
            world.place_of[job_id] = number
            made = plan.job_after.spec
            world.trace.deeds.append(
                Deed(what="create", job_id=job_id, at=plan.now, latest=world.clock.latest, spec=made)
            )

    async def _pass(self, until: timedelta) -> None:
        await asyncio.sleep(max(0.0, until / SECOND - self._world.loop.time()))

    # --- processes ------------------------------------------------------------------------------------------------

    async def _start_process(self) -> None:
        world = self._world
        if self._over or len(world.processes) >= world.scenario.schedulers:
            return
        self._number += 1
        process = make_process(world, f"node-{self._number}", await world.ground.connect())
        if not world.planned_for:
            down = abs(world.clock.now() - world.down_since)
            world.trouble(down, down, "no scheduler was up")
        world.processes.append(process)
        world.note(process.name, "starts")
        process.start()

    async def _bury(self, process: Process) -> None:
        """The store learns from the operating system that a process is gone, and another is started later."""
        world = self._world
        await world.ground.die(process.name, process.store.store, world.clock.now())
        world.troubled_us = world.loop.elapsed_us
        world.ring_all()
        await asyncio.sleep(world.luck.choice((1, 3, 20, 400)))
        await self._may_start.wait()
        await self._start_process()

    # --- faults and deeds -----------------------------------------------------------------------------------------

    async def _happen(self, happening: Happening) -> None:
        world, what = self._world, happening.what
        if what in points.AT_THE_STORE or what in points.AT_AN_ANSWER:
            world.armed.append(happening)
        elif what in points.OF_PEOPLE or what == points.ANSWER:
            world.trace.fired[what] += 1
            await self._do(happening)
        else:
            world.count(what, "world")
            await self._befall(what, happening.length)

    async def _do(self, deed: Happening) -> None:
        self._world.deed = deed.what
        await self._person.do(deed)
        self._world.deed = None

    async def _befall(self, what: str, length: timedelta) -> None:
        world = self._world
        processes = list(world.processes)
        match what:
            case points.KILL if processes:
                world.luck.choice(processes).die()
            case points.STOP if processes:
                await world.luck.choice(processes).stop()
            case points.OUTAGE:
                self._may_start.clear()
                for process in processes:
                    process.die()
                world.spawn(self._lift(length))
            case points.STORE_DOWN:
                world.store_down = True
                world.trouble(_NOW, length, what)
                world.spawn(self._mend(length))
            case points.CLOCK_BACK:
                self._step(-length)
            case points.CLOCK_FORWARD | points.SUSPEND:
                self._step(length)

    def _step(self, by: timedelta) -> None:
        world = self._world
        world.clock.step(by)
        world.trouble(max(by, _NOW), max(-by, _NOW), "the clock was stepped")
        world.note("world", f"the clock is stepped by {by / SECOND:g} s")
        world.ring_all()

    async def _lift(self, length: timedelta) -> None:
        await asyncio.sleep(length / SECOND)
        self._may_start.set()

    async def _mend(self, length: timedelta) -> None:
        await asyncio.sleep(length / SECOND)
        self._world.store_down = False
        # A clock that was set meanwhile shows another time than where the fault was foreseen to end.
        self._world.trouble(length, _NOW, points.STORE_DOWN)
        self._world.ring_all()

    # --- looking on -----------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        world = self._world
        pause = timedelta(days=world.scenario.days) / _LOOKS / SECOND
        while True:
            await asyncio.sleep(pause)
            if self._quiet:
                await self._look()

    @property
    def _quiet(self) -> bool:
        world = self._world
        troubled = world.store_down or world.loop.elapsed_us - world.troubled_us <= _QUIET_US
        return bool(world.processes) and not troubled

    async def _look(self) -> None:
        stuck = await self._stuck()
        if stuck:
            # A place that became free in this very moment is taken with the next commit, a thousandth later.
            await asyncio.sleep(_TAKEN)
            again = await self._stuck() if self._quiet else {}
            self._world.trace.stuck.update({key: found for key, found in again.items() if key in stuck})
        self._looks += 1
        if self._looks % _CHANGES_EVERY == 0:
            await find_changed(self._world.ground, self._world.trace)

    async def _stuck(self) -> dict[str, tuple[Execution, str]]:
        world = self._world
        running = {process.name: process.running for process in world.processes}
        return await find_stuck(world.ground, world.clock.now(), running, world.scenario.places)

    async def _drain(self) -> None:
        """No further fault; people resume what is paused, then pause everything and wait until nothing is open."""
        world = self._world
        world.armed.clear()
        self._may_start.set()
        world.store_down = False
        await asyncio.sleep(_REST)
        for number in range(len(world.job_ids)):
            await self._do(Happening(at=_NOW, what=points.RESUME, job=number))
        await asyncio.sleep(_REST)
        world.trace.end = world.clock.now()
        for number in range(len(world.job_ids)):
            await self._do(Happening(at=_NOW, what=points.PAUSE, job=number))
        moved, since = 0, world.loop.elapsed_us
        while await self._open() and world.loop.elapsed_us - since < _STANDSTILL_US:
            await self._pass(timedelta(seconds=world.loop.time() + 60))
            done = len(world.trace.starts) + len(world.trace.kept)
            moved, since = done, since if moved == done else world.loop.elapsed_us
        for row in await world.ground.open_rows():
            world.trace.stuck.setdefault(row.id, (row, "is open after the drain"))
        self._over = True
        await asyncio.sleep(10)

    async def _open(self) -> bool:
        return bool(await self._world.ground.open_rows())

    async def _take_stock(self) -> None:
        world = self._world
        await find_changed(world.ground, world.trace)
        world.trace.jobs = {job.id: job for job in await world.ground.jobs()}
        world.trace.rows = await world.ground.rows()
        world.trace.letters = await world.ground.letters()
