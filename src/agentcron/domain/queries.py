"""What is asked of a store, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Job
from agentcron.domain.values import bad

T = TypeVar("T")
S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list; ``after`` is where the next one begins, None at the end."""

    items: Sequence[T]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class DateRange:
    """From ``start`` to ``end``, both included, aware; an ISO 8601 text is read as UTC where it names no zone."""

    start: datetime | str | None = None
    end: datetime | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilters:
    """Which jobs to list; all that are given must hold. Raises ``InvalidJobError`` for a status that there is not."""

    status: Collection[JobStatus] | None = None
    """Any of these, or this one; as text in any case too."""
    name_contains: str | None = None
    """Part of the name, in any case."""
    cron_pattern: str | None = None
    """Part of the expression as written, or an expression that means the same."""
    date_range: DateRange | None = None
    """When the job was created."""
    tag: str | None = None
    """Has this tag."""
    maker: str | None = None
    """Made by this agent ("agent:NAME", "agent"), or by any run of this job ("job:ID")."""

    def __post_init__(self) -> None:
        if self.status is not None:
            object.__setattr__(self, "status", _read(JobStatus, "status", self.status))


class JobOrder(StrEnum):
    """In which order jobs are looked at; those that are alike stand in the order of creation."""

    NEXT = "next"
    """The one that is due soonest first, those that wait for no time last."""
    NAME = "name"
    """By name, in any case."""
    LAST = "last"
    """The one that was started last first."""
    COST = "cost"
    """The dearest first."""
    NEWEST = "new"
    """The one that was created last first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Some of the jobs that a filter lets through, and how many it lets through of each status, whatever the statuses
    that it names."""

    jobs: Sequence[Job]
    by_status: Mapping[JobStatus, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilters:
    """Which executions to list, newest first. Raises ``InvalidJobError`` for a status that there is not."""

    job_id: str | None = None
    """Of this job; default: of all."""
    statuses: Collection[ExecutionStatus] | None = None
    """Any of these, or this one, as text in any case too; default: all, but for SKIPPED and MISSED."""
    before: str | None = None
    """An execution's id: only older ones."""
    include_skipped: bool = False
    """SKIPPED and MISSED too, where no statuses are named."""

    def __post_init__(self) -> None:
        if self.statuses is not None:
            object.__setattr__(self, "statuses", _read(ExecutionStatus, "statuses", self.statuses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """How many slots of a job that lie in the quarter of an hour from ``at`` on came to ``status``."""

    at: datetime
    status: ExecutionStatus
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Jobs whose ``next_run`` has come, soonest first, and when the next other one is due."""

    jobs: Sequence[Job]
    """To be planned: a store may leave out their totals and marks."""
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process that runs executions. ``alive`` is judged by its lock (one host) or its lease (several), which lasts
    until ``lease_until`` where there is one."""

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None = None
    alive: bool = False
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a node learns from its beat: executions to cancel, and those that are no longer its own."""

    cancel: Sequence[str] = ()
    lost: Sequence[str] = ()


def _read(kind: type[S], name: str, given: Collection[S] | str) -> tuple[S, ...]:
    """The statuses that are meant: a text that reached a store would find nothing there, or break it."""
    several = (given,) if isinstance(given, str) else given
    try:
        return tuple(kind(one.upper()) for one in several)
    except (ValueError, AttributeError):
        raise bad(name, given, f"one or more of {', '.join(kind)}") from None
