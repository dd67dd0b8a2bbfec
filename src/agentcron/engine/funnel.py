"""The one funnel: what is stored of a run passes here, without its secrets and within its size.

Counts and costs are held within what any run can come to: one absurd figure would overflow the sums of all others.
"""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Final

from agentcron.agents.conversation import capped
from agentcron.domain.outcomes import AgentOutcome, Asking, Cut, Done, Errored, Failed, Held, Outcome, Usage
from agentcron.redaction import Redactor

# A million runs of as many tokens, or micro-dollars, still add up within 64 bits.
MOST_COUNTED: Final = 10**12
MOST_DOLLARS: Final = Decimal(10**6)
_COUNTS: Final = tuple(field.name for field in fields(Usage))


def redacted(outcome: Outcome, redactor: Redactor) -> Outcome:
    """The one funnel: what is stored of a run passes here."""
    if isinstance(outcome, Done):
        clean = _clean(outcome.answer, redactor)
        return outcome if clean is outcome.answer else replace(outcome, answer=clean)
    text = redactor.said
    match outcome:
        case Failed(answer=answer, message=message):
            return replace(outcome, answer=_clean(answer, redactor), message=text(message))
        case Asking():
            kept = None if outcome.answer is None else _clean(outcome.answer, redactor)
            questions = tuple(
                replace(one, question=text(one.question), args=redactor.said_value(one.args))
                for one in outcome.questions
            )
            return replace(outcome, questions=questions, answer=kept)
        case Errored() | Held() | Cut():
            kept = None if outcome.answer is None else _clean(outcome.answer, redactor)
            return replace(outcome, message=text(outcome.message), answer=kept)
    return outcome


def _clean(answer: AgentOutcome, redactor: Redactor) -> AgentOutcome:
    answer = _billed(answer)
    output = redactor.said(answer.output)
    talk = answer.conversation
    if talk is not None:
        session = None if talk.session is None else redactor.said(talk.session)
        talk = capped(replace(talk, native=redactor.said_value(talk.native), session=session))
        return replace(answer, output=output, conversation=talk)
    return answer if output is answer.output else replace(answer, output=output)


def _billed(answer: AgentOutcome) -> AgentOutcome:
    if answer.usage is not None:
        usage = _counted(answer.usage)
        if usage is not answer.usage:
            answer = replace(answer, usage=usage)
    if answer.cost_usd is not None:
        cost = Decimal(answer.cost_usd)
        if cost.is_nan():
            return replace(answer, cost_usd=None)
        if not 0 <= cost <= MOST_DOLLARS:
            return replace(answer, cost_usd=min(max(cost, Decimal(0)), MOST_DOLLARS))
    return answer


def _counted(usage: Usage) -> Usage:
    counts = {name: getattr(usage, name) for name in _COUNTS}
    if min(counts.values()) >= 0 and max(counts.values()) <= MOST_COUNTED:
        return usage
    return Usage(**{name: min(max(count, 0), MOST_COUNTED) for name, count in counts.items()})
