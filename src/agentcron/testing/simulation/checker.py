"""Were the promises P1 to P5 kept? One judge of every simulation.

In the shape of Jepsen's checker of Chronos: targets are computed from what people wrote and did, distinct rows are
matched with them, and both what is missing and what is too much is told. Nothing of the planner is asked.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from agentcron.domain.lifecycle import RAN, ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.testing.simulation.causes import check_causes
from agentcron.testing.simulation.letters import check_letters
from agentcron.testing.simulation.starts import check_places, check_starts
from agentcron.testing.simulation.targets import AnchorMoved, Targets, targets_of
from agentcron.testing.simulation.trace import Deed, Event, Trace
from agentcron.testing.simulation.violations import Rule, Violation

Found = Iterator[tuple[Rule, str, datetime | str, str]]
_LAST_EVENTS = 30
_TOLD_WITH_EVENTS = 5
_ID = re.compile(r"\b[0-9a-f]{26}\b")


def check(trace: Trace) -> list[Violation]:
    """Every promise that the trace shows broken, none twice."""
    names = {deed.job_id: deed.spec.name for deed in trace.deeds if deed.what == "create" and deed.spec is not None}
    told: list[Violation] = []
    for rule, job_id, slot, words in _everything(trace):
        place = slot if isinstance(slot, str) else slot.isoformat()
        told.append(
            Violation(
                rule=rule,
                job=f"{names.get(job_id, '?')} ({job_id})",
                slot=place,
                told=words,
                seed=trace.scenario.seed,
                variant=trace.scenario.variant,
                last=_events_about(trace, job_id, words) if len(told) < _TOLD_WITH_EVENTS else (),
            )
        )
    return told


def _events_about(trace: Trace, job_id: str, words: str) -> tuple[Event, ...]:
    """The last lines of the log about the executions that are named, the world's in between; else about the job."""
    ids = set(_ID.findall(words))
    names = ids | {key[-6:] for key in ids} if ids else {job_id}
    about = [place for place, event in enumerate(trace.events) if any(name in event.what for name in names)]
    if not about:
        return ()
    last = about[-1] + 1
    stretch = trace.events[max(about[0], last - 5000) : last]
    kept = [event for event in stretch if event.who == "world" or any(name in event.what for name in names)]
    return tuple(kept[-_LAST_EVENTS:])


def _everything(trace: Trace) -> Found:
    rows_of: dict[str, list[Execution]] = defaultdict(list)
    for row in trace.rows:
        rows_of[row.job_id].append(row)
    deeds_of: dict[str, list[Deed]] = defaultdict(list)
    for deed in trace.deeds:
        deeds_of[deed.job_id].append(deed)
    assert trace.end is not None
    latest = max([deed.latest for deed in trace.deeds] + [trace.end])
    for job_id, deeds in deeds_of.items():
        try:
            targets = targets_of(deeds, trace.end, latest)
        except AnchorMoved as moved:
            yield Rule.ANCHOR, job_id, "", str(moved)
            continue
        job, rows = trace.jobs.get(job_id), rows_of[job_id]
        if targets.deleted:
            if job is not None or rows:
                yield Rule.LOST, job_id, "", "was deleted and is there again"
            continue
        if job is None:
            yield Rule.LOST, job_id, "", "was created and is not there"
            continue
        yield from _check_rows(job, rows, targets, list(trace.kept))
        yield from _check_counters(job, rows)
        yield from check_causes(trace, job, rows, targets)
        yield from check_starts(trace, job, rows, targets)
    yield from check_places(trace)
    yield from _check_kept(trace)
    yield from check_letters(trace)


# --- P1, P2: each slot in exactly one row -----------------------------------------------------------------------------


def _check_rows(job: Job, rows: Sequence[Execution], targets: Targets, ended: Sequence[str]) -> Found:
    known = set(targets.slots)
    held: Counter[datetime] = Counter()
    for row in rows:
        if row.manual:
            continue
        if row.last_at is None:
            covered: Sequence[datetime] = [row.at]
        else:
            covered = targets.between(row.at, row.last_at)
            if len(covered) != row.slots:
                yield (
                    Rule.COUNT,
                    job.id,
                    row.at,
                    f"{row.id} to {row.last_at} says {row.slots}, {len(covered)} are there",
                )
        for end in (row.at, row.last_at or row.at):
            if end not in known:
                yield (
                    Rule.EXTRA,
                    job.id,
                    end,
                    f"{row.id} ({row.status} {row.reason}) stands for no slot of the schedule",
                )
        held.update(covered)
    for slot, count in held.items():
        if count > 1:
            yield Rule.TWICE, job.id, slot, f"{count} rows"
    until = _owed_until(job, rows, ended)
    for slot in sorted(targets.must):
        if slot not in held and (until is None or slot + job.spec.jitter <= until):
            yield Rule.MISSING, job.id, slot, f"the job is {job.state}, its next slot is {job.next_slot}"
    wanted, there = Counter(targets.manual), Counter(row.id for row in rows if row.manual)
    for execution_id in (wanted - there).keys() | (there - wanted).keys():
        yield Rule.LOST, job.id, execution_id, "a manual run and its row do not match"


