"""How a process is known to live: a lease that a thread renews on the database's clock, and a lock on this host.

A thread, because an event loop that is busy for a moment must not look like a dead node. The same connection hears
what other nodes change.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from agentcron.ports import SystemClock
from agentcron.storage.locks import NodeLocks
from agentcron.storage.postgres.clock import ServerClock
from agentcron.storage.postgres.connection import Server, statement

LEASE: Final = 30.0
RENEW_EVERY: Final = 3.0
# An event loop that did not move for so long is taken for dead; its node stops renewing.
LOOP_DEAD: Final = 60.0
_RECONNECT: Final = 1.0
_HERE: Final = SystemClock()


class Membership:
    """One node's lease and lock, and its ear for changes."""

    def __init__(
        self, server: Server, node_id: str, clock: ServerClock, lease: float, on_change: Callable[[], None]
    ) -> None:
        self._server = server
        self._node = node_id
        self._clock = clock
        self._lease = lease
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._ticked = _HERE.steady()
        self._asked = (_HERE.steady(), _HERE.now().timestamp())
        self._lapses = 0
        self._stop = threading.Event()
        self._waking, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._work, name="agentcron-lease", daemon=True)

    def start(self) -> None:
        """Begin to renew and to listen."""
        self._thread.start()

    @property
    def lapses(self) -> int | None:
        """How often the lease has run out, as seen from here; None while it is over."""
        return None if self._silent_for() >= self._lease else self._lapses

    def _silent_for(self) -> float:
        # A machine that sleeps stops the one clock, a person may set the other: whichever says more.
        steady, now = self._asked
        return max(_HERE.steady() - steady, _HERE.now().timestamp() - now)

    def tick(self) -> None:
        """The event loop moves."""
        self._ticked = _HERE.steady()

    async def stop(self) -> None:
        """Renew no more."""
        self._stop.set()
        self._waking.send(b"!")
        await asyncio.to_thread(self._thread.join)
        self._waking.close()
        self._woken.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(psycopg.Error, OSError):
                self._stay()
            self._stop.wait(min(_RECONNECT, self._lease / 10))

    def _stay(self) -> None:
        with (
            psycopg.connect(self._server.conninfo, autocommit=True) as connection,
            selectors.DefaultSelector() as ears,
        ):
            ears.register(connection.fileno(), selectors.EVENT_READ)
            ears.register(self._woken, selectors.EVENT_READ)
            connection.execute(self._server.settings.encode())
            # First of all: after an outage others ask already whether this node is alive.
            self._renew(connection)
            connection.execute(SQL("LISTEN {}").format(Identifier(self._server.channel)))
            self._tell()
            every = min(RENEW_EVERY, self._lease / 10)
            following = _HERE.steady() + every
            while not self._stop.is_set():
                if _HERE.steady() >= following:
                    following = _HERE.steady() + every
                    self._renew(connection)
                left = max(0.0, following - _HERE.steady())
                ears.select(left)
                if any(True for _ in connection.notifies(timeout=0)):
                    self._tell()

    def _renew(self, connection: psycopg.Connection[Any]) -> None:
        if _HERE.steady() - self._ticked > LOOP_DEAD:
            return
        steady, asked = _HERE.steady(), _HERE.now().timestamp()
        found = connection.execute(statement("node_renew"), {"id": self._node, "lease": self._lease}).fetchone()
        if found is not None:
            self._clock.set(found[0], asked, _HERE.now().timestamp())
            # Counted first: whoever looks in between must not take the lease for one that never ran out.
            self._lapses += self._silent_for() >= self._lease
            self._asked = (steady, asked)

    def _tell(self) -> None:
        # A loop that was closed meanwhile has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._on_change)


class HostLocks:
    """Which nodes of this host are alive, whatever their leases say: each holds a lock in one folder of the user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks = NodeLocks(folder)

    @property
    def place(self) -> str:
        """Names the folder and the machine since its start: a lock says nothing to those who see another folder."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            found = self._folder.stat()
            return f"{_boot_id()}:{found.st_dev}:{found.st_ino}"
        return f"nowhere:{os.getpid()}"

    def hold(self, node_id: str) -> None:
        self._locks.hold(node_id)

    def release(self, node_id: str) -> None:
        self._locks.release(node_id)

    def gone(self, node_id: str, place: str) -> bool:
        """Whether the node's lock, in that place, is seen from here and free."""
        return place == self.place and not self._locks.held(node_id)


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import psutil

    return str(int(psutil.boot_time()))
