"""A connection to a server that can be cut without either side being told."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from urllib.parse import parse_qs, urlencode, urlsplit


@dataclass
class Cable:
    """What is sent through ``url`` reaches the server while the cable is whole."""

    url: str
    _whole: asyncio.Event = field(default_factory=asyncio.Event)
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Swallow all that is sent from here on."""
        self._whole.clear()

    def mend(self) -> None:
        """Let new connections through; those of before are reset."""
        for end in self._ends:
            with contextlib.suppress(OSError):  # its own side has given it up
                end.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
        self._ends.clear()
        self._whole.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await self._whole.wait()
                    if writer not in self._ends:
                        break
                    writer.write(data)
                    await writer.drain()
        finally:
            self._ends.discard(writer)
            writer.close()


@contextlib.asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[Cable]:
    """A cable, whole, to the server of that URL, which listens on a socket in a folder or on an address."""
    parts = urlsplit(url)
    given = {key: values[0] for key, values in parse_qs(parts.query).items()}
    host, port = given.pop("host", parts.hostname or "127.0.0.1"), given.pop("port", parts.port or 5432)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.startswith("/"):
            there = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(cable.carry(reader, there[1]), cable.carry(there[0], writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    here = server.sockets[0].getsockname()[1]
    user = f"{parts.username}{f':{parts.password}' if parts.password else ''}@" if parts.username else ""
    query = urlencode({**given, "host": "127.0.0.1", "port": here})
    cable = Cable(f"postgresql://{user}{parts.path}?{query}")
    cable.mend()
    try:
        yield cable
    finally:
        cable.mend()
        server.close()
