"""Make a job, or change one, with its next times in sight while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from zoneinfo import available_timezones

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from agentcron.access import Scope
from agentcron.domain.model import Job
from agentcron.domain.spec import JobSpec
from agentcron.errors import AgentcronError, ConflictError, StoreError
from agentcron.http.pages.field_text import LINES, field_text, schedule_text
from agentcron.http.pages.preview import preview
from agentcron.http.pages.rendering import render, viewer_zone
from agentcron.http.pages.routing import Form, needs, one, pages
from agentcron.http.problems import problem_of
from agentcron.http.routing import plugin_of
from agentcron.http.schema import LOCAL
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import SystemClock
from agentcron.schedule import CronSchedule

_MAIN: Final = ("name", "schedule", "prompt", "agent")
_APART: Final = frozenset({*_MAIN, "metadata", *LOCAL})
_EXAMPLE: Final = {
    "name": "hello",
    "schedule": "every 1m",
    "prompt": "Say hello, and tell what time it was planned for: {{scheduled_for}}",
    "agent": "echo",
}
PRESETS: Final = (
    ("every 10m", "every 10 min"),
    ("0 * * * *", "hourly"),
    ("0 9 * * MON-FRI", "weekdays 09:00"),
    ("0 7 * * MON", "Mondays 07:00"),
    ("0 0 1 * *", "monthly"),
)

router = pages()


@router.get("/jobs/new", **needs(Scope.WRITE))
async def new_job(request: Request) -> Response:
    """An empty form, or one with an example in it."""
    asked = request.query_params
    first = _EXAMPLE if "try" in asked else {name: asked.get(name, "") for name in _MAIN}
    return await _form(request, {"timezone": viewer_zone(request), **first})


@router.post("/jobs/preview", **needs(Scope.READ))
async def show_preview(request: Request) -> Response:
    """What the schedule means, for the form as it stands."""
    form = request.state.form
    return await render(request, "preview.html", **await _preview(request, one(form, "schedule"), _zone(request, form)))


@router.post("/jobs/new", **needs(Scope.WRITE))
async def make_job(request: Request) -> Response:
    """Make it; what cannot work comes back with the reason."""
    form, plugin = request.state.form, plugin_of(request)
    try:
        job_id = await plugin.create_job(**_given(form, None))
    except StoreError:
        raise
    except AgentcronError as error:
        return await _form(request, _texts(form), error=error)
    if one(form, "do") == "run":
        return RedirectResponse(f"/executions/{await plugin.run_job_now(job_id)}?said=created", 303)
    return RedirectResponse(f"/jobs/{job_id}?said=created", 303)


@router.get("/jobs/{job_id}/edit", **needs(Scope.WRITE))
async def edit_job(request: Request, job_id: str) -> Response:
    """The job as it stands, to be changed."""
    job = await plugin_of(request).find_job(job_id)
    return await _form(request, _stored(job), job=job)


@router.post("/jobs/{job_id}/edit", **needs(Scope.WRITE))
async def change_job(request: Request, job_id: str) -> Response:
    """Change what is different from the job as the form showed it."""
    form, plugin = request.state.form, plugin_of(request)
    job = await plugin.find_job(job_id)
    try:
        changes = _given(form, _stored(job))
        if changes and not await plugin.update_job(job.id, changes, edition=one(form, "edition") or None):
            raise ConflictError(f"job {job.name!r} is {job.status}; it cannot be changed any more")
    except StoreError:
        raise
    except AgentcronError as error:
        return await _form(request, _texts(form), job=job, error=error, edition=one(form, "edition"))
    return RedirectResponse(f"/jobs/{job.id}?said=changed", 303)


async def _form(
    request: Request,
    texts: Mapping[str, str],
    *,
    job: Job | None = None,
    error: AgentcronError | None = None,
    edition: str = "",
) -> Response:
    plugin = plugin_of(request)
    agents = await _agents(plugin)
    able = [agent["name"] for agent in agents if not agent["problem"]]
    chosen = texts.get("agent") or (plugin.agent_factory.default_definition if job is None else "")
    problem = problem_of(error) if error is not None else None
    timezone = texts.get("timezone") or viewer_zone(request)
    return await render(
        request,
        "form.html",
        code=problem.status if problem is not None else 200,
        job=job,
        edition=edition or (job.edition if job is not None else ""),
        texts={**texts, "timezone": timezone, "agent": chosen if job is not None or chosen in able else ""},
        error=problem,
        agents=agents,
        only_built_in=not any(agent["source"] == "configured" for agent in agents),
        more=_more(texts),
        zones=_zones(),
        presets=PRESETS,
        **await _preview(request, texts.get("schedule", ""), timezone),
    )


@lru_cache(maxsize=1)
def _zones() -> list[str]:
    """Every zone's name; it takes a look into six hundred files to know them."""
    return sorted(available_timezones())


