"""What is told to others, over HTTP: list the letters, read one, try one that was given up afresh."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from agentcron.access import Scope
from agentcron.domain.letters import Letter, LetterStatus
from agentcron.errors import NotFoundError
from agentcron.http.jobs import next_page
from agentcron.http.problems import JsonAnswer
from agentcron.http.routing import ScopedRoute, named, plugin_of, told
from agentcron.http.schema import array_of
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.wire import letter_object

MOST: Final = 500

router = APIRouter(prefix="/outbox", tags=["outbox"], route_class=ScopedRoute)


@router.get("", **told(Scope.READ, array_of(named("Letter"))))
async def list_letters(
    request: Request,
    job: Annotated[str | None, Query(description="Id, name, or unique beginning of an id.")] = None,
    execution: Annotated[str | None, Query(description="Id, or unique beginning of one.")] = None,
    status: Annotated[LetterStatus | None, Query(description="Of this status alone.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    before: Annotated[str | None, Query(description="From the `Link` of the page before.")] = None,
) -> Response:
    """What was, or is to be, told to whom, newest first; where there is more, the header `Link` (rel="next") leads
    on."""
    plugin = plugin_of(request)
    found = await plugin.outbox(
        job_id=(await plugin.find_job(job)).id if job is not None else None,
        execution_id=await _execution(plugin, execution) if execution is not None else None,
        status=status,
        before=before,
        limit=limit + 1,
    )
    page = found[:limit]
    jobs = await plugin.jobs_of({letter.job_id for letter in page})
    # One that was deleted meanwhile has no name any more.
    names = {key: known.name for key, known in jobs.items()}
    shown = [letter_object(letter, names.get(letter.job_id)) for letter in page]
    return JsonAnswer(shown, headers=next_page(request, "before", page[-1].id if len(found) > limit else None))


@router.get("/{letter}", **told(Scope.READ, named("Letter")))
async def read_letter(request: Request, letter: str) -> Response:
    """A letter by its id or a unique beginning of it."""
    plugin = plugin_of(request)
    return JsonAnswer(await _shown(plugin, await plugin.get_letter(letter)))


@router.post("/{letter}/resend", **told(Scope.RUN, named("Letter")))
async def resend_letter(request: Request, letter: str) -> Response:
    """Try a letter that was given up afresh; it keeps its id, and no agent is run again. 409 for another one."""
    plugin = plugin_of(request)
    return JsonAnswer(await _shown(plugin, await plugin.retry_letter(letter)))


async def _execution(plugin: BackgroundJobsPlugin, execution: str) -> str:
    found = await plugin.get_execution(execution)
    if found is not None:
        return found.id
    # A letter that waits outlives the run that it tells of.
    if not await plugin.outbox(execution_id=execution, limit=1):
        raise NotFoundError(f"execution {execution!r} is unknown; GET /api/v1/executions lists them")
    return execution


async def _shown(plugin: BackgroundJobsPlugin, letter: Letter) -> dict[str, Any]:
    return letter_object(letter, (await plugin.find_job(letter.job_id)).name)
