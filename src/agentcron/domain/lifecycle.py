"""Which statuses there are and which may follow which.

Job states (``status`` is computed from the state and from whether something runs)::

    ACTIVE -> PAUSED -> ACTIVE;  ACTIVE, PAUSED -> CANCELED;  ACTIVE -> COMPLETED

Executions::

    PENDING -> RUNNING -> SUCCESS FAILURE ERROR INCOMPLETE
    PENDING, RUNNING -> SKIPPED MISSED (never begun);  RUNNING -> PENDING (retry, resume, not begun)
    RUNNING -> AWAITING_INPUT -> PENDING (answered), FAILURE (expired, denied), INCOMPLETE (canceled)

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
    """What a person sees: ACTIVE shows as RUNNING while an execution runs, else as WAITING."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"


class ExecutionStatus(StrEnum):
    """What became, or is becoming, of a slot or of a manual run."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    INCOMPLETE = "INCOMPLETE"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    AWAITING_INPUT = "AWAITING_INPUT"


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
