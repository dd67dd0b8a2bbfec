"""What an agent's answer, or the error that it raised, comes to."""

from __future__ import annotations

from typing import Any, Final

from agentcron.agent_ports import InputNeeded
from agentcron.domain.answers import said_failed
from agentcron.domain.inputs import InputKind, Question
from agentcron.domain.outcomes import AgentOutcome, Asking, Done, Errored, Failed, Outcome
from agentcron.errors import AgentDefinitionError, AgentError, StepUnknown

LIMIT: Final = "limit"


def judged(answer: Any, failure_marker: str | None) -> Outcome:
    """What an agent answered, which may be anything: agents are other people's code."""
    if not isinstance(answer, AgentOutcome):
        word = type(answer).__name__
        raise AgentError(f"the agent answered with {word}; it must return an AgentOutcome", kind="answer")
    output: Any = answer.output
    if not isinstance(output, str):
        word = type(output).__name__
        raise AgentError(f"the agent's outcome has {word} as its output; it must be text", kind="answer")
    if answer.asking:
        return Asking(questions=answer.asking, answer=answer)
    if answer.failed is not None:
        kind = LIMIT if answer.failed.startswith("limit") else "agent"
        return Failed(kind=kind, message=answer.failed, answer=answer)
    if failure_marker is not None and (why := said_failed(failure_marker, output)) is not None:
        return Failed(kind="agent", message=why, answer=answer)
    return Done.whole({"answer": answer})


def errored(error: BaseException) -> Errored | Asking:
    if isinstance(error, InputNeeded):
        return Asking(questions=(error.question,), fresh_steps=False)
    if isinstance(error, StepUnknown):
        asked = Question(key=error.key, kind=InputKind.UNKNOWN_CALL, question=str(error), tool=error.tool)
        # It begins again from its journal, which holds more than what was said when it was parked last.
        return Asking(questions=(asked,), fresh_steps=False)
    if isinstance(error, AgentError):
        return Errored(
            kind=error.kind,
            message=str(error),
            retryable=error.retryable,
            retry_after=error.retry_after,
            provider=error.provider,
        )
    if isinstance(error, AgentDefinitionError):
        return Errored(kind="definition", message=str(error))
    return Errored(kind="exception", message=f"{type(error).__name__}: {error}")
