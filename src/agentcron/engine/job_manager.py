"""What is due, and what becomes of it: the loop that moves jobs along their calendars.

It sleeps until the first job is due, so nothing is scanned while nothing is due. It also looks at the store at each
evaluation interval, which is how soon a change by another process or a step of the clock is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.model import Execution, Job
from agentcron.domain.planner import plan
from agentcron.domain.plans import NewId, Plan, ToCancel
from agentcron.domain.queues import Queues, ranked
from agentcron.engine.alarm import Alarm
from agentcron.engine.herald import Herald
from agentcron.engine.turns import SLICE
from agentcron.engine.uncut import uncut
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore
from agentcron.schedule import format_duration

BATCH: Final = 1000
# An evaluation is fresh for so long, and where they are rare for two intervals.
FRESH: Final = timedelta(seconds=60)
# What comes due so soon after a look that found something is planned together: a look for each would cost each of them
# a commit. One that comes due alone is on time.
TOGETHER: Final = timedelta(milliseconds=50)
_SECOND: Final = timedelta(seconds=1)
_NONE: Final = ToCancel.NONE


class JobManager:
    """Plans due jobs. ``on_planned`` hears of each applied plan that asks something of others: it cancels runs, or has
    news."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        new_ids: Callable[[datetime], NewId],
        interval: timedelta,
        log: Log,
        on_planned: Callable[[Plan], Awaitable[None]],
        on_look: Callable[[], None],
        commit: Callable[[Sequence[Plan]], Awaitable[list[bool]]],
        herald: Herald | None = None,
        queues: Queues | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_ids = new_ids
        self._interval = interval
        self._log = log
        self._on_planned = on_planned
        self._on_look = on_look
        self._commit = commit
        self._herald = herald or Herald()
        self._queues = queues or {}
        self._alarm = Alarm(clock)
        self._evaluating = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failed_since: datetime | None = None
        self._evaluated: float | None = None
        # Whether the last look found anything to plan.
        self._found = False

    def start(self) -> None:
        """Begin to look after the calendar."""
        self._task = asyncio.create_task(self._loop(), name="agentcron-job-manager")

    async def stop(self) -> None:
        """Plan nothing more; an evaluation under way is finished, so that no committed plan goes unheard."""
        if self._task is not None:
            async with self._evaluating:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """A job may be due sooner than was known."""
        self._alarm.ring()

    @property
    def fresh(self) -> bool:
        """Whether what is due was looked for with success just now."""
        most = max(FRESH, 2 * self._interval).total_seconds()
        return self._evaluated is not None and self._clock.steady() - self._evaluated <= most

    async def evaluate(self) -> datetime | None:
        """Plan every job that is due; answers when the next one is. Raises ``StoreError``; the slots that could not be
        judged then are told apart at the next evaluation that succeeds. Once begun it is finished, also for a caller
        that is cancelled: what it commits is to be heard."""
        async with self._evaluating:
            return await uncut(self._look())

    async def _look(self) -> datetime | None:
        began = self._clock.now()
        try:
            next_at = await self._evaluate()
        except StoreError:
            self._failed_since = self._failed_since or began
            raise
        if self._failed_since is not None:
            self._log.info(f"the store works again; it failed since {self._failed_since.isoformat()}")
        self._failed_since = None
        self._evaluated = self._clock.steady()
        return next_at

    async def _evaluate(self) -> datetime | None:
        seen: dict[str, int] = {}
        self._found, now = False, self._clock.now()
        while True:
            due = await self._store.due(now, BATCH)
            # A job that was planned and is due again at the same revision would be planned for ever.
            fresh = [job for job in due.jobs if seen.get(job.id) != job.revision]
            if not fresh:
                return due.next_at
            self._found = True
            seen.update({job.id: job.revision for job in fresh})
            await self._plan(fresh, now)
            if len(due.jobs) == BATCH:
                # So many take a while to plan; what came due meanwhile is looked for as well.
                now = self._clock.now()

    async def _plan(self, jobs: list[Job], now: datetime) -> None:
        plans: list[Plan] = []
        new_id = self._new_ids(now)
        for number, job in enumerate(jobs, 1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            try:
                made = plan(job, now, new_id, self._failed_since)
            except Exception as error:  # one job that cannot be planned must not hold up all others
                self._log.error(f"job {job.name} ({job.id}) cannot be planned: {error!r}", job_id=job.id)
                continue
            if made is not None:
                if self._queues:
                    made = ranked(made, self._queues)
                # Whatever others may be told of has a notice: a usual tick has none, and is not looked at.
                plans.append(self._herald.plan(made) if made.notices else made)
        applied = await self._commit(plans) if plans else []
        debugging = self._log.debugging
        for number, (made, ok) in enumerate(zip(plans, applied, strict=True), 1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            if ok:
                if made.notices or debugging:
                    self._tell(made, debugging)
                if made.news or made.to_cancel is not _NONE:
                    await self._on_planned(made)
        self._on_look()

    def _tell(self, made: Plan, debugging: bool) -> None:
        job = made.job_after or made.before
        assert job is not None
        for notice in made.notices:
            self._log.info(f"{job.name} ({job.id}): {notice}", job_id=job.id)
        if debugging:
            slots = ", ".join(_why(row, job, made.now) for row in made.rows if not row.final) or "none"
            cancels = "" if made.to_cancel is ToCancel.NONE else f", cancels {made.to_cancel.value}"
            following = job.next_slot.isoformat() if job.next_slot else "none"
            self._log.debug(f"{job.name} ({job.id}): to run {slots}; next slot {following}{cancels}", job_id=job.id)

    async def _loop(self) -> None:
        while True:
            began = self._clock.now()
            until = began + self._interval
            failing = self._failed_since is not None
            try:
                async with self._evaluating:
                    next_at = await self._look()
                soonest = began + TOGETHER if self._found else began
                until = min(until, max(next_at, soonest)) if next_at else until
                self._on_look()
            except StoreError as error:
                if not failing:
                    self._log.error(f"the store fails, nothing is started until it works again: {error}")
            except Exception as error:  # a loop that dies in a living process is a scheduler that stands still
                self._log.error(f"an evaluation failed and is tried again: {error!r}")
            await self._alarm.wait(until)


def _why(row: Execution, job: Job, now: datetime) -> str:
    """The slot, and why it is to run: it is on time, or a policy catches it up."""
    late = now - (row.wake_at or row.at)
    if late <= job.misfire_grace:
        return f"{row.at.isoformat()} (on time)"
    told = format_duration(timedelta(seconds=late // _SECOND))
    return f"{row.at.isoformat()} ({told} late, catch_up = {job.catch_up})"
