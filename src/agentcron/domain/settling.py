"""What a stretch of running came to: the decision that ends it, retries it, or gives it back.

``settle`` is pure; the store applies its answer in one transaction, guarded by the fence, so that a late writer
never replaces a final state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from agentcron.domain.findings import Findings, Mark
from agentcron.domain.inputs import Input
from agentcron.domain.lifecycle import FINAL, ExecutionStatus, check_execution
from agentcron.domain.made import Made
from agentcron.domain.model import Execution
from agentcron.domain.news import News
from agentcron.domain.outcomes import (
    AgentOutcome,
    Asking,
    Cut,
    CutCause,
    Done,
    Errored,
    Failed,
    GivenBack,
    Held,
    Needless,
    Outcome,
    Unneeded,
)
from agentcron.domain.parking import MAX_ASKED, park
from agentcron.domain.policies import LONGEST_WAIT, OnInterrupt
from agentcron.domain.spec import JobSpec
from agentcron.domain.statistics import Totals

# A prompt that kills its worker would be resumed for ever without an end to claims.
MAX_CLAIMS: Final = 20
# Errors that are not the job's own doing and not worth a retry: the provider holds its account.
NEVER_COUNTED: Final = frozenset({"quota", "budget"})
# Bound once, for what every run passes: see the planner.
_SUCCESS: Final = ExecutionStatus.SUCCESS
_RESUME: Final = OnInterrupt.RESUME


class Streak(Enum):
    """How a settlement moves the job's count of failures in a row."""

    KEPT = "kept"
    GROWS = "grows"
    ENDS = "ends"


_ENDS: Final = Streak.ENDS


@dataclass(frozen=True, kw_only=True)
class Settlement(Made):
    """One execution's change. The store applies it only while the row is open and its fence is ``before``'s.

    ``inputs`` are what a run that parks asks. ``closed_attempt`` is the attempt that ended where the execution itself
    goes on. ``scopes`` name the tallies that a final row is added to. ``marks`` become the job's, where there are any.
    With ``steps_end`` the journal of the execution is dropped; with ``hold`` rows of its agents are not claimed before
    its end. ``spec`` is the job's, where others may want to be told of it, and ``news`` what they are told.
    """

    before: Execution
    after: Execution
    now: datetime
    closed_attempt: Execution | None = None
    streak: Streak = Streak.KEPT
    scopes: tuple[str, ...] = ()
    pause_after_failures: int = 0
    steps_end: bool = False
    hold: Held | None = None
    marks: tuple[Mark, ...] = ()
    inputs: tuple[Input, ...] = ()
    spec: JobSpec | None = None
    news: News | None = None

    @property
    def gated(self) -> bool:
        """Whether a gate found nothing to run for."""
        return self.after.status is ExecutionStatus.SKIPPED and self.after.reason == Needless.GATE.value

    @property
    def ended(self) -> bool:
        """Whether the execution is final."""
        return self.after.status in FINAL


def settle(
    execution: Execution, outcome: Outcome, now: datetime, spec: JobSpec, *, agent_id: str | None = None
) -> Settlement:
    """End, retry or give back an open execution of a job with this spec. ``agent_id`` is who worked on it."""
    if isinstance(outcome, Done):
        ended = _end(execution, _SUCCESS, None, now, spec, outcome.answer, streak=_ENDS, agent_id=agent_id)
        return _found(ended, outcome.silent) if outcome.silent or execution.findings is not None else ended
    if agent_id is not None:
        execution = execution.evolve(agent_id=agent_id)
    match outcome:
        case Failed(kind=kind, message=message, answer=answer):
            return _end(execution, ExecutionStatus.FAILURE, kind, now, spec, answer, error=message, streak=Streak.GROWS)
        case Errored():
            return _errored(execution, outcome, now, spec)
        case Held():
            return _held(execution, outcome, now, spec)
        case Cut():
            return _cut(execution, outcome, now, spec)
        case Asking():
            return _park(execution, outcome, now, spec)
        case Unneeded(cause=cause, findings=findings, message=message):
            status = ExecutionStatus.MISSED if cause is Needless.LATE else ExecutionStatus.SKIPPED
            found = execution.evolve(findings=findings) if findings is not None else execution
            return _end(found, status, cause.value, now, spec, error=message or None)
        case GivenBack(ready_at=ready_at):
            return _again(execution, ready_at, now, spec)


