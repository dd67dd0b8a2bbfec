"""What is asked of a store, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Job

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list; ``after`` is where the next one begins, None at the end."""

    items: Sequence[T]
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """From ``start`` to ``end``, both included, aware; an ISO 8601 text is read as UTC where it names no zone."""

    start: datetime | str | None = None
    end: datetime | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilters:
    """Which jobs to list; all that are given must hold.

    ``status``: any of these. ``name_contains``: part of the name, any case. ``cron_pattern``: part of the expression
    as written, or an expression that means the same. ``date_range``: when the job was created. ``tag``: has it.
    """

    status: Collection[JobStatus] | None = None
    name_contains: str | None = None
    cron_pattern: str | None = None
    date_range: DateRange | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilters:
    """Which executions to list, newest first. ``before`` is an execution's id: only older ones."""

    job_id: str | None = None
    statuses: Collection[ExecutionStatus] | None = None
    before: str | None = None
    include_skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Jobs whose ``next_run`` has come, soonest first, and when the next other one is due."""

    jobs: Sequence[Job]
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process that runs executions. ``alive`` is judged by its lock (one host) or its lease (several)."""

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None = None
    alive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a node learns from its beat: executions to cancel, and those that are no longer its own."""

    cancel: Sequence[str] = ()
    lost: Sequence[str] = ()
