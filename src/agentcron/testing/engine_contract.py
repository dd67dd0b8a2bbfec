"""What every engine must do, as one suite: subclass it, give it an engine, run it with pytest (asyncio mode ``auto``).

::

    class TestMyEngine(EngineContract):
        async def make_engine(self, bench: EngineBench) -> Engine:
            return MyEngine(bench.storage, bench.factory, bench.clock, bench.node, bench.places)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import ExecutionFilters, Node
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import AgentError
from agentcron.ports import Engine, JobStore
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.agents import FakeAgentFactory, Gate
from agentcron.testing.clock import FakeClock

START: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMIT: Final = 10.0
LONG: Final = timedelta(seconds=LIMIT)
_E = ExecutionStatus


class EngineBench:
    """A store that this process has joined as ``node``, agents on a script, and an engine of ``places`` places."""

    engine: Engine

    def __init__(self, storage: JobStore, places: int) -> None:
        self.storage = storage
        self.places = places
        self.clock = FakeClock(START)
        self.factory = FakeAgentFactory(max_concurrent_agents=places)
        self.node = "me"
        self._numbers = itertools.count(1)

    async def job(self, **fields: Any) -> Job:
        """A job that is not due by itself."""
        values = {"name": "job", "prompt": "do it", "schedule": "0 0 1 1 *", **fields}
        made = changes.create(read_spec(values), f"{next(self._numbers):016x}", self.clock.now())
        assert await self.storage.commit([made]) == [True]
        assert made.job_after is not None
        return made.job_after

    async def ready(self, job: Job) -> str:
        """One more waiting execution of the job; answers its id."""
        stored = await self.storage.get_job(job.id)
        assert stored is not None
        asked = changes.run_now(stored, self.clock.now(), f"{next(self._numbers):026x}")
        assert asked is not None
        assert await self.storage.commit([asked]) == [True]
        self.engine.wake()
        return asked.rows[0].id

    async def ended(self, *execution_ids: str) -> list[Execution]:
        """These executions once they are final."""
        return [await self.until(execution_id, *_FINAL) for execution_id in execution_ids]

    async def until(self, execution_id: str, *statuses: ExecutionStatus) -> Execution:
        """The execution once it has one of these statuses."""
        async with asyncio.timeout(LIMIT):
            while True:
                row = await self.row(execution_id)
                if row.status in statuses:
                    return row
                await asyncio.sleep(0.001)

    async def row(self, execution_id: str) -> Execution:
        """The execution as it is stored."""
        row = await self.storage.get_execution(execution_id)
        assert row is not None
        return row

    async def quiet(self) -> None:
        """Give the engine time to do what it must not do."""
        for _ in range(20):
            await asyncio.sleep(0.001)


class EngineContract:
    """The behaviour that the scheduler relies on, whatever runs the agents."""

    async def make_engine(self, bench: EngineBench) -> Engine:
        """A new engine on the bench's store, factory, clock, node and number of places, not started yet."""
        raise NotImplementedError("a subclass makes the engine")

    async def make_store(self) -> JobStore:
        """A new, empty store; one in memory unless the engine needs another."""
        return MemoryStorage()

    @contextlib.asynccontextmanager
    async def started(self, places: int = 4) -> AsyncIterator[EngineBench]:
        """A bench whose engine runs, stopped at the end."""
        bench = EngineBench(await self.make_store(), places)
        await bench.storage.open()
        try:
            node = Node(id=bench.node, host="here", pid=1, version="0", started_at=START, seen_at=START)
            await bench.storage.join(node)
            bench.engine = await self.make_engine(bench)
            await bench.engine.start()
            try:
                yield bench
            finally:
                await bench.engine.stop(timedelta(0))
        finally:
            await bench.storage.close()

    # --- what is run ----------------------------------------------------------------------------------------------

    async def test_a_waiting_execution_is_run_and_settled_with_its_answer(self) -> None:
        async with self.started() as bench:
            job = await bench.job()
            [row] = await bench.ended(await bench.ready(job))
            assert (row.status, row.result, row.prompt) == (_E.SUCCESS, "done", "do it")
            assert row.agent_id == "background-job-1"

    async def test_every_execution_is_run_once(self) -> None:
        async with self.started() as bench:
            job = await bench.job(overlap="allow_all")
            asked = [await bench.ready(job) for _ in range(20)]
            rows = await bench.ended(*asked)
            await bench.quiet()
            assert {row.status for row in rows} == {_E.SUCCESS}
            assert sorted(context.execution_id for context in bench.factory.contexts) == sorted(asked)

    async def test_no_more_agents_live_at_once_than_there_are_places(self) -> None:
        async with self.started(places=2) as bench:
            job = await bench.job(overlap="allow_all")
            gates = [Gate() for _ in range(5)]
            bench.factory.then(*gates)
            asked = [await bench.ready(job) for _ in gates]
            await gates[1].entered.wait()
            await bench.quiet()
            waiting = [row for row in [await bench.row(one) for one in asked] if row.status is _E.PENDING]
            assert len(waiting) == 3
            for gate in gates:
                gate.opened.set()
            await bench.ended(*asked)
            assert bench.factory.most_at_once == 2

    async def test_the_executions_of_one_lane_run_one_after_another_in_their_order(self) -> None:
        async with self.started() as bench:
            job = await bench.job(overlap="buffer_all")
            gate = Gate()
            bench.factory.then(gate)
            asked = []
            for _ in range(3):
                asked.append(await bench.ready(job))
                await bench.clock.advance(timedelta(seconds=1))
            await gate.entered.wait()
            await bench.quiet()
            assert len(bench.factory.contexts) == 1
            gate.opened.set()
            async with asyncio.timeout(LIMIT):
                while (await bench.row(asked[-1])).status is not _E.SUCCESS:
                    await bench.clock.advance(timedelta(seconds=1))
            assert [context.execution_id for context in bench.factory.contexts] == asked
            assert bench.factory.most_at_once == 1

    async def test_the_lower_number_goes_first(self) -> None:
        async with self.started(places=1) as bench:
            gate = Gate()
            bench.factory.then(gate)
            holder = await bench.ready(await bench.job())
            await gate.entered.wait()
            late = await bench.ready(await bench.job(priority=5))
            soon = await bench.ready(await bench.job(priority=-5))
            gate.opened.set()
            await bench.ended(holder, soon, late)
            assert [context.execution_id for context in bench.factory.contexts] == [holder, soon, late]

    async def test_an_agent_that_fails_ends_its_own_execution_alone(self) -> None:
        async with self.started() as bench:
            bench.factory.then(AgentError("no such model", kind="provider"))
            job = await bench.job(overlap="allow_all")
            first = await bench.ready(job)
            [failed] = await bench.ended(first)
            [fine] = await bench.ended(await bench.ready(job))
            assert (failed.status, failed.error, fine.status) == (_E.ERROR, "no such model", _E.SUCCESS)

    async def test_every_agent_is_closed(self) -> None:
        async with self.started() as bench:
            bench.factory.then("fine", ValueError("broken"))
            job = await bench.job(overlap="allow_all")
            asked = [await bench.ready(job) for _ in range(3)]
            await bench.ended(*asked)
            assert (bench.factory.live, len(bench.factory.closed)) == (0, 3)

    # --- cancel ---------------------------------------------------------------------------------------------------

    async def test_a_canceled_run_ends_as_incomplete_and_its_neighbour_goes_on(self) -> None:
        async with self.started() as bench:
            gates = Gate(), Gate()
            bench.factory.then(*gates)
            job = await bench.job(overlap="allow_all")
            one, two = await bench.ready(job), await bench.ready(job)
            for gate in gates:
                await gate.entered.wait()
            first = next(context.execution_id for context in bench.factory.contexts)
            other = two if first == one else one
            await bench.engine.cancel([first])
            [row] = await bench.ended(first)
            assert (row.status, row.reason, gates[0].cancelled) == (_E.INCOMPLETE, "canceled", True)
            assert (await bench.row(other)).status is _E.RUNNING
            gates[1].opened.set()
            [row] = await bench.ended(other)
            assert row.status is _E.SUCCESS

    async def test_canceling_what_does_not_run_here_is_no_error(self) -> None:
        async with self.started() as bench:
            await bench.engine.cancel(["nothing", "nobody"])
            [row] = await bench.ended(await bench.ready(await bench.job()))
            assert row.status is _E.SUCCESS

    # --- stop -----------------------------------------------------------------------------------------------------

    async def test_a_stop_lets_running_agents_end_within_the_grace(self) -> None:
        async with self.started() as bench:
            gate = Gate()
            bench.factory.then(gate)
            asked = await bench.ready(await bench.job())
            await gate.entered.wait()
            stopping = asyncio.create_task(bench.engine.stop(LONG))
            await bench.quiet()
            assert not stopping.done()
            gate.opened.set()
            await stopping
            assert (await bench.row(asked)).status is _E.SUCCESS

    async def test_after_the_grace_a_run_is_cut_and_settled_before_the_stop_returns(self) -> None:
        async with self.started() as bench:
            gate = Gate()
            bench.factory.then(gate)
            asked = await bench.ready(await bench.job())
            await gate.entered.wait()
            await bench.engine.stop(timedelta(milliseconds=20))
            row = await bench.row(asked)
            assert (row.status, row.reason, bench.factory.live) == (_E.INCOMPLETE, "shutdown", 0)

    async def test_what_was_never_begun_waits_through_a_stop(self) -> None:
        async with self.started(places=1) as bench:
            gate = Gate()
            bench.factory.then(gate)
            job = await bench.job(overlap="allow_all")
            await bench.ready(job)
            await gate.entered.wait()
            waiting = await bench.ready(job)
            await bench.engine.stop(timedelta(0))
            await bench.quiet()
            assert (await bench.row(waiting)).status is _E.PENDING
            assert len(bench.factory.contexts) == 1

    async def test_a_stopped_engine_claims_nothing_and_can_be_started_again(self) -> None:
        async with self.started() as bench:
            await bench.engine.stop(timedelta(0))
            asked = await bench.ready(await bench.job())
            await bench.quiet()
            assert (await bench.row(asked)).status is _E.PENDING
            await bench.engine.start()
            [row] = await bench.ended(asked)
            assert row.status is _E.SUCCESS

    async def test_a_second_stop_is_no_error(self) -> None:
        async with self.started() as bench:
            await bench.engine.stop(timedelta(0))
            await bench.engine.stop(timedelta(0))

    async def test_what_waits_when_the_engine_starts_is_run_without_a_wake(self) -> None:
        async with self.started() as bench:
            await bench.engine.stop(timedelta(0))
            asked = [await bench.ready(await bench.job()) for _ in range(2)]
            await bench.engine.start()
            await bench.ended(*asked)
            page = await bench.storage.list_executions(ExecutionFilters(), 10)
            assert len(page.items) == 2


_FINAL: Final = tuple(status for status in ExecutionStatus if status not in (_E.PENDING, _E.RUNNING, _E.AWAITING_INPUT))
