"""Whether a change made the path dearer: commits, and CPU against the calibration loop of the same process."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.measure import Figures
from benchmarks.workloads import Entry

ROUNDS: Final = 7
ALLOWED: Final = 1.25
RUNS: Final = 1000
CREATES: Final = 300


@dataclass(frozen=True)
class Cost:
    """What is compared: commits, and CPU seconds of an item per CPU second of the calibration loop.

    With ``exact`` any other number of commits is a regression. Without it only more than ``most_commits`` are: how
    many runs share a commit depends on how fast the disk is.
    """

    commits: float
    relative_cpu: float
    exact: bool
    most_commits: float


CHECKED: Final[dict[str, tuple[Entry, bool, float]]] = {
    "create": (Entry("create", "ours_jobs", "create", {"jobs": CREATES}), True, CREATES),
    "burst": (Entry("burst", "ours", "burst", {"jobs": RUNS}), False, 10),
}
"""By name: the program, whether its commits are exact, and how many there may be."""


def cost(rounds: Sequence[Figures], *, exact: bool, most_commits: float) -> Cost:
    """The middle of the rounds; of commits the most of any."""
    return Cost(
        commits=max(each["commits"] for each in rounds),
        relative_cpu=statistics.median(each["cpu_us"] / 1e6 / each["calibration_s"] for each in rounds),
        exact=exact,
        most_commits=most_commits,
    )


def regressions(kept: dict[str, Cost], found: dict[str, Cost]) -> list[str]:
    """A line for each thing that got dearer than it may; none where all is well."""
    lines = []
    for name, now in found.items():
        before = kept.get(name)
        if before is None:
            lines.append(
                f"{name}: nothing is kept to compare with; record it with 'python -m benchmarks check --record'"
            )
            continue
        if now.exact and now.commits != before.commits:
            lines.append(f"{name}: {now.commits:g} commits, not {before.commits:g}")
        if not now.exact and now.commits > now.most_commits:
            lines.append(f"{name}: {now.commits:g} commits, more than {now.most_commits:g}")
        if now.relative_cpu > before.relative_cpu * ALLOWED:
            more = now.relative_cpu / before.relative_cpu - 1
            lines.append(f"{name}: {more:+.0%} CPU against the calibration loop, more than {ALLOWED - 1:+.0%}")
    return lines


def from_json(kept: dict[str, Any]) -> dict[str, Cost]:
    return {name: Cost(**values) for name, values in kept.items()}


def to_json(costs: dict[str, Cost]) -> dict[str, dict[str, float | bool]]:
    return {name: asdict(each) for name, each in costs.items()}
