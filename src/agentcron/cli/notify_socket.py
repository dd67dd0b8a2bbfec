"""How this process tells the service manager that started it: ready, alive, stopping (sd_notify)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping


class NotifySocket:
    """Where the manager listens, taken out of the environment: a program that an agent runs must not speak for us.

    Without a manager nothing is sent and ``ping_every`` is None, else seconds.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", "")
        within = environ.pop("WATCHDOG_USEC", "")
        for_pid = environ.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = bool(self._address) and within.isdecimal() and for_pid in ("", str(os.getpid()))
        self.ping_every: float | None = int(within) / 3_000_000 if ours and int(within) else None

    def ready(self, status: str) -> None:
        """The process does its work from now on."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """It still does."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """It was told to end, and may take its time."""
        self._send("STOPPING=1\nSTATUS=waiting for running agents")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A manager that does not listen any more is no reason to end the runs of agents.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), self._address)
