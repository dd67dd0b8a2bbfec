"""The engine on many nodes: each claims what is ready as it has places, and runs it as a workflow of DBOS."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from agentcron.domain.model import Execution
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.spec import JobSpec
from agentcron.engine.dbos.instance import Instance
from agentcron.engine.local import LocalEngine
from agentcron.engine.run import Run
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

# How often what DBOS keeps of ended runs is looked through, in seconds, and after how long it is dropped. A row that
# would still be offered under such a name is offered anew, and claimed once.
TIDY_EVERY: Final = 60.0
KEPT: Final = timedelta(hours=1)
# How long a stop waits for DBOS to write down what ended.
LAST_WORDS: Final = timedelta(seconds=10)


class DbosEngine(LocalEngine):
    """Runs what this node claims, at most ``places`` at once, each run in a workflow of DBOS. ``url`` is the database
    of DBOS's tables, a schema of their own in it."""

    def __init__(
        self,
        store: JobStore,
        runner: Runner,
        settler: Settler,
        clock: Clock,
        node: str,
        places: int,
        log: Log,
        apart: Collection[str] = (),
        *,
        url: str,
        limits: ClaimLimits | None = None,
    ) -> None:
        super().__init__(store, runner, settler, clock, node, places, log, apart, limits=limits)
        self._instance = Instance(url, node)
        self._outside = contextvars.copy_context()
        # The tasks of runs that DBOS is not done with.
        self._inside: set[asyncio.Task[Any]] = set()
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._outside = contextvars.copy_context()
        await self._instance.launch()
        await super().start()
        self._tidying = asyncio.create_task(self._tidy(), name="agentcron-dbos-tidy")

    async def stop(self, grace: timedelta) -> None:
        """Take nothing more; give running agents ``grace``, then cut them. What did not begin goes to other nodes."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
            self._tidying = None
        await super().stop(grace)
        if self._inside:
            # DBOS waits for a database that is away for as long as it takes, and an agent may never end: no stop does.
            await asyncio.wait(self._inside, timeout=LAST_WORDS.total_seconds())
            for task in self._inside:
                task.cancel()
        await self._instance.leave()

    def _begin(self, execution: Execution, spec: JobSpec) -> None:
        # A run that asks for another one must not become its parent: what is begun has a context of its own.
        self._outside.copy().run(super()._begin, execution, spec)

    async def _work(self, run: Run, spec: JobSpec) -> None:
        row, begun = run.execution, False
        if run.task is not None:
            self._inside.add(run.task)
            run.task.add_done_callback(self._inside.discard)

        async def work() -> None:
            nonlocal begun
            begun = True
            await super(DbosEngine, self)._work(run, spec)

        try:
            await self._instance.run(f"{row.id}.{row.attempt}.{row.fence}", work)
        except Exception as error:  # what DBOS cannot write down is no reason to leave a claimed run undone
            self._log.warning(f"{row.id}: DBOS has no record of it: {error!r}")
            if not begun:
                await work()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY)
            try:
                await self._compare()
                await self._instance.forget(self._clock.now() - KEPT)
            except Exception as error:  # it is tried again, and nothing depends on it
                self._log.debug(f"what DBOS keeps could not be tidied: {error!r}")

    async def _compare(self) -> None:
        """End what DBOS takes for running on nodes that are gone, where the row is final."""
        left = await self._instance.under_way()
        alive = {node.id for node in await self._store.nodes() if node.alive} if left else set()
        over = []
        for one in left:
            if one.executor_id not in alive:
                row = await self._store.get_execution(one.workflow_id.partition(".")[0])
                if row is None or row.final:
                    over.append(one.workflow_id)
        if over:
            await self._instance.cancel(over)
