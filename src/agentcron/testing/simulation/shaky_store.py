"""The store as one simulated process sees it: what it asks may fail, take long, or be the last thing that it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Given
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Node, Orders
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.settling import Settlement
from agentcron.errors import StoreUnavailable
from agentcron.ports import JobStore
from agentcron.testing.simulation import points
from agentcron.testing.simulation.trace import PERSON

if TYPE_CHECKING:
    from agentcron.testing.simulation.world import World

T = TypeVar("T")
_READS: Final = (
    *points.STORE_READS,
    "nodes",
    "open_executions",
    "process_of",
    "get_job",
    "get_execution",
    "find_jobs",
    "list_inputs",
    "get_input",
)


class NodeGone(BaseException):
    """The simulated process ended at this very place: nothing after it happens, not even an ``except``."""


class ShakyStore:
    """Everything that one process does to the store goes through here. ``die`` ends that process."""

    def __init__(self, world: World, store: JobStore, owner: str, die: Callable[[], None]) -> None:
        self._world = world
        self.store = store
        self.owner = owner
        self._die = die
        self.dead = False

    @property
    def url(self) -> str:
        return self.store.url

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name not in _READS:
            raise AttributeError(f"the simulation knows no fault for {name}")

        async def read(*arguments: Any, **options: Any) -> Any:
            self._live()
            world = self._world
            if world.store_down or (world.armed and world.fires(f"error at {name}", self.owner)):
                raise StoreUnavailable("simulated: the store cannot be read")
            return await method(*arguments, **options)

        setattr(self, name, read)
        return read

    # --- writes ---------------------------------------------------------------------------------------------------

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        if self._world.armed and len(plans) > 1 and self._world.fires(points.HALVED, self.owner):
            await self._committed(plans[: len(plans) // 2])
            self._end()
        return await self._write("commit", lambda: self._committed(plans))

    async def _committed(self, plans: Sequence[Plan]) -> list[bool]:
        applied = await self.store.commit(plans)
        for plan, ok in zip(plans, applied, strict=True):
            if ok:
                self._world.saw_plan(self.owner, plan)
        return applied

    async def commit_and_claim(
        self,
        plans: Sequence[Plan],
        owner: str,
        now: datetime,
        limit: int,
        *,
        caught_up: int,
        apart: Collection[str] = (),
    ) -> tuple[list[bool], list[Execution]]:
        applied = await self.commit(plans)
        return applied, await self.claim(owner, now, limit, begin=True, caught_up=caught_up, apart=apart)

    async def claim(
        self,
        owner: str,
        now: datetime,
        limit: int,
        *,
        ids: Collection[str] | None = None,
        begin: bool = False,
        caught_up: int | None = None,
        apart: Collection[str] = (),
        limits: ClaimLimits | None = None,
    ) -> list[Execution]:
        return await self._write(
            "claim",
            lambda: self.store.claim(
                owner, now, limit, ids=ids, begin=begin, caught_up=caught_up, apart=apart, limits=limits
            ),
        )

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        return await self._write("begin", lambda: self.store.begin(execution_id, fence, now, findings))

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        return await self._write("renew", lambda: self.store.renew(execution_id, fence, wake_at))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        async def settled() -> list[bool]:
            kept = await self.store.settle(settlements)
            for settlement, ok in zip(settlements, kept, strict=True):
                self._world.saw_settlement(self.owner, settlement, ok)
            return kept

        return await self._write("settle", settled)

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        async def answered() -> bool:
            kept = await self.store.answer_input(input_id, given, now)
            if kept:
                self._world.note(self.owner, f"input {input_id} is {given.decision}")
                self._world.ring_all()
            return kept

        return await self._write("answer_input", answered)

    async def beat(self, node_id: str, now: datetime, running: Collection[tuple[str, int]]) -> Orders:
        return await self._write("beat", lambda: self.store.beat(node_id, now, running))

    async def join(self, node: Node) -> None:
        await self._write("join", lambda: self.store.join(node))

    async def leave(self, node_id: str, now: datetime) -> None:
        await self._write("leave", lambda: self.store.leave(node_id, now))

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        return await self._write("ask_cancel", lambda: self.store.ask_cancel(execution_ids, now))

    async def _write(self, name: str, effect: Callable[[], Awaitable[T]]) -> T:
        self._live()
        world = self._world
        if world.store_down:
            raise StoreUnavailable("simulated: the store cannot be written")
        # Another process may come between a look at the store and the write that follows from it.
        pause = world.hesitation()
        if pause is not None:
            await asyncio.sleep(pause)
            self._live()
        world.trace.writes += 1
        number = world.trace.writes
        self._crash_at(number, "before")
        if world.armed:
            await self._faults("before", name)
        done = await effect()
        self._live()
        self._crash_at(number, "after")
        if world.armed:
            await self._faults("after", name)
        return done

    async def _faults(self, when: str, name: str) -> None:
        world = self._world
        place = f"{when} {name}"
        if world.fires(f"slow {place}", self.owner):
            await asyncio.sleep(world.slowness.total_seconds())
            self._live()
        if world.fires(f"error {place}", self.owner):
            raise StoreUnavailable(f"simulated: the store failed {place}")
        if world.fires(f"crash {place}", self.owner):
            self._end()

    def _crash_at(self, number: int, when: str) -> None:
        if self._world.scenario.crash_at == (number, when) and self.owner != PERSON:
            self._end()

    def _live(self) -> None:
        if self.dead:
            raise NodeGone

    def _end(self) -> None:
        self._die()
        raise NodeGone
