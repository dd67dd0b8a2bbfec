"""What every page has: the scope it needs, a form that is ours, and errors as pages a person can read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse

from agentcron.access import Scope
from agentcron.errors import AgentcronError
from agentcron.http.pages.rendering import render
from agentcron.http.pages.sessions import Session
from agentcron.http.problems import Problem, problem_of
from agentcron.http.routing import SCOPE

_FORM: Final = "application/x-www-form-urlencoded"
_SAFE: Final = frozenset({"GET", "HEAD"})
MOST_FIELDS: Final = 2000

Form = Mapping[str, list[str]]


class PageRoute(APIRoute):
    """A page that names its scope. One that changes something is called with ``request.state.form``, which was checked
    to come from a form of ours."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        needed = Scope((self.openapi_extra or {})[SCOPE])

        async def handle(request: Request) -> Response:
            try:
                session = session_of(request)
                if not session.token.scope.includes(needed):
                    raise Problem(
                        403, f"token {session.token.name!r} has scope {session.token.scope}; this needs {needed}"
                    )
                if request.method not in _SAFE:
                    request.state.form = form = await read_form(request)
                    if session.csrf != one(form, "csrf"):
                        raise Problem(403, "this form did not come from this dashboard, or it is older than your login")
                return await inner(request)
            except AgentcronError as error:
                return await _told(request, problem_of(error))
            except Problem as problem:
                return await _told(request, problem)

        return handle


async def _told(request: Request, problem: Problem) -> Response:
    answer = await render(request, "problem.html", problem=problem, code=problem.status)
    answer.headers.update(problem.headers)
    return answer


def pages() -> APIRouter:
    """A router of pages, which no description of the API names."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)


def needs(scope: Scope) -> dict[str, Any]:
    """The options of a page's route."""
    return {"openapi_extra": {SCOPE: scope.value}, "response_class": HTMLResponse}


def session_of(request: Request) -> Session:
    """Who is logged in. Raises ``Problem`` where a token came instead: it may not fill in forms for a person."""
    session = getattr(request.state, "session", None)
    if session is None:
        raise Problem(401, "this is a page for a browser; log in at /login, or use /api/v1")
    assert isinstance(session, Session)
    return session


async def read_form(request: Request) -> Form:
    """The fields that were sent, each with its values."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Problem(415, "send a form")
    try:
        return parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem(400, "the form cannot be read") from error


def one(form: Form, name: str, default: str = "") -> str:
    """The first value of a field."""
    return form.get(name, [default])[0]


def back(request: Request, said: str, default: str) -> Response:
    """To the page that the form names, or ``default``; ``said`` is the key of what it will tell."""
    place = one(request.state.form, "back", default)
    if not place.startswith("/") or place.startswith(("//", "/\\")) or not place.isprintable():
        place = default
    place, _, query = place.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("said=")]
    return RedirectResponse(f"{place}?{'&'.join([*kept, f'said={said}'])}", 303)
