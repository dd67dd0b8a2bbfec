"""How a model's run asks a person, and how it goes on with what they said: pydantic-ai's deferred tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic_ai import CallDeferred, DeferredToolRequests, DeferredToolResults, FunctionToolset, ToolDenied
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart

from agentcron.domain.inputs import Decision, Input, InputKind, Question

ASK_PERSON: Final = "ask_person"
_UNANSWERED: Final = "Nobody answered this question; go on without an answer, or say that you cannot."
_DENIED: Final = "A person denied this call; do not make it again."


async def ask_person(question: str, options: list[str] | None = None) -> str:
    """Ask the person who is responsible, and wait for their answer. It may take hours: ask only what you cannot find
    out yourself, and everything that you need at once.

    Args:
        question: One clear question, with what is needed to answer it.
        options: The possible answers, where there are only a few.
    """
    raise CallDeferred(kind="question")


def asking_tools() -> FunctionToolset[None]:
    """The tool by which a model asks a person."""
    return FunctionToolset([ask_person], id=ASK_PERSON)


def questions_of(requests: DeferredToolRequests) -> tuple[Question, ...]:
    """What a run that stopped asks: approval of calls, answers, and results of calls that are made elsewhere."""
    approvals = [
        Question(
            key=call.tool_call_id,
            kind=InputKind.APPROVAL,
            question=f"call {call.tool_name}",
            tool=call.tool_name,
            args=call.args_as_dict(),
        )
        for call in requests.approvals
    ]
    return (*approvals, *(_question(call) for call in requests.calls))


def _question(call: ToolCallPart) -> Question:
    args = call.args_as_dict()
    if call.tool_name != ASK_PERSON:
        told = f"the result of {call.tool_name}"
        return Question(key=call.tool_call_id, kind=InputKind.QUESTION, question=told, tool=call.tool_name, args=args)
    options = args.get("options")
    return Question(
        key=call.tool_call_id,
        kind=InputKind.QUESTION,
        question=str(args.get("question", "")),
        options=tuple(str(one) for one in options) if isinstance(options, list) else (),
        tool=ASK_PERSON,
    )


def open_calls(messages: Sequence[ModelMessage]) -> set[str]:
    """The calls of the model's last answer, by their ids."""
    last = next((message for message in reversed(messages) if isinstance(message, ModelResponse)), None)
    return {part.tool_call_id for part in last.parts if isinstance(part, ToolCallPart)} if last is not None else set()


def results_of(answers: Mapping[str, Input], messages: Sequence[ModelMessage]) -> DeferredToolResults | None:
    """What people said of the calls at which the run stopped; None where it did not stop at a call."""
    waiting = open_calls(messages)
    results = DeferredToolResults()
    for key, given in answers.items():
        if key not in waiting:
            continue
        if given.kind is InputKind.APPROVAL:
            approved = given.decision is Decision.APPROVED
            results.approvals[key] = True if approved else ToolDenied(_why(_DENIED, given))
        else:
            answered = given.decision is Decision.ANSWERED
            results.calls[key] = given.answer if answered else _why(_UNANSWERED, given)
    return results if results.approvals or results.calls else None


def _why(told: str, given: Input) -> str:
    return f"{told} ({given.answer})" if given.answer else told
