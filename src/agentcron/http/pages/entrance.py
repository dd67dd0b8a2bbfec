"""The way in and out: log in with a token or a link, log out, and the files that every page needs."""

from __future__ import annotations

import asyncio
import mimetypes
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from agentcron.access import Scope
from agentcron.http.pages.rendering import STATIC, render
from agentcron.http.pages.routing import needs, one, pages, read_form
from agentcron.http.pages.sessions import LIFE, Sessions
from agentcron.http.problems import Problem
from agentcron.ports import SystemClock

entrance = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
router = pages()
_KEPT: Final = "public, max-age=31536000, immutable"


@entrance.get("/login")
async def show_login(request: Request) -> Response:
    """Where a token is asked for."""
    return await render(request, "login.html", problem=None, next=_next(request.query_params.get("next", "/")))


@entrance.post("/login")
async def log_in(request: Request) -> Response:
    """A session for whoever brings a token."""
    # There is no session yet that a form could be tied to: the browser itself must say that the form is ours. (A
    # foreign origin was refused before.)
    if "origin" not in request.headers and "sec-fetch-site" not in request.headers:
        raise Problem(403, "log in with a browser; programs send 'Authorization: Bearer TOKEN'")
    form, sessions = await read_form(request), _sessions(request)
    now, place = SystemClock().now(), _next(one(form, "next", "/"))
    cookie = await asyncio.to_thread(sessions.enter, one(form, "token"), now)
    if cookie is None:
        told = "This token is unknown or revoked. 'agentcron token create --name me --scope admin' makes one."
        return await render(request, "login.html", code=401, problem=told, next=place)
    return _entered(request, RedirectResponse(place, 303), cookie)


@entrance.get("/login/{code}")
async def follow_link(request: Request, code: str) -> Response:
    """A session for the first who follows a link that ``agentcron serve`` printed."""
    cookie = await asyncio.to_thread(_sessions(request).follow, code, SystemClock().now())
    if cookie is None:
        told = "This link was used already, or is older than an hour. Start 'agentcron serve' again, or use a token."
        return await render(request, "login.html", code=401, problem=told, next="/")
    # A redirect would be part of a navigation that may have begun on another site (a terminal in a browser), to which
    # a strict cookie is not sent; a page of ours that leads on begins a navigation of its own.
    return _entered(request, await render(request, "entered.html"), cookie)


@router.post("/logout", **needs(Scope.READ))
async def log_out(request: Request) -> Response:
    """Forget the session in this browser."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(_sessions(request).cookie, path="/", httponly=True, samesite="strict")
    return answer


@entrance.get("/static/{name}")
async def static(name: str) -> Response:
    """A file of the pages: one of a known few."""
    found = _files().get(name)
    if found is None:
        raise Problem(404, f"there is no file {name!r}")
    body, kind = found
    return Response(body, media_type=kind, headers={"Cache-Control": _KEPT})


@lru_cache(maxsize=1)
def _files() -> dict[str, tuple[bytes, str]]:
    return {
        path.name: (path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        for path in STATIC.iterdir()
        if path.is_file()
    }


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _entered(request: Request, answer: Response, cookie: str) -> Response:
    answer.set_cookie(
        _sessions(request).cookie,
        cookie,
        max_age=int(LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _next(place: str) -> str:
    """A place on this server; what a link of somebody else names is not followed elsewhere."""
    return place if place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable() else "/"
