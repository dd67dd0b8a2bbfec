"""How a run of a job under a budget begins: it asks the store for room, and what follows where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from agentcron import ids
from agentcron.domain import changes
from agentcron.domain.budgets import Cap, Claim, Verdict, caps_of, expected_of, is_bounded
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Errored, GivenBack, Needless, Outcome, Unneeded
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Amount, Budget, BudgetAction
from agentcron.engine.herald import Herald
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

if TYPE_CHECKING:
    from agentcron.engine.run import Run

STORE_RETRY: Final = timedelta(seconds=1)
TRIES: Final = 20


class Bounds:
    """Keeps runs within the budgets of their jobs, and those that jobs share."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        log: Log,
        shared: Mapping[str, Sequence[Budget]],
        herald: Herald | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._shared = shared
        self._herald = herald or Herald()
        self._told: dict[str, datetime] = {}

    def cover(self, spec: JobSpec) -> bool:
        """Whether runs of the job are under a budget."""
        return is_bounded(spec, self._shared)

    async def begin(self, run: Run, spec: JobSpec) -> Outcome | None:
        """Begin the run where there is room, or with the cheaper definition; else what becomes of it instead."""
        while True:
            try:
                return await self._admit(run, spec)
            except StoreError as error:
                # Nothing may begin without the store's word.
                self._log.warning(f"{spec.name}: {run.execution.id} waits for the store: {error}")
                await self._clock.sleep_until(self._clock.now() + STORE_RETRY)

    async def _admit(self, run: Run, spec: JobSpec) -> Outcome | None:
        execution, now = run.execution, self._clock.now()
        caps = caps_of(spec, execution.job_id, self._shared)
        claim = Claim(caps=caps, expected=expected_of(await self._store.get_job(execution.job_id)))
        async with run.begins():
            verdict = await self._store.begin_within(execution.id, execution.fence, now, claim)
            if verdict is not None and verdict.refused is None:
                run.execution = execution.evolve(begun=True, start_time=now)
        if verdict is None:
            return GivenBack(ready_at=now)
        self._warn(verdict, caps, spec, now)
        if verdict.refused is None:
            return None
        budget = verdict.refused.budget
        if budget.action is BudgetAction.FALLBACK and budget.fallback_agent is not None:
            return await self._fall_back(run, spec, budget.fallback_agent, verdict.told, now)
        if budget.action is BudgetAction.PAUSE:
            await self._pause(execution.job_id, spec, verdict.told)
        else:
            self._log.warning(f"{spec.name}: {execution.id} does not run: {verdict.told}", job_id=execution.job_id)
        if execution.begun:
            # A retry: an earlier attempt was begun, and what was begun is never told as skipped.
            return _ended(execution, verdict.told)
        return Unneeded(cause=Needless.BUDGET, message=verdict.told)

    async def _fall_back(self, run: Run, spec: JobSpec, agent: str, told: str, now: datetime) -> Outcome | None:
        execution, unbounded = run.execution, Claim(caps=(), expected=Amount())
        async with run.begins():
            if await self._store.begin_within(execution.id, execution.fence, now, unbounded, agent) is None:
                return GivenBack(ready_at=now)
            run.execution = execution.evolve(begun=True, start_time=now, agent=agent)
            if agent != spec.agent:
                run.fallback_agent = agent
        self._log.warning(f"{spec.name}: {execution.id} runs with {agent}: {told}", job_id=execution.job_id)
        return None

    async def _pause(self, job_id: str, spec: JobSpec, told: str) -> None:
        for _ in range(TRIES):
            job = await self._store.get_job(job_id)
            now = self._clock.now()
            plan = changes.pause(job, now, self._new_id, "budget") if job is not None else None
            if plan is None:
                break
            plan = self._herald.plan(plan)
            if (await self._store.commit([plan]))[0]:
                self._herald.sound(plan)
                break
        self._log.warning(f"{spec.name}: paused, resume it once there is room: {told}", job_id=job_id)

    def _new_id(self) -> str:
        return ids.execution_id(self._clock.now())

    def _warn(self, verdict: Verdict, caps: Sequence[Cap], spec: JobSpec, now: datetime) -> None:
        """Tell what nears its end, each once in its window."""
        windows = {cap.key: cap.budget.window for cap in caps}
        for key, told in verdict.near.items():
            last = self._told.get(key)
            if last is None or now - last >= windows[key.rpartition(" ")[0]]:
                self._told[key] = now
                self._log.warning(f"{spec.name}: 80 % are reached: {told}")


def _ended(execution: Execution, told: str) -> Errored:
    """What a run that is not tried again came to: what its last attempt did."""
    if execution.reason is None:
        return Errored(kind="budget", message=told)
    why = execution.error or execution.reason
    return Errored(kind=execution.reason, message=f"{why}; not tried again: {told}", retryable=True, again=False)
