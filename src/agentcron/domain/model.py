"""What a job and an execution are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from agentcron.domain.findings import Findings, Mark
from agentcron.domain.lifecycle import FINAL, RAN, ExecutionStatus, JobState, JobStatus
from agentcron.domain.made import Made
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.domain.policies import (
    BEHIND_FRESH,
)
from agentcron.domain.spec import JobSpec
from agentcron.domain.statistics import Totals
from agentcron.domain.written import Written
from agentcron.schedule import CronSchedule
from agentcron.schedule.instants import to_us


@dataclass(frozen=True, kw_only=True)
class Execution(Made):
    """One slot, one manual run, or one range of slots that did not run. Times are aware UTC."""

    id: str
    """Begins with the time of its making, so ids sort by it."""
    job_id: str
    """The job's id."""
    version: int
    """Of the job, as it was planned."""
    at: datetime
    """Where the row stands in the job's history: the slot, or when a manual run was asked for."""
    status: ExecutionStatus
    manual: bool = False
    last_at: datetime | None = None
    """The last slot of a range."""
    slots: int = 1
    """How many slots the row stands for."""
    reason: str | None = None
    """Why it ended so, in a word."""
    wake_at: datetime | None = None
    """When somebody looks at an open row again at the latest."""
    priority: int = 0
    """Lower numbers are started first; the job's, and 10,000 more where the slot is caught up."""
    lane: str | None = None
    """Rows of one lane run one after another; None: beside all others."""
    owner: str | None = None
    """The node that runs it, or ran it last."""
    fence: int = 0
    """Counts claims: whoever holds an older fence may not write."""
    attempt: int = 0
    """Counts fresh beginnings, from 1; 0 where none was planned."""
    retries: int = 0
    """Attempts that failed before this one."""
    begun: bool = False
    """Whether an agent may have been called."""
    asked: int = 0
    """How often it was parked until a person answered."""
    cancel_requested: datetime | None = None
    start_time: datetime | None = None
    """Start of the latest attempt."""
    end_time: datetime | None = None
    """When it became final."""
    agent: str | None = None
    """The agent definition."""
    agent_id: str | None = None
    """The agent that ran it."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    """US dollars."""
    cost_basis: CostBasis = CostBasis.UNKNOWN
    error: str | None = None
    """What went wrong, in one line."""
    findings: Findings | None = None
    """What its gate saw and what its answer says of itself; None where nothing was looked at."""
    prompt: str | None = None
    """None where it was not asked for."""
    result: str | None = None
    """The answer; None where it was not asked for."""
    conversation: Conversation | None = None
    """None where it was not asked for: ``get_conversation``."""

    @property
    def scheduled_for(self) -> datetime | None:
        """The slot (the first one of a range); None for a manual run."""
        return None if self.manual else self.at

    @property
    def last_scheduled_for(self) -> datetime | None:
        """The last slot of a range; None for a single slot or a manual run."""
        return self.last_at

    @property
    def caught_up(self) -> bool:
        """Whether it stands for a slot that passed without a scheduler; it waits behind what is on time."""
        return self.priority >= BEHIND_FRESH - 1000

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

    @property
    def silent(self) -> bool:
        """Whether its answer says that there is nothing to tell anybody."""
        return self.findings is not None and self.findings.silent

    @property
    def trace_id(self) -> str | None:
        """The trace that it is in, 32 hexadecimal digits; None without tracing."""
        return self.findings.trace_id if self.findings is not None else None

    @property
    def idempotency_key(self) -> str:
        """The same on every attempt: ``job_id:scheduled_for``, or the execution's id for a manual run."""
        return idempotency_key(self.job_id, self.scheduled_for, self.id)


def idempotency_key(job_id: str, scheduled_for: datetime | None, execution_id: str) -> str:
    """What outside effects of a run are told apart by: the slot, or the execution where there is none."""
    return f"{job_id}:{scheduled_for.isoformat()}" if scheduled_for is not None else execution_id


@dataclass(frozen=True, kw_only=True)
class Job(Written, Made):
    """A job as it stands: every field of ``JobSpec``, which a person wrote, and where it is on its calendar. Times are
    aware UTC."""

    id: str
    spec: JobSpec
    """What a person wrote."""
    created: datetime
    version: int = 1
    """Grows with every edit."""
    revision: int = 1
    """Grows with every change of plan."""
    state: JobState = JobState.ACTIVE
    """What is stored; people see ``status``."""
    state_reason: str | None = None
    """Who or what paused or canceled it."""
    next_slot: datetime | None = None
    """The first slot that is not accounted for; kept while paused."""
    next_run: datetime | None = None
    """When it is due, with jitter; None unless the job is active and waits for the clock."""
    last_run: datetime | None = None
    """When a run of it was started last."""
    open: int = 0
    """Executions that are not final."""
    running: int = 0
    """Executions that run."""
    runs: int = 0
    """Scheduled runs that ended, for ``max_runs``."""
    streak: int = 0
    """Failures in a row, for ``pause_after_failures``."""
    totals: Totals = field(default=Totals())
    """Sums over all of its executions."""
    made_by: str | None = None
    """Who created it, where that is known."""
    marks: tuple[Mark, ...] = ()
    """What the sources of ``when_changed`` were like at the last success."""
    execution_history: tuple[Execution, ...] = ()
    """The last 50 that ran, newest first; only ``get_job`` fills it."""

    @property
    def status(self) -> JobStatus:
        """The state, with ACTIVE told apart into RUNNING and WAITING."""
        if self.state is JobState.ACTIVE:
            return JobStatus.RUNNING if self.running > 0 else JobStatus.WAITING
        return JobStatus(self.state.value)

    @property
    def edition(self) -> str:
        """What people last decided about it: it changes with each edit, pause, resume and cancel, never by a run."""
        # One that is made again from its key has the same id, and begins at the same version.
        return f"{self.version}-{self.state.value}-{to_us(self.created):x}"

    @property
    def cron_expression(self) -> str | None:
        """The expression of a cron schedule; None for an interval or a single time."""
        return self.spec.schedule.expression if isinstance(self.spec.schedule, CronSchedule) else None

    @property
    def timezone(self) -> str:
        """IANA name of the zone that the schedule is read in."""
        return self.spec.schedule.timezone
