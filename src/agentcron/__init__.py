"""Cron for AI agents: a prompt on a schedule, run by a dedicated agent, its answer and cost kept.

The public surface. Each name is imported when it is first used, so that ``import agentcron`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agentcron._version import __version__

if TYPE_CHECKING:
    from agentcron.agent_core import Agent, Plugin
    from agentcron.agents.factory import AgentFactoryPlugin
    from agentcron.agents.manager import AgentManagerPlugin
    from agentcron.domain.checks import CheckKind, Expectation, Source, SourceKind
    from agentcron.domain.explain import Explanation, Policy
    from agentcron.domain.findings import Findings, Mark
    from agentcron.domain.inputs import Decision, Input, InputKind, Question
    from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
    from agentcron.domain.limits import Limits
    from agentcron.domain.model import Execution, Job
    from agentcron.domain.outcomes import AgentOutcome, Conversation, CostBasis, Usage
    from agentcron.domain.policies import CatchUp, ConversationMode, OnExpiry, OnInterrupt, Overlap, RetryPolicy
    from agentcron.domain.queries import DateRange, ExecutionFilters, JobFilters, JobOrder, Selection
    from agentcron.domain.queues import Queue
    from agentcron.domain.retention import Retention
    from agentcron.domain.scheduling_limits import SchedulingLimits
    from agentcron.domain.spec import JobSpec
    from agentcron.domain.spending import Amount, Budget, BudgetAction
    from agentcron.domain.statistics import JobStatistics
    from agentcron.domain.usage import UsageLine
    from agentcron.errors import (
        AgentcronError,
        AgentDefinitionError,
        AgentError,
        ChangedError,
        ConfigError,
        ConflictError,
        InvalidAnswerError,
        InvalidJobError,
        InvalidScheduleError,
        LimitReached,
        NotAllowedError,
        NotFoundError,
        StoreError,
        StoreTooNew,
        StoreUnavailable,
    )
    from agentcron.observability import get_logger
    from agentcron.options import BackgroundJobsConfig
    from agentcron.plugin import BackgroundJobsPlugin
    from agentcron.ports import RunContext
    from agentcron.schedule import CronSchedule, EverySchedule, OnceSchedule
    from agentcron.scheduling_tools import background_jobs_toolset
    from agentcron.storage.json_files import StorageFsPlugin
    from agentcron.storage.memory import MemoryStorage
    from agentcron.storage.postgres import PostgresStorage
    from agentcron.storage.sqlite import SqliteStorage

_HOMES = {
    "agentcron.agent_core": ("Agent", "Plugin"),
    "agentcron.agents.factory": ("AgentFactoryPlugin",),
    "agentcron.agents.manager": ("AgentManagerPlugin",),
    "agentcron.domain.checks": ("CheckKind", "Expectation", "Source", "SourceKind"),
    "agentcron.domain.explain": ("Explanation", "Policy"),
    "agentcron.domain.findings": ("Findings", "Mark"),
    "agentcron.domain.inputs": ("Decision", "Input", "InputKind", "Question"),
    "agentcron.domain.lifecycle": ("ExecutionStatus", "JobStatus"),
    "agentcron.domain.limits": ("Limits",),
    "agentcron.domain.model": ("Execution", "Job"),
    "agentcron.domain.outcomes": ("AgentOutcome", "Conversation", "CostBasis", "Usage"),
    "agentcron.domain.policies": ("CatchUp", "ConversationMode", "OnExpiry", "OnInterrupt", "Overlap", "RetryPolicy"),
    "agentcron.domain.spec": ("JobSpec",),
    "agentcron.domain.statistics": ("JobStatistics",),
    "agentcron.domain.queues": ("Queue",),
    "agentcron.domain.spending": ("Amount", "Budget", "BudgetAction"),
    "agentcron.domain.usage": ("UsageLine",),
    "agentcron.errors": (
        "AgentDefinitionError",
        "AgentError",
        "AgentcronError",
        "ChangedError",
        "ConfigError",
        "ConflictError",
        "InvalidAnswerError",
        "InvalidJobError",
        "InvalidScheduleError",
        "LimitReached",
        "NotAllowedError",
        "NotFoundError",
        "StoreError",
        "StoreTooNew",
        "StoreUnavailable",
    ),
    "agentcron.observability": ("get_logger",),
    "agentcron.options": ("BackgroundJobsConfig",),
    "agentcron.plugin": ("BackgroundJobsPlugin",),
    "agentcron.domain.queries": ("DateRange", "ExecutionFilters", "JobFilters", "JobOrder", "Selection"),
    "agentcron.domain.retention": ("Retention",),
    "agentcron.domain.scheduling_limits": ("SchedulingLimits",),
    "agentcron.ports": ("RunContext",),
    "agentcron.schedule": ("CronSchedule", "EverySchedule", "OnceSchedule"),
    "agentcron.scheduling_tools": ("background_jobs_toolset",),
    "agentcron.storage.json_files": ("StorageFsPlugin",),
    "agentcron.storage.memory": ("MemoryStorage",),
    "agentcron.storage.postgres": ("PostgresStorage",),
    "agentcron.storage.sqlite": ("SqliteStorage",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Agent",
    "AgentDefinitionError",
    "AgentError",
    "AgentFactoryPlugin",
    "AgentManagerPlugin",
    "AgentOutcome",
    "AgentcronError",
    "Amount",
    "BackgroundJobsConfig",
    "BackgroundJobsPlugin",
    "Budget",
    "BudgetAction",
    "CatchUp",
    "ChangedError",
    "CheckKind",
    "ConfigError",
    "ConflictError",
    "Conversation",
    "ConversationMode",
    "CostBasis",
    "CronSchedule",
    "DateRange",
    "Decision",
    "EverySchedule",
    "Execution",
    "ExecutionFilters",
    "ExecutionStatus",
    "Expectation",
    "Explanation",
    "Findings",
    "Input",
    "InputKind",
    "InvalidAnswerError",
    "InvalidJobError",
    "InvalidScheduleError",
    "Job",
    "JobFilters",
    "JobOrder",
    "JobSpec",
    "JobStatistics",
    "JobStatus",
    "LimitReached",
    "Limits",
    "Mark",
    "MemoryStorage",
    "NotAllowedError",
    "NotFoundError",
    "OnExpiry",
    "OnInterrupt",
    "OnceSchedule",
    "Overlap",
    "Plugin",
    "Policy",
    "PostgresStorage",
    "Question",
    "Queue",
    "Retention",
    "RetryPolicy",
    "RunContext",
    "SchedulingLimits",
    "Selection",
    "Source",
    "SourceKind",
    "SqliteStorage",
    "StorageFsPlugin",
    "StoreError",
    "StoreTooNew",
    "StoreUnavailable",
    "Usage",
    "UsageLine",
    "__version__",
    "background_jobs_toolset",
    "get_logger",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
