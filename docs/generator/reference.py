"""The reference pages: which public name stands on which page, and the page of each group.

Names that no page asks for are on the last one, so nothing public can be left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import griffe

import agentcron
import agentcron.testing
from docs.generator import errors_tree, rendering

SOURCE: Final = Path(agentcron.__file__).parent.parent

# Page, title, what it holds. A dotted name is public in its own module.
_PAGES: Final = (
    ("plugin", "The plugin", ("BackgroundJobsPlugin", "BackgroundJobsConfig", "SchedulingLimits", "ports.Clock")),
    (
        "jobs",
        "Jobs",
        (
            *("JobSpec", "Job", "JobStatus", "JobFilters", "DateRange", "JobOrder", "Selection", "JobStatistics"),
            "domain.statistics.Totals",
        ),
    ),
    (
        "policies",
        "Policies",
        (
            *("Overlap", "CatchUp", "OnInterrupt", "RetryPolicy", "Limits", "ConversationMode", "OnExpiry"),
            *("Budget", "BudgetAction", "Amount", "UsageLine", "Retention", "Source", "SourceKind"),
            *("Queue", "Expectation", "CheckKind"),
        ),
    ),
    (
        "schedules",
        "Schedules",
        (
            "CronSchedule", "EverySchedule", "OnceSchedule", "schedule.parse_schedule", "schedule.parse_instant",
            "schedule.parse_duration", "schedule.format_duration", "schedule.kinds.Schedule",
        ),
    ),
    (
        "executions",
        "Executions",
        ("Execution", "ExecutionStatus", "ExecutionFilters", "domain.queries.Page", "Explanation", "Policy", "Usage",
         "CostBasis", "Conversation", "Findings", "Mark"),
    ),
    ("inbox", "The inbox", ("Input", "InputKind", "Decision", "Question", "agent_ports.GoingOn")),
    (
        "agents",
        "Agents",
        (
            "AgentFactoryPlugin", "agents.factory.Definition", "AgentOutcome", "RunContext", "ports.BackgroundAgent",
            "ports.AgentFactory", "AgentManagerPlugin", "agents.manager.LiveAgent",
            "agents.durability.RunDurability", "journal.Steps", "Agent", "Plugin", "get_logger",
        ),
    ),
    ("tools", "Scheduling tools", ("background_jobs_toolset", "scheduling_tools.SchedulingTools")),
    (
        "stores",
        "Stores",
        (
            "SqliteStorage",
            "PostgresStorage",
            "StorageFsPlugin",
            "MemoryStorage",
            "ports.JobStore",
            "ports.Outbox",
            "domain.queries.Node",
        ),
    ),
    ("testing", "The test kit", tuple(f"testing.{name}" for name in agentcron.testing.__all__)),
)  # fmt: skip
_CONTRACTS: Final = {
    **dict.fromkeys(("SqliteStorage", "PostgresStorage", "StorageFsPlugin", "MemoryStorage"), "ports.JobStore"),
    "testing.FakeAgent": "ports.BackgroundAgent",
    "testing.FakeAgentFactory": "ports.AgentFactory",
    "testing.FakeClock": "ports.Clock",
}

_INDEX: Final = """# Reference

Every public name, from its docstring. `from agentcron import NAME` works for each name without a module in front; the
others are imported from the module that is shown. Times are aware `datetime`s, answers in UTC; lengths of time are
`timedelta`s; money is a `Decimal` in US dollars.

These pages are generated; see [decision 7](../decisions/0007-reference.md).
"""


def pages() -> dict[str, str]:
    """The index and one page for each group."""
    package = griffe.load("agentcron", search_paths=[SOURCE], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    errors = [name for name in agentcron.__all__ if _is_error(name)]
    asked = {name for _, _, names in _PAGES for name in names} | set(errors)
    rest = tuple(name for name in agentcron.__all__ if name not in asked and name != "__version__")
    groups = [*_PAGES, ("other", "Other names", rest)] if rest else list(_PAGES)
    made, index = {}, [_INDEX]
    for page, title, names in groups:
        parts = [
            rendering.named(_found(package, name), _path(name), contract=_contract(package, name)) for name in names
        ]
        made[f"reference/{page}.md"] = f"# {title}\n\n" + "\n".join(parts)
        index.append(f"- **[{title}]({page}.md)**: {_links(page, names)}")
    made["reference/errors.md"] = errors_tree.page(package, errors)
    index.append(f"- **[Errors](errors.md)**: {_links('errors', errors)}")
    made["reference/README.md"] = "\n".join(index) + "\n"
    return made


def _found(package: griffe.Module, name: str) -> griffe.Class | griffe.Function:
    found = package[name]
    target = found.final_target if found.is_alias else found
    assert isinstance(target, griffe.Class | griffe.Function), name
    return target


def _contract(package: griffe.Module, name: str) -> griffe.Class | None:
    """The protocol that a class keeps, where one is public."""
    return package[_CONTRACTS[name]] if name in _CONTRACTS else None


def _path(name: str) -> str:
    return f"agentcron.{name}"


def _is_error(name: str) -> bool:
    value = getattr(agentcron, name)
    return isinstance(value, type) and issubclass(value, BaseException)


def _links(page: str, names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"[`{(short := name.rpartition('.')[2])}`]({page}.md#{short.lower()})" for name in names)
