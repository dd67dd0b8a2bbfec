"""Which slots of a job are due, and what becomes of each: the decision that moves a job along its calendar.

A plan accounts for the half-open stretch ``[job.next_slot, plan.job_after.next_slot)``: each slot in it gets one row
or lies in one range row. Ranges are counted by arithmetic, never walked, so a job each second costs the same after a
year off as after a minute.

Catch-up chooses among the slots that are late first; overlap then judges the fresh ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.calendar import first_fresh, last_due, slot_after, start_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import MAX_ROWS, Draft, NewId, Plan, Reason, ToCancel
from agentcron.domain.policies import CATCH_UP_WINDOW, CatchUp, Overlap
from agentcron.domain.spec import JobSpec

# Bound once: Python looks a member of an enumeration up by a function at each use, and each run passes a dozen.
_ACTIVE: Final = JobState.ACTIVE
_CANCEL_OTHER: Final = Overlap.CANCEL_OTHER
_ALLOW_ALL: Final = Overlap.ALLOW_ALL
_SKIP: Final = Overlap.SKIP
_PENDING: Final = ExecutionStatus.PENDING
_MISSED: Final = ExecutionStatus.MISSED
_SKIPPED: Final = ExecutionStatus.SKIPPED


def plan(job: Job, now: datetime, new_id: NewId, down_since: datetime | None = None) -> Plan | None:
    """What is to be done for this job at ``now``; None where nothing is. ``down_since``: see ``Draft``."""
    if job.state is not _ACTIVE:
        return None
    limit = job.spec.pause_after_failures
    if limit and job.streak >= limit:
        paused = job.evolve(state=JobState.PAUSED, state_reason="streak", next_run=None, revision=job.revision + 1)
        told = f"paused after {job.streak} failures in a row; resume it once the cause is mended"
        return Plan(before=job, job_after=paused, now=now, notices=(told,))
    usual = _usual(job, now, new_id)
    if usual is not None:
        return usual
    draft = account(job, now, new_id, down_since)
    after = draft.job()
    return None if after is job else draft.plan(after)


def _usual(job: Job, now: datetime, new_id: NewId) -> Plan | None:
    """The plan of nearly every slot, which ``account`` would make in three times as long: it is on time, no other one
    is due, nothing is open, and no limit is near. None where it has to be judged."""
    spec, slot = job.spec, job.next_slot
    if slot is None or slot > now or now > slot + spec.misfire_grace:
        return None
    if job.open or spec.max_runs is not None or spec.jitter:
        return None
    beyond = slot_after(spec, slot)
    if beyond is not None and beyond <= now:
        return None
    row = {
        "id": new_id(),
        "job_id": job.id,
        "version": job.version,
        "at": slot,
        "status": _PENDING,
        "wake_at": slot,
        "priority": spec.priority,
        "lane": None if spec.overlap is _ALLOW_ALL else job.id,
        "attempt": 1,
        "agent": spec.agent,
    }
    after = job.evolve(next_slot=beyond, next_run=beyond, revision=job.revision + 1)
    return Plan.whole({"before": job, "job_after": after, "now": now, "rows": (Execution.whole(row),)})


def account(job: Job, now: datetime, new_id: NewId, down_since: datetime | None = None) -> Draft:
    """Judge every slot of an active job that is due at ``now``."""
    draft = Draft(before=job, now=now, new_id=new_id, next_slot=job.next_slot, down_since=down_since)
    if job.next_slot is not None and start_of(job, job.next_slot) <= now:
        if draft.spent:
            _set_aside(draft, job.next_slot, Reason.LIMIT)
        else:
            _judge(draft, job.next_slot)
    return draft


def let_go(draft: Draft, reason: Reason) -> None:
    """One SKIPPED range for what is due and only waits for an open run that may give its place under ``max_runs`` back.

    Whoever moves the calendar, or ends it, calls this: nobody would come back to these slots.
    """
    if draft.next_slot is not None and start_of(draft.before, draft.next_slot) <= draft.now:
        _set_aside(draft, draft.next_slot, reason)


def skip_paused(job: Job, now: datetime, new_id: NewId) -> Draft:
    """What a resume owes to the slots that passed while the job was paused: one range row."""
    draft = Draft(before=job, now=now, new_id=new_id, next_slot=job.next_slot)
    if job.next_slot is not None and start_of(job, job.next_slot) <= now:
        _set_aside(draft, job.next_slot, Reason.PAUSED)
    return draft


def is_too_late(execution: Execution, spec: JobSpec, now: datetime) -> bool:
    """Whether a slot that was planned and never begun is past its use: it waited through a time without a scheduler.

    Rows behind others of a lane wait by policy and are not judged.
    """
    if execution.manual or execution.begun or execution.status is not ExecutionStatus.PENDING:
        return False
    window = CATCH_UP_WINDOW if spec.catch_up_window is None else spec.catch_up_window
    useful = timedelta(0) if spec.catch_up is CatchUp.SKIP else window
    return now > execution.at + spec.jitter + max(useful, spec.misfire_grace)


def _set_aside(draft: Draft, first: datetime, reason: Reason) -> None:
    """One SKIPPED range for every slot that is due, and on to the first one after."""
    last = last_due(draft.before, first, draft.now)
    draft.next_slot = slot_after(draft.before.spec, last)
    draft.close(first, last, _SKIPPED, reason)


def _judge(draft: Draft, first: datetime) -> None:
    job, now = draft.before, draft.now
    last, beyond = first, slot_after(job.spec, first)
    if beyond is not None and start_of(job, beyond) <= now:
        last = last_due(job, first, now)
        beyond = slot_after(job.spec, last)
    fresh = first_fresh(job, first, now)
    if fresh is not None and fresh > last:
        fresh = None
    draft.next_slot = beyond
    if fresh != first:
        _catch_up(draft, first, last, fresh)
    if fresh is not None and draft.next_slot is beyond:
        _overlap(draft, fresh, last)


def _catch_up(draft: Draft, first: datetime, last: datetime, fresh: datetime | None) -> None:
    """Choose among the late slots ``[first, fresh)``, or ``[first, last]`` where none is fresh."""
    schedule = draft.before.spec.schedule
    last_late = last if fresh is None else schedule.previous_before(fresh)
    assert last_late is not None
    match draft.before.spec.catch_up:
        case CatchUp.SKIP:
            draft.close(first, last_late, _MISSED, Reason.TOO_LATE)
        case CatchUp.LATEST if fresh is not None:
            # The newest slot that is due is on time: it stands for all the late ones.
            draft.close(first, last_late, _MISSED, Reason.COALESCED)
        case CatchUp.LATEST:
            _catch_up_latest(draft, first, last)
        case CatchUp.ALL:
            _catch_up_all(draft, first, last_late)


def _catch_up_latest(draft: Draft, first: datetime, last: datetime) -> None:
    job = draft.before
    older = job.spec.schedule.previous_before(last)
    if older is not None and older >= first:
        draft.close(first, older, _MISSED, Reason.COALESCED)
    if draft.now <= _useful_until(job, last, draft.next_slot):
        draft.open([last], job.id, late=True)
    else:
        draft.close(last, last, _MISSED, Reason.TOO_LATE)


def _catch_up_all(draft: Draft, first: datetime, last: datetime) -> None:
    """The newest slots within the window, at most ``catch_up_max``; they run one after another."""
    job, spec, now = draft.before, draft.before.spec, draft.now
    window = CATCH_UP_WINDOW if spec.catch_up_window is None else spec.catch_up_window
    chosen: list[datetime] = []
    slot: datetime | None = last
    while slot is not None and slot >= first and len(chosen) < spec.catch_up_max:
        if now > start_of(job, slot) + window:
            break
        chosen.append(slot)
        slot = spec.schedule.previous_before(slot)
    if slot is not None and slot >= first:
        _give_up(draft, first, slot, window)
    draft.open(chosen[::-1], job.id, late=True)


def _give_up(draft: Draft, first: datetime, last: datetime, window: timedelta) -> None:
    """With catch-up 'all', tell the slots that are too late from those over the count."""
    schedule = draft.before.spec.schedule
    late = schedule.previous_before(draft.now - window)
    if late is not None and late >= first:
        late = min(late, last)
        draft.close(first, late, _MISSED, Reason.TOO_LATE)
        following = schedule.next_after(late)
        if following is None or following > last:
            return
        first = following
    draft.close(first, last, _MISSED, Reason.COALESCED)


def _useful_until(job: Job, slot: datetime, following: datetime | None) -> datetime:
    """Until when a late slot may be caught up: the job's window, else until the next slot, at most 24 h."""
    window = job.spec.catch_up_window
    if window is not None:
        return start_of(job, slot) + window
    latest = start_of(job, slot) + CATCH_UP_WINDOW
    return latest if following is None else min(latest, following)


