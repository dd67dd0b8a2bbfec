"""Routes about jobs: list, create, read, change, run."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from agentcron.access import Scope
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.model import Job
from agentcron.domain.queries import DateRange, JobFilters
from agentcron.domain.spec_fields import check_fields, read_spec, write_spec
from agentcron.errors import ConflictError, InvalidJobError
from agentcron.http.problems import JsonAnswer, Problem
from agentcron.http.routing import ScopedRoute, edition_of, etag, named, plugin_of, read_fields, told
from agentcron.http.schema import LOCAL, array_of, body
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.schedule import parse_instant
from agentcron.wire import execution_object, explanation_object, job_object

NEXT_RUNS: Final = 3
MOST: Final = 1000
# After so many the event loop turns once: whoever else waits for it is served in between.
_SLICE: Final = 100
_KEY: Final = "Idempotency-Key"

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=ScopedRoute)


@router.get("", **told(Scope.READ, array_of(named("Job"))))
async def list_jobs(
    request: Request,
    status: Annotated[list[JobStatus] | None, Query(description="Any of these.")] = None,
    name: Annotated[str | None, Query(description="Part of the name.")] = None,
    tag: Annotated[str | None, Query(description="Has this tag.")] = None,
    cron: Annotated[str | None, Query(description="Part of the expression.")] = None,
    created_from: Annotated[str | None, Query(description="ISO 8601.")] = None,
    created_to: Annotated[str | None, Query(description="ISO 8601.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[
        str | None, Query(pattern="^[0-9]{1,18}$", description="From the `Link` of the page before.")
    ] = None,
) -> Response:
    """Jobs in the order of creation; where there are more, the header `Link` (rel="next") leads on."""
    created = None
    if created_from is not None or created_to is not None:
        start, end = (None if text is None else parse_instant(text) for text in (created_from, created_to))
        created = DateRange(start=start, end=end)
    filters = JobFilters(status=status, name_contains=name, tag=tag, cron_pattern=cron, date_range=created)
    page = await plugin_of(request).list_jobs(filters, limit, after)
    shown = []
    for number, job in enumerate(page.items, 1):
        shown.append(job_object(job))
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    return JsonAnswer(shown, headers=next_page(request, "after", page.after))


def next_page(request: Request, name: str, place: str | None) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288); nothing at the end."""
    if place is None:
        return {}
    asked = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    return {"Link": f'<{request.url.path}?{urlencode([*asked, (name, place)])}>; rel="next"'}


@router.post(
    "",
    **told(
        Scope.WRITE,
        named("Job"),
        status=201,
        **body("JobRequest"),
        parameters=[
            {
                "name": _KEY,
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
                "description": "The same key again answers the job that was made with it, also after a restart.",
            }
        ],
    ),
)
async def create_job(request: Request) -> Response:
    """Create a job. The answer bears its next three times."""
    fields = await read_fields(request)
    _check_local(fields)
    # Before what is missing, since a name that is misspelt is missing too; and no parameter of the facade that is no
    # field, such as made_by, is chosen over the network.
    check_fields(fields)
    for name in ("name", "prompt"):
        if name not in fields:
            raise InvalidJobError(f"{name}: is missing", field=name)
    plugin = plugin_of(request)
    job, made = await plugin.make_job(key=_key_of(request), **{"schedule": None, **fields})
    if not made:
        await _check_same(plugin, job.id, fields)
    answer = _full(plugin, job, 201 if made else 200)
    answer.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return answer


def _check_local(fields: dict[str, Any]) -> None:
    """A gate or a check can run a program: with it a token would be worth a shell on the server."""
    for name in sorted(LOCAL & fields.keys()):
        raise Problem(403, f"{name}: cannot be set over the network; use 'agentcron edit' on the server", field=name)


def _key_of(request: Request) -> str | None:
    """The key of the request, told apart from the same key of another token."""
    key = request.headers.get(_KEY)
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Problem(400, f"{_KEY}: must be 1 to 255 printable ASCII characters", field=_KEY)
    return f"{request.state.token.name}\n{key}"


