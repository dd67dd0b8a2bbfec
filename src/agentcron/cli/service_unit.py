"""What is written for the service manager: the text of a systemd unit for one user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# By this a file is known as one that this command may write over and remove.
MARK: Final = "# Written by agentcron service install."
WATCHDOG: Final = timedelta(seconds=60)
# What closing agents and the store may take once the grace time of running agents is over.
_AFTER_GRACE: Final = timedelta(seconds=15)

# What agents do not need and what works without the rights of root. Left out on purpose: namespaces, since coding
# agents put up sandboxes of their own; memory that may not be written and run, since their runtimes compile; and a
# read-only system or home, which takes rights that a user's manager lacks on many machines.
_HARDENED: Final = """\
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
UMask=0077
LimitCORE=0
"""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What the unit runs, and where. ``environment_file`` is read where it exists: keys of providers belong there."""

    program: Sequence[str]
    folder: str
    path: str
    environment_file: str
    stop_grace: timedelta

    def text(self) -> str:
        """The unit as systemd reads it."""
        stop = int((self.stop_grace + _AFTER_GRACE).total_seconds())
        return f"""{MARK}
[Unit]
Description=agentcron: cron for AI agents
Documentation=man:systemd.service(5)
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
ExecStart={" ".join(quoted(part, command=True) for part in self.program)}
WorkingDirectory={self.folder.replace("%", "%%")}
Environment={quoted(f"PATH={self.path}")}
EnvironmentFile=-{self.environment_file.replace("%", "%%")}
WatchdogSec={int(WATCHDOG.total_seconds())}
Restart=on-failure
RestartSec=5
TimeoutStartSec=300
# The scheduler ends its agents itself; what is left of them when it is gone is killed.
KillMode=mixed
TimeoutStopSec={stop}
# An agent that eats all memory is ended alone.
OOMPolicy=continue
{_HARDENED}
[Install]
WantedBy=default.target
"""


def quoted(text: str, *, command: bool = False) -> str:
    """One word of a unit, whatever characters it has."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{text.replace("$", "$$") if command else text}"'
