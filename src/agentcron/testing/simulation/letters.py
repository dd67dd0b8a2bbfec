"""Was each event told once to everybody who wants to hear of it? Judged by the rows, not by what settled them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.notify import Event
from agentcron.testing.simulation.trace import Trace
from agentcron.testing.simulation.violations import Rule

Found = Iterator[tuple[Rule, str, datetime | str, str]]


def check_letters(trace: Trace) -> Found:
    """One letter for each end of a run, each missed row, and each endpoint that a rule names for it; no other. The
    rules have neither threshold nor cooldown, and no person changes them."""
    wanted: Counter[tuple[str, str, Event, str]] = Counter()
    for row in trace.rows:
        event, job = _event_of(row), trace.jobs.get(row.job_id)
        if event is not None and job is not None:
            rules = [rule for rule in job.spec.notify or () if event in rule.on]
            wanted.update((row.job_id, row.id, event, rule.to) for rule in rules)
    there = Counter((one.job_id, str(one.execution_id), one.event, one.target) for one in trace.letters)
    for key in wanted.keys() | there.keys():
        if wanted[key] != there[key]:
            job_id, execution_id, event, target = key
            told = f"{there[key]} letters of {event} to {target}, {wanted[key]} are due"
            yield Rule.UNTOLD, job_id, execution_id, f"{execution_id}: {told}"


def _event_of(row: Execution) -> Event | None:
    if row.status is ExecutionStatus.SUCCESS:
        return Event.SUCCESS
    if row.status is ExecutionStatus.MISSED:
        return Event.MISSED
    wrong = (ExecutionStatus.FAILURE, ExecutionStatus.ERROR, ExecutionStatus.INCOMPLETE)
    return Event.FAILURE if row.status in wrong and row.reason != "canceled" else None
