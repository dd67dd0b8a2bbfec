"""What a plugin is made from."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from agentcron.agents.manager import AgentManagerPlugin
from agentcron.domain.retention import Retention
from agentcron.ports import AgentFactory, Clock, JobStore


@dataclass(frozen=True, kw_only=True)
class BackgroundJobsConfig:
    """Everything a plugin is made from.

    ``storage_plugin`` is a store or its URL (default: ``agentcron.sqlite`` in the user's data folder).
    ``agent_manager`` is told of every agent that is created here. ``evaluation_interval_ms`` is how soon changes by
    other processes and steps of the clock are noticed; due slots fire on a timer, not on it. ``stop_grace`` is how
    long running agents may go on after a stop was asked for. ``autostart``: added to an agent, the plugin runs due
    jobs at once. ``debug`` tells each decision with its reason, whatever the level of the logger is. ``retention`` is
    how much history is kept; None keeps all of it.
    """

    storage_plugin: JobStore | str | Path | None = None
    agent_factory: AgentFactory | None = None
    agent_manager: AgentManagerPlugin | None = None
    logger: logging.Logger | None = None
    evaluation_interval_ms: int = 1000
    timezone: str = "UTC"
    stop_grace: timedelta = timedelta(seconds=30)
    clock: Clock | None = None
    autostart: bool = True
    debug: bool = False
    retention: Retention | None = field(default_factory=Retention)


def default_store() -> Path:
    """The file that holds the jobs of a user who names no store."""
    import platformdirs

    return Path(platformdirs.user_data_dir("agentcron", appauthor=False)) / "agentcron.sqlite"
