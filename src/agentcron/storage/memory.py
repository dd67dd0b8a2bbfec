"""The reference store: jobs and executions in dictionaries, lost when the process ends.

It says in plain Python what every other store must do; the contract suite holds them to it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from agentcron.domain.budgets import Claim, Verdict, hour_of, is_bounded, judge
from agentcron.domain.durations import duration_bucket, percentile
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import NOBODY, Given, Input
from agentcron.domain.lifecycle import NOT_RUN, OPEN, RAN, ExecutionStatus, JobState, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.queries import (
    Due,
    ExecutionFilters,
    JobFilters,
    JobOrder,
    Node,
    Orders,
    Page,
    Quarter,
    Selection,
)
from agentcron.domain.queues import ClaimLimits, Room
from agentcron.domain.retention import Pruned, Retention, beyond, ended_at, size_of
from agentcron.domain.settling import Settlement, Streak, spared
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.domain.spending import Amount, Spent
from agentcron.domain.statistics import JobStatistics, Totals
from agentcron.errors import StoreError
from agentcron.ids import made_since
from agentcron.journal import Step
from agentcron.storage.beginnings import the_one
from agentcron.storage.filters import matches, select
from agentcron.storage.memory_outbox import MemoryOutbox

PRUNED_AT_ONCE: Final = 1000
_INSTANT: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_E: Final = ExecutionStatus


@dataclass(slots=True)
class Tally:
    """Running sums over everything that ended."""

    ended: dict[ExecutionStatus, int] = field(default_factory=dict)
    buckets: dict[int, int] = field(default_factory=dict)
    tokens: int = 0
    cost: Decimal = Decimal(0)
    duration: timedelta = timedelta(0)

    def copy(self) -> Tally:
        """The same sums, to go their own way."""
        return replace(self, ended=dict(self.ended), buckets=dict(self.buckets))

    def add(self, row: Execution) -> None:
        """Count a row that ended elsewhere."""
        self.ended[row.status] = self.ended.get(row.status, 0) + row.slots
        self.tokens += row.usage.tokens if row.usage is not None else 0
        self.cost += row.cost_usd or Decimal(0)
        if row.ran:
            duration = row.duration or timedelta(0)
            self.duration += duration
            bucket = duration_bucket(duration)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + 1


class MemoryStorage(MemoryOutbox):
    """Jobs and executions of this process alone, lost with it: for tests and trials."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, Job] = {}
        self._specs: dict[tuple[str, int], JobSpec] = {}
        self._executions: dict[str, Execution] = {}
        self._history: dict[str, list[str]] = {}
        self._manual: dict[str, set[datetime]] = {}
        self._attempts: dict[str, list[Execution]] = {}
        self._processes: dict[str, str] = {}
        self._steps: dict[str, Step] = {}
        self._holds: dict[str, datetime] = {}
        self._inputs: dict[str, Input] = {}
        self._tombstones: dict[str, tuple[str, datetime]] = {}
        self._nodes: dict[str, Node] = {}
        self._tally = Tally()
        self._hours: dict[str, Amount] = {}
        self._reserved: dict[str, Claim] = {}

    @property
    def url(self) -> str:
        return "memory:"

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def get_job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    async def get_spec(self, job_id: str, version: int) -> JobSpec | None:
        return self._specs.get((job_id, version))

    async def find_jobs(self, name_or_prefix: str) -> Sequence[Job]:
        if name_or_prefix in self._jobs:
            return [self._jobs[name_or_prefix]]
        named = [job for job in self._jobs.values() if job.name == name_or_prefix]
        prefix = name_or_prefix.lower()
        return named or [job for key, job in self._jobs.items() if prefix and key.startswith(prefix)]

    async def deleted_at(self, job_id_or_name: str) -> datetime | None:
        found = [at for key, (name, at) in self._tombstones.items() if job_id_or_name in (key, name)]
        return max(found, default=None)

    async def list_jobs(self, filters: JobFilters, *, after: str | None = None, limit: int = 100) -> Page[Job]:
        found = []
        first = int(after or 0)
        for number, job in enumerate(islice(self._jobs.values(), first, None), first + 1):
            if matches(job, filters):
                found.append(job)
                if len(found) == limit:
                    return Page(items=found, after=str(number))
        return Page(items=found)

    async def select_jobs(self, filters: JobFilters, order: JobOrder, limit: int, *, skip: int = 0) -> Selection:
        return select(self._jobs.values(), filters, order, limit, skip)

    async def jobs_of(self, ids: Collection[str]) -> Mapping[str, Job]:
        return {key: self._jobs[key] for key in ids if key in self._jobs}

    async def tags(self, limit: int) -> Sequence[str]:
        return sorted({tag for job in self._jobs.values() for tag in job.tags})[:limit]

    async def due(self, now: datetime, limit: int) -> Due:
        due: list[Job] = []
        next_at: datetime | None = None
        for job in self._jobs.values():
            next_run = job.next_run
            if next_run is None:
                continue
            if next_run <= now:
                due.append(job)
            elif next_at is None or next_run < next_at:
                next_at = next_run
        due.sort(key=lambda job: job.next_run or now)
        return Due(jobs=due[:limit], next_at=next_at)

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        return [self._apply(plan) for plan in plans]

    def _apply(self, plan: Plan) -> bool:
        before, after = plan.before, plan.job_after
        stored = self._jobs.get(plan.job_id)
        if before is None:
            if stored is not None:
                return False
        elif stored is None or (stored.revision, stored.next_slot) != (before.revision, before.next_slot):
            return False
        if after is None:
            self._remove(plan.job_id, plan.now)
            return True
        if stored is not None:
            streak = stored.streak if before is not None and after.streak == before.streak else after.streak
            after = after.evolve(
                open=stored.open, running=stored.running, runs=stored.runs, streak=streak,
                totals=stored.totals, last_run=stored.last_run, marks=stored.marks, execution_history=(),
            )  # fmt: skip
            opened = sum(not row.final for row in plan.rows)
            if after.state is JobState.ACTIVE and after.next_run is None and stored.open + opened == 0:
                # What the plan took for open has ended meanwhile, and nothing else would ask for a look.
                after = after.evolve(next_run=plan.now)
        self._jobs[after.id] = after
        self._specs.setdefault((after.id, after.version), after.spec)
        if plan.to_cancel is ToCancel.EARLIER:
            self._cancel_job(after.id, plan.now)
        for row in plan.rows:
            self._insert(row, after, plan.now)
        if plan.to_cancel is ToCancel.ALL:
            self._cancel_job(after.id, plan.now)
        if plan.news:
            self._post(plan.news)
        return True

    async def restore(self, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
        added = {job.id: job for job in jobs if job.id not in self._jobs}
        for job in added.values():
            self._jobs[job.id] = job.evolve(open=0, running=0, execution_history=())
            self._specs[job.id, job.version] = job.spec
        self._keep([row for row in executions if row.job_id in added])
        return len(added)

    def _keep(self, rows: Sequence[Execution]) -> None:
        """Rows as they are, but for an instant that another row of the job stands at."""
        # Gathered once: looked up anew for each row, a history of thousands would take minutes.
        taken = {
            job_id: {self._executions[key].at for key in self._history.get(job_id, ())}
            for job_id in {row.job_id for row in rows}
        }
        for row in rows:
            self._manual.pop(row.job_id, None)
            if row.id not in self._executions:
                self._keep_row(row, taken[row.job_id])

    def _keep_row(self, row: Execution, taken: set[datetime]) -> None:
        job = self._jobs[row.job_id]
        history = self._history.setdefault(job.id, [])
        at = row.at
        while at in taken:
            at += _INSTANT
        taken.add(at)
        version = row.version if (job.id, row.version) in self._specs else job.version
        row = self._executions[row.id] = row.evolve(at=at, version=version)
        history.append(row.id)
        if row.final:
            self._tally.add(row)
        else:
            self._change_job(job.id, open=job.open + 1, running=job.running + (row.status is _E.RUNNING))

    def _insert(self, row: Execution, job: Job, now: datetime) -> None:
        history = self._history.setdefault(job.id, [])
        at = row.at
        if row.manual:
            taken = {self._executions[key].at for key in history}
            while at in taken or at == job.next_slot:
                at += _INSTANT
            self._asked_at(job.id).add(at)
        elif at in self._asked_at(job.id):
            self._give_way(job.id, at)
        if row.lane is not None and any(other.lane == row.lane for other in self._line()):
            row = row.evolve(wake_at=now + job.spec.timeout + CLOSE_GRACE)
        row = row.evolve(at=at)
        self._executions[row.id] = row
        history.append(row.id)
        if row.final:
            self._count_row(row, job)
        else:
            self._change_job(job.id, open=self._jobs[job.id].open + 1)

    def _asked_at(self, job_id: str) -> set[datetime]:
        """The instants of the job's manual runs: with them a slot's row is added without a look through history."""
        if job_id not in self._manual:
            rows = (self._executions[key] for key in self._history.get(job_id, ()))
            self._manual[job_id] = {row.at for row in rows if row.manual}
        return self._manual[job_id]

    def _give_way(self, job_id: str, at: datetime) -> None:
        """A slot stands at its own instant; a manual run that was asked for at the very same one moves on."""
        taken = {self._executions[key].at: key for key in self._history[job_id]}
        if (key := taken.get(at)) is not None:
            free = at
            while free in taken:
                free += _INSTANT
            self._executions[key] = self._executions[key].evolve(at=free)
            self._manual[job_id].add(free)
        self._manual[job_id].discard(at)

    def _count_row(self, row: Execution, job: Job) -> None:
        totals = self._jobs[job.id].totals
        self._change_job(job.id, totals=replace(totals, **_counted(totals, row)))
        self._tally.ended[row.status] = self._tally.ended.get(row.status, 0) + row.slots

    def _remove(self, job_id: str, now: datetime) -> None:
        job = self._jobs.pop(job_id)
        self._tombstones[job_id] = (job.name, now)
        self._manual.pop(job_id, None)
        for key in self._history.pop(job_id, []):
            self._executions.pop(key, None)
            self._attempts.pop(key, None)
            if self._steps:
                self._drop_steps(key)
            if self._inputs:
                self._drop_inputs(key)
        for version in [key for key in self._specs if key[0] == job_id]:
            del self._specs[version]
        if self._letters or self._told_at:
            self._drop_letters(job_id)

    def _change_job(self, job_id: str, **changes: object) -> None:
        self._jobs[job_id] = self._jobs[job_id].evolve(**changes)

    def _cancel_job(self, job_id: str, now: datetime) -> None:
        for key in self._history.get(job_id, []):
            row = self._executions[key]
            if not row.final and row.cancel_requested is None:
                self._executions[key] = row.evolve(cancel_requested=now)

    # --- executions -----------------------------------------------------------------------------------------------

    def _line(self) -> list[Execution]:
        """Rows that hold a place in a lane."""
        return [row for row in self._executions.values() if row.status in (_E.PENDING, _E.RUNNING) and row.lane]

    async def ready_at(self) -> datetime | None:
        waiting = [
            row.wake_at
            for row in self._executions.values()
            if row.status is _E.PENDING and row.cancel_requested is None and row.wake_at is not None
        ]
        return min(waiting, default=None)

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
        heads: dict[str, str] = {}
        running = {row.lane for row in self._line() if row.status is _E.RUNNING}
        for row in self._line():
            if ids is None or row.id in ids:
                heads.setdefault(row.lane or "", row.id)
        ready = [
            row
            for row in self._executions.values()
            if row.status is _E.PENDING
            and row.wake_at is not None
            and (row.wake_at <= now or (ids is not None and not row.begun))
            and row.cancel_requested is None
            and not (self._holds and self._holds.get(row.agent or "", now) > now)
            and (ids is None or row.id in ids)
            and (row.lane is None or (heads[row.lane] == row.id and row.lane not in running))
        ]
        ready.sort(key=lambda row: (row.priority, row.wake_at or now))
        if caught_up is not None:
            fresh = [row for row in ready if not row.caught_up]
            ready = fresh + [row for row in ready if row.caught_up][:caught_up]
        claimed = []
        for row in ready[:limit] if limits is None else self._within(limits, ready, limit):
            spec = self._specs[row.job_id, row.version]
            begins = begin and not is_bounded(spec, apart) and (row.begun or not looks_first(spec))
            taken = row.evolve(
                status=_E.RUNNING,
                owner=owner,
                fence=row.fence + 1,
                wake_at=now + spec.timeout + CLOSE_GRACE,
                begun=row.begun or begins,
                start_time=now if begins else row.start_time,
            )
            self._executions[row.id] = taken
            job = self._jobs[row.job_id]
            self._change_job(job.id, running=job.running + 1, last_run=now if begins else job.last_run)
            claimed.append(_unsaid(taken))
        return claimed

    def _within(self, limits: ClaimLimits, ready: Sequence[Execution], limit: int) -> list[Execution]:
        going_on = (row for row in self._executions.values() if row.status is _E.RUNNING)
        running = Counter(self._specs[row.job_id, row.version].queue for row in going_on)
        room = Room(limits, running)
        found = (row for row in ready if room.take(self._specs[row.job_id, row.version]))
        return list(islice(found, room.within(limit)))

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        row = self._held(execution_id, fence)
        if row is None or row.cancel_requested is not None:
            return False
        self._executions[row.id] = row.evolve(begun=True, start_time=now, findings=findings or row.findings)
        self._change_job(row.job_id, last_run=now)
        return True

    async def begin_within(
        self, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None = None
    ) -> Verdict | None:
        row = self._held(execution_id, fence)
        if row is None or row.cancel_requested is not None:
            return None
        self._reserved.pop(execution_id, None)
        verdict = judge(claim, now, lambda scope, hour: self._spent(scope, hour, hour_of(now)), self._set_aside)
        if verdict.refused is None:
            self._reserved[execution_id] = claim
            self._executions[row.id] = row.evolve(begun=True, start_time=now, agent=agent or row.agent)
            self._change_job(row.job_id, last_run=now)
        return verdict

    def _spent(self, scope: str, first: int, last: int) -> Amount:
        found = (self._hours.get(f"{hour} {scope}") for hour in range(first, last + 1))
        return sum((amount for amount in found if amount is not None), Amount())

    def _set_aside(self, scope: str) -> Amount:
        running = [claim for key, claim in self._reserved.items() if self._executions[key].status is _E.RUNNING]
        return sum((claim.reserve for claim in running if scope in claim.scopes), Amount())

    async def usage(self, scopes: str, hour: int) -> Sequence[Spent]:
        found = []
        for key, amount in self._hours.items():
            at, _, scope = key.partition(" ")
            if scope.startswith(scopes) and int(at) >= hour:
                found.append(Spent(scope=scope, hour=int(at), amount=amount))
        return sorted(found, key=lambda spent: (spent.hour, spent.scope))

    async def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None = None) -> bool:
        row = self._held(execution_id, fence)
        if row is None:
            return False
        self._executions[row.id] = row.evolve(agent_id=agent_id)
        if process is not None:
            self._processes[row.id] = process
        return True

    def _held(self, execution_id: str, fence: int) -> Execution | None:
        row = self._executions.get(execution_id)
        return row if row is not None and row.fence == fence and row.status is _E.RUNNING else None

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        row = self._held(execution_id, fence)
        if row is None:
            return False
        self._executions[row.id] = row.evolve(wake_at=wake_at)
        return True

    async def load_steps(self, execution_id: str, attempt: int) -> Sequence[Step]:
        mine = f"{execution_id}/{attempt}/"
        return sorted((step for key, step in self._steps.items() if key.startswith(mine)), key=lambda step: step.n)

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        if self._held(execution_id, fence) is None:
            return False
        self._steps[f"{execution_id}/{attempt}/{step.n}"] = step
        return True

    def _drop_steps(self, execution_id: str) -> None:
        for key in [key for key in self._steps if key.startswith(f"{execution_id}/")]:
            self._steps.pop(key)

    async def process_of(self, execution_id: str) -> str | None:
        return self._processes.get(execution_id)

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle(settlement) for settlement in settlements]

    def _settle(self, settlement: Settlement) -> bool:
        before, after = settlement.before, settlement.after
        stored = self._executions.get(after.id)
        if stored is None or stored.final or (stored.fence, stored.status) != (before.fence, before.status):
            return False
        self._executions[after.id] = after.evolve(
            at=stored.at,
            lane=None if settlement.ended else stored.lane,
            owner=after.owner or (stored.owner if settlement.ended else None),
            agent_id=after.agent_id or stored.agent_id,
            # That it was begun, and by which agent, its owner may not have heard: what says so here stays.
            begun=stored.begun,
            start_time=stored.start_time,
            agent=stored.agent,
            findings=after.findings or stored.findings,
            cancel_requested=stored.cancel_requested,
            conversation=after.conversation or stored.conversation,
        )
        for one in settlement.inputs:
            self._inputs[one.id] = one
        self._processes.pop(after.id, None)
        if settlement.hold is not None:
            for agent in settlement.hold.agents:
                until = settlement.hold.until
                self._holds[agent] = max(until, self._holds.get(agent, until))
        if settlement.steps_end:
            self._drop_steps(after.id)
        self._reserved.pop(after.id, None)
        if settlement.closed_attempt is not None:
            self._attempts.setdefault(after.id, []).append(settlement.closed_attempt)
        self._count(settlement)
        if (settlement.ended or settlement.inputs) and before.lane is not None:
            self._pull(before.lane, settlement.now)
        if settlement.news is not None:
            self._post([settlement.news])
        return True

    def _failing(self, job_id: str, most: int) -> Sequence[ExecutionStatus]:
        rows = (self._executions[key] for key in self._history.get(job_id, []))
        ran = sorted((row for row in rows if row.ran and row.reason != "canceled"), key=lambda row: row.at)
        return [row.status for row in ran[::-1][:most]]

    def _pull(self, lane: str, now: datetime) -> None:
        """Make the next waiting row of the lane ready; one that waits for its retry keeps its time."""
        row = next((row for row in self._line() if row.lane == lane and row.status is _E.PENDING), None)
        if row is not None and not row.begun and row.wake_at is not None and row.wake_at > now:
            self._executions[row.id] = row.evolve(wake_at=now)

    def _count(self, settlement: Settlement) -> None:
        before, after, ended = settlement.before, settlement.after, settlement.ended
        job = self._jobs[after.job_id]
        paid = settlement.closed_attempt or (after if ended else None)
        tokens = paid.usage.tokens if paid is not None and paid.usage is not None else 0
        cost = (paid.cost_usd or Decimal(0)) if paid is not None else Decimal(0)
        ran = ended and after.status in RAN
        duration = (after.duration or timedelta(0)) if ran else timedelta(0)
        streak = {Streak.GROWS: job.streak + 1, Streak.ENDS: 0}.get(settlement.streak, job.streak)
        limit = settlement.pause_after_failures
        active = job.state is JobState.ACTIVE and ended
        done = active and settlement.streak is Streak.ENDS and job.next_slot is None and job.open == 1
        look = (
            active
            and not done
            and (job.next_run is None or (settlement.streak is Streak.GROWS and 0 < limit <= streak))
        )
        totals = job.totals
        if paid is not None:
            totals = replace(
                totals,
                tokens=totals.tokens + tokens,
                cost_usd=totals.cost_usd + cost,
                duration=totals.duration + duration,
                gated=totals.gated + settlement.gated,
                **(_counted(totals, after) if ended else {}),
            )
        self._change_job(
            job.id,
            open=job.open - ended,
            running=job.running - (before.status is _E.RUNNING),
            runs=job.runs + (ran and not before.manual),
            streak=streak,
            totals=totals,
            state=JobState.COMPLETED if done else job.state,
            next_run=None if done else settlement.now if look else job.next_run,
            revision=job.revision + (look or done),
            marks=settlement.marks or job.marks,
        )
        if ran or tokens or cost:
            used = Amount(runs=after.slots if ran else 0, tokens=tokens, cost_usd=cost)
            self._spend(settlement.scopes, hour_of(settlement.now), used)
        self._tally.tokens += tokens
        self._tally.cost += cost
        self._tally.duration += duration
        if ended:
            self._tally.ended[after.status] = self._tally.ended.get(after.status, 0) + after.slots
        if ran:
            bucket = duration_bucket(duration)
            self._tally.buckets[bucket] = self._tally.buckets.get(bucket, 0) + 1

    def _spend(self, scopes: Iterable[str], hour: int, used: Amount) -> None:
        for scope in scopes:
            key = f"{hour} {scope}"
            self._hours[key] = self._hours.get(key, Amount()) + used

    async def list_inputs(
        self, *, job_id: str | None = None, execution_id: str | None = None, closed: bool = False, limit: int = 100
    ) -> Sequence[Input]:
        found = [one for one in self._inputs.values() if closed or one.decision is None]
        found = [one for one in found if job_id in (None, one.job_id) and execution_id in (None, one.execution_id)]
        return [one for one in map(self._as_it_stands, found) if closed or one.waiting][-limit:]

    async def get_input(self, input_id: str) -> Input | None:
        found = [one for key, one in self._inputs.items() if input_id and key.startswith(input_id.lower())]
        one = the_one("input", input_id, found, lambda one: one.id)
        return self._as_it_stands(one) if one is not None else None

    def _as_it_stands(self, one: Input) -> Input:
        row = self._executions.get(one.execution_id)
        parked = row is not None and row.status is _E.AWAITING_INPUT and row.cancel_requested is None
        return replace(one, waiting=one.decision is None and parked)

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        asked = self._inputs.get(input_id)
        if asked is None or not self._as_it_stands(asked).waiting:
            return False
        row = self._executions[asked.execution_id]
        if given.by != NOBODY and (row.wake_at or now) <= now:
            return False
        self._inputs[input_id] = replace(
            asked, decision=given.decision, answer=given.answer, answered_by=given.by, answered_at=now
        )
        if not any(one.decision is None for one in self._inputs.values() if one.execution_id == row.id):
            self._executions[row.id] = row.evolve(status=_E.PENDING, wake_at=now)
        return True

    def _drop_inputs(self, execution_id: str) -> None:
        for key in [key for key, one in self._inputs.items() if one.execution_id == execution_id]:
            self._inputs.pop(key)

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        asked = []
        for key in execution_ids:
            row = self._executions.get(key)
            if row is not None and not row.final:
                row = self._executions[key] = row.evolve(cancel_requested=row.cancel_requested or now)
                asked.append(_unsaid(row))
        return asked

    async def open_executions(self, job_id: str | None = None) -> Sequence[Execution]:
        return [_unsaid(row) for row in self._executions.values() if not row.final and job_id in (None, row.job_id)]

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Execution]:
        alive = {node.id for node in self._nodes.values() if node.alive}
        found = [
            row
            for row in self._executions.values()
            if (row.status is _E.RUNNING and ((row.wake_at or now) < now or row.owner not in alive))
            or (row.status in (_E.PENDING, _E.AWAITING_INPUT) and row.cancel_requested is not None)
            or (row.status is _E.AWAITING_INPUT and (row.wake_at or now) < now)
        ]
        return [_unsaid(row) for row in found[:limit]]

    async def get_execution(self, execution_id: str) -> Execution | None:
        row = self._executions.get(execution_id)
        if row is None and execution_id:
            found = [one for key, one in self._executions.items() if key.startswith(execution_id.lower())]
            row = the_one("execution", execution_id, found, lambda one: one.id)
        return self._with_prompt(row) if row is not None else None

    async def list_executions(self, filters: ExecutionFilters, limit: int) -> Page[Execution]:
        if filters.job_id is None:
            newest = list(self._executions.values())[::-1]
        else:
            history = [self._executions[key] for key in self._history.get(filters.job_id, [])]
            newest = sorted(history, key=lambda row: row.at, reverse=True)
        if filters.before is not None:
            places = [number for number, row in enumerate(newest) if row.id == filters.before]
            newest = newest[places[0] + 1 :] if places else []
        wanted = filters.statuses
        if wanted is None:
            wanted = list(_E) if filters.include_skipped else [status for status in _E if status not in NOT_RUN]
        found = [row for row in newest if row.status in wanted]
        page = [self._with_prompt(row).evolve(conversation=None) for row in found[:limit]]
        return Page(items=page, after=page[-1].id if len(found) > limit else None)

    def _with_prompt(self, row: Execution) -> Execution:
        prompt = row.prompt or self._specs[row.job_id, row.version].prompt
        return row.evolve(prompt=prompt, result=row.result or ("" if row.ran else None))

    async def slot_at(self, job_id: str, instant: datetime) -> Execution | None:
        slots = [row for key in self._history.get(job_id, []) if not (row := self._executions[key]).manual]
        slots.sort(key=lambda row: row.at)
        place = bisect_right(slots, instant, key=lambda row: row.at)
        return slots[place - 1] if place else None

    async def latest_runs(self, job_ids: Sequence[str], limit: int) -> Sequence[Execution]:
        found: list[Execution] = []
        for job_id in job_ids:
            history = (self._executions[key] for key in self._history.get(job_id, []))
            begun = sorted((row for row in history if row.begun), key=lambda row: row.at, reverse=True)
            found += (_without_texts(row) for row in begun[:limit])
        return found

    async def runs_between(self, start: datetime, end: datetime, limit: int) -> Sequence[Execution]:
        made, until = made_since(start - _DAY), made_since(end)
        found = [
            row
            for row in self._executions.values()
            if row.begun and row.start_time is not None and row.start_time < end
            if row.status is _E.RUNNING
            or (row.end_time is not None and row.end_time >= start and made <= row.id < until)
        ]
        found.sort(key=lambda row: row.id, reverse=True)
        return [_without_texts(row) for row in found[:limit]]

    async def count_since(self, instant: datetime) -> Mapping[ExecutionStatus, int]:
        first, count = hour_of(instant), Counter[ExecutionStatus]()
        for row in self._executions.values():
            if row.end_time is not None and hour_of(row.end_time) >= first:
                count[row.status] += row.slots
        return count

    async def quarters(self, job_id: str, since: datetime) -> Sequence[Quarter]:
        count = Counter[tuple[datetime, ExecutionStatus]]()
        for key in self._history.get(job_id, []):
            row = self._executions[key]
            if row.at >= since:
                quarter = row.at.replace(minute=row.at.minute // 15 * 15, second=0, microsecond=0)
                count[quarter, row.status] += row.slots
        return [Quarter(at=at, status=status, slots=slots) for (at, status), slots in count.items()]

    async def history_begins(self, job_id: str) -> datetime | None:
        return min((self._executions[key].at for key in self._history.get(job_id, [])), default=None)

    async def prune(self, retention: Retention, now: datetime, *, after: str | None = None) -> Pruned:
        gone: dict[str, Execution] = {}
        spare: list[Execution] = []
        for history in self._history.values():
            rows = sorted((self._executions[key] for key in history), key=lambda row: row.at)
            gone |= {row.id: row for row in beyond(rows, retention, now)}
            spare += (row for row in rows[: -retention.keep_last] if row.final and row.id not in gone)
        if retention.max_bytes is not None:
            size = sum(size_of(row) for key, row in self._executions.items() if key not in gone)
            for row in sorted(spare, key=ended_at):
                if size <= retention.max_bytes:
                    break
                size -= size_of(row)
                gone[row.id] = row
        batch = dict(islice(gone.items(), PRUNED_AT_ONCE))
        for key in batch:
            del self._executions[key]
            self._attempts.pop(key, None)
            if self._inputs:
                self._drop_inputs(key)
        if self._letters:
            self._prune_letters(batch, now - retention.max_age if retention.max_age is not None else None)
        for job_id in {row.job_id for row in batch.values()}:
            self._history[job_id] = [key for key in self._history[job_id] if key not in batch]
            # The JSON folder shows the newest runs inside the job as well: it is told that the job has changed.
            self._change_job(job_id)
        return Pruned(rows=len(batch), after=None if len(batch) == len(gone) else "more")

    async def backup(self, path: Path, *, overwrite: bool = False) -> int:
        raise StoreError("memory: a store in memory has nothing to copy; name a file with --store")

    async def statistics(self) -> JobStatistics:
        jobs = dict.fromkeys(JobStatus, 0)
        for job in self._jobs.values():
            jobs[job.status] += 1
        ended = {**dict.fromkeys(_E, 0), **self._tally.ended}
        for row in self._executions.values():
            if row.status in OPEN:
                ended[row.status] += 1
        ran = sum(ended[status] for status in RAN)
        return JobStatistics(
            total_jobs=len(self._jobs),
            jobs_by_status=jobs,
            running_jobs=jobs[JobStatus.RUNNING],
            total_executions=ran,
            executions_by_status=ended,
            success_rate=ended[_E.SUCCESS] / ran if ran else None,
            mean_duration=self._tally.duration / ran if ran else None,
            p95_duration=percentile(sorted(self._tally.buckets.items()), 0.95),
            tokens=self._tally.tokens,
            cost_usd=self._tally.cost,
            **spared(job.totals for job in self._jobs.values()),
        )

    async def clear(self, now: datetime) -> int:
        count = len(self._jobs)
        for job_id in list(self._jobs):
            self._remove(job_id, now)
        return count

    # --- nodes ----------------------------------------------------------------------------------------------------

    async def join(self, node: Node) -> None:
        self._nodes[node.id] = replace(node, alive=True)

    async def leave(self, node_id: str, now: datetime) -> None:
        self._nodes[node_id] = replace(self._nodes[node_id], alive=False, stopped_at=now, seen_at=now)

    async def nodes(self) -> Sequence[Node]:
        return sorted(self._nodes.values(), key=lambda node: node.started_at, reverse=True)

    async def beat(self, node_id: str, now: datetime, running: Collection[tuple[str, int]]) -> Orders:
        self._nodes[node_id] = replace(self._nodes[node_id], seen_at=now)
        cancel, lost = [], []
        for key, fence in running:
            row = self._held(key, fence)
            if row is None:
                lost.append(key)
            elif row.cancel_requested is not None:
                cancel.append(key)
        return Orders(cancel=cancel, lost=lost)


def _unsaid(row: Execution) -> Execution:
    """Without what was said until it was parked, which only a read of the one execution shows."""
    return row if row.conversation is None or row.final else row.evolve(conversation=None)


def _counted(totals: Totals, row: Execution) -> dict[str, Any]:
    """The one count that a row's end moves, by its name."""
    name = row.status.value.lower()
    return {name: getattr(totals, name) + row.slots}


def _without_texts(row: Execution) -> Execution:
    """Without its long texts, which only a read of its history or of the one execution shows."""
    return row.evolve(prompt=None, result=None, conversation=None)
