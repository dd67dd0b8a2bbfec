"""Did the agents' own log of starts keep P2 and P5?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.policies import OnInterrupt
from agentcron.testing.simulation.targets import Targets
from agentcron.testing.simulation.trace import Start, Trace
from agentcron.testing.simulation.violations import Rule

Found = Iterator[tuple[Rule, str, datetime | str, str]]
# A scheduler that lost a run to another one hears of it with its next beat, and its agent has a moment to end.
_HEARS_OF_IT_US: Final = 3_000_000


def check_starts(trace: Trace, job: Job, rows: Sequence[Execution], targets: Targets) -> Found:
    """What the agents of one job did, against its rows."""
    ours = {row.id: row for row in rows}
    starts = [start for start in trace.starts if start.execution_id in ours]
    yield from _once(job, starts)
    for start in starts:
        yield from _rightful(trace, job, ours[start.execution_id], start)
    yield from _apart(job, starts)
    yield from _in_bounds(job, ours, starts, targets)
    yield from _true(job, rows, starts)


def _once(job: Job, starts: Sequence[Start]) -> Found:
    begun = Counter(
        # Going on after an interruption is the same attempt under a higher fence, with the job's permission; going on
        # after an answer is the same attempt, once for each time that it was parked.
        (start.execution_id, start.attempt, start.row.fence if start.row and _resumes(job, start) else _parked(start))
        for start in starts
    )
    for (execution_id, attempt, _), count in begun.items():
        if count > 1:
            yield Rule.STARTED_TWICE, job.id, execution_id, f"attempt {attempt} was started {count} times"


def _parked(start: Start) -> int:
    return -start.row.asked if start.row is not None else 0


def _resumes(job: Job, start: Start) -> bool:
    return job.spec.on_interrupt is OnInterrupt.RESUME


def _rightful(trace: Trace, job: Job, row: Execution, start: Start) -> Found:
    held = start.row
    if held is None or not (
        held.status is ExecutionStatus.RUNNING
        and held.begun
        and held.owner == start.node
        and held.attempt == start.attempt
    ):
        there = "no row" if held is None else f"{held.status}, attempt {held.attempt}, of {held.owner}"
        yield Rule.UNCLAIMED, job.id, row.at, f"{start.execution_id} on {start.node} at {start.at}; the store: {there}"
    key = row.id if row.manual else f"{job.id}:{row.at.isoformat()}"
    if start.key != key:
        yield Rule.KEY, job.id, row.at, f"{start.key}, not {key}"
    if start.latest < row.at and not row.manual:
        yield Rule.EARLY, job.id, row.at, f"{start.execution_id} at {start.at}"


def _apart(job: Job, starts: Sequence[Start]) -> Found:
    """No two agents at once where the job forbids it."""
    laned = [start for start in starts if start.row is not None and start.row.lane is not None]
    laned.sort(key=lambda start: start.begun_us)
    last: Start | None = None
    for start in laned:
        ended = last.over_us if last is not None else None
        if last is not None and (ended is None or ended - _HEARS_OF_IT_US > start.begun_us):
            longer = "for ever" if ended is None else f"for {(ended - start.begun_us) / 1e6} s"
            told = f"{start.execution_id} began on {start.node} at {start.at} while {last.execution_id}, "
            told += f"begun on {last.node} at {last.at}, went on {longer}"
            yield Rule.OVERLAPPED, job.id, start.row.at if start.row is not None else "", told
        if last is None or ended is None or start.over_us is None or start.over_us >= ended:
            last = start


def _in_bounds(job: Job, rows: dict[str, Execution], starts: Sequence[Start], targets: Targets) -> Found:
    begun: set[str] = set()
    for start in starts:
        row = rows[start.execution_id]
        if row.manual:
            continue
        begun.add(row.id)
        for pause in targets.paused:
            if pause.plain and pause.begin < row.at <= pause.end - job.spec.jitter:
                yield Rule.OUTSIDE, job.id, row.at, f"{row.id} was started, the job was paused from {pause.begin}"
        if job.version == row.version and job.spec.end_at is not None and row.at > job.spec.end_at:
            yield Rule.OUTSIDE, job.id, row.at, f"{row.id} was started, the job ended at {job.spec.end_at}"
    limit = job.spec.max_runs
    if limit is not None and len(begun) > limit:
        yield Rule.LIMIT, job.id, "", f"{len(begun)} slots were started, max_runs is {limit}"


def _true(job: Job, rows: Sequence[Execution], starts: Sequence[Start]) -> Found:
    """What the rows say of runs is what the agents say."""
    answers = {start.answer for start in starts if start.answer is not None}
    begun = {start.execution_id for start in starts}
    for row in rows:
        if row.status is ExecutionStatus.SUCCESS and f"{row.id}/{row.attempt}" not in answers:
            yield Rule.UNTRUE, job.id, row.at, f"{row.id} is SUCCESS, no agent of attempt {row.attempt} finished"
        if row.status in (ExecutionStatus.SKIPPED, ExecutionStatus.MISSED) and row.id in begun:
            yield Rule.UNTRUE, job.id, row.at, f"{row.id} is {row.status}, and an agent was started for it"
        if row.status in RAN and not row.begun:
            yield Rule.UNTRUE, job.id, row.at, f"{row.id} is {row.status} and was never begun"


def check_places(trace: Trace) -> Found:
    """No process had more agents at once than it has places."""
    changes: list[tuple[int, int, Start]] = []
    for start in trace.starts:
        changes.append((start.begun_us + 1, 1, start))
        if start.over_us is not None:
            changes.append((start.over_us, -1, start))
    live: Counter[str] = Counter()
    for _, change, start in sorted(changes, key=lambda one: one[:2]):
        live[start.node] += change
        if live[start.node] > start.places:
            job = start.row.job_id if start.row is not None else ""
            yield Rule.TOO_MANY, job, start.execution_id, f"{live[start.node]} agents on {start.node}"
