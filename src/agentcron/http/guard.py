"""Who gets in: the checks before any route is looked for, and the headers that go out with every answer.

A page in the user's own browser can reach a loopback port, so the name under which it asks (DNS rebinding) and where
it comes from (forged requests) are judged before the token is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentcron.access import TokenFile
from agentcron.errors import StoreError
from agentcron.http.pages.sessions import Sessions, read_session
from agentcron.http.problems import Problem, problem_of
from agentcron.ports import SystemClock

T = TypeVar("T")

# A prompt has at most 1 MiB; as JSON it may take more.
MAX_BODY: Final = 4 << 20
MAX_QUERY: Final = 8 << 10
STREAMS: Final = frozenset({"/api/v1/events", "/live"})
# What a monitor may ask without a token, and the description of the API, which holds nothing of the user's.
OPEN: Final = frozenset({"/healthz", "/readyz", "/openapi.json"})
# What a browser needs before its user has logged in.
_ENTRANCE: Final = ("/login", "/login/", "/static/")
_FOR_PROGRAMS: Final = ("/api/", "/mcp", "/metrics")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would make a browser send "Origin: null" with our own forms, which are then refused as foreign.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses, in this order: a foreign host name, a foreign origin, a missing or wrong token, what is too large.

    ``hosts`` are the names, without port, under which the server may be asked. Programs are let in by a token, which
    is then ``request.state.token``; a browser at a page by its session, ``request.state.session``, else it is led to
    the login.
    """

    def __init__(self, app: ASGIApp, *, tokens: TokenFile, sessions: Sessions, hosts: Collection[str]) -> None:
        self._app = app
        self._tokens = tokens
        self._sessions = sessions
        self._hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            elsewhere = await self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send_guarded)
        except StoreError as error:
            await problem_of(error).response()(scope, receive, send_guarded)
        else:
            if elsewhere is not None:
                await RedirectResponse(elsewhere, 303)(scope, receive, send_guarded)
            else:
                await self._app(scope, _limited(receive), send_guarded)

    async def _check(self, scope: Scope) -> str | None:
        """Where to send the browser instead; None where the request may go on. Raises ``Problem``."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise Problem(421, "this server does not answer under that name; use --allow-host NAME to add one")
        path: str = scope["path"]
        if scope["method"] not in _SAFE or path in STREAMS:
            _check_origin(headers, hosts[0])
        elsewhere = None
        if "authorization" in headers or path.startswith(_FOR_PROGRAMS):
            if path not in OPEN:
                await self._let_in(scope, headers)
        elif path not in OPEN and not _is_entrance(path):
            elsewhere = await self._show_in(scope, headers)
        if len(scope["query_string"]) > MAX_QUERY:
            raise Problem(414, f"the query is longer than {MAX_QUERY} bytes")
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length[:20]) > MAX_BODY:
            raise _too_large()
        return elsewhere

    async def _show_in(self, scope: Scope, headers: Headers) -> str | None:
        cookies = cookie_parser(headers.get("cookie", ""))
        now = SystemClock().now()
        session = await _found(self._sessions.at_hand, lambda: read_session(self._sessions, cookies, now))
        if session is not None:
            scope.setdefault("state", {})["session"] = session
            return None
        if scope["method"] not in _SAFE:
            raise Problem(401, "you are not logged in any more; log in at /login, then do it again")
        place = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        return "/login" if place == "/" else f"/login?{urlencode({'next': place})}"

    async def _let_in(self, scope: Scope, headers: Headers) -> None:
        kind, _, secret = headers.get("authorization", "").partition(" ")
        token = None
        if kind.lower() == "bearer" and secret:
            token = await _found(self._tokens.at_hand, lambda: self._tokens.match(secret.strip()))
        if token is None:
            what = "is unknown or revoked" if secret else "is missing"
            raise Problem(
                401,
                f"the token {what}; send 'Authorization: Bearer TOKEN' ('agentcron token create' makes one)",
                WWW_Authenticate='Bearer realm="agentcron"',
            )
        scope.setdefault("state", {})["token"] = token


async def _found(at_hand: bool, look: Callable[[], T]) -> T:
    """What is looked up: at once where no file has to be read, since beside a busy event loop a thread costs a request
    two turns of waiting; else on a thread, since a slow disk must not hold up the others."""
    return look() if at_hand else await asyncio.to_thread(look)


def _is_entrance(path: str) -> bool:
    return path == _ENTRANCE[0] or path.startswith(_ENTRANCE[1:])


def _name(host: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets off."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _check_origin(headers: Headers, host: str) -> None:
    origins = headers.getlist("origin")
    own = all(origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower()) for origin in origins)
    if not own or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Problem(403, "a page of another origin may not ask for this")


def _limited(receive: Receive) -> Receive:
    """A body that says nothing of its length is counted as it comes."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise _too_large()
        return message

    return limited


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {MAX_BODY} bytes; put long texts into a file the agent can read")
