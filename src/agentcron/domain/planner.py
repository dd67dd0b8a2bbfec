"""Which slots of a job are due, and what becomes of each: the decision that moves a job along its calendar.

A plan accounts for the half-open stretch ``[job.next_slot, plan.job_after.next_slot)``: each slot in it gets one row
or lies in one range row. Ranges are counted by arithmetic, never walked, so a job each second costs the same after a
year off as after a minute.

Catch-up chooses among the slots that are late first; overlap then judges the fresh ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.policies import CATCH_UP_WINDOW, CatchUp, Overlap, spread
from agentcron.domain.spec import JobSpec

NewId = Callable[[], str]

_INSTANT = timedelta(microseconds=1)
_NONE = timedelta(0)
# A plan that made more rows than this would hold the store's writer for long; the job stays due and is planned again.
MAX_ROWS = 1000


class Reason(StrEnum):
    """Why a slot did not run."""

    PAUSED = "paused"
    OVERLAP = "overlap"
    LIMIT = "limit"
    CANCELED = "canceled"
    TOO_LATE = "too_late"
    COALESCED = "coalesced"


class ToCancel(StrEnum):
    """Which open executions of the job a plan cancels: none, those from before the plan, or all."""

    NONE = "none"
    EARLIER = "earlier"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change of one job and the rows that account for it, applied whole or not at all.

    ``before`` is the job it was made from (None for a new job): the store applies it only while the job's revision
    and ``next_slot`` are still those. ``job_after`` is None where the job is deleted. ``notices`` say in a sentence
    what was decided, for the log. ``now`` is when it was made.
    """

    before: Job | None
    job_after: Job | None
    now: datetime
    rows: tuple[Execution, ...] = ()
    to_cancel: ToCancel = ToCancel.NONE
    notices: tuple[str, ...] = ()

    @property
    def job_id(self) -> str:
        """The job that the plan is for."""
        job = self.job_after or self.before
        assert job is not None
        return job.id


def plan(job: Job, now: datetime, new_id: NewId) -> Plan | None:
    """What is to be done for this job at ``now``; None where nothing is."""
    if job.state is not JobState.ACTIVE:
        return None
    limit = job.spec.pause_after_failures
    if limit and job.streak >= limit:
        return Plan(
            now=now,
            before=job,
            job_after=job.evolve(
                state=JobState.PAUSED, state_reason="streak", next_run=None, revision=job.revision + 1
            ),
            notices=(f"paused after {job.streak} failures in a row; resume it once the cause is mended",),
        )
    draft = account(job, now, new_id)
    after = draft.job()
    if after is job:
        return None
    return Plan(
        now=now,
        before=job,
        job_after=after,
        rows=tuple(draft.rows),
        to_cancel=draft.to_cancel,
        notices=tuple(draft.notices),
    )


@dataclass(slots=True)
class Draft:
    """A plan in the making: how far the calendar is accounted for, and the rows so far."""

    before: Job
    next_slot: datetime | None
    opened: int = 0
    rows: list[Execution] = field(default_factory=list)
    to_cancel: ToCancel = ToCancel.NONE
    notices: list[str] = field(default_factory=list)

    @property
    def spent(self) -> bool:
        """Whether ``max_runs`` is reached by runs that ended."""
        limit = self.before.spec.max_runs
        return limit is not None and self.before.runs >= limit

    @property
    def left(self) -> int:
        """How many more runs ``max_runs`` allows, counting every open one as a run to be on the safe side."""
        limit, job = self.before.spec.max_runs, self.before
        return MAX_ROWS if limit is None else limit - job.runs - job.open - self.opened

    def job(self) -> Job:
        """The job after the plan; the very same object where nothing moved.

        A job whose runs are used up by open executions waits without a ``next_run``: the store asks for a look when
        one of them has ended.
        """
        before, slot = self.before, self.next_slot
        if (slot is None or self.spent) and before.open + self.opened == 0:
            why = "max_runs is reached" if self.spent else "the schedule has no further slot"
            self.notices.append(f"completed: {why}")
            return before.evolve(state=JobState.COMPLETED, next_slot=None, next_run=None, revision=before.revision + 1)
        next_run = None if slot is None or self.left <= 0 else start_of(before, slot)
        if slot == before.next_slot and next_run == before.next_run:
            return before
        return before.evolve(next_slot=slot, next_run=next_run, revision=before.revision + 1)


def account(job: Job, now: datetime, new_id: NewId) -> Draft:
    """Judge every slot of an active job that is due at ``now``."""
    draft = Draft(before=job, next_slot=job.next_slot)
    if job.next_slot is not None and start_of(job, job.next_slot) <= now:
        if draft.spent:
            _set_aside(draft, now, Reason.LIMIT, new_id)
        else:
            _judge(draft, job.next_slot, now, new_id)
    return draft