def _found(settlement: Settlement, silent: bool) -> Settlement:
    """A success: what the gate saw before it is what the next slot is compared with."""
    findings = settlement.after.findings or Findings()
    if silent:
        settlement = replace(settlement, after=settlement.after.evolve(findings=replace(findings, silent=True)))
    return replace(settlement, marks=findings.marks)


def _errored(execution: Execution, outcome: Errored, now: datetime, spec: JobSpec) -> Settlement:
    retries = execution.retries + 1
    if outcome.retryable and outcome.again and retries < spec.retry.attempts:
        wait = spec.retry.wait(retries, execution.id)
        if outcome.retry_after is not None:
            wait = max(wait, min(outcome.retry_after, LONGEST_WAIT))
        closed = _closed(execution, ExecutionStatus.ERROR, outcome.kind, outcome.message, now, outcome.answer)
        return _again(execution, now + wait, now, spec, closed=closed)
    return _end(
        execution,
        ExecutionStatus.ERROR,
        outcome.kind,
        now,
        spec,
        outcome.answer,
        error=outcome.message,
        streak=Streak.KEPT if outcome.retryable or outcome.kind in NEVER_COUNTED else Streak.GROWS,
    )


def _held(execution: Execution, outcome: Held, now: datetime, spec: JobSpec) -> Settlement:
    """Back to the line until the provider may be asked again; no retry of the job's is used up for it."""
    if execution.fence >= MAX_CLAIMS:
        told, reason = outcome.message, "rate_limit"
        return _end(execution, ExecutionStatus.ERROR, reason, now, spec, outcome.answer, error=told)
    closed = None
    if spec.on_interrupt is not OnInterrupt.RESUME:
        closed = _closed(execution, ExecutionStatus.ERROR, "rate_limit", outcome.message, now, outcome.answer)
    again = _again(execution, outcome.until, now, spec, closed=closed)
    return replace(again, after=again.after.evolve(retries=execution.retries), hold=outcome)


def _cut(execution: Execution, outcome: Cut, now: datetime, spec: JobSpec) -> Settlement:
    cause = outcome.cause
    if not execution.begun:
        if cause is CutCause.CANCEL:
            return _end(execution, ExecutionStatus.SKIPPED, cause.value, now, spec)
        return _again(execution, now, now, spec)
    interrupted = cause in (CutCause.SHUTDOWN, CutCause.LOST)
    if interrupted and spec.on_interrupt is not OnInterrupt.RECORD and execution.fence < MAX_CLAIMS:
        if spec.on_interrupt is OnInterrupt.RESUME:
            return _again(execution, now, now, spec)
        closed = _closed(execution, ExecutionStatus.INCOMPLETE, cause.value, outcome.message, now, outcome.answer)
        return _again(execution, now, now, spec, closed=closed)
    return _end(
        execution,
        ExecutionStatus.INCOMPLETE,
        cause.value,
        now,
        spec,
        outcome.answer,
        error=outcome.message or None,
        streak=Streak.GROWS if cause is CutCause.TIMEOUT else Streak.KEPT,
    )


def _park(execution: Execution, outcome: Asking, now: datetime, spec: JobSpec) -> Settlement:
    """Parked until a person answers; no retry of the job's is used up for it."""
    if execution.asked >= MAX_ASKED:
        told, reason = f"it asked {MAX_ASKED} times and asks again", "asking"
        return _end(execution, ExecutionStatus.FAILURE, reason, now, spec, outcome.answer, error=told)
    after, inputs = park(execution, outcome, now, spec)
    drop = outcome.fresh_steps and spec.on_interrupt is OnInterrupt.RESUME
    return Settlement(before=execution, after=after, now=now, inputs=inputs, steps_end=drop, spec=spec)


