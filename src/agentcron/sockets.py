"""Sockets that can be ended from outside: whoever sends a byte now and then must not keep a thread for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
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

    def run() -> None:
        told: Callable[[], None]
        try:
            told = partial(_tell, answer, work(sockets), None)
        except BaseException as error:  # whoever waits gets it
            told = partial(_tell, answer, None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(told)

    # A thread of its own: servers that do not answer would fill the loop's, which others wait for, and a name that is
    # looked up without end would keep the process from ending.
    threading.Thread(target=run, name="agentcron-call", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    finally:
        sockets.end()


def _tell(answer: asyncio.Future[Any], found: Any, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(found)
