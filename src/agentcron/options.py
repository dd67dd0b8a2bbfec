"""What a plugin is made from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentcron.agents.manager import AgentManagerPlugin
from agentcron.delivery.message import Sender
from agentcron.domain.retention import Retention
from agentcron.domain.scheduling_limits import SchedulingLimits
from agentcron.ports import AgentFactory, Clock, JobStore


@dataclass(frozen=True, kw_only=True)
class BackgroundJobsConfig:
    """Everything a plugin is made from; each field is also a keyword of ``BackgroundJobsPlugin``.

    Due slots fire on a timer, not on ``evaluation_interval_ms``.
    """

    storage_plugin: JobStore | str | Path | None = None
    """A store, or its URL or path; default: ``agentcron.sqlite`` in the user's data folder."""
    agent_factory: AgentFactory | None = None
    """Makes the agents; default: an ``AgentFactoryPlugin`` with its built-in definitions."""
    agent_manager: AgentManagerPlugin | None = None
    """Is told of every agent that is created here."""
    logger: logging.Logger | None = None
    """Where every line goes; default: the logger ``agentcron``."""
    evaluation_interval_ms: int = 1000
    """Milliseconds (at least 10) until changes by others and steps of the clock are noticed."""
    engine: str = "local"
    """What runs the agents: ``local``, or ``dbos``, as workflows of DBOS on Postgres."""
    max_concurrent_everywhere: int | None = None
    """The most agents that run at once in all processes on the store together; default: no limit."""
    max_starts_everywhere: str | None = None
    """The most runs that start within any such time in all processes together, such as ``30 per 1m``; on Postgres;
    default: no limit."""
    queues: Mapping[str, Any] = field(default_factory=dict)
    """The queues that jobs may name, by their names: each a ``Queue``, or a mapping of its fields. All processes on the
    store are to be given the same ones."""
    timezone: str = "UTC"
    """IANA name of the zone of schedules that name none."""
    stop_grace: timedelta = timedelta(seconds=30)
    """How long running agents may go on after a stop was asked for."""
    clock: Clock | None = None
    """Where ``now`` comes from; default: the machine's clock."""
    autostart: bool = True
    """Added to an agent, the plugin runs due jobs at once."""
    base_dir: Path | None = None
    """Where relative paths in ``when_changed`` and ``expect`` start; default: the working folder."""
    debug: bool = False
    """Tell each decision with its reason, whatever the level of the logger is."""
    tracing: bool | Callable[[], Any] = False
    """Make a span of OpenTelemetry of each run, with the process's provider of tracers, or with the one answered."""
    scheduling: SchedulingLimits = field(default_factory=SchedulingLimits)
    """What the jobs may come to that agents make with the scheduling tools."""
    retention: Retention | None = field(default_factory=Retention)
    """How much history is kept; None keeps all of it."""
    budgets: Mapping[str, Any] = field(default_factory=dict)
    """Budgets that jobs share: of ``all`` jobs, or of those with a tag (``tag:x``); each a ``Budget``, its text, or a
    list of them."""
    endpoints: Mapping[str, Sender | Mapping[str, Any]] = field(default_factory=dict)
    """Where letters go, by the names that ``notify`` uses: each a ``Sender``, or a table as in ``[endpoints.NAME]``."""
    heartbeat: str | None = None
    """The endpoint of kind ``heartbeat`` that is pinged each minute while the scheduler works."""
    notify: Any = ()
    """The rules of jobs that have none of their own: what the field ``notify`` of a job takes."""


def default_store() -> Path:
    """The file that holds the jobs of a user who names no store."""
    import platformdirs

    return Path(platformdirs.user_data_dir("agentcron", appauthor=False)) / "agentcron.sqlite"
