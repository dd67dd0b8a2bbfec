"""What a job and an execution are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agentcron.domain.lifecycle import FINAL, RAN, ExecutionStatus, JobState, JobStatus
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.domain.policies import CatchUp, OnInterrupt, Overlap, RetryPolicy
from agentcron.domain.spec import JobSpec
from agentcron.schedule import CronSchedule, Schedule


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One slot, one manual run, or one range of slots that did not run. Times are aware UTC.

    ``scheduled_for`` is None for a manual run; ``at`` is the instant the row stands at in the job's history (the
    slot, or when the run was asked for). A range ends at ``last_scheduled_for`` and stands for ``slots`` slots.
    ``attempt`` counts fresh beginnings and ``fence`` counts claims: whoever holds an older fence may not write.
    ``wake_at`` is when somebody looks at an open row again at the latest. ``start_time`` is the start of the latest
    attempt. ``prompt``, ``result`` and ``conversation`` are None where they were not asked for.
    """

    id: str
    job_id: str
    version: int
    at: datetime
    status: ExecutionStatus
    manual: bool = False
    last_at: datetime | None = None
    slots: int = 1
    reason: str | None = None
    wake_at: datetime | None = None
    priority: int = 0
    lane: str | None = None
    owner: str | None = None
    fence: int = 0
    attempt: int = 0
    retries: int = 0
    begun: bool = False
    cancel_requested: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    agent: str | None = None
    agent_id: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    cost_basis: CostBasis = CostBasis.UNKNOWN
    error: str | None = None
    prompt: str | None = None
    result: str | None = None
    conversation: Conversation | None = None

    @property
    def scheduled_for(self) -> datetime | None:
        """The slot (the first one of a range); None for a manual run."""
        return None if self.manual else self.at

    @property
    def last_scheduled_for(self) -> datetime | None:
        """The last slot of a range; None for a single slot or a manual run."""
        return self.last_at

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL

    @property
    def ran(self) -> bool:
        """Whether it ended after an agent was begun."""
        return self.status in RAN

    @property
    def duration(self) -> timedelta | None:
        """How long the latest attempt took, once it ended."""
        return self.end_time - self.start_time if self.start_time and self.end_time else None

    def evolve(self, **changes: Any) -> Execution:
        """A copy with these fields changed. Every run pays for it more than once, and copying the instance's
        dictionary costs a twentieth of ``dataclasses.replace``; for that the class has no slots."""
        copy = object.__new__(Execution)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy

    @property
    def idempotency_key(self) -> str:
        """The same on every attempt: ``job_id:scheduled_for``, or the execution's id for a manual run."""
        return self.id if self.manual else f"{self.job_id}:{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all executions of a job came to. Counts are slots, so a range counts as many as it stands for."""

    success: int = 0
    failure: int = 0
    incomplete: int = 0
    error: int = 0
    skipped: int = 0
    missed: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration: timedelta = timedelta(0)

    @property
    def executions(self) -> int:
        """Executions that ran; skipped and missed slots do not count."""
        return self.success + self.failure + self.incomplete + self.error


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it stands: what a person wrote (``spec``) and where it is on its calendar. Times are aware UTC.

    ``next_slot`` is the first slot not yet accounted for (kept while paused); ``next_run`` is when it is due, with
    jitter, and None unless the job is active and waits for the clock. ``runs`` counts scheduled runs that ended,
    for ``max_runs``. ``revision`` grows with every change of plan, ``version`` with every edit.
    """

    id: str
    spec: JobSpec
    created: datetime
    version: int = 1
    revision: int = 1
    state: JobState = JobState.ACTIVE
    state_reason: str | None = None
    next_slot: datetime | None = None
    next_run: datetime | None = None
    last_run: datetime | None = None
    open: int = 0
    running: int = 0
    runs: int = 0
    streak: int = 0
    totals: Totals = Totals()
    made_by: str | None = None
    execution_history: tuple[Execution, ...] = ()

    @property
    def status(self) -> JobStatus:
        """The state, with ACTIVE told apart into RUNNING and WAITING."""
        if self.state is JobState.ACTIVE:
            return JobStatus.RUNNING if self.running > 0 else JobStatus.WAITING
        return JobStatus(self.state.value)

    @property
    def cron_expression(self) -> str | None:
        """The expression of a cron schedule; None for an interval or a single time."""
        return self.spec.schedule.expression if isinstance(self.spec.schedule, CronSchedule) else None

    @property
    def timezone(self) -> str:
        """IANA name of the zone that the schedule is read in."""
        return self.spec.schedule.timezone

    def evolve(self, **changes: Any) -> Job:
        """A copy with these fields changed."""
        copy = object.__new__(Job)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy

    # The fields of the spec, typed one by one so that `job.prompt` is known to editors and checkers.
    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def schedule(self) -> Schedule:
        return self.spec.schedule

    @property
    def prompt(self) -> str:
        return self.spec.prompt

    @property
    def agent(self) -> str:
        return self.spec.agent

    @property
    def start_at(self) -> datetime | None:
        return self.spec.start_at

    @property
    def end_at(self) -> datetime | None:
        return self.spec.end_at

    @property
    def max_runs(self) -> int | None:
        return self.spec.max_runs

    @property
    def jitter(self) -> timedelta:
        return self.spec.jitter

    @property
    def overlap(self) -> Overlap:
        return self.spec.overlap

    @property
    def catch_up(self) -> CatchUp:
        return self.spec.catch_up

    @property
    def catch_up_max(self) -> int:
        return self.spec.catch_up_max

    @property
    def catch_up_window(self) -> timedelta | None:
        return self.spec.catch_up_window

    @property
    def misfire_grace(self) -> timedelta:
        return self.spec.misfire_grace

    @property
    def timeout(self) -> timedelta:
        return self.spec.timeout

    @property
    def retry(self) -> RetryPolicy:
        return self.spec.retry

    @property
    def on_interrupt(self) -> OnInterrupt:
        return self.spec.on_interrupt

    @property
    def pause_after_failures(self) -> int:
        return self.spec.pause_after_failures

    @property
    def priority(self) -> int:
        return self.spec.priority

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.spec.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        return self.spec.tags


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """Figures over jobs and executions. Skipped and missed slots are in ``executions_by_status`` alone.

    ``success_rate`` is successes over executions that ran (None before the first); durations are of runs that
    ended, ``p95_duration`` to within the width of a logarithmic bucket (a quarter of a power of two).
    """

    total_jobs: int = 0
    jobs_by_status: Mapping[JobStatus, int]
    running_jobs: int = 0
    total_executions: int = 0
    executions_by_status: Mapping[ExecutionStatus, int]
    success_rate: float | None = None
    mean_duration: timedelta | None = None
    p95_duration: timedelta | None = None
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
