"""Which goals a workload has, and whether its rounds meet them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measure import Figures

Round = dict[str, Figures]
"""What each entry of a workload told in one round, by its label."""

OURS = "agentcron"
MACHINE = "machine"


@dataclass(frozen=True)
class Goal:
    """A bound for one figure of a round; the middle of the rounds decides."""

    text: str
    of: Callable[[Round], float]
    bound: float
    at_least: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of a goal; ``found`` is None where a peer that it needs told nothing."""

    goal: Goal
    found: float | None

    @property
    def met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.goal.bound if self.goal.at_least else self.found <= self.goal.bound


def judge(goal: Goal, rounds: Sequence[Round]) -> Verdict:
    """The middle over all rounds in which every entry that the goal names told its figure."""
    found = []
    for each in rounds:
        try:
            found.append(goal.of(each))
        except KeyError:
            continue
    return Verdict(goal, statistics.median(found) if found else None)


def figure(key: str, label: str = OURS) -> Callable[[Round], float]:
    """A figure of ours, or of another entry."""
    return lambda told: told[label][key]


def ratio(key: str, label: str, other_key: str | None = None) -> Callable[[Round], float]:
    """Ours divided by a peer's, in the same round."""
    return lambda told: told[OURS][key] / told[label][other_key or key]


def times_faster(key: str, label: str) -> Callable[[Round], float]:
    """A peer's divided by ours, in the same round."""
    return lambda told: told[label][key] / told[OURS][key]