def _end(
    execution: Execution,
    status: ExecutionStatus,
    reason: str | None,
    now: datetime,
    spec: JobSpec,
    answer: AgentOutcome | None = None,
    *,
    error: str | None = None,
    streak: Streak = Streak.KEPT,
    agent_id: str | None = None,
) -> Settlement:
    check_execution(execution.status, status)
    after = _closed(execution, status, reason, error, now, answer, final=True, agent_id=agent_id)
    return Settlement.whole(
        {
            "before": execution,
            "after": after,
            "now": now,
            "streak": streak,
            "scopes": _spending_scopes(spec, after),
            "pause_after_failures": spec.pause_after_failures,
            "steps_end": spec.on_interrupt is _RESUME,
            "spec": spec,
        }
    )


def _closed(
    execution: Execution,
    status: ExecutionStatus,
    reason: str | None,
    error: str | None,
    now: datetime,
    answer: AgentOutcome | None,
    *,
    final: bool = False,
    agent_id: str | None = None,
) -> Execution:
    began = execution.start_time
    values: dict[str, Any] = {
        **execution.__dict__,
        "status": status,
        "reason": reason,
        "error": error,
        # A clock that was set back must not make a run end before it began.
        "end_time": began if began is not None and began > now else now,
        "wake_at": None,
        "cancel_requested": None,
    }
    if agent_id is not None:
        values["agent_id"] = agent_id
    if answer is not None:
        values["usage"], values["cost_usd"], values["cost_basis"] = answer.usage, answer.cost_usd, answer.cost_basis
        if final:
            values["result"], values["conversation"] = answer.output, answer.conversation
    return Execution.whole(values)


def _again(
    execution: Execution, ready_at: datetime, now: datetime, spec: JobSpec, *, closed: Execution | None = None
) -> Settlement:
    """Back to the line: as a retry where an attempt was closed, else to go on with the same attempt."""
    check_execution(execution.status, ExecutionStatus.PENDING)
    retry = closed is not None
    after = execution.evolve(
        status=ExecutionStatus.PENDING,
        wake_at=ready_at,
        owner=None,
        attempt=execution.attempt + retry,
        retries=execution.retries + retry,
        agent_id=None,
    )
    if closed is not None:
        # Why it is tried again is what it ends with where there is no room for another attempt.
        after = after.evolve(reason=closed.reason, error=closed.error)
    return Settlement(
        before=execution, after=after, now=now, closed_attempt=closed, scopes=_spending_scopes(spec, closed or after)
    )


def _spending_scopes(spec: JobSpec, paid: Execution) -> tuple[str, ...]:
    """The tallies of a run. The job has its own where somebody asks for it: it has budgets, or the run used tokens or
    money, beside which a sum more is nothing."""
    scopes = tally_scopes(spec)
    if spec.budgets or paid.cost_usd or (paid.usage is not None and paid.usage.tokens):
        return (*scopes, f"job:{paid.job_id}")
    return scopes


def tally_scopes(spec: JobSpec) -> tuple[str, ...]:
    """The tallies that an execution of such a job is added to."""
    return _scopes(spec.agent, spec.tags)


@lru_cache(maxsize=1024)
def _scopes(agent: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    return ("all", f"agent:{agent}", *(f"tag:{tag}" for tag in tags))


def spared(totals: Iterable[Totals]) -> dict[str, Any]:
    """The runs of these jobs that a gate spared, and about what they would have cost: fields of ``JobStatistics``."""
    gated, saved = 0, list[Decimal]()
    for one in totals:
        gated += one.gated
        saved += [one.saved_usd] if one.saved_usd is not None else []
    return {"gated": gated, "saved_usd": sum(saved, Decimal(0)) if saved else None}
