"""All jobs: what is next, how they fare, and the same change to several at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from markupsafe import Markup

from agentcron.access import Scope
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import JobFilters
from agentcron.errors import ConflictError, NotFoundError
from agentcron.http.pages import drawing
from agentcron.http.pages.overview import agents_of
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import back, needs, one, pages, session_of
from agentcron.http.problems import Problem
from agentcron.http.routing import plugin_of
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.storage.filters import matches

PAGE: Final = 50
RUNS: Final = 20
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_ORDERS: Final[dict[str, tuple[str, Callable[[Job], Any]]]] = {
    "next": ("next run", lambda job: (job.next_run or _NEVER, job.name)),
    "name": ("name", lambda job: job.name.casefold()),
    "last": ("last run", lambda job: -(job.last_run or datetime(1970, 1, 1, tzinfo=UTC)).timestamp()),
    "cost": ("cost", lambda job: -job.totals.cost_usd),
    "new": ("newest", lambda job: -job.created.timestamp()),
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
    jobs = await plugin.get_jobs()
    order = asked.get("sort", "next") if asked.get("sort") in _ORDERS else "next"
    status = asked.get("status", "") if asked.get("status") in set(JobStatus) else ""
    name, tag = asked.get("q", "").strip(), asked.get("tag", "").strip()
    filters = JobFilters(name_contains=name or None, tag=tag or None)
    named = [job for job in jobs if matches(job, filters)]
    counted = Counter(job.status for job in named)
    found = sorted((job for job in named if not status or job.status == status), key=_ORDERS[order][1])
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 6 else 1
    number = min(max(number, 1), max(-(-len(found) // PAGE), 1))
    shown = found[(number - 1) * PAGE : number * PAGE]
    runs = await plugin.latest_runs([job.id for job in shown], RUNS)
    kept = {key: value for key, value in (("q", name), ("tag", tag), ("status", status), ("sort", order)) if value}
    return await render(
        request,
        "jobs.html",
        lines=[_line(job, runs[job.id]) for job in shown],
        total=len(jobs),
        found=len(found),
        by_status={one.value: counted[one] for one in JobStatus},
        named=len(named),
        name=name, tag=tag, only=status, order=order,
        orders={key: words for key, (words, _) in _ORDERS.items()},
        tags=sorted({tag for job in jobs for tag in job.tags})[:200],
        number=number,
        pages=max(-(-len(found) // PAGE), 1),
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
