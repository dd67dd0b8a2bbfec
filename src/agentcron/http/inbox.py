"""What runs ask of people, over HTTP: list it, read one, answer it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from agentcron.access import Scope, Token
from agentcron.domain.inputs import Input
from agentcron.http.problems import JsonAnswer, Problem
from agentcron.http.routing import ScopedRoute, named, plugin_of, read_fields, told
from agentcron.http.schema import array_of, body
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.wire import input_object

DECISIONS = ("approve", "deny", "answer")

router = APIRouter(prefix="/inbox", tags=["inbox"], route_class=ScopedRoute)


@router.get("", **told(Scope.READ, array_of(named("Input"))))
async def list_inputs(
    request: Request,
    job: Annotated[str | None, Query(description="Id, name, or unique beginning of an id.")] = None,
    closed: Annotated[bool, Query(description="What was answered, and what is not asked any more, too.")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """What parked runs ask of people, the newest `limit`, oldest first."""
    plugin = plugin_of(request)
    job_id = (await plugin.find_job(job)).id if job is not None else None
    found = await plugin.inbox(job_id, closed=closed, limit=limit)
    jobs = await plugin.jobs_of({one.job_id for one in found})
    names = {key: known.name for key, known in jobs.items()}
    return JsonAnswer([input_object(one, names.get(one.job_id)) for one in found])


@router.get("/{input}", **told(Scope.READ, named("Input")))
async def read_input(request: Request, input: str) -> Response:  # noqa: A002 - the name in the path
    """What is asked, by its id or a unique beginning of it."""
    plugin = plugin_of(request)
    return JsonAnswer(await _shown(plugin, await plugin.get_input(input)))


@router.post("/{input}", **told(Scope.RUN, named("Input"), **body("Answer")))
async def answer_input(request: Request, input: str) -> Response:  # noqa: A002 - the name in the path
    """Approve, deny or answer; the run goes on where nothing else of it is open. The first answer holds: 409 after."""
    plugin, values = plugin_of(request), await read_fields(request)
    for name in values:
        if name not in ("decision", "answer"):
            raise Problem(422, f"{name}: is not a field of an answer; known are decision, answer", field=name)
    decision, text = values.get("decision"), values.get("answer")
    if decision not in DECISIONS:
        raise Problem(422, f"decision: one of {', '.join(DECISIONS)} is needed", field="decision")
    if text is not None and not isinstance(text, str):
        raise Problem(422, "answer: a text is needed", field="answer")
    token: Token = request.state.token
    if decision == "approve":
        given = await plugin.approve(input, by=token.name)
    elif decision == "deny":
        given = await plugin.deny(input, text, by=token.name)
    else:
        given = await plugin.answer(input, text or "", by=token.name)
    return JsonAnswer(await _shown(plugin, given))


async def _shown(plugin: BackgroundJobsPlugin, asked: Input) -> dict[str, Any]:
    return input_object(asked, (await plugin.find_job(asked.job_id)).name)
