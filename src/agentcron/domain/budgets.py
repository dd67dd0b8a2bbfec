"""What runs may use together in a rolling window, and whether one more run fits.

Spent is what the tallies count from the hour in which the window begins: they know hours, so that a window is longer
than it says by up to an hour, never shorter. Reserved is what the runs that are under way are expected to use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from agentcron.domain.model import Job
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Amount, Budget, BudgetAction
from agentcron.schedule import format_duration

WARN_AT: Final = Decimal("0.8")
# What a run is expected to use where nobody can tell yet: this share of the budget.
UNKNOWN: Final = Decimal("0.1")
_HOUR: Final = timedelta(hours=1)
_SEVERITY: Final = (BudgetAction.FALLBACK, BudgetAction.SKIP, BudgetAction.PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A budget of one scope: ``all``, ``tag:x`` or ``job:id``."""

    scope: str
    budget: Budget

    @property
    def key(self) -> str:
        """Tells it from every other one."""
        return f"{self.scope} {self.budget}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a run asks for before it begins: every budget that it counts for, and what it is expected to use."""

    caps: Sequence[Cap]
    expected: Amount

    @property
    def scopes(self) -> list[str]:
        """Those that the run is counted for, each once."""
        return list(dict.fromkeys(cap.scope for cap in self.caps))

    @property
    def reserve(self) -> Amount:
        """What is set aside for it: the expectation, else a tenth of the smallest budget."""
        tokens = [cap.budget.tokens for cap in self.caps if cap.budget.tokens is not None]
        costs = [cap.budget.cost_usd for cap in self.caps if cap.budget.cost_usd is not None]
        return Amount(
            runs=1,
            tokens=self.expected.tokens or (int(min(tokens) * UNKNOWN) if tokens else 0),
            cost_usd=self.expected.cost_usd or (min(costs) * UNKNOWN if costs else Decimal(0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the run begins (``refused`` is None), and what is to be told: a sentence for each budget near its end."""

    refused: Cap | None = None
    told: str = ""
    near: Mapping[str, str]


def caps_of(spec: JobSpec, job_id: str, shared: Mapping[str, Sequence[Budget]]) -> list[Cap]:
    """Every budget that a run of the job counts for. ``shared`` are those of scopes that jobs have in common."""
    own = [Cap(scope=f"job:{job_id}", budget=budget) for budget in spec.budgets]
    scopes = ("all", *(f"tag:{tag}" for tag in spec.tags)) if shared else ()
    return own + [Cap(scope=scope, budget=budget) for scope in scopes for budget in shared.get(scope, ())]


def is_bounded(spec: JobSpec, scopes: Collection[str]) -> bool:
    """Whether the job is under a budget: of its own, or of one of these scopes."""
    if spec.budgets or "all" in scopes:
        return True
    return bool(scopes) and any(f"tag:{tag}" in scopes for tag in spec.tags)


def first_hour(budget: Budget, now: datetime) -> int:
    """The oldest hour, since the epoch, that counts for the window."""
    return hour_of(now - budget.window)


def hour_of(instant: datetime) -> int:
    """The hour since the epoch that the instant lies in."""
    return int(instant.timestamp() // _HOUR.total_seconds())


def expected_of(job: Job | None) -> Amount:
    """What a run of the job uses on average."""
    runs = job.totals.executions if job is not None else 0
    if job is None or not runs:
        return Amount()
    return Amount(runs=1, tokens=job.totals.tokens // runs, cost_usd=job.totals.cost_usd / runs)


def judge(
    claim: Claim, now: datetime, spent: Callable[[str, int], Amount], reserved: Callable[[str], Amount]
) -> Verdict:
    """Whether spent, reserved and this run stay within every budget. Of several that refuse the severest decides."""
    refused: Cap | None = None
    told = ""
    near: dict[str, str] = {}
    for cap in claim.caps:
        before = spent(cap.scope, first_hour(cap.budget, now))
        held, ours = reserved(cap.scope), claim.reserve
        for name in ("runs", "tokens", "cost_usd"):
            most = getattr(cap.budget, name)
            if most is None:
                continue
            used, waiting, wanted = (getattr(amount, name) for amount in (before, held, ours))
            figures = f"budget {cap.scope}, {_figure(name, most)} in {format_duration(cap.budget.window)}"
            figures += f": {_figure(name, used)} spent, {_figure(name, waiting)} reserved"
            # A run that is expected to use more than all of it would never begin: alone it may.
            if used + waiting + (wanted if used + waiting else min(wanted, most)) > most:
                if refused is None or _severity(cap) > _severity(refused):
                    refused, told = cap, f"{figures}, {_figure(name, wanted)} expected"
            elif used + waiting + wanted >= most * WARN_AT:
                near[f"{cap.key} {name}"] = figures
    return Verdict(refused=refused, told=told, near=near)


def _severity(cap: Cap) -> int:
    return _SEVERITY.index(cap.budget.action)


def _figure(name: str, value: Any) -> str:
    return f"${value:.4f}".rstrip("0").rstrip(".") if name == "cost_usd" else f"{value} {name}"