async def _agents(plugin: BackgroundJobsPlugin) -> list[dict[str, Any]]:
    describe = getattr(plugin.agent_factory, "describe", None)
    found: list[dict[str, Any]] = await asyncio.to_thread(describe) if describe is not None else []
    return found


def _more(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields behind "more": name, meaning, default, and what may be chosen where that is a list."""
    found = []
    for field in fields(JobSpec):
        if field.name in _APART:
            continue
        default = None if field.default is MISSING else field.default
        found.append(
            {
                "name": field.name,
                "label": field.name.replace("_", " "),
                "help": field.metadata["help"],
                "default": field_text(_DEFAULTS, field.name),
                "choices": [choice.value for choice in type(default)] if isinstance(default, StrEnum) else [],
                "lines": field.name in LINES,
                "example": LINES.get(field.name, ""),
                "text": texts.get(field.name, ""),
            }
        )
    return found


_DEFAULTS: Final = JobSpec(name="-", prompt="-", schedule=CronSchedule("@daily"))


def _stored(job: Job) -> dict[str, str]:
    texts = {field.name: field_text(job.spec, field.name) for field in fields(JobSpec) if field.name != "schedule"}
    return {**texts, "schedule": schedule_text(job.spec), "timezone": job.timezone}


def _texts(form: Form) -> dict[str, str]:
    return {name: one(form, name).replace("\r\n", "\n") for name in form}


def _given(form: Form, stored: Mapping[str, str] | None) -> dict[str, Any]:
    """The fields that say something: of a new job those that are filled in, of another those that differ."""
    given: dict[str, Any] = {}
    for name, text in _texts(form).items():
        if name not in _KNOWN:
            continue
        before = stored.get(name, "") if stored is not None else ""
        if text.strip() == before.strip() and not (stored is None and name in ("name", "prompt", "schedule")):
            continue
        given[name] = _value(name, text)
    if stored is not None and "timezone" in given and "schedule" not in given:
        # An expression is read anew in the other zone; an interval or a single time has none.
        given["schedule"] = stored["schedule"]
    return given


def _value(name: str, text: str) -> Any:
    if name == "prompt":
        return text
    text = text.strip()
    if text and name in LINES:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if text or name in _MAIN:
        return text
    # An emptied field goes back to what it is without anybody's choice.
    default = getattr(_DEFAULTS, name, None)
    return default if default is not None else None


_KNOWN: Final = frozenset({field.name for field in fields(JobSpec)} - {"metadata", *LOCAL} | {"timezone"})


def _zone(request: Request, form: Form) -> str:
    return one(form, "timezone").strip() or viewer_zone(request)


async def _preview(request: Request, text: str, timezone: str) -> dict[str, Any]:
    told: dict[str, Any] = {"shown": None, "wrong": None}
    if text.strip():
        try:
            told["shown"] = await asyncio.to_thread(preview, text, timezone, SystemClock().now())
        except AgentcronError as error:
            told["wrong"] = str(error)
    return told
