"""What a person's change of a job comes to: create, edit, pause, resume, cancel, delete, run now.

Each change first plans the past by the old rules and then changes them, so that no stretch of time is judged by two
versions of a job. A function answers None where the lifecycle forbids the change.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agentcron.domain.calendar import INSTANT, slot_after, start_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState, may_become
from agentcron.domain.makers import check_maker
from agentcron.domain.model import Execution, Job
from agentcron.domain.planner import account, let_go, skip_paused
from agentcron.domain.plans import Draft, NewId, Plan, Reason, ToCancel
from agentcron.domain.policies import Overlap
from agentcron.domain.scheduling_limits import APPROVAL
from agentcron.domain.spec import JobSpec
from agentcron.errors import InvalidScheduleError
from agentcron.schedule import EverySchedule, OnceSchedule
from agentcron.schedule.instants import check_on_clock


def create(spec: JobSpec, job_id: str, now: datetime, *, made_by: str | None = None, consent: bool = True) -> Plan:
    """A new job, PAUSED(approval) without ``consent``.

    Raises ``InvalidScheduleError`` for a schedule that has no slot ahead, ``InvalidJobError`` for a maker who is no
    plain text.
    """
    check_maker(made_by)
    _check_clock(spec)
    spec = _anchored(spec, now)
    slot = _first_slot(spec, now)
    job = Job.of(id=job_id, spec=spec, created=now, made_by=made_by, next_slot=slot)
    if not consent:
        return Plan.of(now=now, before=None, job_after=_awaiting(job))
    return Plan.of(now=now, before=None, job_after=job.evolve(next_run=start_of(job, slot)))


def edit(job: Job, spec: JobSpec, now: datetime, new_id: NewId, *, consent: bool = True) -> Plan | None:
    """A new version, PAUSED(approval) without ``consent``.

    The calendar moves only where its own fields change; an interval then counts from ``now``.
    """
    if job.state not in (JobState.ACTIVE, JobState.PAUSED):
        return None
    spec = _anchored(spec, now)
    moved = _calendar(spec) != _calendar(job.spec)
    if moved:
        _check_clock(spec)
    draft, past = _past(job, now, new_id, left=Reason.LIMIT if moved or not consent else None)
    if past.state not in (JobState.ACTIVE, JobState.PAUSED):
        return None
    changed = past.evolve(spec=spec, version=job.version + 1, revision=job.revision + 1)
    if moved:
        # After a clock that was set back the last run, too, lies ahead: a schedule of before may come back to its slot.
        slot = _first_slot(spec, max(now, _accounted(past) or now, past.last_run or now))
        changed = changed.evolve(next_slot=slot, next_run=start_of(changed, slot))
    elif changed.next_slot is not None:
        changed = changed.evolve(next_run=start_of(changed, changed.next_slot))
    if not consent:
        changed = _awaiting(changed)
    elif changed.state is not JobState.ACTIVE:
        changed = changed.evolve(next_run=None)
    return draft.plan(changed)


def pause(job: Job, now: datetime, new_id: NewId, reason: str = "person") -> Plan | None:
    """No further slot runs until a resume; what runs ends normally."""
    if not may_become(job.state, JobState.PAUSED):
        return None
    # What is due before it is accounted for: a history must not wait for a resume that may never come.
    draft, past = _past(job, now, new_id, left=Reason.LIMIT)
    if past.state is JobState.COMPLETED:
        return draft.plan(past)
    paused = past.evolve(state=JobState.PAUSED, state_reason=reason, next_run=None, revision=job.revision + 1)
    return draft.plan(paused)


def resume(job: Job, now: datetime, new_id: NewId) -> Plan | None:
    """On with the schedule from ``now``; the slots in between are one SKIPPED(paused) range, never caught up."""
    if job.state is not JobState.PAUSED:
        return None
    draft = skip_paused(job.evolve(state=JobState.ACTIVE, state_reason=None, streak=0), now, new_id)
    # The store tells from the job as it was that the streak is to be cleared.
    return replace(draft.plan(draft.job().evolve(revision=job.revision + 1)), before=job)


def cancel(job: Job, now: datetime, new_id: NewId) -> Plan | None:
    """No further slot, for good; everything open is canceled."""
    if not may_become(job.state, JobState.CANCELED):
        return None
    draft, past = _past(job, now, new_id, left=Reason.CANCELED)
    canceled = past.evolve(
        state=JobState.CANCELED, state_reason="person", next_slot=None, next_run=None, revision=job.revision + 1
    )
    return replace(draft.plan(canceled), to_cancel=ToCancel.ALL)


def delete(job: Job, now: datetime) -> Plan:
    """The job and its history go; a tombstone stays."""
    return Plan(now=now, before=job, job_after=None, to_cancel=ToCancel.ALL)


def run_now(job: Job, now: datetime, execution_id: str) -> Plan | None:
    """A manual run. It counts for overlap (it waits its turn, or cancels the others) and never moves the schedule."""
    if job.state not in (JobState.ACTIVE, JobState.PAUSED):
        return None
    overlap = job.spec.overlap
    row = Execution(
        id=execution_id,
        job_id=job.id,
        version=job.version,
        at=now,
        manual=True,
        status=ExecutionStatus.PENDING,
        wake_at=now,
        priority=job.spec.priority,
        lane=None if overlap is Overlap.ALLOW_ALL else job.id,
        attempt=1,
        agent=job.spec.agent,
    )
    cancels = overlap is Overlap.CANCEL_OTHER and job.open > 0
    return Plan(
        now=now,
        before=job,
        job_after=job.evolve(revision=job.revision + 1),
        rows=(row,),
        to_cancel=ToCancel.EARLIER if cancels else ToCancel.NONE,
    )


def _awaiting(job: Job) -> Job:
    return job.evolve(state=JobState.PAUSED, state_reason=APPROVAL, next_run=None)


def _past(job: Job, now: datetime, new_id: NewId, *, left: Reason | None = None) -> tuple[Draft, Job]:
    """The stretch up to ``now`` judged by the job's present rules; with ``left`` to its end, also where ``max_runs``
    still waits for an open run."""
    if job.state is JobState.PAUSED:
        draft = skip_paused(job, now, new_id)
        return draft, job.evolve(next_slot=draft.next_slot)
    draft = account(job, now, new_id)
    if left is not None:
        let_go(draft, left)
    return draft, draft.job()


def _anchored(spec: JobSpec, now: datetime) -> JobSpec:
    """An interval needs an anchor to count from: ``start_at``, else now."""
    if isinstance(spec.schedule, EverySchedule) and spec.schedule.anchor is None:
        anchor = (spec.start_at or now).astimezone(UTC)
        return replace(spec, schedule=spec.schedule.anchored(anchor))
    return spec


def _check_clock(spec: JobSpec) -> None:
    """Whoever reads the job is told its instants in its zone: one that its clock cannot show is refused. What is stored
    already is not asked, so that its other fields can still be changed."""
    zone = spec.schedule.timezone
    if isinstance(spec.schedule, OnceSchedule):
        check_on_clock(spec.schedule.at, zone, "schedule")
    for name, instant in (("start_at", spec.start_at), ("end_at", spec.end_at)):
        if instant is not None:
            check_on_clock(instant, zone, name)


def _first_slot(spec: JobSpec, now: datetime) -> datetime:
    slot = slot_after(spec, now)
    if slot is not None:
        return slot
    start = spec.start_at if spec.start_at is not None and spec.start_at > now else None
    last = spec.schedule.previous_before(now + INSTANT)
    if spec.schedule.next_after(now) is None and (last is not None or start is None):
        when = f"its last slot was {last.isoformat()}" if last else "it has no slot at all"
        raise InvalidScheduleError(
            f"schedule: {spec.schedule.text} is past ({when}); give a time that is to come", kind="never_fires"
        )
    if start is not None and spec.schedule.next_after(start.astimezone(UTC) - INSTANT) is None:
        raise InvalidScheduleError(
            f"schedule: {spec.schedule.text} has no slot after start_at {start.isoformat()}; it would never run",
            kind="never_fires",
        )
    assert spec.end_at is not None
    raise InvalidScheduleError(
        f"schedule: {spec.schedule.text} has no slot before end_at {spec.end_at.isoformat()}; it would never run",
        kind="never_fires",
    )


def _accounted(job: Job) -> datetime | None:
    """The last slot that has a row. It lies ahead of a clock that was set back, and no slot may get a second row."""
    return job.spec.schedule.previous_before(job.next_slot) if job.next_slot is not None else None


def _calendar(spec: JobSpec) -> tuple[object, ...]:
    return spec.schedule, spec.start_at, spec.end_at
