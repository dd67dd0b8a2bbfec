"""Which statuses there are and which may follow which.

Job states (``status`` is computed from the state and from whether something runs)::

    ACTIVE -> PAUSED -> ACTIVE;  ACTIVE, PAUSED -> CANCELED;  ACTIVE -> COMPLETED

Executions::

    PENDING -> RUNNING -> SUCCESS FAILURE ERROR INCOMPLETE
    PENDING, RUNNING -> SKIPPED MISSED (never begun);  RUNNING -> PENDING (retry, resume, not begun)
    RUNNING -> AWAITING_INPUT -> PENDING (answered, denied), FAILURE (expired), INCOMPLETE (canceled)

Final is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    """What is stored of a job's life."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"


class JobStatus(StrEnum):
    """What a person sees of a job: ACTIVE shows as RUNNING while an execution runs, else as WAITING."""

    WAITING = "WAITING"
    """Active, and no execution of it runs."""
    RUNNING = "RUNNING"
    """Active, and an execution of it runs."""
    PAUSED = "PAUSED"
    """No slot runs until a resume; ``state_reason`` says who paused it (``person``, ``streak``)."""
    CANCELED = "CANCELED"
    """Over for good, by a person."""
    COMPLETED = "COMPLETED"
    """Over: ``max_runs`` or ``end_at`` is reached, or its single time has passed."""


class ExecutionStatus(StrEnum):
    """What became, or is becoming, of a slot or of a manual run; ``reason`` of the execution says why.

    PENDING, RUNNING and AWAITING_INPUT are open, all others final.
    """

    # That of enumerations is a call of Python, and each run looks its statuses up in several tables.
    __hash__ = str.__hash__

    PENDING = "PENDING"
    """In line, or waiting for its retry."""
    RUNNING = "RUNNING"
    """Claimed by a scheduler; an agent works on it."""
    SUCCESS = "SUCCESS"
    """The agent finished."""
    FAILURE = "FAILURE"
    """The agent finished and says that the work was not done, a limit was hit, or nobody answered (``expired``)."""
    INCOMPLETE = "INCOMPLETE"
    """Interrupted: ``timeout``, ``canceled``, ``shutdown`` or ``lost`` (its scheduler was gone)."""
    ERROR = "ERROR"
    """It could not do its work: creation, provider, a crash of the agent; ``reason`` is the kind."""
    SKIPPED = "SKIPPED"
    """Did not run by a rule: ``overlap``, ``paused``, ``limit`` or ``canceled``. Never begun."""
    MISSED = "MISSED"
    """Nobody could run it in time: ``too_late`` or ``coalesced``. Never begun."""
    AWAITING_INPUT = "AWAITING_INPUT"
    """Parked until a person answers: `agentcron inbox` shows what it asks."""


_E = ExecutionStatus

OPEN: Final = frozenset({_E.PENDING, _E.RUNNING, _E.AWAITING_INPUT})
RAN: Final = frozenset({_E.SUCCESS, _E.FAILURE, _E.INCOMPLETE, _E.ERROR})
NOT_RUN: Final = frozenset({_E.SKIPPED, _E.MISSED})
FINAL: Final = RAN | NOT_RUN

JOB_TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.ACTIVE: frozenset({JobState.PAUSED, JobState.CANCELED, JobState.COMPLETED}),
    JobState.PAUSED: frozenset({JobState.ACTIVE, JobState.CANCELED}),
    JobState.CANCELED: frozenset(),
    JobState.COMPLETED: frozenset(),
}

EXECUTION_TRANSITIONS: Final[Mapping[ExecutionStatus, frozenset[ExecutionStatus]]] = {
    _E.PENDING: frozenset({_E.RUNNING, _E.SKIPPED, _E.MISSED, _E.INCOMPLETE}),
    _E.RUNNING: RAN | NOT_RUN | {_E.PENDING, _E.AWAITING_INPUT},
    _E.AWAITING_INPUT: frozenset({_E.PENDING, _E.FAILURE, _E.INCOMPLETE}),
    **{status: frozenset() for status in FINAL},
}


def may_become(before: JobState, after: JobState) -> bool:
    """Whether the lifecycle allows a job this change."""
    return after in JOB_TRANSITIONS[before]


def check_execution(before: ExecutionStatus, after: ExecutionStatus) -> None:
    """Raise ``ValueError`` for a change of an execution that the table does not allow: a bug, not bad input."""
    if after not in EXECUTION_TRANSITIONS[before]:
        raise ValueError(f"an execution cannot go from {before} to {after}")
