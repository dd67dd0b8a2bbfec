"""What a store must answer, in plain dictionaries: every counter and sum is counted anew from the rows.

It takes what ``plan``, ``settle`` and ``changes`` return, as a store does, and shares no code with any store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from agentcron.domain.durations import duration_bucket, percentile
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import NOBODY, Given, Input
from agentcron.domain.lifecycle import ExecutionStatus, JobState, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Conversation
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.settling import Settlement, Streak
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.domain.statistics import JobStatistics, Totals

_E = ExecutionStatus
_RAN = (_E.SUCCESS, _E.FAILURE, _E.INCOMPLETE, _E.ERROR)
_MICROSECOND = timedelta(microseconds=1)


class Model:
    """Jobs as they were planned, rows as they came, attempts that were closed, and all that ever ended."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.specs: dict[tuple[str, int], JobSpec] = {}
        self.rows: dict[str, Execution] = {}
        self.attempts: list[Execution] = []
        # Of deleted jobs too: sums over everything outlive them.
        self.ended: list[Execution] = []
        self.paid: list[Execution] = []
        self.deleted: dict[str, datetime] = {}
        self.processes: dict[str, str] = {}
        self.inputs: dict[str, Input] = {}
        # What was said in runs that were parked and go on, or will.
        self.talks: dict[str, Conversation | None] = {}
        self.alive: set[str] = set()

    # --- what is asked --------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job:
        """The job with everything that is counted."""
        rows = self.rows_of(job_id)
        ended = [row for row in rows if row.final]
        slots: Counter[ExecutionStatus] = Counter()
        for row in ended:
            slots[row.status] += row.slots
        paid = [*ended, *(row for row in self.attempts if row.job_id == job_id)]
        ran = [row for row in ended if row.status in _RAN]
        return self.jobs[job_id].evolve(
            open=len(rows) - len(ended),
            running=sum(row.status is _E.RUNNING for row in rows),
            runs=sum(not row.manual for row in ran),
            totals=Totals(
                success=slots[_E.SUCCESS],
                failure=slots[_E.FAILURE],
                incomplete=slots[_E.INCOMPLETE],
                error=slots[_E.ERROR],
                skipped=slots[_E.SKIPPED],
                missed=slots[_E.MISSED],
                tokens=_tokens(paid),
                cost_usd=_cost(paid),
                duration=_duration(ran),
                gated=sum(row.reason == "gate" for row in ended),
            ),
        )

    def all_jobs(self) -> list[Job]:
        return [self.job(job_id) for job_id in self.jobs]

    def rows_of(self, job_id: str) -> list[Execution]:
        return [row for row in self.rows.values() if row.job_id == job_id]

    def open_rows(self) -> list[Execution]:
        return [row for row in self.rows.values() if not row.final]

    def shown(self, row: Execution) -> Execution:
        """The row as a reader sees it, with its texts."""
        prompt = self.specs[row.job_id, row.version].prompt
        told = row.evolve(prompt=prompt, result=row.result or ("" if row.status in _RAN else None))
        return told if row.final else told.evolve(conversation=self.talks.get(row.id))

    def due(self, now: datetime) -> tuple[list[str], datetime | None]:
        waiting = [(job.next_run, number, job.id) for number, job in enumerate(self.jobs.values()) if job.next_run]
        after = [when for when, _, _ in waiting if when > now]
        return [key for when, _, key in sorted(waiting) if when <= now], min(after, default=None)

    def ready_at(self) -> datetime | None:
        pending = [row.wake_at for row in self.open_rows() if row.status is _E.PENDING and not row.cancel_requested]
        return min((when for when in pending if when is not None), default=None)

    def slot_at(self, job_id: str, instant: datetime) -> Execution | None:
        rows = [row for row in self.rows_of(job_id) if not row.manual and row.at <= instant]
        return max(rows, key=lambda row: row.at, default=None)

    def lapsed(self, now: datetime) -> list[str]:
        return [row.id for row in self.open_rows() if self._has_lapsed(row, now)]

    def _has_lapsed(self, row: Execution, now: datetime) -> bool:
        if row.status is not _E.RUNNING and row.cancel_requested is not None:
            return True
        assert row.wake_at is not None
        if row.status is not _E.RUNNING:
            return row.status is _E.AWAITING_INPUT and row.wake_at < now
        return row.wake_at < now or row.owner not in self.alive

    def statistics(self, jobs: Sequence[Job]) -> JobStatistics:
        """Figures over these jobs, which are all that there are, and over everything that ever ended."""
        statuses = Counter(dict.fromkeys(JobStatus, 0))
        statuses.update(job.status for job in jobs)
        counts = Counter(dict.fromkeys(_E, 0))
        for row in self.ended:
            counts[row.status] += row.slots
        counts.update(row.status for row in self.open_rows())
        ran = [row for row in self.ended if row.status in _RAN]
        buckets = Counter(duration_bucket(row.duration or timedelta(0)) for row in ran)
        return JobStatistics(
            total_jobs=len(self.jobs),
            jobs_by_status=dict(statuses),
            running_jobs=statuses[JobStatus.RUNNING],
            total_executions=len(ran),
            executions_by_status=dict(counts),
            success_rate=counts[_E.SUCCESS] / len(ran) if ran else None,
            mean_duration=_duration(ran) / len(ran) if ran else None,
            p95_duration=percentile(sorted(buckets.items()), 0.95),
            tokens=_tokens(self.paid),
            cost_usd=_cost(self.paid),
            gated=sum(job.totals.gated for job in jobs),
            saved_usd=_saved(jobs),
        )

    # --- what is changed ------------------------------------------------------------------------------------------

    def commit(self, plan: Plan) -> bool:
        """A plan holds while its job stands where it was read."""
        before, after = plan.before, plan.job_after
        stored = self.jobs.get(plan.job_id)
        if before is not None and stored is None:
            return False
        if before is not None and stored is not None:
            if (before.revision, before.next_slot) != (stored.revision, stored.next_slot):
                return False
            if after is not None:
                # A plan moves the calendar; what a settlement has moved meanwhile stays, unless the plan cleared it.
                streak = stored.streak if after.streak == before.streak else after.streak
                after = after.evolve(streak=streak, last_run=stored.last_run, marks=stored.marks)
        if after is None:
            self._forget(plan.job_id, plan.now)
            return True
        self.jobs[after.id] = after
        self.specs.setdefault((after.id, after.version), after.spec)
        if plan.to_cancel is ToCancel.EARLIER:
            self.ask_cancel([row.id for row in self.rows_of(after.id)], plan.now)
        for row in plan.rows:
            self._add(row, after, plan.now)
        if plan.to_cancel is ToCancel.ALL:
            self.ask_cancel([row.id for row in self.rows_of(after.id)], plan.now)
        over = all(row.final for row in self.rows_of(after.id))
        if stored is not None and after.state is JobState.ACTIVE and after.next_run is None and over:
            # Somebody must look again, and with nothing open nothing would ask for it.
            self.jobs[after.id] = after.evolve(next_run=plan.now)
        return True

    def _add(self, row: Execution, job: Job, now: datetime) -> None:
        taken = {other.at for other in self.rows_of(job.id)} | {job.next_slot}
        while row.manual and row.at in taken:
            row = row.evolve(at=row.at + _MICROSECOND)
        for other in self.rows_of(job.id):
            if other.at == row.at:
                # Only a manual run can stand where a slot belongs, and it gives way.
                self._change(other.id, at=self._free_after(other))
        if row.lane is not None and self._in_lane(row.lane):
            row = row.evolve(wake_at=now + job.spec.timeout + CLOSE_GRACE)
        self.rows[row.id] = row
        if row.final:
            self.ended.append(row)
            self.paid.append(row)

    def _free_after(self, row: Execution) -> datetime:
        taken, at = {other.at for other in self.rows_of(row.job_id)}, row.at
        while at in taken:
            at += _MICROSECOND
        return at

    def _in_lane(self, lane: str) -> list[Execution]:
        return [row for row in self.open_rows() if row.lane == lane and row.status is not _E.AWAITING_INPUT]

    def _forget(self, job_id: str, now: datetime) -> None:
        del self.jobs[job_id]
        self.deleted[job_id] = now
        self.rows = {key: row for key, row in self.rows.items() if row.job_id != job_id}
        self.attempts = [row for row in self.attempts if row.job_id != job_id]
        self.specs = {key: spec for key, spec in self.specs.items() if key[0] != job_id}
        self.inputs = {key: one for key, one in self.inputs.items() if one.job_id != job_id}

    def clear(self, now: datetime) -> int:
        count = len(self.jobs)
        for job_id in list(self.jobs):
            self._forget(job_id, now)
        return count

    def claim(
        self, owner: str, now: datetime, limit: int, ids: Collection[str] | None, begin: bool
    ) -> list[tuple[str, int]]:
        """Ids and fences of what is claimed, in order."""
        ready = [row for row in self.open_rows() if self._is_ready(row, now, ids)]
        ready.sort(key=lambda row: (row.priority, row.wake_at))
        for row in ready[:limit]:
            spec = self.specs[row.job_id, row.version]
            # Where something is looked at first, only what went through that once goes on without it.
            begins = begin and (row.begun or not looks_first(spec))
            self._change(
                row.id, status=_E.RUNNING, owner=owner, fence=row.fence + 1, begun=row.begun or begins,
                wake_at=now + spec.timeout + CLOSE_GRACE, start_time=now if begins else row.start_time,
            )  # fmt: skip
            if begins:
                self.jobs[row.job_id] = self.jobs[row.job_id].evolve(last_run=now)
        return [(row.id, row.fence + 1) for row in ready[:limit]]

    def _is_ready(self, row: Execution, now: datetime, ids: Collection[str] | None) -> bool:
        if row.status is not _E.PENDING or row.cancel_requested is not None or row.wake_at is None:
            return False
        if ids is not None and row.id not in ids:
            return False
        if row.wake_at > now and (ids is None or row.begun):
            return False
        lane = self._in_lane(row.lane) if row.lane is not None else []
        if any(other.status is _E.RUNNING for other in lane):
            return False
        line = [other.id for other in lane if ids is None or other.id in ids]
        return not line or line[0] == row.id

    def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None) -> bool:
        row = self._held(execution_id, fence)
        if row is None or row.cancel_requested is not None:
            return False
        self._change(execution_id, begun=True, start_time=now, findings=findings or row.findings)
        self.jobs[row.job_id] = self.jobs[row.job_id].evolve(last_run=now)
        return True

    def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None) -> bool:
        if self._held(execution_id, fence) is None:
            return False
        self._change(execution_id, agent_id=agent_id)
        if process is not None:
            self.processes[execution_id] = process
        return True

    def _held(self, execution_id: str, fence: int) -> Execution | None:
        row = self.rows.get(execution_id)
        return row if row is not None and row.status is _E.RUNNING and row.fence == fence else None

    def ask_cancel(self, ids: Iterable[str], now: datetime) -> list[str]:
        asked = [key for key in ids if key in self.rows and not self.rows[key].final]
        for key in asked:
            if self.rows[key].cancel_requested is None:
                self._change(key, cancel_requested=now)
        return asked

    def settle(self, settlement: Settlement) -> bool:
        """The first to settle a claim is heard; nobody after."""
        before, after, now = settlement.before, settlement.after, settlement.now
        row = self.rows.get(after.id)
        if row is None or row.final or (row.fence, row.status) != (before.fence, before.status):
            return False
        ended = after.final
        self.rows[row.id] = after.evolve(
            at=row.at,
            lane=None if ended else row.lane,
            owner=row.owner if ended else None,
            agent_id=after.agent_id or row.agent_id,
            cancel_requested=row.cancel_requested,
            conversation=(after.conversation or self.talks.get(row.id)) if ended else None,
        )
        if settlement.inputs and after.conversation is not None:
            self.talks[row.id] = after.conversation
        for asked in settlement.inputs:
            self.inputs[asked.id] = asked
        self.processes.pop(row.id, None)
        if settlement.closed_attempt is not None:
            self.attempts.append(settlement.closed_attempt)
            self.paid.append(settlement.closed_attempt)
        if ended:
            self.ended.append(self.rows[row.id])
            self.paid.append(self.rows[row.id])
        if ended or settlement.inputs:
            self._pull(row.lane, now)
        self._look_again(settlement, ended)
        return True

    def asked(self) -> list[Input]:
        """Everything that was asked, with whether it waits for an answer."""
        return [replace(one, waiting=self._waits(one)) for one in self.inputs.values()]

    def _waits(self, one: Input) -> bool:
        row = self.rows[one.execution_id]
        return one.decision is None and row.status is _E.AWAITING_INPUT and row.cancel_requested is None

    def answer(self, input_id: str, given: Given, now: datetime) -> bool:
        """The first answer in time is heard; the last of a run makes it ready."""
        one = self.inputs[input_id]
        row = self.rows[one.execution_id]
        assert row.final or row.wake_at is not None
        if not self._waits(one) or (given.by != NOBODY and row.wake_at is not None and row.wake_at <= now):
            return False
        self.inputs[input_id] = replace(
            one, decision=given.decision, answer=given.answer, answered_by=given.by, answered_at=now
        )
        mine = [other for other in self.inputs.values() if other.execution_id == row.id]
        if all(other.decision is not None for other in mine):
            self._change(row.id, status=_E.PENDING, wake_at=now)
        return True

    def _pull(self, lane: str | None, now: datetime) -> None:
        """The next of the lane need not wait any longer; a retry keeps its time."""
        waiting = [row for row in self._in_lane(lane) if row.status is _E.PENDING] if lane is not None else []
        if waiting and not waiting[0].begun and waiting[0].wake_at is not None and waiting[0].wake_at > now:
            self._change(waiting[0].id, wake_at=now)

    def _look_again(self, settlement: Settlement, ended: bool) -> None:
        """Count the streak, and make the job due where only the planner can tell what follows."""
        job = self.jobs[settlement.after.job_id]
        streak = {Streak.KEPT: job.streak, Streak.GROWS: job.streak + 1, Streak.ENDS: 0}[settlement.streak]
        limit = settlement.pause_after_failures
        over = settlement.streak is Streak.GROWS and 0 < limit <= streak
        self.jobs[job.id] = job = job.evolve(streak=streak, marks=settlement.marks or job.marks)
        if not ended or job.state is not JobState.ACTIVE:
            return
        nothing_left = job.next_slot is None and all(row.final for row in self.rows_of(job.id))
        if settlement.streak is Streak.ENDS and nothing_left:
            self.jobs[job.id] = job.evolve(state=JobState.COMPLETED, next_run=None, revision=job.revision + 1)
        elif job.next_run is None or over:
            self.jobs[job.id] = job.evolve(next_run=settlement.now, revision=job.revision + 1)

    def beat(self, running: Sequence[tuple[str, int]]) -> tuple[list[str], list[str]]:
        held = {key: self._held(key, fence) for key, fence in running}
        cancel = [key for key, row in held.items() if row is not None and row.cancel_requested is not None]
        return cancel, [key for key, row in held.items() if row is None]

    def _change(self, execution_id: str, **changes: object) -> None:
        self.rows[execution_id] = self.rows[execution_id].evolve(**changes)


def _tokens(rows: Iterable[Execution]) -> int:
    return sum(row.usage.tokens for row in rows if row.usage is not None)


def _cost(rows: Iterable[Execution]) -> Decimal:
    return sum((row.cost_usd for row in rows if row.cost_usd is not None), Decimal(0))


def _saved(jobs: Sequence[Job]) -> Decimal | None:
    """What the gated runs of each job would have cost at its own mean, to the millionth of a dollar."""
    known = [job.totals for job in jobs if job.totals.gated and job.totals.executions and job.totals.cost_usd]
    means = [(each.cost_usd * each.gated / each.executions).quantize(Decimal("1e-6")) for each in known]
    return sum(means, Decimal(0)) if means else None


def _duration(rows: Iterable[Execution]) -> timedelta:
    return sum((row.duration for row in rows if row.duration is not None), timedelta(0))
