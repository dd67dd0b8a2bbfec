"""Runs that succeeded, many at once: what ``settle`` writes for each, in fewer statements.

Whatever is not of that shape is left to it. The values are put together beforehand: see ``moves``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from agentcron.domain.durations import bucket_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.settling import Settlement, Streak
from agentcron.storage.rows import maybe_us, shared_us, to_micro_dollars, to_us, usage_text
from agentcron.storage.sqlite import apply, outbox
from agentcron.storage.sqlite.connection import NOTHING, statement
from agentcron.storage.sqlite.cutting import end_cut, is_cut
from agentcron.storage.sqlite.numbers import Numbers
from agentcron.storage.sqlite.writer import Transaction
from agentcron.storage.tally import Tally

_RUNNING: Final = ExecutionStatus.RUNNING
_SUCCESS: Final = ExecutionStatus.SUCCESS
_ENDS: Final = Streak.ENDS
_GROWS: Final = Streak.GROWS
_RUNS: Final = _RUNNING.value
_ACTIVE: Final = JobState.ACTIVE.value


class Ending(NamedTuple):
    """A success as values for statements: what the execution and its job become, and the long texts."""

    fence: int
    now: int
    lane: str | None
    execution: tuple[Any, ...]
    job: tuple[Any, ...]
    texts: Sequence[tuple[Any, ...]]


Found = tuple[Ending, int, int]
"""A success, the number of its row, and that of its job."""


class Endings:
    """The settlements of one call, the successes put into values."""

    def __init__(self, settlements: Sequence[Settlement], numbers: Numbers) -> None:
        self.settlements = settlements
        self.seqs: dict[str, tuple[int, int]] = {}
        self.tally = Tally()
        self.endings: dict[str, Ending] = {}
        self.cut: dict[str, Settlement] = {}
        # A success ends a streak that one before it grew, and not one that grows after it.
        failing = {one.after.job_id for one in settlements if one.streak is _GROWS}
        # Several of one execution must see each other.
        for settlement in settlements if len({one.after.id for one in settlements}) == len(settlements) else ():
            if _is_success(settlement) and settlement.after.job_id not in failing:
                key = settlement.after.id
                self.endings[key] = _ending(settlement, self.tally)
                if (seqs := numbers.runs.pop(key, None)) is not None and settlement.before.fence == 1:
                    self.seqs[key] = seqs
            elif is_cut(settlement):
                self.cut[settlement.after.id] = settlement
        self.newsworthy = any(one.news is not None for one in settlements)

    def counted(self, kept: set[str]) -> Tally:
        """The sums of those that were kept."""
        if len(kept) == len(self.endings):
            return self.tally
        tally = Tally()
        for settlement in self.settlements:
            if settlement.after.id in kept:
                _ending(settlement, tally)
        return tally


def _is_success(settlement: Settlement) -> bool:
    return (
        settlement.after.status is _SUCCESS
        and settlement.before.status is _RUNNING
        and settlement.streak is _ENDS
        and settlement.after.findings is None
        and not settlement.steps_end
    )


def _ending(settlement: Settlement, tally: Tally) -> Ending:
    before, after = settlement.before, settlement.after
    now = to_us(settlement.now)
    end = now if after.end_time is settlement.now else maybe_us(after.end_time)
    began = shared_us(after.start_time)
    took = end - began if end is not None and began is not None else None
    usage, tokens, cost, basis = NOTHING, 0, to_micro_dollars(after.cost_usd), NOTHING
    if after.usage is not None:
        usage, tokens = usage_text(after.usage) or NOTHING, after.usage.tokens
    if cost is not None:
        basis = after.cost_basis.value
    bucket = bucket_of(took) if took is not None else None
    tally.add(settlement.scopes, now, _SUCCESS, tokens=tokens, cost=cost or 0, duration_us=took or 0, bucket=bucket)
    execution = (end, after.agent_id, usage, NOTHING if cost is None else cost, basis)
    job = (0 if before.manual else 1, tokens, cost or 0, took or 0)
    return tuple.__new__(Ending, (before.fence, now, before.lane, execution, job, apply.texts_of(after)))


def settle(tx: Transaction, endings: Endings) -> list[bool]:
    """Apply each settlement whose execution is still open under its fence."""
    kept = _end(tx, endings) if endings.endings else set()
    if endings.cut:
        kept |= end_cut(tx, endings.cut)
    common = endings.endings.keys() | endings.cut.keys()
    done = [
        settlement.after.id in kept if settlement.after.id in common else apply.settle(tx, settlement)
        for settlement in endings.settlements
    ]
    if endings.newsworthy:
        told = zip(endings.settlements, done, strict=True)
        outbox.post(tx, [one.news for one, was_kept in told if was_kept and one.news is not None])
    return done


def _end(tx: Transaction, endings: Endings) -> set[str]:
    """End those that are held under their fence; answers which."""
    if (all_held := _all_held(tx, endings)) is not None:
        _write(tx, *all_held)
        tx.tally.merge(endings.tally)
        return set(endings.endings)
    kept: set[str] = set()
    usual: list[Found] = []
    last: list[Found] = []
    lanes: list[dict[str, Any]] = []
    held = tx.execute(statement("executions_held"), (json.dumps(list(endings.endings)),)).fetchall()
    for key, seq, job_seq, held_fence, status, is_open, state, next_run, next_slot in held:
        ending = endings.endings[key]
        if held_fence != ending.fence or status != _RUNS:
            continue
        kept.add(key)
        is_last = state == _ACTIVE and (next_run is None or next_slot is None)
        (last if is_last else usual).append((ending, seq, job_seq))
        if is_open > 1 and ending.lane is not None:
            lanes.append({"lane": ending.lane, "now": ending.now})
    _write(tx, usual, last)
    if lanes:
        tx.executemany(statement("execution_pull"), lanes)
    tx.tally.merge(endings.counted(kept))
    return kept


def _all_held(tx: Transaction, endings: Endings) -> tuple[list[Found], list[Found]] | None:
    """What ``_write`` takes, where each is held under its fence and nothing else of its job is open.

    None where they have to be looked at one by one.
    """
    many = len(endings.endings)
    if len(endings.seqs) < many:
        return None
    seqs = json.dumps([seq for seq, _ in endings.seqs.values()])
    held, jobs, usual, last = tx.execute(statement("executions_unmoved"), (seqs,)).fetchone()
    if held < many or jobs != sum(job for _, job in endings.seqs.values()) or many not in (usual, last):
        return None
    found = [
        (ending, *numbers) for ending, numbers in zip(endings.endings.values(), endings.seqs.values(), strict=True)
    ]
    return (found, []) if usual == many else ([], found)


def _write(tx: Transaction, usual: list[Found], last: list[Found]) -> None:
    """End the executions; of jobs that nothing will ever run again, the ``last``, the state changes as well."""
    both = usual + last
    tx.each("executions_end", [(*ending.execution, seq) for ending, seq, _ in both])
    tx.each("text_insert", [(seq, *text) for ending, seq, _ in both for text in ending.texts])
    counted = [(*ending.job, job_seq) for ending, _, job_seq in usual]
    finished = [(*ending.job, ending.now, job_seq) for ending, _, job_seq in last]
    # One statement for many rows would count a job once of which two runs ended.
    each_job_once = len({job_seq for _, _, job_seq in both}) == len(both)
    for name, values in (("jobs_succeeded", counted), ("jobs_succeeded_last", finished)):
        if each_job_once:
            tx.each(name, values)
        else:
            tx.executemany(statement(name), values)
