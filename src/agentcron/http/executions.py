"""Routes about executions: list, read, cancel, and what was said."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from agentcron.access import Scope
from agentcron.agents.conversation import readable
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.queries import ExecutionFilters
from agentcron.errors import ConflictError, NotFoundError
from agentcron.http.jobs import next_page
from agentcron.http.problems import JsonAnswer, Problem
from agentcron.http.routing import ScopedRoute, named, plugin_of, told
from agentcron.http.schema import array_of
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.wire import execution_object, message_object

# Each bears its prompt and its answer, which may be long.
MOST: Final = 500
_PLAIN: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_FILE: Final = {"description": "The bytes", "content": {"text/plain": {"schema": {"type": "string"}}, _JSON: {}}}

router = APIRouter(prefix="/executions", tags=["executions"], route_class=ScopedRoute)


@router.get("", **told(Scope.READ, array_of(named("Execution"))))
async def list_executions(
    request: Request,
    job: Annotated[str | None, Query(description="Id, name, or unique beginning of an id.")] = None,
    status: Annotated[list[ExecutionStatus] | None, Query(description="Any of these.")] = None,
    include_skipped: Annotated[bool, Query(description="Skipped and missed slots too.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    before: Annotated[str | None, Query(description="From the `Link` of the page before.")] = None,
) -> Response:
    """Executions, newest first; where there are more, the header `Link` (rel="next") leads on."""
    plugin = plugin_of(request)
    job_id = (await plugin.find_job(job)).id if job is not None else None
    filters = ExecutionFilters(job_id=job_id, statuses=status, before=before, include_skipped=include_skipped)
    page = await plugin.list_executions(filters, limit)
    if before is not None and not page.items:
        await _check_place(plugin, before)
    jobs = await plugin.jobs_of({run.job_id for run in page.items})
    # One that was deleted meanwhile has no name any more.
    names = {key: found.name for key, found in jobs.items()}
    shown = [execution_object(run, names.get(run.job_id)) for run in page.items]
    return JsonAnswer(shown, headers=next_page(request, "before", page.after))


@router.get("/{execution}", **told(Scope.READ, named("Execution")))
async def read_execution(request: Request, execution: str) -> Response:
    """An execution by its id or a unique beginning of it."""
    plugin = plugin_of(request)
    return JsonAnswer(await _shown(plugin, await _find(plugin, execution)))


@router.get("/{execution}/conversation", **told(Scope.READ, array_of(named("Message"))))
async def read_conversation(request: Request, execution: str) -> Response:
    """What agent and model said, in order; empty where it did not run."""
    plugin = plugin_of(request)
    talk = await plugin.get_conversation((await _find(plugin, execution)).id)
    return JsonAnswer([message_object(message) for message in readable(talk)] if talk is not None else [])


@router.get("/{execution}/artifacts", **told(Scope.READ, array_of(named("Artifact"))))
async def list_artifacts(request: Request, execution: str) -> Response:
    """What the run left that can be fetched by itself: its prompt as sent, its answer, its conversation."""
    plugin = plugin_of(request)
    run = await _find(plugin, execution)
    at = f"/api/v1/executions/{run.id}/artifacts"
    shown = [
        {"name": name, "media_type": kind, "bytes": len(body), "href": f"{at}/{name}"}
        for name, (kind, body) in (await _artifacts(plugin, run)).items()
    ]
    return JsonAnswer(shown)


@router.get("/{execution}/artifacts/{name}", **{**told(Scope.READ, {}), "responses": {200: _FILE}})
async def read_artifact(request: Request, execution: str, name: str) -> Response:
    """One of them as it is; a browser keeps it as a file and shows nothing of it."""
    plugin = plugin_of(request)
    run = await _find(plugin, execution)
    found = (await _artifacts(plugin, run)).get(name)
    if found is None:
        raise NotFoundError(f"execution {run.id} has no artifact {name!r}; /artifacts lists them")
    kind, body = found
    suffix = "json" if kind == _JSON else "txt"
    return Response(body, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}.{suffix}"'})


@router.post("/{execution}/cancel", **told(Scope.RUN, named("Execution")))
async def cancel_execution(request: Request, execution: str) -> Response:
    """End an execution that waits or runs; one that runs in another process ends within about a second."""
    plugin = plugin_of(request)
    found = await _find(plugin, execution)
    if not await plugin.cancel_execution(found.id):
        now = await _find(plugin, found.id)
        raise ConflictError(f"execution {now.id} has ended: {now.status}; it cannot be canceled")
    return JsonAnswer(await _shown(plugin, await _find(plugin, found.id)))


async def _check_place(plugin: BackgroundJobsPlugin, before: str) -> None:
    """Nothing stands after a place that is none: such a page would read as the end. Ids from elsewhere may look like
    anything, so only the store knows."""
    found = None
    with contextlib.suppress(ConflictError):
        found = await plugin.get_execution(before)
    if found is None or found.id != before:
        raise Problem(
            422, f"before: {before!r} is no execution; take it from the header Link of the page before", field="before"
        )


async def _find(plugin: BackgroundJobsPlugin, execution_id: str) -> Execution:
    found = await plugin.get_execution(execution_id)
    if found is None:
        raise NotFoundError(f"execution {execution_id!r} is unknown; GET /api/v1/executions lists them")
    return found


async def _artifacts(plugin: BackgroundJobsPlugin, run: Execution) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes of each text that the run left."""
    texts = {"prompt": run.prompt, "result": run.result}
    found = {name: (_PLAIN, text.encode("utf-8", "replace")) for name, text in texts.items() if text is not None}
    talk = await plugin.get_conversation(run.id)
    if talk is not None:
        native = {
            "kind": talk.kind,
            "format": talk.format,
            "format_version": talk.format_version,
            "native": talk.native,
        }
        found["conversation"] = (_JSON, bytes(JsonAnswer(native).body))
    return found


async def _shown(plugin: BackgroundJobsPlugin, run: Execution) -> dict[str, Any]:
    return execution_object(run, (await plugin.find_job(run.job_id)).name)
