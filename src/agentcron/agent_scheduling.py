"""What may an agent do about jobs? Every change that an agent asks for, with tools of its host or over MCP, goes
through here and stays within ``SchedulingLimits``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.processes import UNNAMED
from agentcron.current_run import CURRENT
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.makers import by_agent, by_run, maker_of, making_job
from agentcron.domain.model import Job
from agentcron.domain.queries import JobFilters
from agentcron.domain.scheduling_limits import (
    check_closeness,
    check_delete,
    check_quota,
    check_run,
    given_away,
    grant,
    is_awaiting,
    moved,
)
from agentcron.domain.spec_fields import read_spec, write_changed, write_schedule
from agentcron.errors import ConflictError, NotAllowedError, NotFoundError
from agentcron.ids import keyed_job_id

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

# What a job of a run does not have of the job whose run made it.
_OWN: Final = frozenset(
    {
        "name",
        "prompt",
        "may_schedule",
        "start_at",
        "end_at",
        "max_runs",
        "jitter",
        "when_changed",
        "expect",
        "heartbeat",
    }
)


class AgentScheduling:
    """The changes that one agent may ask for. ``agent`` is its name; ``execution_id`` names the run that it works in
    where that is known from elsewhere, as in a process that a run started. Both are bound here: what a model says
    cannot change them.

    Each method raises ``NotAllowedError`` for what goes beyond the limits, and what the facade raises.
    """

    def __init__(self, plugin: BackgroundJobsPlugin, agent: str | None = None, execution_id: str | None = None) -> None:
        self._plugin = plugin
        self._limits = plugin.config.scheduling
        self._made_by = by_agent(agent)
        self._execution_id = execution_id

    async def create(
        self,
        name: str,
        schedule: str,
        prompt: str,
        *,
        timezone: str | None = None,
        agent: str | None = None,
        max_runs: int | None = None,
        key: str | None = None,
    ) -> Job:
        """The job that was made, or that was made before with this ``key``."""
        maker = await self.maker()
        async with self._plugin.making:
            return await self._create(maker, name, schedule, prompt, timezone, agent, max_runs, key)

    async def _create(
        self,
        maker: tuple[Job, str] | None,
        name: str,
        schedule: str,
        prompt: str,
        timezone: str | None,
        agent: str | None,
        max_runs: int | None,
        key: str | None,
    ) -> Job:
        plugin, limits, now = self._plugin, self._limits, self._plugin.now()
        job, made_by = (None, self._made_by) if maker is None else (maker[0], by_run(*(maker[0].id, maker[1])))
        who = maker_of(made_by)
        assert who is not None
        if key is not None and (known := await plugin.get_job(keyed_job_id(who, key))) is not None:
            return known
        check_quota(await plugin.get_jobs(JobFilters(maker=who)), who, limits, now, job)
        values: dict[str, Any] = {"name": name, "schedule": schedule, "prompt": prompt}
        if timezone is not None:
            values["timezone"] = timezone
        values = {**self._definition(agent, job), **({} if job is None else _handed_down(job)), **values}
        spec = read_spec(values, timezone=plugin.config.timezone)
        values |= grant(spec, limits, now, job, max_runs)
        if job is not None and (left := given_away(job, values["max_runs"])) is not None:
            # Before the job is made: a crash in between loses runs, and never makes any.
            await plugin.update_job(job.id, max_runs=left, edition=job.edition)
            kept = await plugin.find_job(job.id)
            if kept.runs + kept.open > left:
                raise NotAllowedError(f"max_runs: {job.name!r} began a run meanwhile, and has none left to give")
        return (await plugin.make_job(**values, made_by=made_by, key=key, consent=not limits.approval))[0]

    async def update(self, name_or_id: str, changes: Mapping[str, Any]) -> Job:
        """The job with these changes, of name, schedule, prompt, timezone and agent."""
        job = await self.find(name_or_id)
        maker, values = await self._maker_of(job), dict(changes)
        if "agent" in values:
            values |= self._definition(values["agent"], maker)
        spec = read_spec(values, base=job.spec, timezone=self._plugin.config.timezone)
        if spec.schedule != job.spec.schedule:
            if maker_of(job.made_by) is None:
                check_closeness(spec, self._limits, maker)
            else:
                values |= moved(job, spec, self._limits, self._plugin.now(), maker)
        done = await self._plugin.update_job(job.id, values, edition=job.edition, consent=not self._limits.approval)
        return await self._changed(job, "changed", done)

    async def pause(self, name_or_id: str) -> Job:
        """The job, paused."""
        job = await self.find(name_or_id)
        return await self._changed(job, "paused", await self._plugin.pause_job(job.id))

    async def resume(self, name_or_id: str) -> Job:
        """The job, resumed; not where it waits for a person's consent."""
        job = await self.find(name_or_id)
        if is_awaiting(job):
            raise NotAllowedError(f"{job.name!r} waits for a person's consent; they give it with 'agentcron resume'")
        return await self._changed(job, "resumed", await self._plugin.resume_job(job.id, edition=job.edition))

    async def cancel(self, name_or_id: str) -> Job:
        """The job, canceled."""
        job = await self.find(name_or_id)
        return await self._changed(job, "canceled", await self._plugin.cancel_job(job.id))

    async def delete(self, name_or_id: str) -> Job:
        """The job as it was."""
        job = await self.find(name_or_id)
        if maker_of(job.made_by) is not None:
            check_delete(job, self._limits, self._plugin.now(), await self._maker_of(job))
        if not await self._plugin.delete_job(job.id):
            raise ConflictError(f"{job.name!r} was deleted by somebody else before")
        return job

    async def run_now(self, name_or_id: str) -> str:
        """The id of the execution that waits. A run of an agent's job is one of its ``max_runs``."""
        job = await self.find(name_or_id)
        if maker_of(job.made_by) is None:
            return await self._plugin.run_job_now(job.id)
        async with self._plugin.making:
            job = await self._plugin.find_job(job.id)
            check_run(job, self._limits, self._plugin.now(), await self._maker_of(job))
            if job.spec.max_runs is not None:
                await self._plugin.update_job(job.id, max_runs=job.spec.max_runs - 1, edition=job.edition)
                if (await self._plugin.find_job(job.id)).open:
                    raise ConflictError(f"{job.name!r} began a run meanwhile")
            return await self._plugin.run_job_now(job.id)

    async def find(self, name_or_id: str) -> Job:
        """The job, where who asks may touch it: a run touches what runs of its job made, and nothing else."""
        maker = await self.maker()
        job = await self._plugin.find_job(name_or_id)
        if maker is not None and making_job(job.made_by) != maker[0].id:
            raise NotFoundError(f"job {name_or_id!r} was not made by this job's runs")
        return job

    async def list(self, filters: JobFilters, limit: int) -> list[Job]:
        """The first ``limit`` jobs that the filters let through and who asks may see."""
        maker = await self.maker()
        if maker is not None:
            filters = replace(filters, maker=maker_of(by_run(maker[0].id, maker[1])))
        return list((await self._plugin.list_jobs(filters, limit)).items)

    async def maker(self) -> tuple[Job, str] | None:
        """The job in whose run this is called, and the execution's id; None outside of runs. Raises
        ``NotAllowedError`` where its runs may not schedule, and where the run is over."""
        current = CURRENT.get()
        execution_id = current.id if current is not None else self._execution_id
        if execution_id is None:
            return None
        if execution_id == UNNAMED:
            raise NotAllowedError(
                "the scheduling tools are off: an agent of a run started this server, and which run it is for is not "
                "known; give that agent background_jobs_toolset instead"
            )
        execution = await self._plugin.get_execution(execution_id)
        job = await self._plugin.get_job(execution.job_id) if execution is not None else None
        if execution is None or job is None or execution.status is not ExecutionStatus.RUNNING:
            raise NotAllowedError(f"the scheduling tools are off: the run {execution_id} is not under way")
        if not job.may_schedule:
            raise NotAllowedError(
                f"the scheduling tools are off in runs of the job {job.name!r}; a person can allow them with "
                f"may_schedule"
            )
        return job, execution.id

    async def _maker_of(self, job: Job) -> Job | None:
        """The job whose run made this one."""
        making = making_job(job.made_by)
        return None if making is None else await self._plugin.get_job(making)

    def _definition(self, agent: str | None, maker: Job | None) -> dict[str, str]:
        allowed = self._limits.agents if maker is None else (maker.agent,)
        if agent is None:
            return {"agent": allowed[0]} if allowed else {}
        if allowed and agent not in allowed:
            raise NotAllowedError(f"agent: {agent!r} is not one that agents may choose; they are {', '.join(allowed)}")
        return {"agent": agent}

    async def _changed(self, job: Job, word: str, done: bool) -> Job:
        found = await self._plugin.find_job(job.id)
        if not done:
            raise ConflictError(f"job {found.name!r} is {found.status}; it cannot be {word}")
        return found


def _handed_down(maker: Job) -> dict[str, Any]:
    """What a job of this job's runs has of it: its definition and every rule and limit, but no leave to schedule."""
    written = write_changed(maker.spec)
    schedule = write_schedule(maker.spec.schedule)
    kept = {name: value for name, value in written.items() if name not in _OWN and name not in schedule}
    return {**kept, "agent": maker.agent, "timezone": maker.timezone}
