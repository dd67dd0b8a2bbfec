"""Figures over jobs and executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.made import Made

_MICRO_DOLLAR: Final = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Totals(Made):
    """What all executions of a job came to. Counts are slots, so a range counts as many as it stands for."""

    success: int = 0
    failure: int = 0
    incomplete: int = 0
    error: int = 0
    skipped: int = 0
    missed: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration: timedelta = timedelta(0)
    gated: int = 0
    """Of the skipped, those whose gate found nothing changed: runs that were not paid for."""

    @property
    def executions(self) -> int:
        """Executions that ran; skipped and missed slots do not count."""
        return self.success + self.failure + self.incomplete + self.error

    @property
    def saved_usd(self) -> Decimal | None:
        """About what the gated runs would have cost, at the mean cost of those that ran; None where that is unknown."""
        if not self.gated or not self.executions or not self.cost_usd:
            return None
        return (self.cost_usd / self.executions * self.gated).quantize(_MICRO_DOLLAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """Figures over jobs and executions. Skipped and missed slots are in ``executions_by_status`` alone."""

    total_jobs: int = 0
    jobs_by_status: Mapping[JobStatus, int]
    running_jobs: int = 0
    """Jobs of which an execution runs."""
    total_executions: int = 0
    """Executions that ran and ended."""
    executions_by_status: Mapping[ExecutionStatus, int]
    success_rate: float | None = None
    """Successes over executions that ran, 0 to 1; None before the first."""
    mean_duration: timedelta | None = None
    """Of the latest attempt of each."""
    p95_duration: timedelta | None = None
    """To within the width of a logarithmic bucket: a quarter of a power of two."""
    tokens: int = 0
    """Input and output together."""
    cost_usd: Decimal = Decimal(0)
    """US dollars, as far as costs are known."""
    gated: int = 0
    """Runs of the present jobs that were not paid for, because their gate found nothing changed."""
    saved_usd: Decimal | None = None
    """About what those would have cost, in US dollars; None where no job with such runs knows its costs."""
