"""The pipes to a program: read as data comes, written as the program reads, kept within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 256 * 1024


class Head:
    """Keeps the first bytes and counts all, so that output without end costs no memory."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self.size = 0
        self._most = most

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if (room := self._most - len(self.kept)) > 0:
            self.kept += data[:room]


class Tail:
    """Keeps the last bytes."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self._most = most

    def add(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: -self._most]


class Lines:
    """Cuts what comes in pieces into lines; no more than ``most`` bytes are looked at."""

    def __init__(self, most: int) -> None:
        self._rest = bytearray()
        self._room = most

    def cut(self, data: bytes) -> list[bytes]:
        """The lines that the piece completes, without their ends."""
        data = data[: self._room]
        self._room -= len(data)
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        return lines

    def last(self) -> bytes:
        """What stands behind the last end of a line."""
        return bytes(self._rest)


class Reader:
    """Empties one pipe as data comes; ``over`` is set at its end."""

    def __init__(self, descriptor: int, add: Callable[[bytes], None]) -> None:
        self._descriptor: int | None = descriptor
        self._add = add
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read, descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self.over.set()

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._add(data)
        else:
            self.close()


class Writer:
    """Fills one pipe as fast as its reader empties it; what is written waits in memory meanwhile."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._waiting = bytearray()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> None:
        """Send it; nothing happens where the reader is gone, whose end is told otherwise."""
        if self._descriptor is not None:
            self._waiting += data
            self._send(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._loop.remove_writer(descriptor)
            os.close(descriptor)

    def _send(self, descriptor: int) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(descriptor, self._waiting[:_CHUNK])]
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(descriptor, self._send, descriptor)
            return
        except OSError:
            self.close()
            return
        self._loop.remove_writer(descriptor)


async def within_seconds(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
