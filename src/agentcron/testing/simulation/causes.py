"""Was there a cause for every slot that did not run? A scheduler that misses everything keeps a complete account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.testing.simulation.points import CLOCK_BACK
from agentcron.testing.simulation.targets import Targets
from agentcron.testing.simulation.trace import Trace
from agentcron.testing.simulation.violations import Rule

Found = Iterator[tuple[Rule, str, datetime | str, str]]
_MOMENT: Final = timedelta(seconds=2)


def check_causes(trace: Trace, job: Job, rows: Sequence[Execution], targets: Targets) -> Found:
    """Each SKIPPED and MISSED row of a job, against what people did and what troubled the schedulers."""
    for row in rows:
        if row.status is ExecutionStatus.MISSED:
            yield from _missed(trace, job, row, targets)
        elif row.status is ExecutionStatus.SKIPPED:
            yield from _skipped(job, row, rows, targets, trace)


def _missed(trace: Trace, job: Job, row: Execution, targets: Targets) -> Found:
    first, last = row.at, row.last_at or row.at
    grace, jitter = job.spec.misfire_grace, job.spec.jitter
    if row.attempt:
        # It was planned in time, and waited: only a time without any scheduler is a cause to give it up.
        end = row.end_time or last
        if not any(trouble.begin <= end and trouble.end >= first for trouble in trace.troubles):
            yield Rule.CAUSE, job.id, first, f"{row.id} was given up ({row.reason}) while a scheduler was up"
        return
    if job.spec.max_runs is not None:
        # Slots beyond the runs that open executions may use up wait for these, and may be late by then.
        return
    slots = [first] if row.last_at is None else list(targets.between(first, last))
    for slot in slots:
        begin, end = slot + _MOMENT, slot + jitter + grace - _MOMENT
        if not any(trouble.begin <= end and trouble.end >= begin for trouble in trace.troubles):
            yield Rule.CAUSE, job.id, slot, f"{row.id} is MISSED ({row.reason}) in fair weather"
            return


def _skipped(job: Job, row: Execution, rows: Sequence[Execution], targets: Targets, trace: Trace) -> Found:
    match row.reason:
        case "paused":
            if not targets.paused and not job.spec.pause_after_failures:
                yield Rule.CAUSE, job.id, row.at, f"{row.id} is SKIPPED (paused), and nobody paused the job"
        case "limit":
            if job.spec.max_runs is None or sum(one.status in RAN for one in rows) < job.spec.max_runs:
                yield Rule.CAUSE, job.id, row.at, f"{row.id} is SKIPPED (limit), max_runs is {job.spec.max_runs}"
        case "overlap" if not trace.fired[CLOCK_BACK]:
            # Where the clock was set back, a run may have ended before the slots that it stood in the way of.
            # A manual run of the same moment stands a few microseconds aside of the slot.
            end = (row.end_time or row.at) + _MOMENT
            before = [one for one in rows if one is not row and one.at <= end and one.attempt]
            if not any(one.end_time is None or one.end_time >= row.at - _MOMENT for one in before):
                yield Rule.CAUSE, job.id, row.at, f"{row.id} is SKIPPED (overlap), and nothing was open"