def _overlap(draft: Draft, first: datetime, last: datetime) -> None:
    """Judge the fresh slots ``[first, last]`` by what is open."""
    job, schedule, policy = draft.before, draft.before.spec.schedule, draft.before.spec.overlap
    if policy is _CANCEL_OTHER:
        older = schedule.previous_before(last)
        if first != last and older is not None:
            draft.close(first, older, _SKIPPED, Reason.OVERLAP)
        if job.open:
            draft.to_cancel = ToCancel.EARLIER
        draft.open([last], job.id)
        return
    open_now = job.open + draft.opened
    places = MAX_ROWS
    if policy is _SKIP:
        places = 1 - open_now
    elif policy is Overlap.BUFFER_ONE:
        places = 2 - open_now
    taken: list[datetime] = []
    slot: datetime | None = first
    while slot is not None and slot <= last and len(taken) < places:
        taken.append(slot)
        slot = None if slot == last else schedule.next_after(slot)
    draft.open(taken, None if policy is Overlap.ALLOW_ALL else job.id)
    if slot is None or slot > last or draft.next_slot in taken:
        return
    if places == MAX_ROWS:
        # The rest is left for the next look at a job that stays due.
        draft.next_slot = slot
    else:
        draft.close(slot, last, _SKIPPED, Reason.OVERLAP)
