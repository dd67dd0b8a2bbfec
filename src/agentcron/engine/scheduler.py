"""How the duties of a scheduling process are started and stopped together: start all or stop all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from agentcron import ids
from agentcron.agents.manager import AgentManagerPlugin
from agentcron.checks.checker import Checker
from agentcron.delivery.message import Sender
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Node
from agentcron.domain.queues import Queues
from agentcron.domain.retention import Retention
from agentcron.domain.spending import Budget
from agentcron.engine.bounds import Bounds
from agentcron.engine.choosing import MakeEngine
from agentcron.engine.heart import Heart
from agentcron.engine.herald import Herald
from agentcron.engine.job_manager import FRESH, JobManager
from agentcron.engine.local import LocalEngine
from agentcron.engine.postman import Postman
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.engine.uncut import uncut
from agentcron.engine.upkeep import Upkeep
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import AgentFactory, Clock, JobStore
from agentcron.redaction import Redactor


class Scheduler:
    """The job manager, the engine and upkeep of one process, known to the store as one node."""

    def __init__(
        self,
        store: JobStore,
        factory: AgentFactory,
        clock: Clock,
        node: Node,
        interval: timedelta,
        redactor: Redactor,
        log: Log,
        on_planned: Callable[[Plan], Awaitable[None]],
        agents: AgentManagerPlugin | None = None,
        retention: Retention | None = None,
        budgets: Mapping[str, Sequence[Budget]] | None = None,
        checker: Checker | None = None,
        make_engine: MakeEngine = LocalEngine,
        tracing: Callable[[], Any] | None = None,
        herald: Herald | None = None,
        senders: Mapping[str, Sender] | None = None,
        heart: Heart | None = None,
        queues: Queues | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._log = log
        shared = budgets or {}
        herald = herald or Herald()
        bounds = Bounds(store, clock, log, shared, herald)
        kind: Callable[..., Runner] = Runner
        if tracing is not None:
            from agentcron.engine.tracing import TracedRunner

            kind = partial(TracedRunner, provider=tracing())
        runner = kind(store, factory, clock, redactor, log, manager=agents, bounds=bounds, checker=checker, heart=heart)
        settler = Settler(store, clock, log, heart.settled if heart is not None else None, herald=herald)
        self.engine = make_engine(store, runner, settler, clock, node.id, factory.max_concurrent_agents, log, shared)
        self.manager = make_manager(store, clock, interval, log, on_planned, self.engine, herald, queues)
        self._postman = Postman(store, senders, clock, log, redactor.text) if senders else None
        if self._postman is not None:
            herald.on_news = self._postman.wake
        self._heart = heart
        self._upkeep = Upkeep(store, self.engine, settler, clock, node.id, log, retention, interval)

    @property
    def stalled_for(self) -> timedelta:
        """For how long it has not looked after its runs."""
        return self._upkeep.stalled_for

    async def start(self) -> None:
        """Settle what a lost scheduler left, then begin to plan and to run."""
        listen = getattr(self._store, "listen", None)
        if listen is not None:
            # A store that other nodes change says so; all others are looked at by the clock alone.
            listen(self.manager.wake)
        await self._store.join(self._node)
        try:
            await self._settle_lost()
            await self.engine.start()
        except BaseException:
            await self._store.leave(self._node.id, self._clock.now())
            raise
        self.manager.start()
        self._upkeep.start()
        if self._postman is not None:
            self._postman.start()
        if self._heart is not None:
            self._heart.start(self._works)

    async def stop(self, grace: timedelta) -> None:
        """Plan and claim nothing more, let running agents end, and leave."""
        await self.manager.stop()
        await self.engine.stop(grace)
        await self._upkeep.stop()
        await self._leave()

    async def run_one(self, execution_id: str) -> None:
        """Run this execution alone, obeying cancels, then leave. What a lost scheduler left is settled first: a run
        that nobody looks after would keep the lane of the job."""
        await self._store.join(self._node)
        self._upkeep.start()
        try:
            await self._upkeep.settle_lapsed()
            if await uncut(self.engine.claim([execution_id])):
                await self.engine.finished([execution_id])
            await self._deliver()
        finally:
            await self.engine.stop(timedelta(0))
            await self._upkeep.stop()
            await self._leave()

    async def run_due(self) -> None:
        """Plan what is due, run all that can be begun now to its end, then leave."""
        await self._store.join(self._node)
        try:
            await self._settle_lost()
            self._upkeep.start()
            await self.manager.evaluate()
            while await uncut(self.engine.claim()) or self.engine.running:
                await self.engine.finished([execution_id for execution_id, _ in self.engine.running])
            await self._deliver()
        finally:
            await self.engine.stop(timedelta(0))
            await self._upkeep.stop()
            await self._leave()

    async def _settle_lost(self) -> None:
        while await self._upkeep.settle_lapsed():
            pass
        await self._upkeep.give_up_late()

    async def _deliver(self) -> None:
        """Send what is due: nobody else may be there to do it."""
        if self._postman is not None:
            await self._postman.deliver_due()

    def _works(self) -> bool:
        """Whether what is due is looked for, and what runs is looked after."""
        return self.manager.fresh and self.stalled_for < FRESH

    async def _leave(self) -> None:
        if self._postman is not None:
            await self._postman.stop()
        if self._heart is not None:
            await self._heart.stop()
        try:
            await self._store.leave(self._node.id, self._clock.now())
        except StoreError as error:
            # A store that fails must not keep a process from ending; its free lock tells the others.
            self._log.warning(f"the end of this scheduler could not be noted: {error}")


def make_manager(
    store: JobStore,
    clock: Clock,
    interval: timedelta,
    log: Log,
    on_planned: Callable[[Plan], Awaitable[None]],
    engine: LocalEngine | None = None,
    herald: Herald | None = None,
    queues: Queues | None = None,
) -> JobManager:
    """A job manager on the system's ids; with an engine, what it plans begins there."""
    return JobManager(
        store,
        clock,
        ids.execution_ids,
        interval,
        log,
        on_planned,
        engine.wake if engine is not None else lambda: None,
        engine.commit if engine is not None else store.commit,
        herald,
        queues,
    )
