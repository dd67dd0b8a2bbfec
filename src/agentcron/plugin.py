"""The one facade: every capability is a method here, and every surface calls it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from agentcron import ids
from agentcron._version import __version__
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.checks.checker import Checker
from agentcron.delivery.message import Endpoints, Sender
from agentcron.delivery.pulse import Pulse
from agentcron.domain import changes
from agentcron.domain.calendar import slot_after
from agentcron.domain.explain import Explanation, explain
from agentcron.domain.inputs import Decision, Given, Input, check_answer
from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, retried
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.limits import NO_LIMITS
from agentcron.domain.makers import maker_of
from agentcron.domain.model import Execution, Job
from agentcron.domain.notify import Notify, check_targets, read_notify
from agentcron.domain.outcomes import Conversation, Cut, CutCause
from agentcron.domain.parking import why_closed
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.prompts import check_prompt
from agentcron.domain.queries import ExecutionFilters, JobFilters, JobOrder, Node, Page, Quarter, Selection
from agentcron.domain.queues import check_queue, ranked, read_queues
from agentcron.domain.settling import settle
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.spending import read_shared
from agentcron.domain.statistics import JobStatistics
from agentcron.domain.usage import UsageLine, usage_lines, usage_range
from agentcron.engine.choosing import engine_of, limits_on
from agentcron.engine.heart import Heart
from agentcron.engine.herald import Herald
from agentcron.engine.postman import try_out
from agentcron.engine.scheduler import Scheduler, make_manager
from agentcron.errors import ChangedError, ConfigError, ConflictError, InvalidJobError, NotFoundError
from agentcron.observability import Log, get_logger
from agentcron.options import BackgroundJobsConfig, default_store
from agentcron.ports import AgentFactory, Clock, JobStore, SystemClock
from agentcron.redaction import Redactor
from agentcron.schedule import EverySchedule, Schedule, parse_schedule
from agentcron.schedule.instants import check_on_clock, from_us, to_us
from agentcron.scheduling_tools import scheduling_tools
from agentcron.storage.urls import open_storage

if TYPE_CHECKING:
    from agentcron.agent_core import Agent

__all__ = ["BackgroundJobsConfig", "BackgroundJobsPlugin", "next_slots"]

NAME: Final = "background-jobs"
HISTORY: Final = 50
TRIES: Final = 20
# More callers than so many that wait for executions share the looks that so many would take.
MANY_WAIT: Final = 100

# The fields of a job that are free text.
_WRITTEN: Final = frozenset({"name", "prompt", "metadata", "tags"})
# Those that name what has to be there.
_CHECKED: Final = ("agent", "limits", "budgets", "heartbeat")
_READ_ONLY: Final = frozenset(
    {
        "id",
        "created",
        "status",
        "state",
        "execution_history",
        "last_run",
        "next_run",
        "next_slot",
        "version",
        "revision",
        "made_by",
    }
)


class BackgroundJobsPlugin:
    """Creates jobs, runs them on time, and keeps what became of them.

    Made from keyword arguments or from one ``BackgroundJobsConfig``. The store opens on first use; ``close()`` ends
    it. Methods that answer ``bool`` answer False for an unknown job and for a change that the lifecycle forbids, and
    log why. Every method may raise ``StoreUnavailable``, and on a JSON folder that another process writes every
    change raises ``ConflictError``. Raises ``InvalidJobError`` for an interval below 10 ms.
    """

    name = NAME

    def __init__(self, config: BackgroundJobsConfig | None = None, **options: Any) -> None:
        if config is not None and options:
            raise TypeError("give either a BackgroundJobsConfig or keyword arguments, not both")
        self.config = config = config or BackgroundJobsConfig(**options)
        if config.evaluation_interval_ms < 10:
            raise InvalidJobError("evaluation_interval_ms: must be at least 10", field="evaluation_interval_ms")
        storage = config.storage_plugin
        if storage is None:
            storage = default_store()
        self.storage: JobStore = open_storage(storage) if isinstance(storage, str | Path) else storage
        log_to = getattr(self.storage, "log_to", None)
        if config.logger is not None and log_to is not None:
            # Damage that a store finds would be told where the owner of this logger does not look.
            log_to(config.logger)
        self.agent_factory: AgentFactory = config.agent_factory or AgentFactoryPlugin()
        if (run_by := getattr(self.storage, "run_by", None)) is not None:
            # The original's files name no agent: its jobs are run by what its factory has as the default.
            run_by(self.agent_factory.default_definition)
        self._budgets = read_shared(config.budgets)
        self._queues = read_queues(config.queues)
        # Nodes whose own clocks differ agree on what is due by that of their store, where it has one.
        self._clock: Clock = config.clock or getattr(self.storage, "clock", None) or SystemClock()
        self._checker = Checker(config.base_dir)
        self._interval = timedelta(milliseconds=config.evaluation_interval_ms)
        # A factory that resolves secrets knows values that the environment alone does not show.
        self._redactor = getattr(self.agent_factory, "redactor", None) or Redactor(os.environ)
        self._log = Log(config.logger or get_logger(), NAME, self._redactor.text, debug=config.debug)
        self._notify = read_notify(config.notify, "notify.default") or ()
        self._herald = Herald(self._notify, self._redactor.text)
        self._waiting = 0
        self._known_endpoints: Endpoints | None = None
        self._scheduler: Scheduler | None = None
        self._stopping: Scheduler | None = None
        self._switching = asyncio.Lock()
        # Two agents that make a job at once must not both take the last place of their maker.
        self.making = asyncio.Lock()
        self._opening: asyncio.Lock | None = None
        self._opened = False

    # --- lifecycle ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start_background_execution()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def initialize(self, agent: Agent) -> None:
        """For ``Agent.add_plugin``: open the store, give the agent the scheduling tools, and run due jobs from now on
        unless ``autostart`` is off. Raises ``ConflictError`` where the agent has tools of these names."""
        await self._store()
        agent.register_tools(self, scheduling_tools(self, agent.name))
        if self.config.autostart:
            await self.start_background_execution()

    async def start_background_execution(self) -> None:
        """Run due jobs from now on, until a stop. Twice is once. What a lost scheduler left open is settled first,
        after what is left of its agents' processes was ended."""
        # A stop during a start would leave a scheduler that runs and that nobody owns.
        async with self._switching:
            await self._start()

    async def _start(self) -> None:
        if self._scheduler is not None:
            return
        store = await self._store()
        self._scheduler = scheduler = self._make_scheduler(store, self.config.engine)
        try:
            await scheduler.start()
        except BaseException:
            self._scheduler = None
            raise
        self._log.info(f"started on {store.url}, pid {os.getpid()}")

    async def stop_background_execution(self, grace: timedelta | None = None) -> None:
        """Start nothing more; give running agents ``grace`` (default: ``stop_grace`` of the config, 30 s), then cut
        them as INCOMPLETE(shutdown). What was never begun stays PENDING. Twice, and before a start, is no error."""
        async with self._switching:
            scheduler, self._scheduler = self._scheduler, None
            if scheduler is not None:
                self._stopping = scheduler
                await scheduler.stop(self.config.stop_grace if grace is None else grace)
                self._stopping = None
                self._log.info("stopped")

    def hurry_stop(self) -> None:
        """A stop that waits for running agents waits no longer: they are cut at once."""
        if self._stopping is not None:
            self._stopping.engine.hurry()

    async def close(self) -> None:
        """Stop, and let go of the store. The next call opens it again."""
        await self.stop_background_execution()
        if self._opened:
            self._opened = False
            await self.storage.close()

    async def force_evaluation(self) -> None:
        """Evaluate every job at once.

        With background execution started, here or in another process on this store, what is due is planned and its
        runs begin in the background. Otherwise what is due runs here, to its end, before this returns; a retry that
        waits for its time is left for later.
        """
        store = await self._store()
        if self._scheduler is not None:
            await self._scheduler.manager.evaluate()
        elif await self.scheduler_alive():
            manager = make_manager(
                store, self._clock, self._interval, self._log, self._follow, herald=self._herald, queues=self._queues
            )
            await manager.evaluate()
        else:
            await self._make_scheduler(store).run_due()

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def create_job(
        self,
        name: str,
        schedule: str | Schedule | None = None,
        prompt: str = "",
        *,
        made_by: str | None = None,
        key: str | None = None,
        consent: bool = True,
        **fields: Any,
    ) -> str:
        """Create a job and answer its id.

        ``schedule`` is a cron expression of 5 fields (6: seconds first), ``"every 10m"``, ``"at 2030-01-01T09:00"``,
        or a ``Schedule``; it is read in ``timezone`` (an IANA name; default: that of the config, UTC). In its place
        ``cron_expression``, ``every`` or ``at`` can be given, as over HTTP. ``fields`` are those of ``JobSpec``.
        ``made_by`` stays with the job for good: None for a person, or a program of theirs, "agent:NAME" where an agent
        asked for the job with the scheduling tools, "job:ID/EXECUTION" where a run did. With a ``key`` one maker makes
        one job, also across processes: where theirs of this key exists, its id is answered and nothing is changed.
        Without ``consent`` the job is PAUSED(approval) until it is resumed. The job is durable when this returns.
        Raises ``InvalidScheduleError``, ``InvalidJobError`` and ``AgentDefinitionError``: what cannot work is refused
        here.
        """
        return (await self.make_job(name, schedule, prompt, made_by=made_by, key=key, consent=consent, **fields))[0].id

    async def make_job(
        self,
        name: str,
        schedule: str | Schedule | None = None,
        prompt: str = "",
        *,
        made_by: str | None = None,
        key: str | None = None,
        consent: bool = True,
        **fields: Any,
    ) -> tuple[Job, bool]:
        """The job that ``create_job`` makes, or that was made with this ``key`` before, and whether it was made just
        now."""
        fields.setdefault("agent", self.agent_factory.default_definition)
        values = self._without_secrets({"name": name, "schedule": schedule, "prompt": prompt, **fields})
        spec = read_spec(values, timezone=self.config.timezone)
        check_prompt(spec)
        job_id = None
        if key is not None:
            job_id = ids.keyed_job_id(maker_of(made_by) or made_by or "", key)
            if (known := await (await self._store()).get_job(job_id)) is not None:
                return known, False
        plan = changes.create(spec, job_id or ids.job_id(), self._clock.now(), made_by=made_by, consent=consent)
        self._check_agents(spec)
        check_targets(spec.notify or (), self._senders if spec.notify else ())
        check_queue(spec, self._queues)
        plan = self._herald.plan(plan)
        if spec.when_changed or spec.expect:
            await self._checker.check(spec)
        store = await self._store()
        if not (await store.commit([plan]))[0]:
            if (known := await store.get_job(plan.job_id)) is not None:
                return known, False
            raise ConflictError(f"job {plan.job_id} was made and deleted by somebody else at the same time")
        self._wake()
        self._herald.sound(plan)
        assert plan.job_after is not None
        if self._log.telling:
            self._log.info(f"created {name} ({plan.job_id}), next run {plan.job_after.next_run}", job_id=plan.job_id)
        return plan.job_after, True

    async def get_job(self, job_id: str) -> Job | None:
        """The job with the last 50 executions that ran, newest first; None for an unknown id."""
        store = await self._store()
        job = await store.get_job(job_id)
        if job is None:
            return None
        page = await store.list_executions(ExecutionFilters(job_id=job_id), HISTORY)
        return job.evolve(execution_history=tuple(page.items))

    async def get_jobs(self, filters: JobFilters | None = None) -> list[Job]:
        """Every job that the filters let through, in the order of creation, without history."""
        store = await self._store()
        found: list[Job] = []
        after: str | None = None
        while True:
            page = await store.list_jobs(filters or JobFilters(), after=after, limit=1000)
            found.extend(page.items)
            if (after := page.after) is None:
                return found

    async def list_jobs(
        self, filters: JobFilters | None = None, limit: int = 100, after: str | None = None
    ) -> Page[Job]:
        """One page of jobs in the order of creation, without history; ``limit`` is 1 to 1,000. ``after`` is that of the
        page before."""
        store = await self._store()
        return await store.list_jobs(filters or JobFilters(), after=after, limit=max(1, min(limit, 1000)))

    async def select_jobs(
        self, filters: JobFilters | None = None, order: JobOrder | str = JobOrder.NEXT, limit: int = 100, skip: int = 0
    ) -> Selection:
        """Jobs in an order of your choice, without history, and how many there are of each status; ``limit`` is 1 to
        1,000. The first ``skip`` are left out. Raises ``ValueError`` for an order that there is not."""
        store, order = await self._store(), JobOrder(order)
        return await store.select_jobs(filters or JobFilters(), order, max(1, min(limit, 1000)), skip=max(0, skip))

    async def jobs_of(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """The jobs of these ids by their id, without history; unknown ones are left out."""
        return await (await self._store()).jobs_of(job_ids)

    async def get_tags(self, limit: int = 200) -> list[str]:
        """The tags that jobs have, sorted; the first ``limit`` (1 to 10,000) of them."""
        return list(await (await self._store()).tags(max(1, min(limit, 10_000))))

    async def find_job(self, name_or_id: str) -> Job:
        """The job of this id, name, or unique beginning of an id. Raises ``NotFoundError``, and ``ConflictError`` where
        several are meant."""
        store = await self._store()
        found = await store.find_jobs(name_or_id)
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(job.id for job in found[:5])
            raise ConflictError(f"{name_or_id!r} is ambiguous: {len(found)} jobs ({some}); give an id")
        gone = await store.deleted_at(name_or_id)
        told = f"was deleted at {gone.isoformat(timespec='seconds')}" if gone else "is unknown"
        raise NotFoundError(f"job {name_or_id!r} {told}; 'agentcron list' shows the jobs")

    async def update_job(
        self,
        job_id: str,
        updates: Mapping[str, Any] | None = None,
        *,
        edition: str | None = None,
        consent: bool = True,
        **fields: Any,
    ) -> bool:
        """Change fields of a job: keywords, or a mapping. An edit makes a new version; runs under way keep theirs.

        The past is first judged by the old rules. Without ``consent`` the job is then PAUSED(approval). False
        for a job that is over. Raises ``InvalidJobError`` (a
        ``ValueError``) for a field that cannot be changed (id, created, status, history, run times) or that does not
        exist, and whatever ``create_job`` raises for a bad value. Here and in the other changes, ``edition`` (see
        ``Job``) is for callers that read the job before: another edition is left alone, with ``ChangedError``.
        """
        values = self._without_secrets({**(updates or {}), **fields})
        for name in sorted(values.keys() & _READ_ONLY):
            raise InvalidJobError(f"{name}: cannot be changed; it is kept by the scheduler", field=name)

        if values.get("when_changed") or values.get("expect"):
            read: dict[str, Any] = {name: values[name] for name in ("when_changed", "expect") if name in values}
            await self._checker.check(read_spec({"name": "-", "prompt": "-", "schedule": "@daily", **read}))

        def edit(job: Job, now: datetime) -> Plan | None:
            spec = read_spec(values, base=job.spec, timezone=self.config.timezone)
            if "prompt" in values or "metadata" in values:
                check_prompt(spec)
            if any(getattr(spec, name) != getattr(job.spec, name) for name in _CHECKED):
                self._check_agents(spec)
            if spec.notify and spec.notify != job.spec.notify:
                check_targets(spec.notify, self._senders)
            if spec.queue != job.spec.queue:
                check_queue(spec, self._queues)
            return changes.edit(job, spec, now, self._new_id, consent=consent)

        return await self._change(job_id, "edited", edit, edition=edition)

    async def pause_job(self, job_id: str, *, edition: str | None = None) -> bool:
        """Start no further slot; what runs ends normally. Pausing a paused job is True, one that is over False."""
        return await self._change(
            job_id,
            "paused",
            lambda job, now: changes.pause(job, now, self._new_id),
            settled=JobState.PAUSED,
            edition=edition,
        )

    async def resume_job(self, job_id: str, *, edition: str | None = None) -> bool:
        """On with the schedule, and the streak of failures begins at 0; the slots in between become one SKIPPED(paused)
        range. True for an active job, False for one that is over."""
        return await self._change(
            job_id,
            "resumed",
            lambda job, now: changes.resume(job, now, self._new_id),
            settled=JobState.ACTIVE,
            edition=edition,
        )

    async def cancel_job(self, job_id: str, *, edition: str | None = None) -> bool:
        """No further slot, for good; what runs ends as INCOMPLETE(canceled), what waits as SKIPPED(canceled). The
        history stays. False for a job that is over."""
        return await self._change(
            job_id, "canceled", lambda job, now: changes.cancel(job, now, self._new_id), edition=edition
        )

    async def delete_job(self, job_id: str, *, edition: str | None = None) -> bool:
        """Cancel what is open, then remove the job and its history, in any state. Answers once those of its agents that
        run in this process have ended. A tombstone stays: ``find_job`` tells when it was deleted."""
        store = await self._store()
        job = await store.get_job(job_id) if edition is not None else None
        if job is not None:
            _check_edition(job, edition)
        open_ids = [execution.id for execution in await store.open_executions(job_id)]
        if open_ids:
            await store.ask_cancel(open_ids, self._clock.now())
            if self._scheduler is not None:
                await self._scheduler.engine.cancel(open_ids)
                await self._scheduler.engine.finished(open_ids)
        return await self._change(job_id, "deleted", lambda job, now: changes.delete(job, now), edition=edition)

    async def clear_all_jobs(self) -> None:
        """Delete every job with its history, as ``delete_job`` does."""
        store = await self._store()
        open_ids = [execution.id for execution in await store.open_executions()]
        await store.ask_cancel(open_ids, self._clock.now())
        if self._scheduler is not None:
            await self._scheduler.engine.cancel(open_ids)
            await self._scheduler.engine.finished(open_ids)
        count = await store.clear(self._clock.now())
        self._log.info(f"cleared {count} jobs")

    async def backup(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write a consistent copy of the store while it is in use; answers its size in bytes.

        To restore, use the copy as the store. Raises ``ConflictError`` where ``path`` exists.
        """
        return await self.storage.backup(Path(path), overwrite=overwrite)

    async def get_statistics(self) -> JobStatistics:
        """Figures over all jobs and executions, read from running sums; no history is gone through."""
        return await (await self._store()).statistics()

    async def get_usage(self, by: str = "job", days: int = 30) -> list[UsageLine]:
        """What runs used in the last ``days`` days (1 to 366), by ``job``, ``agent`` (``model`` is the same: the
        definition), ``tag`` or ``day`` (UTC), the dearest first, days in order. Read from hourly sums; no history is
        gone through. Of jobs, those whose runs told tokens or a cost, or that have budgets. Raises ``ValueError``."""
        store = await self._store()
        prefix, hour = usage_range(by, days, self._clock.now())
        spent = await store.usage(prefix, hour)
        jobs = await store.jobs_of({found.scope.removeprefix(prefix) for found in spent}) if by == "job" else {}
        return usage_lines(by, spent, {key: job.name for key, job in jobs.items()})

    # --- executions -----------------------------------------------------------------------------------------------

    async def get_executions(
        self, job_id: str | None = None, limit: int = 50, before: str | None = None, include_skipped: bool = False
    ) -> list[Execution]:
        """Executions of a job (or of all), newest first; ``before`` is the id where the last page ended.

        ``limit`` is 1 to 10,000. Slots that did not run are left out unless ``include_skipped``. With prompt and
        result, without conversation.
        """
        filters = ExecutionFilters(job_id=job_id, before=before, include_skipped=include_skipped)
        return list((await self.list_executions(filters, limit)).items)

    async def list_executions(self, filters: ExecutionFilters, limit: int = 50) -> Page[Execution]:
        """One page of executions, newest first; ``limit`` is 1 to 10,000. With prompt and result, without
        conversation."""
        return await (await self._store()).list_executions(filters, max(1, min(limit, 10_000)))

    async def latest_runs(self, job_ids: Sequence[str], limit: int = 20) -> dict[str, list[Execution]]:
        """The newest runs of each of these jobs, newest first, without texts: one read, however many jobs."""
        found: dict[str, list[Execution]] = {job_id: [] for job_id in job_ids}
        for run in await (await self._store()).latest_runs(job_ids, max(1, min(limit, 100))):
            found[run.job_id].append(run)
        return found

    async def runs_between(self, start: datetime, end: datetime, limit: int = 1000) -> list[Execution]:
        """What ran at some time from ``start`` to ``end``, the newest first, without texts; ``limit`` is 1 to 10,000.
        A run that ended is left out where it was made more than a day before ``start``, or imported from another
        program."""
        return list(await (await self._store()).runs_between(start, end, max(1, min(limit, 10_000))))

    async def count_since(self, instant: datetime) -> Mapping[ExecutionStatus, int]:
        """How many slots came to each final status since the beginning of the hour (UTC) of that instant, read from
        sums; no history is gone through."""
        return await (await self._store()).count_since(instant)

    async def quarters(self, job_id: str, since: datetime) -> list[Quarter]:
        """What became of a job's slots since then, by quarter of an hour; a range stands where it begins."""
        return list(await (await self._store()).quarters(job_id, since))

    async def get_execution(self, execution_id: str) -> Execution | None:
        """The execution of this id, or of this unique beginning of one, with its texts; None where there is none.
        Raises ``ConflictError`` where several begin so."""
        return await (await self._store()).get_execution(execution_id)

    async def get_conversation(self, execution_id: str) -> Conversation | None:
        """What agent and model said. Of an agent that keeps no conversation it is prompt and answer; None where the
        execution is unknown or did not run."""
        execution = await self.get_execution(execution_id)
        if execution is None or execution.conversation is not None or not execution.ran:
            return execution.conversation if execution else None
        native = [{"role": "user", "text": execution.prompt}, {"role": "assistant", "text": execution.result}]
        return Conversation(kind=execution.agent or "", format="messages", format_version=1, native=native)

    async def run_job_now(self, job_id: str) -> str:
        """Put a manual run into the line and answer its execution id; a live scheduler on the store starts it.

        Also works while the job is paused. Raises ``NotFoundError``, and ``ConflictError`` for a job that is over.
        """
        execution_id = ids.execution_id(self._clock.now())
        done = await self._change(
            job_id, "queued a manual run of", lambda job, now: self._run_now(job, now, execution_id)
        )
        if not done:
            job = await (await self._store()).get_job(job_id)
            if job is None:
                raise NotFoundError(f"job {job_id!r} is unknown; 'agentcron list' shows the jobs")
            raise ConflictError(f"job {job.name!r} is {job.status}; it cannot run any more")
        if self._scheduler is not None:
            self._scheduler.engine.wake()
        return execution_id

    async def run_here(self, execution_id: str) -> Execution:
        """Run a waiting execution in this process and answer it when it has ended, for callers without a scheduler;
        one that was started here is left to run it, and it is answered as it is. Raises ``NotFoundError``."""
        store = await self._store()
        if self._scheduler is None:
            await self._make_scheduler(store).run_one(execution_id)
        execution = await store.get_execution(execution_id)
        if execution is None:
            raise NotFoundError(f"execution {execution_id!r} is unknown")
        return execution

    async def wait_for_execution(self, execution_id: str, poll: timedelta = timedelta(milliseconds=100)) -> Execution:
        """The execution once it is final, which is looked for every ``poll``, less often where more than a hundred wait
        at once. Raises ``NotFoundError`` where it is unknown or was deleted."""
        store = await self._store()
        self._waiting += 1
        try:
            while True:
                execution = await store.get_execution(execution_id)
                if execution is None:
                    raise NotFoundError(f"execution {execution_id!r} is unknown")
                if execution.final:
                    return execution
                # Thousands that look ten times a second would keep from running what they wait for.
                await self._clock.sleep_until(self._clock.now() + poll * max(1, self._waiting / MANY_WAIT))
        finally:
            self._waiting -= 1

    async def cancel_execution(self, execution_id: str) -> bool:
        """End an open execution: one that runs as INCOMPLETE(canceled), one that waits as SKIPPED(canceled), or as
        INCOMPLETE(canceled) between two attempts. False where it is unknown or has ended. One that runs in another
        process ends within about a second."""
        store = await self._store()
        asked = await store.ask_cancel([execution_id], self._clock.now())
        if not asked:
            self._log.info(f"{execution_id} was not canceled: it is unknown or has ended", execution_id=execution_id)
            return False
        await self._cancel(asked)
        return True

    # --- people ---------------------------------------------------------------------------------------------------

    async def inbox(self, job_id: str | None = None, *, closed: bool = False, limit: int = 100) -> list[Input]:
        """What parked runs ask of people, of all jobs or of one, oldest first; with ``closed`` also what was answered
        and what is not asked any more. At most the newest ``limit``."""
        store = await self._store()
        return list(await store.list_inputs(job_id=job_id, closed=closed, limit=max(1, min(limit, 10_000))))

    async def get_input(self, input_id: str) -> Input:
        """What is asked under this id, or unique beginning of one. Raises ``NotFoundError``, and ``ConflictError``
        where several begin so."""
        found = await (await self._store()).get_input(input_id)
        if found is None:
            raise NotFoundError(f"input {input_id!r} is unknown; 'agentcron inbox' shows what is asked")
        return found

    async def answer(self, input_id: str, text: str, *, by: str | None = None) -> Input:
        """Answer a question, or say what came of a call whose outcome is unknown; the run goes on where this was the
        last thing it asked. ``by`` says who, for the history. It is kept when this returns, and the first answer holds:
        ``ConflictError`` where somebody was first, the time is over, or the run has ended. Raises ``NotFoundError``,
        and ``InvalidAnswerError`` where the answer does not fit what is asked."""
        return await self._answer(input_id, Given(decision=Decision.ANSWERED, answer=text, by=by))

    async def approve(self, input_id: str, *, by: str | None = None) -> Input:
        """Let the tool be called; as ``answer`` otherwise."""
        return await self._answer(input_id, Given(decision=Decision.APPROVED, by=by))

    async def deny(self, input_id: str, reason: str | None = None, *, by: str | None = None) -> Input:
        """Do not let the tool be called, or give a question no answer. The agent is told so, with the reason, and goes
        on; as ``answer`` otherwise."""
        return await self._answer(input_id, Given(decision=Decision.DENIED, answer=reason or None, by=by))

    async def _answer(self, input_id: str, given: Given) -> Input:
        store, asked = await self._store(), await self.get_input(input_id)
        text = given.answer
        given = replace(given, answer=None if text is None else self._redactor.text(text))
        check_answer(asked, given)
        if not await store.answer_input(asked.id, given, self._clock.now()):
            row = await store.get_execution(asked.execution_id)
            raise why_closed(await self.get_input(asked.id), row, self._clock.now())
        self._wake()
        by = f" by {given.by}" if given.by else ""
        self._log.info(f"{asked.id} was {given.decision}{by}", job_id=asked.job_id, execution_id=asked.execution_id)
        return await self.get_input(asked.id)

    # --- telling others -------------------------------------------------------------------------------------------

    async def outbox(
        self,
        *,
        status: LetterStatus | str | None = None,
        job_id: str | None = None,
        execution_id: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Letter]:
        """What was, or is to be, told to whom, the newest first: of all jobs, of one job, or of one execution; of every
        status or of one; with ``before``, the id of a letter, only older ones. ``limit`` is 1 to 10,000. Raises
        ``ValueError`` for a status that there is not."""
        wanted = LetterStatus(status.upper()) if status is not None else None
        filters = LetterFilters(status=wanted, job_id=job_id, execution_id=execution_id, before=before)
        return list(await (await self._store()).list_letters(filters, max(1, min(limit, 10_000))))

    async def count_letters(self) -> Mapping[LetterStatus, int]:
        """How many letters there are of each status."""
        return await (await self._store()).count_letters()

    async def letters_waiting(self) -> dict[str, int]:
        """How many letters wait for each endpoint; those without any are left out."""
        return {name: waiting.letters for name, waiting in (await (await self._store()).letters_due()).items()}

    async def get_letter(self, letter_id: str) -> Letter:
        """The letter of this id, or of this unique beginning of one. Raises ``NotFoundError``, and ``ConflictError``
        where several begin so."""
        found = await (await self._store()).get_letter(letter_id)
        if found is None:
            raise NotFoundError(f"letter {letter_id!r} is unknown; 'agentcron outbox' shows the letters")
        return found

    async def retry_letter(self, letter_id: str) -> Letter:
        """Try a letter that was given up afresh, at once; it keeps its id. Raises ``NotFoundError``, and
        ``ConflictError`` for one that was sent or that waits for its next try anyway."""
        store, letter = await self._store(), await self.get_letter(letter_id)
        after = retried(letter, self._clock.now())
        if letter.status is not LetterStatus.FAILED or not await store.mark_letter(letter, after):
            raise ConflictError(f"letter {letter.id} was not given up; 'agentcron outbox' tells what became of it")
        self._herald.on_news()
        self._log.info(f"letter {letter.id} to {letter.target} is tried afresh", job_id=letter.job_id)
        return after

    def endpoints(self) -> dict[str, str]:
        """The names of all endpoints, each with its kind. Raises ``ConfigError`` where one cannot work."""
        given, senders = self.config.endpoints, self._senders
        kinds = {name: str(one.get("kind")) for name, one in given.items() if isinstance(one, Mapping)}
        return {name: kinds.get(name) or type(senders[name]).__name__ for name in given}

    @property
    def default_notify(self) -> tuple[Notify, ...]:
        """The rules of jobs that have none of their own."""
        return self._notify

    async def send_test(self, endpoint: str) -> None:
        """Send a letter that says that it is a trial, at once and once. Raises ``NotFoundError`` for an endpoint that
        there is not, and ``DeliveryError`` where it was not taken."""
        sender = self._senders.get(endpoint)
        if sender is None:
            known = ", ".join(sorted(self._senders)) or "none; write [endpoints.NAME]"
            raise NotFoundError(f"endpoint {endpoint!r} is unknown; known are {known}")
        await try_out(sender, endpoint, self._clock.now(), f"test{ids.job_id()}")

    # --- answers about time ---------------------------------------------------------------------------------------

    def preview(
        self, schedule: str | Schedule, timezone: str | None = None, count: int = 5, after: datetime | None = None
    ) -> list[datetime]:
        """The next slots of a schedule, aware, UTC; an interval counts from ``after``, else from now.

        Raises ``InvalidScheduleError``.
        """
        now = after or self._clock.now()
        if isinstance(schedule, str):
            schedule = parse_schedule(schedule, timezone or self.config.timezone)
        if isinstance(schedule, EverySchedule) and schedule.anchor is None:
            schedule = schedule.anchored(now)
        return next_slots(schedule, now, count)

    def upcoming(self, job: Job, count: int = 5) -> list[datetime]:
        """The job's next slots, aware, UTC: within its start, end and ``max_runs``, none while it is paused or over."""
        found: list[datetime] = []
        slot = job.next_slot if job.state is JobState.ACTIVE else None
        left = count if job.spec.max_runs is None else min(count, job.spec.max_runs - job.runs - job.open)
        while slot is not None and len(found) < left:
            found.append(slot)
            slot = slot_after(job.spec, slot)
        return found

    async def explain(self, job_id: str, at: datetime) -> Explanation:
        """What became, or will become, of the slot at ``at``, in a sentence; an instant without a fraction stands for
        its whole second. Raises ``NotFoundError``."""
        store = await self._store()
        job = await store.get_job(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id!r} is unknown; 'agentcron list' shows the jobs")
        at = check_on_clock(at, "UTC").astimezone(UTC)
        if at.microsecond == 0:
            # In numbers: there is no instant before the year 1, nor after the year 9999.
            second = to_us(at)
            slot = job.spec.schedule.next_us(second - 1)
            at = from_us(slot) if slot is not None and slot < second + 1_000_000 else at
        row = await store.slot_at(job_id, at)
        return explain(
            job,
            at,
            row,
            self._clock.now(),
            begins=await store.history_begins(job_id),
            spec=await store.get_spec(job_id, row.version) if row is not None else None,
            nodes=await store.nodes(),
        )

    async def scheduler_alive(self) -> bool:
        """Whether any process runs due jobs of this store."""
        return any(node.alive for node in await (await self._store()).nodes())

    @property
    def stalled_for(self) -> timedelta | None:
        """For how long the scheduler of this process has not looked after its runs, which it does each second; None
        where none runs here."""
        return self._scheduler.stalled_for if self._scheduler is not None else None

    async def get_nodes(self) -> list[Node]:
        """The processes that ran jobs of this store, newest first; ``alive`` tells those that do."""
        return list(await (await self._store()).nodes())

    def now(self) -> datetime:
        """The present instant of the plugin's clock, aware, UTC."""
        return self._clock.now()

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _store(self) -> JobStore:
        if not self._opened:
            self._opening = self._opening or asyncio.Lock()
            async with self._opening:
                if not self._opened:
                    await self.storage.open()
                    self._opened = True
        return self.storage

    def _make_scheduler(self, store: JobStore, engine: str = "local") -> Scheduler:
        now, config = self._clock.now(), self.config
        limits = limits_on(store, self._queues, config.max_concurrent_everywhere, config.max_starts_everywhere)
        node = Node(
            id=ids.node_id(),
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=now,
            seen_at=now,
        )
        return Scheduler(
            store,
            self.agent_factory,
            self._clock,
            node,
            self._interval,
            self._redactor,
            self._log,
            self._follow,
            config.agent_manager,
            config.retention,
            self._budgets,
            self._checker,
            engine_of(engine, store, limits),
            self._tracing(),
            self._herald,
            self._senders,
            Heart(Pulse(self._endpoints.heartbeats, self._clock, self._log), self._clock, self.config.heartbeat),
            self._queues,
        )

    @property
    def _senders(self) -> Mapping[str, Sender]:
        """What sends to each endpoint. Raises ``ConfigError``."""
        return self._endpoints.senders

    @property
    def _endpoints(self) -> Endpoints:
        """Senders and heartbeats; read when they are first needed. Raises ``ConfigError``."""
        if self._known_endpoints is None:
            given, config, found = self.config.endpoints, self.config, Endpoints()
            if tables := {name: one for name, one in given.items() if isinstance(one, Mapping)}:
                from agentcron.delivery.endpoints import read_all

                found = read_all(tables, base_dir=config.base_dir, redactor=self._redactor, clock=self._clock)
            senders: dict[str, Any] = {name: found.senders.get(name, one) for name, one in given.items()}
            senders = {name: one for name, one in senders.items() if not isinstance(one, Mapping)}
            check_targets(self._notify, senders, "notify.default")
            if config.heartbeat is not None and config.heartbeat not in found.heartbeats:
                raise ConfigError(f"scheduler.heartbeat: {_no_heartbeat(config.heartbeat, found.heartbeats)}")
            self._known_endpoints = replace(found, senders=senders)
        return self._known_endpoints

    def _tracing(self) -> Callable[[], Any] | None:
        """What answers the provider of tracers, None for the one of the process; None itself: no tracing."""
        chosen = self.config.tracing
        if not chosen:
            return None
        if importlib.util.find_spec("opentelemetry") is None:
            raise ConfigError("tracing: opentelemetry is not installed; pip install 'agentcron[otel]'")
        return chosen if callable(chosen) else lambda: None

    def _without_secrets(self, values: dict[str, Any]) -> dict[str, Any]:
        """What a person wrote, without the secrets in it: a job is kept in clear, and shown to everybody who may read
        the store. The agent reads a secret from its environment."""
        for name in _WRITTEN & values.keys():
            clean = self._redactor.value(values[name])
            if clean is not values[name] and clean != (
                list(values[name]) if isinstance(values[name], tuple) else values[name]
            ):
                values[name] = clean
                self._log.warning(f"{name}: holds a secret, which is not kept; let the agent read it where it runs")
        return values

    def _check_agents(self, spec: JobSpec) -> None:
        """Refuse an agent that cannot work, limits that its runs could not be held to, an unknown heartbeat."""
        self.agent_factory.check(spec.agent)
        check_limits = getattr(self.agent_factory, "check_limits", None)
        if check_limits is not None and spec.limits != NO_LIMITS:
            check_limits(spec.agent, spec.limits)
        if spec.heartbeat is not None and spec.heartbeat not in self._endpoints.heartbeats:
            told = _no_heartbeat(spec.heartbeat, self._endpoints.heartbeats)
            raise InvalidJobError(f"heartbeat: {told}", field="heartbeat")
        for budget in spec.budgets:
            if budget.fallback_agent is not None:
                self.agent_factory.check(budget.fallback_agent)

    def _run_now(self, job: Job, now: datetime, execution_id: str) -> Plan | None:
        made = changes.run_now(job, now, execution_id)
        return ranked(made, self._queues) if made is not None else None

    def _new_id(self) -> str:
        return ids.execution_id(self._clock.now())

    def _wake(self) -> None:
        if self._scheduler is not None:
            self._scheduler.manager.wake()
            self._scheduler.engine.wake()

    async def _change(
        self,
        job_id: str,
        word: str,
        change: Callable[[Job, datetime], Plan | None],
        *,
        settled: JobState | None = None,
        edition: str | None = None,
    ) -> bool:
        """Apply a person's change, again where somebody else moved the job in between."""
        store = await self._store()
        for _ in range(TRIES):
            job = await store.get_job(job_id)
            if job is None:
                self._log.info(f"not {word}: job {job_id} is unknown", job_id=job_id)
                return False
            _check_edition(job, edition)
            if settled is not None and job.state is settled:
                return True
            plan = change(job, self._clock.now())
            if plan is None:
                self._log.info(f"not {word}: {job.name} ({job_id}) is {job.status}", job_id=job_id)
                return False
            plan = self._herald.plan(plan)
            if (await store.commit([plan]))[0]:
                await self._follow(plan)
                self._wake()
                self._log.info(f"{word} {job.name} ({job_id})", job_id=job_id)
                for notice in plan.notices:
                    self._log.info(f"{job.name} ({job_id}): {notice}", job_id=job_id)
                return settled is None or plan.job_after is None or plan.job_after.state is settled
        raise ConflictError(f"job {job_id} is changed by others all the time; try again")

    async def _follow(self, plan: Plan) -> None:
        """What a committed plan asks of running and waiting executions, and of those who send letters."""
        self._herald.sound(plan)
        if plan.to_cancel is not ToCancel.NONE and plan.job_after is not None:
            waiting = await self.storage.open_executions(plan.job_id)
            await self._cancel([execution for execution in waiting if execution.cancel_requested is not None])

    async def _cancel(self, asked: list[Execution]) -> None:
        """Settle what waits; what runs is ended by the process that runs it."""
        now = self._clock.now()
        for execution in asked:
            if execution.status is ExecutionStatus.RUNNING:
                continue
            spec = await self.storage.get_spec(execution.job_id, execution.version)
            if spec is not None:
                cut = Cut(cause=CutCause.CANCEL, message="canceled")
                await self.storage.settle([settle(execution, cut, now, spec)])
        if self._scheduler is not None:
            running = [execution.id for execution in asked if execution.status is ExecutionStatus.RUNNING]
            await self._scheduler.engine.cancel(running)
        self._wake()


def _no_heartbeat(name: str, known: Iterable[str]) -> str:
    have = ", ".join(sorted(known)) or 'none; write [endpoints.NAME] with kind = "heartbeat"'
    return f"there is no endpoint {name!r} of kind heartbeat; known are {have}"


def _check_edition(job: Job, edition: str | None) -> None:
    if edition is not None and job.edition != edition:
        raise ChangedError(f"job {job.name!r} is edition {job.edition}, not {edition}; read it again, then change it")


def next_slots(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The next ``count`` slots after an instant; fewer where the schedule ends."""
    found: list[datetime] = []
    slot = schedule.next_after(after)
    while slot is not None and len(found) < count:
        found.append(slot)
        slot = schedule.next_after(slot)
    return found