def _owed_until(job: Job, rows: Sequence[Execution], ended: Sequence[str]) -> datetime | None:
    """The last slot that needs an account; None where every target does. A job that completed by its number of runs
    owes none for what came after the last of them. One that failures paused owes none after its last row until a
    person resumes it. ``ended`` names executions in the order in which they ended: a clock that was set back shows less
    at the end of the last one than at that of one before."""
    ran = [row for row in rows if row.status in RAN and not row.manual]
    if job.state is JobState.PAUSED and job.state_reason == "streak":
        if not _failed_in_a_row(job.spec.pause_after_failures, ran, ended):
            return None
        return max(row.last_at or row.at for row in rows if not row.manual)
    if job.state is not JobState.COMPLETED:
        return None
    if job.spec.max_runs is None or len(ran) < job.spec.max_runs:
        return None
    ends = {row.id: row.end_time for row in ran if row.end_time is not None}
    last = next((ends[key] for key in reversed(ended) if key in ends), None)
    # An end that was never acknowledged is in no order.
    return last if ends.keys() <= set(ended) else max(ends.values(), default=None)


def _failed_in_a_row(limit: int, ran: Sequence[Execution], ended: Sequence[str]) -> bool:
    """Whether so many runs ended one after another and none of them well. Ends that were never acknowledged stand
    where nobody knows, so they are counted too."""
    of = {row.id: row for row in ran}
    longest = streak = 0
    for row in (of[key] for key in ended if key in of):
        streak = 0 if row.status is ExecutionStatus.SUCCESS else streak + 1
        longest = max(longest, streak)
    return limit > 0 and longest + len(of.keys() - set(ended)) >= limit


def _check_counters(job: Job, rows: Sequence[Execution]) -> Found:
    counts = Counter[ExecutionStatus]()
    for row in rows:
        counts[row.status] += row.slots
    opened = [row for row in rows if not row.final]
    totals = job.totals
    told = (totals.success, totals.failure, totals.incomplete, totals.error, totals.skipped, totals.missed)
    kinds = ("SUCCESS", "FAILURE", "INCOMPLETE", "ERROR", "SKIPPED", "MISSED")
    there = tuple(counts[ExecutionStatus(kind)] for kind in kinds)
    if told != there:
        yield Rule.COUNTERS, job.id, "", f"totals {told}, rows {there}"
    runs = sum(row.status in RAN and not row.manual for row in rows)
    running = sum(row.status is ExecutionStatus.RUNNING for row in opened)
    if (job.open, job.running, job.runs) != (len(opened), running, runs):
        yield (
            Rule.COUNTERS, job.id, "",
            f"open, running, runs are {(job.open, job.running, job.runs)}, by rows {(len(opened), running, runs)}",
        )  # fmt: skip


# --- P3, P4: nothing stuck, nothing lost ------------------------------------------------------------------------------


def _check_kept(trace: Trace) -> Found:
    for row, why in trace.stuck.values():
        yield Rule.STUCK, row.job_id, row.at, f"{row.id} ({row.status}) {why}"
    for before, after in trace.changed:
        told = "is gone" if after is None else f"is {after.status} {after.reason} {after.end_time}"
        yield Rule.CHANGED, before.job_id, before.at, f"{before.id} was {before.status} {before.end_time}, {told}"
    for row in trace.late:
        yield Rule.CHANGED, row.job_id, row.at, f"{row.id} was settled again, as {row.status} {row.reason}"
    rows = {row.id: row for row in trace.rows}
    for key, kept in trace.kept.items():
        there = rows.get(key)
        if there is None:
            if kept.job_id in trace.jobs:
                yield Rule.LOST, kept.job_id, kept.at, f"{key} was settled as {kept.status} and is gone"
        elif _end_of(there) != _end_of(kept):
            now = f"{there.status} {there.reason or ''}"
            yield Rule.LOST, kept.job_id, kept.at, f"{key} was settled as {kept.status}, it is {now}"


def _end_of(row: Execution) -> tuple[object, ...]:
    return row.status, row.reason, row.end_time, row.attempt