def skip_paused(job: Job, now: datetime, new_id: NewId) -> Draft:
    """What a resume owes to the slots that passed while the job was paused: one range row."""
    draft = Draft(before=job, next_slot=job.next_slot)
    if job.next_slot is not None and start_of(job, job.next_slot) <= now:
        _set_aside(draft, now, Reason.PAUSED, new_id)
    return draft


def _set_aside(draft: Draft, now: datetime, reason: Reason, new_id: NewId) -> None:
    """One SKIPPED range for every slot that is due, and on to the first one after."""
    job, first = draft.before, draft.next_slot
    assert first is not None
    last = _last_due(job, first, now)
    draft.next_slot = slot_after(job.spec, last)
    _add_range(draft, first, last, ExecutionStatus.SKIPPED, reason, now, new_id)


# --- the calendar of one job --------------------------------------------------------------------------------------


def slot_after(spec: JobSpec, instant: datetime) -> datetime | None:
    """The job's first slot after ``instant``, between ``start_at`` and ``end_at``, both included."""
    if spec.start_at is not None and spec.start_at > instant:
        instant = spec.start_at.astimezone(UTC) - _INSTANT
    slot = spec.schedule.next_after(instant)
    return None if slot is None or (spec.end_at is not None and slot > spec.end_at) else slot


def start_of(job: Job, slot: datetime) -> datetime:
    """When the slot is to start: the slot plus its jitter, the same at every asking."""
    jitter = job.spec.jitter
    return slot + jitter * spread(f"{job.id}:{slot.isoformat()}") if jitter else slot


def _last_due(job: Job, first: datetime, now: datetime) -> datetime:
    """The last slot whose start has come, given that ``first`` has."""
    end = job.spec.end_at
    slot = job.spec.schedule.previous_before((min(now, end) if end else now) + _INSTANT)
    while slot is not None and slot > first and start_of(job, slot) > now:
        slot = job.spec.schedule.previous_before(slot)
    return slot if slot is not None and slot > first else first


def _first_fresh(job: Job, first: datetime, now: datetime) -> datetime | None:
    """The first slot, from ``first`` on, that is not later than the misfire grace; None where there is none."""
    grace = job.spec.misfire_grace
    if start_of(job, first) + grace >= now:
        return first
    after = max(first, now - grace - job.spec.jitter) - _INSTANT
    slot = slot_after(job.spec, after)
    while slot is not None and start_of(job, slot) + grace < now:
        slot = slot_after(job.spec, slot)
    return slot


# --- judging the slots that are due -------------------------------------------------------------------------------


def _judge(draft: Draft, first: datetime, now: datetime, new_id: NewId) -> None:
    job = draft.before
    following = slot_after(job.spec, first)
    if following is None or start_of(job, following) > now:
        last, beyond = first, following
    else:
        last = _last_due(job, first, now)
        beyond = slot_after(job.spec, last)
    fresh = _first_fresh(job, first, now)
    if fresh is not None and fresh > last:
        fresh = None
    draft.next_slot = beyond
    if fresh != first:
        _catch_up(draft, first, last, fresh, beyond, now, new_id)
    if fresh is not None and draft.next_slot is beyond:
        _overlap(draft, fresh, last, now, new_id)


def _catch_up(
    draft: Draft,
    first: datetime,
    last: datetime,
    fresh: datetime | None,
    beyond: datetime | None,
    now: datetime,
    new_id: NewId,
) -> None:
    """Choose among the late slots ``[first, fresh)``, or ``[first, last]`` where none is fresh."""
    job, spec = draft.before, draft.before.spec
    last_late = last if fresh is None else spec.schedule.previous_before(fresh)
    assert last_late is not None
    missed = ExecutionStatus.MISSED
    if spec.catch_up is CatchUp.SKIP:
        _add_range(draft, first, last_late, missed, Reason.TOO_LATE, now, new_id)
        return
    if spec.catch_up is CatchUp.LATEST:
        if fresh is not None:
            _add_range(draft, first, last_late, missed, Reason.COALESCED, now, new_id)
            return
        older = spec.schedule.previous_before(last)
        if older is not None and older >= first:
            _add_range(draft, first, older, missed, Reason.COALESCED, now, new_id)
        if now <= _useful_until(job, last, beyond):
            _open_rows(draft, [last], job.id, now, new_id)
        else:
            _add_range(draft, last, last, missed, Reason.TOO_LATE, now, new_id)
        return
    window = CATCH_UP_WINDOW if spec.catch_up_window is None else spec.catch_up_window
    chosen: list[datetime] = []
    slot: datetime | None = last_late
    while (
        slot is not None and slot >= first and len(chosen) < spec.catch_up_max and now <= start_of(job, slot) + window
    ):
        chosen.append(slot)
        slot = spec.schedule.previous_before(slot)
    if slot is not None and slot >= first:
        _give_up(draft, first, slot, window, now, new_id)
    _open_rows(draft, chosen[::-1], job.id, now, new_id)


