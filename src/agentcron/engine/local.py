"""The engine in this process: claim what is ready, run at most so many at once, stop in an orderly way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import CutCause
from agentcron.domain.plans import Plan
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.spec import JobSpec
from agentcron.engine.alarm import Alarm, first_of
from agentcron.engine.claimed import give_back, ids_of, leave, spec_of
from agentcron.engine.judging import Judge
from agentcron.engine.run import Run
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.engine.turns import SLICE
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

# How long a failed or fruitless look at the queue is not repeated without a wake-up.
PAUSE: Final = timedelta(seconds=1)
# How long a run that was cut may take to end before the stop goes on without it.
LAST_GRACE: Final = timedelta(seconds=45)
# A claim that is older is asked about again before an agent is started on it.
FRESH_CLAIM: Final = timedelta(seconds=5)


class LocalEngine:
    """Runs executions as tasks of the running event loop; ``places`` bounds how many at once."""

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
        limits: ClaimLimits | None = None,
    ) -> None:
        self._store, self._runner, self._settler = store, runner, settler
        self._clock, self._node, self._places = clock, node, places
        # After an outage what is caught up never holds all places: what comes due meanwhile finds one.
        self._places_to_catch_up = (places + 1) // 2
        self._log, self._apart, self._limits = log, apart, limits
        self._judge = Judge(runner, settler, log, self._forget)
        self._alarm = Alarm(clock)
        self._runs: dict[str, Run] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = self._failing = False
        self._hurry = asyncio.Event()
        self._claimed: deque[Execution] = deque()
        self._claiming = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._unsure = False
        # Those whose agent is not closed yet: a run that only has to be written holds no place.
        self._busy: set[Run] = set()
        # Whether more was ready than found a place. What then frees places is settled and claimed for in one commit.
        self._line_waits = False
        self._beside: asyncio.Task[None] | None = None
        settler.beside = self._claim_beside
        # Who is told that something runs here again.
        self.on_busy: Callable[[], None] = lambda: None

    @property
    def running(self) -> list[tuple[str, int]]:
        """Id and fence of every execution that runs here."""
        return [(run.execution.id, run.execution.fence) for run in self._runs.values()]

    async def start(self) -> None:
        """Begin to claim."""
        self._stopping = False
        self._task = asyncio.create_task(self._loop(), name="agentcron-engine")

    def wake(self) -> None:
        """There may be ready rows."""
        self._alarm.ring()

    async def cancel(self, execution_ids: Collection[str]) -> None:
        """End those that run here as INCOMPLETE(canceled)."""
        self._cut(execution_ids, CutCause.CANCEL)

    async def lose(self, execution_ids: Collection[str]) -> None:
        """End those that run here and belong to somebody else by now; nothing of them is written."""
        self._cut(execution_ids, CutCause.LOST)

    async def finished(self, execution_ids: Collection[str]) -> None:
        """Return when none of these runs here any more."""
        # All asked for at once: one that ends while another is waited for has nobody left to tell.
        for ended in [self._runs[key].ended for key in execution_ids if key in self._runs]:
            await ended.wait()

    async def stop(self, grace: timedelta) -> None:
        """Claim no more; give running agents ``grace``, then cut them as INCOMPLETE(shutdown)."""
        self._stopping = True
        self._alarm.ring()
        if self._task is not None:
            await asyncio.gather(self._task, *filter(None, [self._beside]), return_exceptions=True)
            self._task = None
        # Whoever claims at this moment begins what the store gives it: that is to be cut like all others.
        async with self._claiming:
            if self._claimed or self._unsure:
                await leave(self._store, self._node, self._runs, self._clock, self._log)
                self._claimed.clear()
        await self._wait(grace, self._hurry)
        self._cut(list(self._runs), CutCause.SHUTDOWN)
        self._settler.give_up()
        await self._wait(LAST_GRACE, asyncio.Event())
        for run in list(self._runs.values()):
            self._log.error(f"{run.execution.id} does not end; it is left to the next start", **ids_of(run.execution))

    def hurry(self) -> None:
        """End the grace of a stop that goes on."""
        self._hurry.set()

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        """Commit the plans and start at once what they made ready, as far as there are places; where limits hold for
        more than this process, the next look starts it."""
        async with self._claiming:
            free = self._free
            if free <= 0 or self._stopping or self._limits is not None:
                self._line_waits = True
                return await self._store.commit(plans)
            now, behind = self._clock.now(), self._left_to_catch_up()
            try:
                applied, begun = await self._store.commit_and_claim(
                    plans, self._node, now, free, caught_up=behind, apart=self._apart
                )
            except StoreError:
                self._unsure = True
                raise
            self._line_waits = len(begun) >= free
            self._claimed.extend(begun)
            await self._begin_claimed({job.id: job for plan in plans if (job := plan.job_after) is not None})
            return applied

    async def claim(self, ids: Collection[str] | None = None) -> int:
        """Claim what is ready, these ids or any, and start it; answers how many."""
        async with self._claiming:
            begun = await self._begin_claimed({})
            if self._unsure:
                await give_back(self._store, self._node, self._runs, self._clock)
                self._unsure = False
            free, behind = self._free, None if ids is not None else self._left_to_catch_up()
            if free <= 0:
                return begun
            try:
                claimed = await self._store.claim(
                    self._node, self._clock.now(), free,
                    ids=ids, begin=True, caught_up=behind, apart=self._apart, limits=self._limits,
                )  # fmt: skip
            except StoreError:
                # Whether the claim is durable is unknown: rows that nobody runs would count as running for ever.
                self._unsure = True
                raise
            self._line_waits = len(claimed) >= free
            self._claimed.extend(claimed)
            return begun + await self._begin_claimed({})

    @property
    def _free(self) -> int:
        return self._places - len(self._busy) - len(self._claimed)

    def _left_to_catch_up(self) -> int:
        return max(0, self._places_to_catch_up - sum(run.execution.caught_up for run in self._busy))

    def _claim_beside(self) -> None:
        """Settlements are on their way into the store: a claim that is asked for at once goes with them."""
        if self._line_waits and self._beside is None and not self._stopping:
            self._beside = asyncio.create_task(self._claim_freed(), name="agentcron-claim")

    async def _claim_freed(self) -> None:
        try:
            await self.claim()
        except Exception:  # the loop looks again, and tells what is wrong
            self._line_waits = False
        finally:
            self._beside = None
            self._alarm.ring()

    async def abandon_overdue(self) -> None:
        """End the runs that are past their deadline, and give up those that ignore it: an agent that cannot be ended
        keeps neither its row nor its place."""
        for run in list(self._runs.values()):
            if run.overdue >= CLOSE_GRACE.total_seconds():
                await self._abandon(run)
            elif run.lingers:
                run.remind()

    async def renew(self) -> None:
        """Tell the store until when the runs here are to be believed, after the clock was set."""
        for run in list(self._runs.values()):
            left = timedelta(seconds=run.deadline - self._clock.steady())
            await self._store.renew(run.execution.id, run.execution.fence, self._clock.now() + left + CLOSE_GRACE)

    async def _abandon(self, run: Run) -> None:
        spec = await self._store.get_spec(run.execution.job_id, run.execution.version)
        if run.judged:
            return  # it ended meanwhile, and what it came to was paid for
        run.give_up()
        if spec is not None and run.cause is not CutCause.LOST:
            await self._settler.settle(self._runner.given_up(run, spec), spec.name)
        self._forget(run)

    async def _begin_claimed(self, jobs: Mapping[str, Job]) -> int:
        """Start what was claimed; a store that fails meanwhile leaves the rest to the next look. Of ``jobs`` the specs
        are at hand."""
        begun, now = 0, self._clock.now()
        while self._claimed:
            execution = self._claimed[0]
            job = jobs.get(execution.job_id)
            if job is not None and job.version == execution.version:
                spec: JobSpec | None = job.spec
            else:
                spec, now = await spec_of(self._store, execution, self._log), self._clock.now()
            fresh = execution.start_time is not None and abs(now - execution.start_time) <= FRESH_CLAIM
            # One that looks at something first is not begun yet: its beginning will prove it ours.
            still_ours = fresh or not execution.begun or await self._still_ours(execution)
            self._claimed.popleft()
            # None: the job was deleted between the claim and this look.
            if spec is not None and still_ours:
                self._begin(execution, spec)
                begun += 1
                if begun % SLICE == 0:
                    await asyncio.sleep(0)
        return begun

    async def _still_ours(self, execution: Execution) -> bool:
        """Whether nobody settled the row meanwhile: a process that slept, or a store that failed, comes back late."""
        ours = await self._store.begin(execution.id, execution.fence, self._clock.now())
        self._unsure = self._unsure or not ours
        return ours

    def _begin(self, execution: Execution, spec: JobSpec) -> None:
        deadline = self._clock.steady() + spec.timeout.total_seconds()
        run = Run(execution=execution, clock=self._clock, deadline=deadline)
        if not self._runs:
            self._idle.clear()
            self.on_busy()
        self._runs[execution.id] = run
        self._busy.add(run)
        run.task = asyncio.create_task(self._work(run, spec))

    async def _work(self, run: Run, spec: JobSpec) -> None:
        try:
            came = await self._runner.run(run, spec)
        except BaseException as error:
            self._judge.lost(run, error)
            if not isinstance(error, Exception):
                raise
            return
        self._busy.discard(run)
        self._judge.add(came)

    def _forget(self, run: Run) -> None:
        self._busy.discard(run)
        if self._runs.get(run.execution.id) is run:
            del self._runs[run.execution.id]
            if not self._runs:
                self._idle.set()
        if run.awaited is not None:
            run.awaited.set()
        self._alarm.ring()

    def _cut(self, execution_ids: Collection[str], cause: CutCause) -> None:
        for key in execution_ids:
            if (run := self._runs.get(key)) is not None:
                run.cut(cause)

    async def _wait(self, grace: timedelta, hurry: asyncio.Event) -> None:
        """Return when every run has ended, after ``grace``, or when somebody is in a hurry."""
        if self._runs:
            await first_of(self._idle, hurry, grace.total_seconds())

    async def _loop(self) -> None:
        while not self._stopping:
            now = self._clock.now()
            until = None
            try:
                if self._claimed and self._claiming.locked():
                    # Whoever claimed them is beginning them; should that fail half-way, this look begins the rest.
                    until = now + PAUSE
                elif self._claimed or (self._free > 0 and not (self._line_waits and self._judge.settling)):
                    until = await self._store.ready_at()
                    if self._claimed or self._unsure or (until is not None and until <= now):
                        # Rows that wait behind others of their lane are ready by the clock and cannot be claimed.
                        until = now + PAUSE if await self.claim() == 0 else now
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    self._log.error(f"nothing can be claimed: {error}")
                self._failing = True
                until = now + PAUSE
            except Exception as error:  # an engine that dies in a living process is a scheduler that starts nothing
                self._log.error(f"a look at the queue failed and is tried again: {error!r}")
                until = now + PAUSE
            await self._alarm.wait(until)
