"""Which workloads there are: who takes part with which sizes, what is shown, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.goals import MACHINE, OURS, Goal, figure, ratio, times_faster


@dataclass(frozen=True)
class Entry:
    """One row of a table: a peer's program, and the sizes that it is given."""

    label: str
    peer: str
    program: str
    sizes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A figure of every entry; ``scale`` turns it into the unit of the title."""

    key: str
    title: str
    scale: float = 1.0


@dataclass(frozen=True)
class Workload:
    """A table of the output."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    columns: tuple[Column, ...]
    goals: tuple[Goal, ...]
    ratio_of: str
    """The figure by which the entries are compared with ours."""


A3_MEMORY: Final = "APScheduler 3, memory, no history"
A3_HISTORY: Final = "APScheduler 3, memory + durable history"
A3_SQLITE: Final = "APScheduler 3, SQLite store"
LIMITS: Final = Entry(MACHINE, "machine", "limits")

BURST_COLUMNS: Final = (
    Column("cpu_us", "CPU us/run"),
    Column("drain_s", "drained ms", 1e3),
    Column("late_p50_s", "start p50 ms", 1e3),
    Column("late_p99_s", "start p99 ms", 1e3),
    Column("commits", "commits"),
    Column("rss_mb", "RSS MB"),
)


def burst(jobs: int, places: int = 0) -> Workload:
    """Jobs due in the same second; ``places`` runs at once, 0 for no limit."""
    sizes = {"jobs": jobs, "places": places}
    entries = (
        Entry(OURS, "ours", "burst", sizes),
        Entry(A3_MEMORY, "apscheduler3", "burst", sizes),
        Entry(A3_HISTORY, "apscheduler3", "burst", {**sizes, "history": True}),
        LIMITS,
    )
    goals = (
        Goal("CPU us per run", figure("cpu_us"), 80),
        Goal("CPU us per run, the goal", figure("cpu_us"), 45),
        Goal(f"drained, times {A3_MEMORY}", ratio("drain_s", A3_MEMORY), 1.6),
        Goal(f"drained, times {A3_MEMORY}, the goal", ratio("drain_s", A3_MEMORY), 1.0),
        Goal(f"times faster than {A3_HISTORY}", times_faster("drain_s", A3_HISTORY), 3, at_least=True),
        Goal("commits", figure("commits"), 10 if jobs <= 1000 else 50),
    )
    at_once = f"{places} at once" if places else "no limit at once"
    name = f"burst-{jobs}" + (f"-by-{places}" if places else "")
    return Workload(name, f"{jobs:,} jobs due in the same second, {at_once}", entries, BURST_COLUMNS, goals, "drain_s")