def _give_up(draft: Draft, first: datetime, last: datetime, window: timedelta, now: datetime, new_id: NewId) -> None:
    """With catch-up 'all', tell the slots that are too late from those over the count."""
    schedule = draft.before.spec.schedule
    late = schedule.previous_before(now - window)
    if late is not None and late >= first:
        late = min(late, last)
        _add_range(draft, first, late, ExecutionStatus.MISSED, Reason.TOO_LATE, now, new_id)
        following = schedule.next_after(late)
        if following is None or following > last:
            return
        first = following
    _add_range(draft, first, last, ExecutionStatus.MISSED, Reason.COALESCED, now, new_id)


def _useful_until(job: Job, slot: datetime, following: datetime | None) -> datetime:
    """Until when a late slot may be caught up."""
    window = job.spec.catch_up_window
    if window is not None:
        return start_of(job, slot) + window
    latest = start_of(job, slot) + CATCH_UP_WINDOW
    return latest if following is None else min(latest, following)


def _overlap(draft: Draft, first: datetime, last: datetime, now: datetime, new_id: NewId) -> None:
    """Judge the fresh slots ``[first, last]`` by what is open."""
    job, spec = draft.before, draft.before.spec
    open_now = job.open + draft.opened
    policy = spec.overlap
    if policy is Overlap.CANCEL_OTHER:
        if first != last:
            older = spec.schedule.previous_before(last)
            assert older is not None
            _add_range(draft, first, older, ExecutionStatus.SKIPPED, Reason.OVERLAP, now, new_id)
        if job.open:
            draft.to_cancel = ToCancel.EARLIER
        _open_rows(draft, [last], job.id, now, new_id)
        return
    places = {Overlap.SKIP: 1 - open_now, Overlap.BUFFER_ONE: 2 - open_now}.get(policy, MAX_ROWS)
    taken: list[datetime] = []
    slot: datetime | None = first
    while slot is not None and slot <= last and len(taken) < places:
        taken.append(slot)
        slot = spec.schedule.next_after(slot)
    _open_rows(draft, taken, None if policy is Overlap.ALLOW_ALL else job.id, now, new_id)
    if slot is None or slot > last or draft.next_slot in taken:
        return
    if places == MAX_ROWS:
        draft.next_slot = slot
    else:
        _add_range(draft, slot, last, ExecutionStatus.SKIPPED, Reason.OVERLAP, now, new_id)


# --- rows ---------------------------------------------------------------------------------------------------------


def _open_rows(draft: Draft, slots: list[datetime], lane: str | None, now: datetime, new_id: NewId) -> None:
    """A PENDING row for each slot, in order. Where ``max_runs`` is used up the plan stops at that slot: it is
    judged again when an open execution has ended, because one that never begins gives its run back."""
    job, left = draft.before, max(draft.left, 0)
    for slot in slots[:left]:
        draft.rows.append(
            Execution(
                id=new_id(),
                job_id=job.id,
                version=job.version,
                at=slot,
                status=ExecutionStatus.PENDING,
                wake_at=start_of(job, slot),
                priority=job.spec.priority,
                lane=lane,
                attempt=1,
                agent=job.spec.agent,
            )
        )
        draft.opened += 1
    if left < len(slots):
        draft.next_slot = slots[left]


def _add_range(
    draft: Draft,
    first: datetime,
    last: datetime,
    status: ExecutionStatus,
    reason: Reason,
    now: datetime,
    new_id: NewId,
) -> None:
    job = draft.before
    slots = 1 if first == last else job.spec.schedule.count(first, last + _INSTANT)
    draft.rows.append(
        Execution(
            id=new_id(),
            job_id=job.id,
            version=job.version,
            at=first,
            last_at=None if first == last else last,
            slots=slots,
            status=status,
            reason=reason.value,
            end_time=now,
            agent=job.spec.agent,
        )
    )
    span = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
    draft.notices.append(f"{status.value} ({reason.value}): {slots} slot{'s' if slots > 1 else ''}, {span}")


def is_too_late(execution: Execution, spec: JobSpec, now: datetime) -> bool:
    """Whether a slot that was planned and never begun is past its use: it waited through a time without a scheduler.

    Rows behind others of a lane wait by policy and are not judged.
    """
    if execution.manual or execution.begun or execution.status is not ExecutionStatus.PENDING:
        return False
    window = CATCH_UP_WINDOW if spec.catch_up_window is None else spec.catch_up_window
    useful = _NONE if spec.catch_up is CatchUp.SKIP else window
    return now > execution.at + spec.jitter + max(useful, spec.misfire_grace)
