"""What the end of a run, or a plan, tells to others: which event it is, and whose rules may let it through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.news import ALL_CLEAR
from agentcron.domain.notify import Event, Notify
from agentcron.domain.outcomes import CutCause
from agentcron.domain.plans import Plan
from agentcron.domain.settling import Settlement

_FAILED: Final = frozenset({ExecutionStatus.FAILURE, ExecutionStatus.ERROR, ExecutionStatus.INCOMPLETE})


def event_of(settlement: Settlement) -> Event | None:
    """What the end of a stretch of running is to others; None where it is nobody's business: it goes on, a rule
    skipped it, or a person canceled it."""
    after = settlement.after
    if after.status is ExecutionStatus.SUCCESS:
        return Event.SUCCESS
    if after.status in _FAILED:
        return Event.FAILURE if after.reason != CutCause.CANCEL.value else None
    if after.status is ExecutionStatus.MISSED:
        return Event.MISSED
    return Event.AWAITING_INPUT if settlement.inputs else None


def wanted_of(rules: Sequence[Notify], event: Event) -> tuple[Notify, ...]:
    """The rules that may let the event through."""
    if event is Event.SUCCESS:
        return tuple(rule for rule in rules if not ALL_CLEAR.isdisjoint(rule.on))
    return tuple(rule for rule in rules if event in rule.on)


def missed_of(plan: Plan) -> list[Execution]:
    """The slots, one by one or in ranges, that the plan tells as missed."""
    return [row for row in plan.rows if row.status is ExecutionStatus.MISSED]


def pauses(plan: Plan) -> Job | None:
    """The job, where the plan pauses it and no person asked for that."""
    before, after = plan.before, plan.job_after
    if after is None or after.state is not JobState.PAUSED or after.state_reason == "person":
        return None
    was = (before.state, before.state_reason) if before is not None else None
    return after if was != (after.state, after.state_reason) else None
