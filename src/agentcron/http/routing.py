"""What every route has: the scope it needs, judged before anything of the request is read, and strict parameters."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from agentcron.access import Scope, Token
from agentcron.domain.model import Job
from agentcron.errors import AgentcronError
from agentcron.http.problems import JsonAnswer, Problem, problem_of
from agentcron.http.schema import ref
from agentcron.plugin import BackgroundJobsPlugin

SCOPE: Final = "x-scope"
_TAG: Final = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')
_READ_FIRST: Final = "read the job, and send its ETag"


class ScopedRoute(APIRoute):
    """A route that names its scope in ``openapi_extra``; one that forgot to cannot be made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        needed = Scope((self.openapi_extra or {})[SCOPE])
        known = {param.alias for param in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            token: Token = request.state.token
            if not token.scope.includes(needed):
                raise Problem(403, f"token {token.name!r} has scope {token.scope}; this needs {needed}")
            for name in request.query_params:
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
                    raise Problem(422, f"{name}: is not a parameter; {hint}", field=name)
            try:
                return await inner(request)
            except AgentcronError as error:
                raise problem_of(error) from error

        return handle


def told(needed: Scope, shape: dict[str, Any], *, status: int = 200, **extra: Any) -> dict[str, Any]:
    """The options of a route: its scope, the shape of its answer, and what else OpenAPI is to say."""
    answer = {"description": "Done", "content": {"application/json": {"schema": shape}}}
    return {
        "openapi_extra": {SCOPE: needed.value, **extra},
        "status_code": status,
        "response_class": JsonAnswer,
        "responses": {status: answer},
    }


def named(name: str) -> dict[str, Any]:
    """The shape of that name."""
    return ref(name)


def plugin_of(request: Request) -> BackgroundJobsPlugin:
    """The facade that this server stands on."""
    plugin: BackgroundJobsPlugin = request.app.state.plugin
    return plugin


async def read_fields(request: Request) -> dict[str, Any]:
    """The JSON object that was sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A form of a foreign page can send other types without the browser asking first.
        raise Problem(415, "send a JSON object with Content-Type: application/json")
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, "the body is not JSON") from error
    if not isinstance(value, dict):
        raise Problem(422, "the body must be a JSON object of fields")
    return value


def edition_of(request: Request, job: Job) -> str | None:
    """Which edition of the job ``If-Match`` asks for; None where any will do."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    tags, place = [], 0
    while place < len(header):
        found = _TAG.match(header, place)
        if found is None:
            raise Problem(400, f"If-Match: is not a list of ETags; {_READ_FIRST}", field="If-Match")
        # A weak one never matches: it does not say that nothing was changed.
        tags.append("" if found[1] else found[2])
        place = found.end()
    if not tags:
        raise Problem(400, f"If-Match: is empty; {_READ_FIRST}", field="If-Match")
    return job.edition if job.edition in tags else tags[0]


def etag(job: Job) -> dict[str, str]:
    """The header that names the job's edition."""
    return {"ETag": f'"{job.edition}"'}
