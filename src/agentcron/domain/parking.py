"""How a run is parked until a person answers, and what follows when nobody does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agentcron.domain.inputs import NOBODY, Decision, Given, Input, InputKind
from agentcron.domain.lifecycle import ExecutionStatus, check_execution
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import AgentOutcome, Asking, Failed
from agentcron.domain.policies import OnExpiry
from agentcron.domain.spec import JobSpec
from agentcron.errors import ConflictError
from agentcron.schedule import format_duration

# An agent that asks for ever, answered by the clock, would never end.
MAX_ASKED: Final = 100
EXPIRED: Final = "expired"
LONGEST_LINE: Final = 300


def park(execution: Execution, outcome: Asking, now: datetime, spec: JobSpec) -> tuple[Execution, tuple[Input, ...]]:
    """The execution as it is parked, and what it asks."""
    check_execution(execution.status, ExecutionStatus.AWAITING_INPUT)
    until = outcome.until or now + spec.input_timeout
    said = outcome.answer or AgentOutcome()
    after = execution.evolve(
        status=ExecutionStatus.AWAITING_INPUT,
        wake_at=until,
        owner=None,
        asked=execution.asked + 1,
        usage=said.usage,
        cost_usd=said.cost_usd,
        cost_basis=said.cost_basis,
        conversation=said.conversation if outcome.fresh_steps else None,
    )
    return after, _inputs(execution, outcome, now, until)


def _inputs(execution: Execution, outcome: Asking, now: datetime, until: datetime) -> tuple[Input, ...]:
    """Their ids follow from who asks: the same park written twice asks once."""
    return tuple(
        Input(
            id=hashlib.blake2b(f"{execution.id}/{execution.fence}/{number}".encode(), digest_size=6).hexdigest(),
            execution_id=execution.id,
            job_id=execution.job_id,
            attempt=execution.attempt,
            key=one.key,
            kind=one.kind,
            question=one.question,
            options=one.options,
            tool=one.tool,
            args=one.args,
            asked_at=now,
            expires_at=until,
        )
        for number, one in enumerate(outcome.questions)
    )


def abandoned(execution: Execution, spec: JobSpec) -> Failed:
    """What a run comes to that nobody answered; what it had used until then was paid for."""
    used = AgentOutcome(usage=execution.usage, cost_usd=execution.cost_usd, cost_basis=execution.cost_basis)
    told = f"nobody answered within {format_duration(spec.input_timeout)}"
    return Failed(kind=EXPIRED, message=told, answer=used)


def given_by_nobody(asked: Input, spec: JobSpec) -> Given | None:
    """What an input is answered with when its time is over; None: its run is abandoned."""
    if spec.on_expiry is OnExpiry.ABANDON:
        return None
    if spec.on_expiry is OnExpiry.ANSWER and asked.kind is InputKind.QUESTION:
        return Given(decision=Decision.ANSWERED, answer=spec.default_answer, by=NOBODY)
    told = f"nobody answered within {format_duration(spec.input_timeout)}"
    return Given(decision=Decision.DENIED, answer=told, by=NOBODY)


def told(inputs: Sequence[Input]) -> str:
    """What a run that parks asks, in one line."""
    first = inputs[0]
    line = " ".join(first.question.split())
    line = line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
    more = f" (and {len(inputs) - 1} more)" if len(inputs) > 1 else ""
    return f"asks {first.id}: {line}{more}; answer it with agentcron inbox, approve, deny, answer"


def why_closed(asked: Input, execution: Execution | None, now: datetime) -> ConflictError:
    """Why an answer was not taken: one line for whoever gave it."""
    if asked.decision is not None:
        by = f" by {asked.answered_by}" if asked.answered_by and asked.answered_by != NOBODY else ""
        at = f" at {asked.answered_at.isoformat(timespec='seconds')}" if asked.answered_at else ""
        when = "when its time was over" if asked.answered_by == NOBODY else "already"
        return ConflictError(f"{asked.id} was {asked.decision}{by}{at} {when}; nothing was changed")
    if execution is not None and execution.final:
        reason = f" ({execution.reason})" if execution.reason else ""
        return ConflictError(f"{asked.id} is not asked any more: its run ended as {execution.status}{reason}")
    if asked.expires_at <= now:
        at = asked.expires_at.isoformat(timespec="seconds")
        return ConflictError(f"{asked.id} expired at {at}; what the job says for that follows")
    return ConflictError(f"{asked.id} is not asked any more: its run is being canceled")
