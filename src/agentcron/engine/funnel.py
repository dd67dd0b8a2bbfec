"""The one funnel: what is stored of a run passes here, without its secrets and within its size."""

from __future__ import annotations

from dataclasses import replace

from agentcron.agents.conversation import capped
from agentcron.domain.outcomes import AgentOutcome, Asking, Cut, Done, Errored, Failed, Held, Outcome
from agentcron.redaction import Redactor


def redacted(outcome: Outcome, redactor: Redactor) -> Outcome:
    """The one funnel: what is stored of a run passes here."""
    text = redactor.text
    match outcome:
        case Done(answer=answer):
            return replace(outcome, answer=_clean(answer, redactor))
        case Failed(answer=answer, message=message):
            return replace(outcome, answer=_clean(answer, redactor), message=text(message))
        case Asking():
            kept = None if outcome.answer is None else _clean(outcome.answer, redactor)
            questions = tuple(
                replace(one, question=text(one.question), args=redactor.value(one.args)) for one in outcome.questions
            )
            return replace(outcome, questions=questions, answer=kept)
        case Errored() | Held() | Cut():
            kept = None if outcome.answer is None else _clean(outcome.answer, redactor)
            return replace(outcome, message=text(outcome.message), answer=kept)
    return outcome


def _clean(answer: AgentOutcome, redactor: Redactor) -> AgentOutcome:
    output = redactor.text(answer.output)
    talk = answer.conversation
    if talk is not None:
        session = None if talk.session is None else redactor.text(talk.session)
        talk = capped(replace(talk, native=redactor.value(talk.native), session=session))
        return replace(answer, output=output, conversation=talk)
    return answer if output is answer.output else replace(answer, output=output)
