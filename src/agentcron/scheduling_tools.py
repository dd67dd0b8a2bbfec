"""What an agent may do about schedules: the tools that create, show and change jobs, made for a model to call.

They answer small values that are JSON as they stand, and errors as a text that says what to do, since a model can act
on a text and not on an exception. A job is named by its id, its name, or a unique beginning of its id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from agentcron.agent_scheduling import AgentScheduling
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.errors import AgentcronError, StoreError
from agentcron.schedule import on_clock

if TYPE_CHECKING:
    from pydantic_ai.toolsets import FunctionToolset

    from agentcron.domain.model import Execution, Job
    from agentcron.plugin import BackgroundJobsPlugin

NEXT_RUNS: Final = 3
MOST_RUNS: Final = 50
MOST_JOBS: Final = 100
LONGEST_TEXT: Final = 2000

Tool = Callable[..., Awaitable[Any]]
Answer = dict[str, Any]


class SchedulingTools:
    """The tools over one plugin; each public method is one of them.

    ``agent`` is who uses them. It is bound here and no parameter of a tool: what a model says cannot change it.
    """

    def __init__(self, plugin: BackgroundJobsPlugin, agent: str | None = None) -> None:
        self._plugin = plugin
        self._may = AgentScheduling(plugin, agent)

    def all(self) -> tuple[Tool, ...]:
        """Every tool, in the order in which they are shown."""
        return (
            self.create_job,
            self.list_jobs,
            self.pause_job,
            self.resume_job,
            self.cancel_job,
            self.delete_job,
            self.job_history,
        )

    async def create_job(
        self,
        name: str,
        schedule: str,
        prompt: str,
        timezone: str | None = None,
        max_runs: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """Schedule a prompt: whenever it is due, a new agent runs it and its answer is kept.

        Args:
            name: Short descriptive name of the job.
            schedule: Cron expression with 5 fields such as "0 9 * * MON-FRI", or "every 10m", or
                "at 2030-12-01T09:00" for a single run.
            prompt: What the agent is told at each run. It knows nothing of this conversation, so say everything.
            timezone: IANA name of the zone the schedule is read in, such as "Europe/Berlin". Default: the scheduler's.
            max_runs: The job is over after so many runs.
            key: Your own word for this job. Asked for again with the same key, the job that there is is answered.
        """
        asked = self._may.create(name, schedule, prompt, timezone=timezone, max_runs=max_runs, key=key)
        return await self._answer(asked, "the job was not created")

    async def list_jobs(self, name_contains: str | None = None) -> list[Answer] | Answer:
        """List the scheduled jobs with their status, schedule and next runs; at most 100.

        Args:
            name_contains: Only jobs with this text in their name, in any case.
        """
        try:
            jobs = await self._may.list(JobFilters(name_contains=name_contains), MOST_JOBS)
        except AgentcronError as error:
            return _refused("the jobs cannot be listed", error)
        return [self._summary(job) for job in jobs]

    async def pause_job(self, job: str) -> Answer:
        """Pause a job: no further run begins until it is resumed; a run under way ends normally.

        Args:
            job: Id or name of the job.
        """
        return await self._answer(self._may.pause(job), "nothing was paused")

    async def resume_job(self, job: str) -> Answer:
        """Resume a paused job from now on. Runs that passed in the meantime are not caught up.

        Args:
            job: Id or name of the job.
        """
        return await self._answer(self._may.resume(job), "nothing was resumed")

    async def cancel_job(self, job: str) -> Answer:
        """Cancel a job for good and end its runs; its history stays. To stop it for a while, use pause_job.

        Args:
            job: Id or name of the job.
        """
        return await self._answer(self._may.cancel(job), "nothing was canceled")

    async def delete_job(self, job: str) -> Answer:
        """Delete a job with its whole history. This cannot be undone; cancel_job keeps the history.

        Args:
            job: Id or name of the job.
        """
        try:
            found = await self._may.delete(job)
        except AgentcronError as error:
            return _refused("nothing was deleted", error)
        return {"id": found.id, "name": found.name, "deleted": True}

    async def job_history(self, job: str, limit: int = 5) -> list[Answer] | Answer:
        """What became of a job's latest runs, newest first: status, times, answer or error.

        Args:
            job: Id or name of the job.
            limit: How many runs, from 1 to 50.
        """
        try:
            found = await self._may.find(job)
            filters = ExecutionFilters(job_id=found.id)
            page = await self._plugin.list_executions(filters, max(1, min(limit, MOST_RUNS)))
        except AgentcronError as error:
            return _refused("the history cannot be shown", error)
        return [_run(execution, found.timezone) for execution in page.items]

    async def _answer(self, asked: Awaitable[Job], otherwise: str) -> Answer:
        try:
            return self._summary(await asked)
        except AgentcronError as error:
            return _refused(otherwise, error)

    def _summary(self, job: Job) -> Answer:
        return {
            "id": job.id,
            "name": job.name,
            "status": job.status.value,
            "schedule": job.schedule.describe(),
            "next_runs": [_time(slot, job.timezone) for slot in self._plugin.upcoming(job, NEXT_RUNS)],
        }


def scheduling_tools(plugin: BackgroundJobsPlugin, agent: str | None = None) -> tuple[Tool, ...]:
    """The tools as async functions, each with typed parameters and a docstring that a model can use.

    ``agent`` names who uses them: jobs that they create bear ``made_by`` "agent:NAME", or "agent" without a name.
    """
    return SchedulingTools(plugin, agent).all()


def background_jobs_toolset(plugin: BackgroundJobsPlugin, agent: str | None = None) -> FunctionToolset[Any]:
    """The same tools for an agent of pydantic-ai: ``Agent(model, toolsets=[background_jobs_toolset(plugin)])``.

    ``agent`` names that agent in ``made_by`` of the jobs it creates. Needs ``pip install 'agentcron[ai]'``; raises
    ``ImportError`` without it.
    """
    from pydantic_ai.toolsets import FunctionToolset

    return FunctionToolset(list(scheduling_tools(plugin, agent)), id=plugin.name, docstring_format="google")


def _run(execution: Execution, zone: str) -> Answer:
    return {
        "id": execution.id,
        "status": execution.status.value,
        "reason": execution.reason,
        "scheduled_for": _time(execution.scheduled_for, zone),
        "start_time": _time(execution.start_time, zone),
        "end_time": _time(execution.end_time, zone),
        "result": _short(execution.result),
        "error": _short(execution.error),
    }


def _time(instant: datetime | None, zone: str) -> str | None:
    """The wall clock of the zone with its offset and its name, so that nobody has to guess."""
    if instant is None:
        return None
    return f"{on_clock(instant, zone).isoformat(timespec='seconds')} ({zone})"


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}… ({len(text) - LONGEST_TEXT} more characters)"


def _refused(what: str, error: AgentcronError) -> Answer:
    later = "; this is no fault of the call, tell the user" if isinstance(error, StoreError) else ""
    return _told(f"{what}: {error}{later}")


def _told(message: str) -> Answer:
    return {"error": message}
