"""What it is that the checker finds: a promise that was not kept, where, and how to see it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agentcron.testing.simulation.scenario import Variant
from agentcron.testing.simulation.trace import Event


class Rule(StrEnum):
    """The promise that was broken, and how."""

    MISSING = "P1: a slot has no row"
    EXTRA = "P1: a row for what is no slot"
    COUNT = "P1: a range says another number of slots than it holds"
    CAUSE = "P1: a slot did not run, for a reason that did not hold"
    COUNTERS = "P1: a job's counters differ from its rows"
    TWICE = "P2: a slot has more than one row"
    STARTED_TWICE = "P2: an attempt was started more than once"
    UNCLAIMED = "P2: an agent was started without a durable claim"
    OVERLAPPED = "P2: two agents of one job at the same time"
    TOO_MANY = "P2: more agents at once than there are places"
    LIMIT = "P2: more runs than max_runs"
    KEY = "P2: an attempt with another idempotency key"
    STUCK = "P3: open past its time"
    CHANGED = "P4: a final row was changed"
    LOST = "P4: an acknowledged write was lost"
    UNTRUE = "P4: a row says what did not happen"
    UNTOLD = "P4: an event has not just one letter for each who is told of it"
    EARLY = "P5: started before its time"
    OUTSIDE = "P5: started while paused or after the end"
    ANCHOR = "P5: an interval counts from elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One finding. ``job`` and ``slot`` name where; ``repeat`` is the command that shows it again."""

    rule: Rule
    job: str
    slot: str
    told: str
    seed: int
    variant: Variant = Variant.MONTH
    last: Sequence[Event] = ()

    def __str__(self) -> str:
        lines = [f"{self.rule}\n  job {self.job}, slot {self.slot}: {self.told}", f"  repeat with: {self.repeat}"]
        if self.last:
            lines.append("  what happened to this job:")
            lines.extend(f"    {event}" for event in self.last)
        return "\n".join(lines)

    @property
    def repeat(self) -> str:
        """The command that lives through the same again."""
        return f"python -m agentcron.testing.simulation --variant {self.variant} {self.seed}"
