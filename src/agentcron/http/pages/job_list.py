"""All jobs: what is next, how they fare, and the same change to several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median_low
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response
from markupsafe import Markup

from agentcron.access import Scope
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import JobFilters, JobOrder
from agentcron.errors import ConflictError, NotFoundError
from agentcron.http.pages import drawing
from agentcron.http.pages.overview import agents_of
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import back, needs, one, pages, session_of
from agentcron.http.problems import Problem
from agentcron.http.routing import plugin_of
from agentcron.plugin import BackgroundJobsPlugin

PAGE: Final = 50
RUNS: Final = 20
TAGS: Final = 200
_ORDERS: Final = {
    JobOrder.NEXT: "next run",
    JobOrder.NAME: "name",
    JobOrder.LAST: "last run",
    JobOrder.COST: "cost",
    JobOrder.NEWEST: "newest",
}

router = pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A job with what its last runs say."""

    job: Job
    last: Execution | None
    spark: Markup
    p50: timedelta | None
    success: float | None


@router.get("/jobs", **needs(Scope.READ))
async def list_jobs(request: Request) -> Response:
    """Jobs that the filters let through, a page of them."""
    plugin, asked = plugin_of(request), request.query_params
    order = JobOrder(asked["sort"]) if asked.get("sort") in set(JobOrder) else JobOrder.NEXT
    status = JobStatus(asked["status"]) if asked.get("status") in set(JobStatus) else None
    name, tag = asked.get("q", "").strip(), asked.get("tag", "").strip()
    filters = JobFilters(status=None if status is None else [status], name_contains=name or None, tag=tag or None)
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 6 else 1
    number = max(number, 1)
    chosen = await plugin.select_jobs(filters, order, PAGE, (number - 1) * PAGE)
    named = sum(chosen.by_status.values())
    found = named if status is None else chosen.by_status[status]
    last = max(-(-found // PAGE), 1)
    if number > last:
        number = last
        chosen = await plugin.select_jobs(filters, order, PAGE, (number - 1) * PAGE)
    runs = await plugin.latest_runs([job.id for job in chosen.jobs], RUNS)
    kept = {key: value for key, value in (("q", name), ("tag", tag), ("status", status), ("sort", order)) if value}
    return await render(
        request,
        "jobs.html",
        lines=[_line(job, runs[job.id]) for job in chosen.jobs],
        total=(await plugin.get_statistics()).total_jobs,
        found=found,
        by_status={one.value: chosen.by_status[one] for one in JobStatus},
        named=named,
        name=name, tag=tag, only=status or "", order=order,
        orders=_ORDERS,
        tags=await plugin.get_tags(TAGS),
        number=number,
        pages=last,
        link=lambda **more: f"/jobs?{urlencode({k: v for k, v in {**kept, **more}.items() if v})}",
        agents=agents_of(request),
    )  # fmt: skip


def _line(job: Job, runs: Sequence[Execution]) -> Line:
    ended = [run.duration for run in runs if run.ran and run.duration is not None]
    marks = [(run.status, run.duration) for run in reversed(runs)]
    ran = job.totals.executions
    return Line(
        job=job,
        last=runs[0] if runs else None,
        spark=drawing.sparkline(marks, RUNS),
        p50=median_low(ended) if ended else None,
        success=job.totals.success / ran if ran else None,
    )


@router.post("/jobs/batch", **needs(Scope.RUN))
async def change_several(request: Request) -> Response:
    """Pause, resume or run every job that was chosen."""
    plugin, form, session = plugin_of(request), request.state.form, session_of(request)
    what, chosen = one(form, "do"), form.get("job", [])
    if what not in ("pause", "resume", "run"):
        raise Problem(422, "do: is none of pause, resume, run")
    if what != "run" and not session.can("write"):
        raise Problem(403, f"token {session.token.name!r} has scope {session.token.scope}; this needs write")
    done = [await _change(plugin, what, job_id) for job_id in dict.fromkeys(chosen)]
    return back(request, "batch" if done and all(done) else "some" if done else "none", "/jobs")


async def _change(plugin: BackgroundJobsPlugin, what: str, job_id: str) -> bool:
    if what == "pause":
        return await plugin.pause_job(job_id)
    if what == "resume":
        return await plugin.resume_job(job_id)
    try:
        return bool(await plugin.run_job_now(job_id))
    except (ConflictError, NotFoundError):
        return False
