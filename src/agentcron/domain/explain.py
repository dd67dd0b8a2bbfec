"""Why a job ran, or did not run, at a time: an answer from its rows, its calendar and who was up."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.calendar import has_slot, slot_after
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import CutCause
from agentcron.domain.plans import Reason
from agentcron.domain.queries import Node
from agentcron.domain.spec import JobSpec
from agentcron.schedule import format_duration

# Why a slot did not run, and the policy that decided it.
_WHY: Final = {
    Reason.PAUSED: ("the job was paused", None),
    Reason.OVERLAP: ("an earlier run was still open", "overlap"),
    Reason.LIMIT: ("its number of runs was reached", "max_runs"),
    Reason.BUDGET: ("a budget was used up", None),
    Reason.CANCELED: ("it was canceled before it began", None),
    Reason.TOO_LATE: ("no scheduler could run it in time", "catch_up"),
    Reason.STORE_DOWN: ("the store could not be written then, and it was not caught up", "catch_up"),
    Reason.GATE: ("nothing changed", "when_changed"),
    Reason.COALESCED: ("it was late and a newer slot stood in its place", "catch_up"),
}
# Why a run ended as it did, and the policy that decided it.
_ENDS: Final = {"gate": "when_changed", "check": "expect", "expired": "on_expiry"}
_CUTS: Final = {CutCause.TIMEOUT: "timeout", CutCause.LOST: "on_interrupt", CutCause.SHUTDOWN: "on_interrupt"}
_DEFAULTS: Final = {field.name: field.default for field in dataclasses.fields(JobSpec)}
# A living scheduler's time in the store may be so old.
_SEEN: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which of the job's policies decided: its field, its value as text, the job's version that the slot was judged
    by, and whether that is the default."""

    name: str
    value: str
    version: int
    default: bool

    def __str__(self) -> str:
        where = "the default" if self.default else f"set in version {self.version} of the job"
        return f"policy {self.name} = {self.value}, {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became, or will become, of the slot at ``at``; ``slot`` is None where nothing was due at that instant.

    ``execution`` is the row that accounts for it (a range row for several slots at once); ``policy`` decided, where
    one did; ``next_slot`` is the first slot after ``at``.
    """

    job_id: str
    at: datetime
    sentence: str
    slot: datetime | None = None
    execution: Execution | None = None
    policy: Policy | None = None
    next_slot: datetime | None = None


def explain(
    job: Job,
    at: datetime,
    row: Execution | None,
    now: datetime,
    *,
    begins: datetime | None = None,
    spec: JobSpec | None = None,
    nodes: Sequence[Node] = (),
) -> Explanation:
    """Answer from ``row``, the last slot's row that stands at or before ``at`` in the job's history, which begins at
    ``begins``. ``spec`` is that of the row's version (default: the job's), ``nodes`` are all schedulers there were."""
    is_slot = has_slot(job.spec, at)
    covered = row is not None and (row.at == at or (row.last_at is not None and row.last_at >= at))
    if row is not None and covered and (is_slot or row.at == at):
        policy = _policy(row, spec or job.spec)
        told = _became(row)
        if policy is not None:
            told += f" ({policy})"
        if row.status is ExecutionStatus.MISSED:
            told += _nobody_up(nodes, at, now)
        return _answer(job, at, told, slot=at, execution=row, policy=policy)
    if is_slot and at >= job.created:
        return _answer(job, at, _not_accounted(job, at, now, begins), slot=at)
    if at < job.created:
        return _answer(job, at, f"nothing was due: the job was created at {_time(job.created)}")
    return _answer(job, at, "nothing was due at this instant")


def _answer(
    job: Job,
    at: datetime,
    told: str,
    *,
    slot: datetime | None = None,
    execution: Execution | None = None,
    policy: Policy | None = None,
) -> Explanation:
    since = max(at, job.created)
    following = slot_after(job.spec, since) if job.state in (JobState.ACTIVE, JobState.PAUSED) else None
    after = f"; next slot is {_time(following)}" if following is not None and slot is None else ""
    return Explanation(
        job_id=job.id,
        at=at,
        slot=slot,
        execution=execution,
        policy=policy,
        next_slot=following,
        sentence=f"{job.name} at {_time(at)}: {told}{after}.",
    )


def _policy(row: Execution, spec: JobSpec) -> Policy | None:
    if row.reason in set(Reason) and not row.ran:
        name = _WHY[Reason(row.reason)][1]
    else:
        name = _CUTS.get(CutCause(row.reason)) if row.ran and row.reason in set(CutCause) else None
        name = _ENDS.get(row.reason or "", name) if row.ran else name
    if name is None:
        return None
    value = getattr(spec, name)
    told = format_duration(value) if isinstance(value, timedelta) else str(value)
    if isinstance(value, tuple):
        told = ", ".join(map(str, value))
    return Policy(name=name, value=told, version=row.version, default=value == _DEFAULTS[name])


def _nobody_up(nodes: Sequence[Node], at: datetime, now: datetime) -> str:
    """From when to when no scheduler was up around ``at``; empty where one was."""
    spans = [(node.started_at, now if node.alive else node.stopped_at or node.seen_at + _SEEN) for node in nodes]
    if any(start <= at <= end for start, end in spans):
        return ""
    since = max((end for _, end in spans if end < at), default=None)
    until = min((start for start, _ in spans if start > at), default=None)
    told = [f"from {_time(since)}" if since else "", f"until {_time(until)}" if until else ""]
    return f"; no scheduler was up {' '.join(filter(None, told))}" if since or until else ""


def _became(row: Execution) -> str:
    match row.status:
        case ExecutionStatus.PENDING:
            return "is waiting to start" if row.retries == 0 else f"is waiting for retry {row.retries}"
        case ExecutionStatus.RUNNING:
            return f"is running since {_time(row.start_time)}" if row.start_time else "is being started"
        case ExecutionStatus.AWAITING_INPUT:
            return f"is parked until a person answers, at the latest {_time(row.wake_at)} (agentcron inbox)"
        case ExecutionStatus.SKIPPED | ExecutionStatus.MISSED:
            why = _WHY[Reason(row.reason)][0] if row.reason in set(Reason) else row.reason or ""
            many = f", one of {row.slots} slots to {_time(row.last_at)}" if row.last_at else ""
            word = "was skipped" if row.status is ExecutionStatus.SKIPPED else "was missed"
            told = f": {row.error}" if row.error else ""
            return f"{word}{many}: {why}{told}{_seen(row, ': ')}"
        case _:
            took = f" after {row.duration}" if row.duration is not None else ""
            error = f": {row.error}" if row.error else ""
            started = f"ran at {_time(row.start_time)} and " if row.start_time else ""
            reason = f" ({row.reason})" if row.reason else ""
            return f"{started}ended as {row.status}{reason}{took}{error}{_seen(row, '; its gate: ')}"


def _seen(row: Execution, before: str) -> str:
    """What the gate compared, unless its failure says so already."""
    gate = row.findings.gate if row.findings is not None else None
    told_already = row.ran and row.reason == "gate"
    return f"{before}{gate}" if gate is not None and not told_already else ""


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
