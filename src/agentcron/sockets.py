"""Sockets that can be ended from outside: whoever sends a byte now and then must not keep a thread for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Sockets:
    """The connections of one question. A time limit of a socket holds for each read alone; ``end`` holds for all."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._ended = False

    def open(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to the address. Raises ``OSError``."""
        opened = socket.create_connection((host, port), timeout)
        self.add(opened)
        return opened

    def secure(self, opened: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
        """The same connection, encrypted, the other end proven to be ``host``. Raises ``OSError``."""
        # The handshake is a conversation too, and a slow one has to be ended as any other.
        secured = context.wrap_socket(opened, server_hostname=host, do_handshake_on_connect=False)
        self.add(secured)
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def add(self, opened: socket.socket) -> None:
        self._open.append(opened)
        if self._ended:
            self.end()

    def end(self) -> None:
        self._ended = True
        for one in self._open:
            with contextlib.suppress(OSError):
                # Below the encryption, whose own farewell another thread is in the middle of using.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


async def within(seconds: float, work: Callable[[Sockets], T]) -> T:
    """What ``work`` answers in a thread. Raises ``TimeoutError`` after so many seconds, and whatever ``work`` raises;
    its sockets are ended in any case."""
    sockets = Sockets()
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    # A thread of its own: servers that do not answer would fill the loop's, which others wait for, and a name that is
    # looked up without end would keep the process from ending.
    threading.Thread(target=_run, args=(work, sockets, loop, answer), name="agentcron-call", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    finally:
        sockets.end()
        # It holds the error, whose traceback holds this frame: a circle that would keep what ``work`` left open.
        del answer


def _run(
    work: Callable[[Sockets], T], sockets: Sockets, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T]
) -> None:
    try:
        found = work(sockets)
    except BaseException as error:  # whoever waits gets it
        _hand_over(loop, answer, None, error)
    else:
        _hand_over(loop, answer, found, None)
    finally:
        del answer  # the same circle, by this frame


def _hand_over(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], found: Any, error: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
        loop.call_soon_threadsafe(_tell, answer, found, error)


def _tell(answer: asyncio.Future[Any], found: Any, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(found)
