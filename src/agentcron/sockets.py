"""Sockets that can be ended from outside: whoever sends a byte now and then must not keep a thread for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

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
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(work, sockets)
    finally:
        sockets.end()
