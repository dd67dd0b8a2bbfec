"""What a scenario came to, in numbers that can be added up."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agentcron.testing.simulation.checker import check
from agentcron.testing.simulation.course import live
from agentcron.testing.simulation.ground import SqliteGround
from agentcron.testing.simulation.scenario import Variant, draw
from agentcron.testing.simulation.trace import Trace
from agentcron.testing.simulation.violations import Violation

# Memory that is a file system, where the machine has it: every commit is synced, and nothing here outlives the process.
_QUICK: Final = Path("/dev/shm")  # noqa: S108


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over scenarios. ``slots`` are accounted slots, ``runs`` agents that were started."""

    seeds: int = 0
    jobs: int = 0
    days: float = 0
    slots: int = 0
    runs: int = 0
    deaths: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    violations: tuple[Violation, ...] = ()

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            seeds=self.seeds + other.seeds,
            jobs=self.jobs + other.jobs,
            days=self.days + other.days,
            slots=self.slots + other.slots,
            runs=self.runs + other.runs,
            deaths=self.deaths + other.deaths,
            fired=self.fired + other.fired,
            violations=self.violations + other.violations,
        )

    def told(self) -> str:
        """The sums in one line."""
        density = self.slots / self.days if self.days else 0
        return (
            f"{self.seeds} seeds, {self.jobs} jobs, {self.days:g} virtual days, {self.slots} slots "
            f"({density:.0f} a day and seed), {self.runs} agents started, {self.fired.total()} faults and deeds, "
            f"{self.deaths} deaths of schedulers, {len(self.violations)} violations"
        )


def figures_of(trace: Trace) -> Figures:
    """The figures of one scenario, judged."""
    return Figures(
        seeds=1,
        jobs=len(trace.scenario.jobs),
        days=trace.scenario.days,
        slots=sum(row.slots for row in trace.rows if not row.manual),
        runs=len(trace.starts),
        deaths=trace.crashes,
        fired=trace.fired,
        violations=tuple(check(trace)),
    )


def judge(seed: int, variant: Variant = Variant.MONTH) -> Figures:
    """Live through the scenario of a number and judge it."""
    if variant is not Variant.SQLITE:
        return figures_of(live(draw(seed, variant)))
    with tempfile.TemporaryDirectory(prefix="agentcron-simulation-", dir=_QUICK if _QUICK.is_dir() else None) as folder:
        return figures_of(live(draw(seed, variant), SqliteGround(Path(folder))))
