"""The server: where it listens, who may reach it there, and the order in which it stops."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

import uvicorn

from agentcron.access import TokenFile
from agentcron.errors import ConflictError, NotAllowedError
from agentcron.observability import in_our_log

if TYPE_CHECKING:
    from fastapi import FastAPI

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
# Longer than an answer takes; an event stream ends at once when the ring closes.
_LAST_ANSWERS: Final = 5
_MOST_CONNECTIONS: Final = 1000
# Whose lines are about what is served, beside our own.
_TELLERS: Final = ("uvicorn", "mcp", "asyncio")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_hosts(host: str, more: Collection[str] = ()) -> set[str]:
    """The names under which the server may be asked: those of this machine, the one it listens on, and ``more``."""
    return {*LOOPBACK, host, *more}


def check_reach(host: str, tokens: TokenFile) -> None:
    """Raise ``NotAllowedError`` where others could reach it and nobody made a token on purpose."""
    if not is_loopback(host) and not tokens.all():
        raise NotAllowedError(
            f"--host {host} can be reached from other machines, and no token was made yet; "
            "make one first: agentcron token create --name NAME --scope admin"
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ``ConflictError`` where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, or asyncio takes it for none of TCP, leaves Nagle on, and each answer waits 40 ms for the
    # acknowledgement of its headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise ConflictError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port") from error
    return listener


class Server(uvicorn.Server):
    """Serves until ``close``; signals are its caller's business."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="on",
            timeout_graceful_shutdown=_LAST_ANSWERS,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=64 << 10,
            # Who asks is nothing that a header of the asker may claim.
            proxy_headers=False,
        )
        super().__init__(config)
        self._app = app
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._logging = contextlib.ExitStack()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured: one order of stopping, for HTTP and the scheduler together."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and tell that it did."""
        await super().startup(sockets)
        self._up.set()

    async def open(self) -> None:
        """Serve from now on."""
        self._logging.enter_context(in_our_log(*_TELLERS))
        self._serving = asyncio.create_task(self.serve(sockets=[self._listener]), name="agentcron-http")
        up = asyncio.ensure_future(self._up.wait())
        await asyncio.wait((up, self._serving), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._serving.done():
            self._serving.result()

    async def close(self) -> None:
        """Take no more requests, end the streams, let what is being answered be answered."""
        if self._serving is not None:
            # Its own order would wait for the streams before it tells the application to end them.
            self._app.state.service.events.close()
            self.should_exit = True
            await self._serving
            self._serving = None
        self._listener.close()
        self._logging.close()
