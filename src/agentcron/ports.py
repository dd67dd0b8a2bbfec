"""What the rooms of the house expect of each other."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from agentcron.agent_ports import AgentFactory as AgentFactory
from agentcron.agent_ports import BackgroundAgent as BackgroundAgent
from agentcron.agent_ports import RunContext as RunContext
from agentcron.domain.budgets import Claim, Verdict
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Given, Input
from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan
from agentcron.domain.queries import (
    Due,
    ExecutionFilters,
    JobFilters,
    JobOrder,
    Node,
    Orders,
    Page,
    Quarter,
    Selection,
)
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.retention import Pruned, Retention
from agentcron.domain.settling import Settlement
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Spent
from agentcron.domain.statistics import JobStatistics
from agentcron.journal import Step

T = TypeVar("T")


class Clock(Protocol):
    """Where ``now`` comes from. Everything else is given it."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def steady(self) -> float:
        """Seconds since some moment, never stepped: how long something lasts is measured by it, since ``now`` moves
        when a person or NTP sets the clock."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return at ``instant`` or later; at once where it is past."""
        ...


class SystemClock:
    """The machine's clock; the only reader of it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def steady(self) -> float:
        return time.monotonic()

    async def sleep_until(self, instant: datetime) -> None:
        import asyncio

        await asyncio.sleep(max(0.0, (instant - self.now()).total_seconds()))


# --- store --------------------------------------------------------------------------------------------------------


class Outbox(Protocol):
    """Keeps letters until they are sent. They are written with the plans and settlements that bear news, in the same
    transaction; a letter of an id that is there is not written again."""

    async def letters_due(self) -> Mapping[str, Waiting]:
        """The endpoints that letters wait for, each with what waits for it."""
        ...

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        """At most ``limit`` letters that may be tried, the oldest first. They are the caller's ``until`` then: nobody
        else is given them before. Each try counts from here."""
        ...

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        """Keep what became of it. False: it is not as it was ``before``, so somebody else has taken it meanwhile."""
        ...

    async def get_letter(self, letter_id: str) -> Letter | None:
        """The letter of this id, or of this unique beginning of one; ``ConflictError`` where several begin so."""
        ...

    async def list_letters(self, filters: LetterFilters, limit: int) -> Sequence[Letter]:
        """Newest first."""
        ...

    async def count_letters(self) -> Mapping[LetterStatus, int]:
        """How many letters there are of each status."""
        ...


class JobStore(Outbox, Protocol):
    """Keeps jobs and executions. It applies what ``plan`` and ``settle`` return and decides nothing.

    Every write is all-or-nothing and durable when it returns; a unit that is refused never touches its neighbours.
    Every method may raise ``StoreUnavailable``, naming the place and the remedy.
    """

    @property
    def url(self) -> str:
        """Where the store is, in the form that opens it again, without secrets."""
        ...

    async def open(self) -> None:
        """Make the store ready, migrating it where it is older. Raises ``StoreTooNew``. Twice is once."""
        ...

    async def close(self) -> None:
        """Let go of it; a store that was closed can be opened again."""
        ...

    async def get_job(self, job_id: str) -> Job | None:
        """The job of exactly this id, without its history."""
        ...

    async def get_spec(self, job_id: str, version: int) -> JobSpec | None:
        """What was written in that version of the job; None where there is none.

        To be asked for a job or an execution that the store handed out: of an id that was deleted and made again since
        by another process, it may answer for the job that was handed out.
        """
        ...

    async def find_jobs(self, name_or_prefix: str) -> Sequence[Job]:
        """Jobs of exactly this id or name, else those whose id begins with it."""
        ...

    async def deleted_at(self, job_id_or_name: str) -> datetime | None:
        """When a job of this id or name was deleted, where one was."""
        ...

    async def list_jobs(self, filters: JobFilters, *, after: str | None = None, limit: int = 100) -> Page[Job]:
        """Jobs in the order of creation; ``after`` is what the last page answered."""
        ...

    async def select_jobs(self, filters: JobFilters, order: JobOrder, limit: int, *, skip: int = 0) -> Selection:
        """At most ``limit`` jobs in that order, the first ``skip`` left out, and how many there are of each status."""
        ...

    async def jobs_of(self, ids: Collection[str]) -> Mapping[str, Job]:
        """The jobs of these ids by their id, without history; those that there are not are left out."""
        ...

    async def tags(self, limit: int) -> Sequence[str]:
        """The tags that jobs have, each once, sorted; the first ``limit`` of them."""
        ...

    async def due(self, now: datetime, limit: int) -> Due:
        """At most ``limit`` jobs whose ``next_run`` has come: a plain indexed read, no lease, no lock."""
        ...

    async def ready_at(self) -> datetime | None:
        """When the first waiting execution may be claimed; None where none waits."""
        ...

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        """Apply each plan whose job has not moved since it was read. False: someone was first."""
        ...

    async def commit_and_claim(
        self,
        plans: Sequence[Plan],
        owner: str,
        now: datetime,
        limit: int,
        *,
        caught_up: int,
        apart: Collection[str] = (),
    ) -> tuple[list[bool], list[Execution]]:
        """``commit``, then ``claim`` with ``begin``: what the plans made ready starts without a second commit."""
        ...

    async def restore(self, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
        """Add jobs of another store as they are, with these executions of theirs, oldest first.

        A job whose id is taken is left out, with its executions. What is open is counted from the rows; sums over
        all jobs count the rows that ended, a job's own totals are kept. An execution of a version that came with no
        job bears its prompt and goes by the job's present rules. Answers how many jobs were added.
        """
        ...

    async def claim(
        self,
        owner: str,
        now: datetime,
        limit: int,
        *,
        ids: Collection[str] | None = None,
        begin: bool = False,
        caught_up: int | None = None,
        apart: Collection[str] = (),
        limits: ClaimLimits | None = None,
    ) -> list[Execution]:
        """PENDING -> RUNNING for up to ``limit`` ready rows, fence + 1; with ``begin`` they are begun as well, but for
        those of jobs with ``when_changed`` or ``expect`` of ``changed:`` that were never begun, and those of jobs with
        budgets, of their own or of a scope in ``apart``: ``begin_within`` begins them.
        At most ``caught_up`` of them stand for slots that passed without a scheduler.

        Ready is: ``wake_at`` has come, no cancel was asked for, nothing runs in its lane and nothing waits before it
        there, and with ``limits`` there is room in its queue and in what holds for all runs; two claims never see the
        same room. Rows named by ``ids`` pass those that wait in their lane, and are not held up by it; a retry keeps
        its time.
        """
        ...

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        """Record that the attempt begins, with what was found before it. False: the fence is old, or a cancel was asked
        for."""
        ...

    async def begin_within(
        self, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None = None
    ) -> Verdict | None:
        """``begin`` if there is room in every budget of the claim, judged and reserved in one transaction; the
        reservation ends with the run. ``agent`` is the definition that runs it, where that is another one. None: the
        fence is old, or a cancel was asked for."""
        ...

    async def usage(self, scopes: str, hour: int) -> Sequence[Spent]:
        """What runs used, hour by hour since ``hour`` (since the epoch), of each scope that begins with ``scopes``:
        ``all``, ``agent:``, ``tag:``, ``job:``. Read from sums; of jobs those that used tokens or have budgets."""
        ...

    async def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None = None) -> bool:
        """Record which agent, and which process (``pid:start_time``), works on the attempt. False: fence is old."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Apply each. False: fenced off, the late writer loses.

        A job that has no next run is made due at once, since only the planner can tell what follows; one that has no
        slot left either, and nothing open after a success, is COMPLETED with it."""
        ...

    async def list_inputs(
        self, *, job_id: str | None = None, execution_id: str | None = None, closed: bool = False, limit: int = 100
    ) -> Sequence[Input]:
        """What runs ask of people, the newest ``limit`` of them, oldest first: of one job, of one execution, or of
        all; with ``closed`` also what was answered and what is not asked any more."""
        ...

    async def get_input(self, input_id: str) -> Input | None:
        """The input of this id, or of this unique beginning of one; ``ConflictError`` where several begin so."""
        ...

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        """Keep the answer; where its run waits for no other, the run goes back to the line in the same commit. False:
        somebody was first, its run is not parked, or its time is over (which does not bind who answers for nobody)."""
        ...

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        """Set the flag on those that are open; answers these rows."""
        ...

    async def open_executions(self, job_id: str | None = None) -> Sequence[Execution]:
        """Every open row, of one job or of all, oldest first."""
        ...

    async def join(self, node: Node) -> None:
        """Make this process known as one that runs executions, and hold what proves that it lives."""
        ...

    async def leave(self, node_id: str, now: datetime) -> None:
        """The process stops running executions."""
        ...

    async def nodes(self) -> Sequence[Node]:
        """All processes that ever ran executions, newest first."""
        ...

    async def beat(self, node_id: str, now: datetime, running: Collection[tuple[str, int]]) -> Orders:
        """Say that the node lives; learn what it is to cancel and what is no longer its own."""
        ...

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Execution]:
        """Rows that nobody looks after: running past ``wake_at``, owner gone, canceled while waiting or parked, or
        parked past ``wake_at``."""
        ...

    async def get_execution(self, execution_id: str) -> Execution | None:
        """With prompt, result and conversation. ``execution_id`` may be a unique beginning of one; raises
        ``ConflictError`` where several begin so."""
        ...

    async def list_executions(self, filters: ExecutionFilters, limit: int) -> Page[Execution]:
        """Newest first, with prompt and result, without conversation."""
        ...

    async def slot_at(self, job_id: str, instant: datetime) -> Execution | None:
        """The row with the greatest ``at`` not after ``instant`` that is no manual run."""
        ...

    async def latest_runs(self, job_ids: Sequence[str], limit: int) -> Sequence[Execution]:
        """The newest ``limit`` executions of each of these jobs that were begun, those of a job together and newest
        first, without texts."""
        ...

    async def runs_between(self, start: datetime, end: datetime, limit: int) -> Sequence[Execution]:
        """What ran at some time from ``start`` to ``end``, the newest first, without texts. One that was made more
        than a day before ``start``, or that bears an id of another program, is left out once it has ended."""
        ...

    async def count_since(self, instant: datetime) -> Mapping[ExecutionStatus, int]:
        """How many slots came to each final status since the beginning of the hour (UTC) of that instant, from sums by
        the hour; where there are sums, those of jobs that were deleted meanwhile are in them."""
        ...

    async def quarters(self, job_id: str, since: datetime) -> Sequence[Quarter]:
        """What became of a job's slots since then, by quarter of an hour; a range stands where it begins."""
        ...

    async def history_begins(self, job_id: str) -> datetime | None:
        """The ``at`` of the oldest row that is kept of the job; None where there is none."""
        ...

    async def prune(self, retention: Retention, now: datetime, *, after: str | None = None) -> Pruned:
        """Remove a batch of the ended executions that go beyond ``retention``, with their texts and attempts.

        ``after`` goes on where the last batch ended. Sums, totals and open rows stay as they are, and so do the newest
        ``keep_last`` rows of each job.
        """
        ...

    async def backup(self, path: Path, *, overwrite: bool = False) -> int:
        """Write a consistent copy that can be used as a store; answers its size in bytes.

        The store may be closed, and others may read and write it meanwhile. Raises ``ConflictError`` where ``path``
        exists and may not be overwritten.
        """
        ...

    async def statistics(self) -> JobStatistics:
        """Figures over everything, from running sums."""
        ...

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        """Move the instant until which the run is believed: the clock was set, its deadline was not. False: fence is
        old."""
        ...

    async def load_steps(self, execution_id: str, attempt: int) -> Sequence[Step]:
        """What the attempt had finished or begun, in order. The final settlement drops it."""
        ...

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        """Keep a step, or its result. False: fence is old."""
        ...

    async def process_of(self, execution_id: str) -> str | None:
        """What ``note_agent`` recorded as the process of the open attempt."""
        ...

    async def clear(self, now: datetime) -> int:
        """Delete every job and execution; answers how many jobs there were."""
        ...


class Engine(Protocol):
    """Runs claimed executions. Engines pull: there is no second queue to keep in step."""

    async def start(self) -> None:
        """Begin to claim and to run."""
        ...

    def wake(self) -> None:
        """There may be ready rows: a hint, harmless when lost."""
        ...

    async def cancel(self, execution_ids: Collection[str]) -> None:
        """End those that run here as INCOMPLETE(canceled)."""
        ...

    async def stop(self, grace: timedelta) -> None:
        """Claim no more; give running agents ``grace``, then cut them."""
        ...
