"""Why a job ran, or did not run, at a time: an answer from its rows and its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agentcron.domain.calendar import INSTANT, slot_after
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Reason

_WHY: Final = {
    Reason.PAUSED: "the job was paused",
    Reason.OVERLAP: "an earlier run was still open (policy overlap = {overlap})",
    Reason.LIMIT: "max_runs was reached (max_runs = {max_runs})",
    Reason.CANCELED: "it was canceled before it began",
    Reason.TOO_LATE: "no scheduler could run it in time (policy catch_up = {catch_up})",
    Reason.STORE_DOWN: "the store could not be written then, and by catch_up = {catch_up} it was not run afterwards",
    Reason.COALESCED: "it was late and a newer slot stood in its place (policy catch_up = {catch_up})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became, or will become, of the slot at ``at``; ``slot`` is None where nothing was due at that instant.

    ``execution`` is the row that accounts for it (a range row for several slots at once); ``next_slot`` is the
    first slot after ``at``.
    """

    job_id: str
    at: datetime
    sentence: str
    slot: datetime | None = None
    execution: Execution | None = None
    next_slot: datetime | None = None


def explain(
    job: Job, at: datetime, row: Execution | None, now: datetime, begins: datetime | None = None
) -> Explanation:
    """Answer from ``row``, the last slot's row that stands at or before ``at`` in the job's history, which begins at
    ``begins``."""
    is_slot = slot_after(job.spec, at - INSTANT) == at
    covered = row is not None and (row.at == at or (row.last_at is not None and row.last_at >= at))
    if row is not None and covered and (is_slot or row.at == at):
        return _answer(job, at, _became(job, row), slot=at, execution=row)
    if is_slot and at >= job.created:
        return _answer(job, at, _not_accounted(job, at, now, begins), slot=at)
    if at < job.created:
        return _answer(job, at, f"nothing was due: the job was created at {_time(job.created)}")
    return _answer(job, at, "nothing was due at this instant")


def _answer(
    job: Job, at: datetime, told: str, *, slot: datetime | None = None, execution: Execution | None = None
) -> Explanation:
    following = slot_after(job.spec, at) if job.state in (JobState.ACTIVE, JobState.PAUSED) else None
    after = f"; next slot is {_time(following)}" if following is not None and slot is None else ""
    return Explanation(
        job_id=job.id,
        at=at,
        slot=slot,
        execution=execution,
        next_slot=following,
        sentence=f"{job.name} at {_time(at)}: {told}{after}.",
    )


def _became(job: Job, row: Execution) -> str:
    spec = job.spec
    match row.status:
        case ExecutionStatus.PENDING:
            return "is waiting to start" if row.retries == 0 else f"is waiting for retry {row.retries}"
        case ExecutionStatus.RUNNING:
            return f"is running since {_time(row.start_time)}" if row.start_time else "is being started"
        case ExecutionStatus.AWAITING_INPUT:
            return "is waiting for an answer"
        case ExecutionStatus.SKIPPED | ExecutionStatus.MISSED:
            why = _WHY.get(Reason(row.reason), "") if row.reason in list(Reason) else row.reason or ""
            why = why.format(overlap=spec.overlap, catch_up=spec.catch_up, max_runs=spec.max_runs)
            many = f", one of {row.slots} slots to {_time(row.last_at)}" if row.last_at else ""
            word = "was skipped" if row.status is ExecutionStatus.SKIPPED else "was missed"
            return f"{word}{many}: {why}"
        case _:
            took = f" after {row.duration}" if row.duration is not None else ""
            error = f": {row.error}" if row.error else ""
            started = f"ran at {_time(row.start_time)} and " if row.start_time else ""
            reason = f" ({row.reason})" if row.reason else ""
            return f"{started}ended as {row.status}{reason}{took}{error}"


def _not_accounted(job: Job, at: datetime, now: datetime, begins: datetime | None) -> str:
    if begins is not None and at < begins and (job.next_slot is None or at < job.next_slot):
        other = ", or the job had another schedule then" if job.version > 1 else ""
        return f"is older than what is kept (the history begins at {_time(begins)}){other}"
    if job.state is JobState.PAUSED:
        return f"will not run while the job is paused ({job.state_reason})"
    if job.state is not JobState.ACTIVE:
        return f"did not run: the job is {job.status}"
    if at > now:
        return "is due then"
    if job.next_slot is not None and at >= job.next_slot:
        return "is due and not planned yet: no scheduler has looked since; start one with 'agentcron start'"
    return "is not in the history: the job had another schedule then, or the row was pruned"


def _time(instant: datetime | None) -> str:
    return instant.isoformat(timespec="seconds") if instant is not None else "?"
