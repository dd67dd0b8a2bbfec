"""What a run asks of a person, and what a person may answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from agentcron.errors import InvalidAnswerError

MAX_ANSWER_BYTES: Final = 64 << 10
# Who answered where nobody did in time.
NOBODY: Final = "expiry"


class InputKind(StrEnum):
    """What is asked."""

    APPROVAL = "approval"
    """A tool that needs approval is to be called: yes or no."""
    QUESTION = "question"
    """The agent wants to know something: a text, one of ``options`` where there are any."""
    UNKNOWN_CALL = "unknown_call"
    """A tool was being called when the scheduler died: call it again (yes), leave it (no), or say what came of it."""


class Decision(StrEnum):
    """What a person said."""

    APPROVED = "approved"
    """The tool may be called."""
    DENIED = "denied"
    """It may not, or there is no answer; the text says why."""
    ANSWERED = "answered"
    """The text is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an agent asks, in ``AgentOutcome.asking``."""

    key: str
    """The agent's own name for it, by which it finds the answer when the run goes on."""
    kind: InputKind
    """What is asked."""
    question: str
    """In one or several lines."""
    options: tuple[str, ...] = ()
    """What a question may be answered with; empty: any text."""
    tool: str | None = None
    """The tool that is to be called, or was."""
    args: Any = None
    """What it is called with, a JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One thing that a run asks, or asked, of a person. Times are aware UTC."""

    id: str
    """12 hexadecimal digits."""
    execution_id: str
    """Who asks."""
    job_id: str
    """Of the execution."""
    attempt: int
    """Of the execution."""
    key: str
    """The agent's own name for it."""
    kind: InputKind
    question: str
    """In one or several lines."""
    options: tuple[str, ...] = ()
    """What a question may be answered with; empty: any text."""
    tool: str | None = None
    """The tool that is to be called, or was."""
    args: Any = None
    """What it is called with, a JSON value."""
    asked_at: datetime
    expires_at: datetime
    """When the job's ``on_expiry`` decides instead."""
    decision: Decision | None = None
    """None: nobody answered."""
    answer: str | None = None
    """The text of an answer, or the reason of a denial."""
    answered_by: str | None = None
    """Who; ``expiry`` where nobody did in time."""
    answered_at: datetime | None = None
    waiting: bool = True
    """Whether its run is parked and it can be answered; a store finds it out, it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer on its way to an input. With ``by`` = ``expiry`` it may come late, any other may not."""

    decision: Decision
    answer: str | None = None
    by: str | None = None


def check_answer(asked: Input, given: Given) -> None:
    """Raise ``InvalidAnswerError`` for an answer that does not fit what is asked."""
    told = given.answer
    if told is not None:
        if "\0" in told:
            raise InvalidAnswerError(f"the answer to {asked.id} holds a NUL character; give plain text")
        if len(told.encode("utf-8", "surrogatepass")) > MAX_ANSWER_BYTES:
            raise InvalidAnswerError(f"the answer to {asked.id} is longer than {MAX_ANSWER_BYTES} bytes; shorten it")
    if given.decision is Decision.APPROVED and asked.kind is InputKind.QUESTION:
        raise InvalidAnswerError(f"{asked.id} is a question; answer it: agentcron answer {asked.id} TEXT")
    if given.decision is not Decision.ANSWERED:
        return
    if asked.kind is InputKind.APPROVAL:
        raise InvalidAnswerError(f"{asked.id} asks for approval; use agentcron approve {asked.id}, or deny")
    if told is None or not told.strip():
        raise InvalidAnswerError(f"the answer to {asked.id} is empty; give a text, or use agentcron deny {asked.id}")
    if asked.options and told not in asked.options:
        raise InvalidAnswerError(f"{told!r} is no answer to {asked.id}; choose one of: {', '.join(asked.options)}")
