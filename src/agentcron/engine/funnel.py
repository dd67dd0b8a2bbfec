"""The one funnel: what is stored of a run passes here, without its secrets and within its size."""

from __future__ import annotations

from dataclasses import replace

from agentcron.agents.conversation import capped
from agentcron.domain.outcomes import AgentOutcome, Cut, Done, Errored, Failed, Held, Outcome
from agentcron.redaction import Redactor


def redacted(outcome: Outcome, redactor: Redactor) -> Outcome:
    """The one funnel: what is stored of a run passes here."""
    if isinstance(outcome, Done):
        clean = _clean(outcome.answer, redactor)
        return outcome if clean is outcome.answer else replace(outcome, answer=clean)
    text = redactor.text
    match outcome:
        case Failed(answer=answer, message=message):
            return replace(outcome, answer=_clean(answer, redactor), message=text(message))
        case Errored() | Held() | Cut():
            kept = None if outcome.answer is None else _clean(outcome.answer, redactor)
            return replace(outcome, message=text(outcome.message), answer=kept)
    return outcome


def _clean(answer: AgentOutcome, redactor: Redactor) -> AgentOutcome:
    output = redactor.text(answer.output)
    talk = answer.conversation
    if talk is not None:
        return replace(answer, output=output, conversation=capped(replace(talk, native=redactor.value(talk.native))))
    return answer if output is answer.output else replace(answer, output=output)
