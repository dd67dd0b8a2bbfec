"""Who gets in: the checks before any route is looked for, and the headers that go out with every answer.

A page in the user's own browser can reach a loopback port, so the name under which it asks (DNS rebinding) and where
it comes from (forged requests) are judged before the token is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentcron.access import TokenFile
from agentcron.errors import StoreError
from agentcron.http.problems import Problem, problem_of

# A prompt has at most 1 MiB; as JSON it may take more.
MAX_BODY: Final = 4 << 20
MAX_QUERY: Final = 8 << 10
EVENTS: Final = "/api/v1/events"
# What a monitor may ask without a token, and the description of the API, which holds nothing of the user's.
OPEN: Final = frozenset({"/healthz", "/readyz", "/openapi.json"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses, in this order: a foreign host name, a foreign origin, a missing or wrong token, what is too large.

    ``hosts`` are the names, without port, under which the server may be asked. The token that let a request in is
    ``request.state.token``.
    """

    def __init__(self, app: ASGIApp, *, tokens: TokenFile, hosts: Collection[str]) -> None:
        self._app = app
        self._tokens = tokens
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
            await self._check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send_guarded)
        except StoreError as error:
            await problem_of(error).response()(scope, receive, send_guarded)
        else:
            await self._app(scope, _limited(receive), send_guarded)

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise Problem(421, "this server does not answer under that name; use --allow-host NAME to add one")
        path: str = scope["path"]
        if scope["method"] not in _SAFE or path == EVENTS:
            _check_origin(headers, hosts[0])
        if path not in OPEN:
            await self._let_in(scope, headers)
        if len(scope["query_string"]) > MAX_QUERY:
            raise Problem(414, f"the query is longer than {MAX_QUERY} bytes")
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length[:20]) > MAX_BODY:
            raise _too_large()

    async def _let_in(self, scope: Scope, headers: Headers) -> None:
        kind, _, secret = headers.get("authorization", "").partition(" ")
        token = None
        if kind.lower() == "bearer" and secret:
            # The file may have to be read; a slow disk must not hold up the others.
            token = await asyncio.to_thread(self._tokens.match, secret.strip())
        if token is None:
            what = "is unknown or revoked" if secret else "is missing"
            raise Problem(
                401,
                f"the token {what}; send 'Authorization: Bearer TOKEN' ('agentcron token create' makes one)",
                WWW_Authenticate='Bearer realm="agentcron"',
            )
        scope.setdefault("state", {})["token"] = token


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
