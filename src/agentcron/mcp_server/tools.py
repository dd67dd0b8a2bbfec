"""What a client may ask of the scheduler: the tools, each with the scope that a token needs for it.

A tool answers a small typed value with the next times, or an error in one line that a model can act on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from agentcron.access import Scope, Token
from agentcron.agent_scheduling import AgentScheduling
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Job
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.errors import AgentcronError, NotAllowedError, NotFoundError, StoreError
from agentcron.mcp_server.answers import Deleted, JobAnswer, Preview, RunAnswer, Why, job_answer, run_answer
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import SystemClock
from agentcron.schedule import EverySchedule, parse_instant, parse_schedule
from agentcron.wire import instant

T = TypeVar("T")

NEXT_RUNS: Final = 3
MOST: Final = 50


class SchedulerTools:
    """The tools over one plugin; each public method is one, with the scope that a token needs for it.

    ``execution_id``: the run that the only client works in, where it does.
    """

    def __init__(self, plugin: BackgroundJobsPlugin, execution_id: str | None = None) -> None:
        self._plugin = plugin
        self._execution_id = execution_id

    async def preview_schedule(
        self, ctx: Context, schedule: str, timezone: str | None = None, count: int = 5
    ) -> Preview:
        """What a schedule means and its next times, before a job is made of it.

        schedule: cron expression of 5 fields such as "0 9 * * MON-FRI", "every 10m", or "at 2030-12-01T09:00".
        timezone: IANA name such as "Europe/Berlin". count: 1 to 50.
        """

        async def work() -> Preview:
            zone = timezone or self._plugin.config.timezone
            read = parse_schedule(schedule, zone)
            now = SystemClock().now()
            if isinstance(read, EverySchedule) and read.anchor is None:
                read = read.anchored(now)
            slots = self._plugin.preview(read, count=_within(count), after=now)
            return {
                "description": read.describe(),
                "timezone": zone,
                "next_runs": [str(instant(slot, zone)) for slot in slots],
            }

        return await _allowed(ctx, Scope.READ, work)

    async def create_job(
        self,
        ctx: Context,
        name: str,
        schedule: str,
        prompt: str,
        timezone: str | None = None,
        agent: str | None = None,
        max_runs: int | None = None,
        key: str | None = None,
    ) -> JobAnswer:
        """Schedule a prompt. The agent that runs it knows nothing of this conversation, so say everything in it.

        schedule: as for preview_schedule. agent: a definition that exists on the server; default: the server's.
        key: your own word for this job; asked for again with the same key, the job that there is is answered.
        """
        return await self._answer(
            ctx,
            lambda may: may.create(name, schedule, prompt, timezone=timezone, agent=agent, max_runs=max_runs, key=key),
        )

    async def list_jobs(
        self, ctx: Context, name_contains: str | None = None, status: JobStatus | None = None
    ) -> list[JobAnswer]:
        """The first 50 jobs, in the order of creation."""

        async def work() -> list[JobAnswer]:
            filters = JobFilters(name_contains=name_contains, status=None if status is None else [status])
            return [self._shown(job) for job in await self._may(ctx).list(filters, MOST)]

        return await _allowed(ctx, Scope.READ, work)

    async def get_job(self, ctx: Context, job: str) -> JobAnswer:
        """One job with its next times."""
        return await self._answer(ctx, lambda may: may.find(job), Scope.READ)

    async def update_job(
        self,
        ctx: Context,
        job: str,
        name: str | None = None,
        schedule: str | None = None,
        prompt: str | None = None,
        timezone: str | None = None,
        agent: str | None = None,
    ) -> JobAnswer:
        """Change what is given of a job; a run under way keeps what it began with."""
        given = {"name": name, "schedule": schedule, "prompt": prompt, "timezone": timezone, "agent": agent}
        fields = {key: value for key, value in given.items() if value is not None}
        if not fields:
            raise ToolError("nothing to change; give at least one of name, schedule, prompt, timezone, agent")
        return await self._answer(ctx, lambda may: may.update(job, fields))

    async def pause_job(self, ctx: Context, job: str) -> JobAnswer:
        """No further run begins until resume_job; a run under way ends normally."""
        return await self._answer(ctx, lambda may: may.pause(job))

    async def resume_job(self, ctx: Context, job: str) -> JobAnswer:
        """Go on with the schedule from now on; what passed is not caught up."""
        return await self._answer(ctx, lambda may: may.resume(job))

    async def cancel_job(self, ctx: Context, job: str) -> JobAnswer:
        """End a job for good with its runs; its history stays. To stop it for a while, use pause_job."""
        return await self._answer(ctx, lambda may: may.cancel(job))

    async def delete_job(self, ctx: Context, job: str) -> Deleted:
        """Delete a job with its whole history. This cannot be undone; cancel_job keeps the history."""

        async def work() -> Deleted:
            found = await self._may(ctx).delete(job)
            return {"id": found.id, "name": found.name, "deleted": True}

        return await _allowed(ctx, Scope.WRITE, work)

    async def run_job_now(self, ctx: Context, job: str) -> RunAnswer:
        """Put a run into the line now, besides the schedule. It begins when a scheduler is up: see get_execution."""

        async def work() -> RunAnswer:
            return await self._run(ctx, await self._may(ctx).run_now(job))

        return await _allowed(ctx, Scope.RUN, work)

    async def list_executions(
        self, ctx: Context, job: str | None = None, status: ExecutionStatus | None = None, limit: int = 10
    ) -> list[RunAnswer]:
        """The latest runs of a job or of all, newest first; status SKIPPED or MISSED shows what did not run.
        limit: 1 to 50."""

        async def work() -> list[RunAnswer]:
            may = self._may(ctx)
            if job is None and await may.maker() is not None:
                raise NotAllowedError("job: is missing; name the job whose runs are asked for")
            job_id = (await may.find(job)).id if job is not None else None
            filters = ExecutionFilters(job_id=job_id, statuses=None if status is None else [status])
            return [run_answer(run) for run in (await self._plugin.list_executions(filters, _within(limit))).items]

        return await _allowed(ctx, Scope.READ, work)

    async def get_execution(self, ctx: Context, execution: str) -> RunAnswer:
        """One run with its answer or error."""
        return await _allowed(ctx, Scope.READ, lambda: self._run(ctx, execution))

    async def why(self, ctx: Context, job: str, at: str) -> Why:
        """Why a job ran, or did not run, at a time (ISO 8601; without an offset in the job's zone)."""

        async def work() -> Why:
            found = await self._may(ctx).find(job)
            told = await self._plugin.explain(found.id, parse_instant(at, found.timezone))
            status = told.execution.status.value if told.execution is not None else None
            return {"sentence": told.sentence, "status": status, "next_slot": instant(told.next_slot, found.timezone)}

        return await _allowed(ctx, Scope.READ, work)

    async def _answer(
        self, ctx: Context, asked: Callable[[AgentScheduling], Awaitable[Job]], needed: Scope = Scope.WRITE
    ) -> JobAnswer:
        async def work() -> JobAnswer:
            return self._shown(await asked(self._may(ctx)))

        return await _allowed(ctx, needed, work)

    def _may(self, ctx: Context) -> AgentScheduling:
        """What the client may do to jobs: it is known by its token's name."""
        return AgentScheduling(self._plugin, _client(ctx), self._execution_id)

    def _shown(self, job: Job) -> JobAnswer:
        return job_answer(job, self._plugin.upcoming(job, NEXT_RUNS))

    async def _run(self, ctx: Context, execution_id: str) -> RunAnswer:
        found = await self._plugin.get_execution(execution_id)
        if found is None:
            raise NotFoundError(f"execution {execution_id!r} is unknown; list_executions shows them")
        await self._may(ctx).find(found.job_id)
        return run_answer(found)


async def _allowed(ctx: Context, needed: Scope, work: Callable[[], Awaitable[T]]) -> T:
    """What ``work`` answers, where the token of the request is of the scope. Errors become texts for a model."""
    token = _token(ctx)
    if token is not None and not token.scope.includes(needed):
        raise ToolError(f"token {token.name!r} has scope {token.scope}; this tool needs {needed}; ask the user for it")
    try:
        return await work()
    except AgentcronError as error:
        later = "; this is no fault of the call, tell the user" if isinstance(error, StoreError) else ""
        raise ToolError(f"{error}{later}") from error


def _token(ctx: Context) -> Token | None:
    """The token that the request came with; None over stdio, where there is no request."""
    request = ctx.request_context.request
    if request is None:
        return None
    token: Token = request.state.token
    return token


def _client(ctx: Context) -> str:
    token = _token(ctx)
    return token.name if token is not None else "mcp"


def _within(count: int) -> int:
    return max(1, min(count, MOST))