async def _check_same(plugin: BackgroundJobsPlugin, job_id: str, fields: dict[str, Any]) -> None:
    """Raise ``Problem`` where the job that was made with this key was made with other fields."""
    first = await plugin.storage.get_spec(job_id, 1)
    defaults = {"agent": plugin.agent_factory.default_definition}
    asked = read_spec({**defaults, **fields}, timezone=plugin.config.timezone)
    if first is not None and _comparable(write_spec(first), fields) != _comparable(write_spec(asked), fields):
        raise Problem(422, f"{_KEY}: was used before with other fields; use a key of its own for each job", field=_KEY)


def _comparable(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    # An interval without an anchor is anchored at its creation.
    return values if "anchor" in given else {name: value for name, value in values.items() if name != "anchor"}


@router.get("/{job}", **told(Scope.READ, named("Job")))
async def read_job(request: Request, job: str) -> Response:
    """A job by its id, name, or unique beginning of its id, with its next three times."""
    plugin = plugin_of(request)
    return _full(plugin, await plugin.find_job(job))


@router.patch("/{job}", **told(Scope.WRITE, named("Job"), **body("JobChange")))
async def change_job(request: Request, job: str) -> Response:
    """Change fields of a job. `If-Match` with its ETag changes it only where nobody else did meanwhile."""
    fields = await read_fields(request)
    _check_local(fields)
    if not fields:
        raise InvalidJobError("the body is empty; give at least one field to change")
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    if not await plugin.update_job(found.id, fields, edition=edition_of(request, found)):
        raise await _over(plugin, found.id, "changed")
    return _full(plugin, await plugin.find_job(found.id))


@router.delete("/{job}", **told(Scope.WRITE, named("Deleted")))
async def delete_job(request: Request, job: str) -> Response:
    """Delete a job with its history; its runs are ended first."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    deleted = await plugin.delete_job(found.id, edition=edition_of(request, found))
    return JsonAnswer({"id": found.id, "name": found.name, "deleted": deleted})


@router.post("/{job}/pause", **told(Scope.WRITE, named("Job")))
async def pause_job(request: Request, job: str) -> Response:
    """Start no further slot; what runs ends normally."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    done = await plugin.pause_job(found.id, edition=edition_of(request, found))
    return await _changed(plugin, found, "paused", done)


@router.post("/{job}/resume", **told(Scope.WRITE, named("Job")))
async def resume_job(request: Request, job: str) -> Response:
    """Go on with the schedule; the slots in between are skipped."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    done = await plugin.resume_job(found.id, edition=edition_of(request, found))
    return await _changed(plugin, found, "resumed", done)


@router.post("/{job}/cancel", **told(Scope.WRITE, named("Job")))
async def cancel_job(request: Request, job: str) -> Response:
    """End a job for good, with what is open; its history stays."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    done = await plugin.cancel_job(found.id, edition=edition_of(request, found))
    return await _changed(plugin, found, "canceled", done)


@router.post("/{job}/run", **told(Scope.RUN, named("Execution"), status=202))
async def run_job(request: Request, job: str) -> Response:
    """Put a run into the line now, besides the schedule; the answer is the waiting execution."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    execution = await plugin.get_execution(await plugin.run_job_now(found.id))
    assert execution is not None
    headers = {"Location": f"/api/v1/executions/{execution.id}"}
    return JsonAnswer(execution_object(execution, found.name), 202, headers)


@router.get("/{job}/why", **told(Scope.READ, named("Explanation")))
async def why(request: Request, job: str, at: Annotated[str, Query(description="ISO 8601.")]) -> Response:
    """What became, or will become, of the slot at a time; without an offset it is read in the job's zone."""
    plugin = plugin_of(request)
    found = await plugin.find_job(job)
    return JsonAnswer(explanation_object(await plugin.explain(found.id, parse_instant(at, found.timezone)), found))


def _full(plugin: BackgroundJobsPlugin, job: Job, status: int = 200) -> JsonAnswer:
    return JsonAnswer(job_object(job, plugin.upcoming(job, NEXT_RUNS)), status, etag(job))


async def _changed(plugin: BackgroundJobsPlugin, job: Job, word: str, done: bool) -> Response:
    if not done:
        raise await _over(plugin, job.id, word)
    changed = await plugin.find_job(job.id)
    return JsonAnswer(job_object(changed), headers=etag(changed))


async def _over(plugin: BackgroundJobsPlugin, job_id: str, word: str) -> ConflictError:
    job = await plugin.find_job(job_id)
    return ConflictError(f"job {job.name!r} is {job.status}; it cannot be {word}")
