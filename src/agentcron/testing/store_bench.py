"""What every suite about a store has at hand: a store that is open, and the few moves that its tests make with it."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import AgentOutcome, Done
from agentcron.domain.planner import plan
from agentcron.domain.plans import Plan
from agentcron.domain.queries import ExecutionFilters, Node
from agentcron.domain.retention import Retention
from agentcron.domain.settling import settle
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.ports import JobStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_E = ExecutionStatus


def node(node_id: str) -> Node:
    return Node(id=node_id, host="here", pid=1, version="0", started_at=NOW, seen_at=NOW)


class Bench:
    """A store and the few moves that every test makes with it."""

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return f"{next(self._numbers):026x}"

    async def job(self, schedule: str = "every 1m", **fields: Any) -> Job:
        values = {"name": "job", "prompt": "do it", "schedule": schedule, **fields}
        made = changes.create(read_spec(values), f"{next(self._numbers) * 0x9E3779B97F4A7C15 % 2**64:016x}", NOW)
        assert await self.commit(made)
        assert made.job_after is not None
        return made.job_after

    async def read(self, job: Job) -> Job:
        stored = await self.store.get_job(job.id)
        assert stored is not None
        return stored

    async def commit(self, change: Plan | None) -> bool:
        assert change is not None
        return (await self.store.commit([change]))[0]

    async def delete(self, job: Job) -> bool:
        return await self.commit(changes.delete(await self.read(job), NOW))

    async def tick(self, job: Job, now: datetime) -> bool:
        return await self.commit(plan(job, now, self.new_id))

    async def run_due(self, job: Job, now: datetime) -> list[Execution]:
        assert await self.tick(job, now)
        return await self.store.claim("me", now, 1, begin=True)

    async def history(self, count: int, text: int = 4) -> Job:
        """A job that ran so many times, one minute after another, with answers of that length."""
        job = await self.job()
        for minute in range(1, count + 1):
            [row] = await self.run_due(await self.read(job), NOW + minute * MINUTE)
            answer = hashlib.shake_256(row.id.encode()).hexdigest(text // 2)
            await self.end(row, Done(answer=AgentOutcome(output=answer)), NOW + minute * MINUTE)
        return await self.read(job)

    async def longer(self, job: Job, count: int) -> Job:
        """A copy of the job with so many executions that ended."""
        copy = job.evolve(id=f"{job.id}-copy", totals=replace(job.totals, success=count), runs=count)
        ended = [
            Execution(
                id=self.new_id(), job_id=copy.id, version=1, at=NOW + number * MINUTE, status=_E.SUCCESS, attempt=1,
                begun=True, start_time=NOW + number * MINUTE, end_time=NOW + number * MINUTE, agent="echo",
            )
            for number in range(count)
        ]  # fmt: skip
        assert await self.store.restore([copy], ended) == 1
        return copy

    async def prune(self, retention: Retention, now: datetime) -> int:
        rows, after = 0, None
        while True:
            batch = await self.store.prune(retention, now, after=after)
            rows, after = rows + batch.rows, batch.after
            if after is None:
                return rows

    async def slots(self, job: Job) -> list[int]:
        """The minutes of the rows that are kept, oldest first."""
        page = await self.store.list_executions(ExecutionFilters(job_id=job.id, include_skipped=True), 5000)
        return [(row.at - NOW) // MINUTE for row in page.items][::-1]

    async def spec(self, execution: Execution) -> JobSpec:
        spec = await self.store.get_spec(execution.job_id, execution.version)
        assert spec is not None
        return spec

    async def end(self, execution: Execution, outcome: Any, now: datetime) -> None:
        assert await self.store.settle([settle(execution, outcome, now, await self.spec(execution))]) == [True]


class Benched:
    """Where a suite gets its stores from."""

    async def make_store(self) -> JobStore:
        """A new, empty store that is not opened yet."""
        raise NotImplementedError("a subclass makes the store")

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Bench]:
        """A store with a node that is alive, closed at the end."""
        store = await self.make_store()
        await store.open()
        try:
            await store.join(node("me"))
            yield Bench(store)
        finally:
            await store.close()
