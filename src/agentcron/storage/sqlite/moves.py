"""Plans of the common shape, many at once: a job moves on along its calendar, with one row to run or with none.

What ``apply_plan`` and ``claim`` would write is written in fewer statements for each run and one round through Python
for each statement. Whatever is not of that shape is left to them. The values are put together before the transaction
begins: the file is locked no longer than it has to be.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from agentcron.domain.budgets import is_bounded
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.storage.rows import maybe_us, to_us
from agentcron.storage.sqlite import apply
from agentcron.storage.sqlite.connection import NOTHING, statement
from agentcron.storage.sqlite.numbers import Numbers
from agentcron.storage.sqlite.writer import Transaction

_PENDING: Final = ExecutionStatus.PENDING
_RUNNING: Final = ExecutionStatus.RUNNING
_NONE: Final = ToCancel.NONE
# What a named tuple is made by: its own constructor is a function of Python that calls this one.
_made: Final = tuple.__new__


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Who begins what a plan made ready, when, and which scopes have budgets that are asked first."""

    owner: str
    now: datetime
    apart: Collection[str] = ()
    ends: dict[timedelta, tuple[datetime, int]] = field(default_factory=dict)

    def begins(self, row: Execution, spec: JobSpec) -> bool:
        """Whether the row may begin with its plan. What looks first, or asks for budget, is claimed from the line."""
        ready = row.wake_at is not None and row.wake_at <= self.now and not row.caught_up
        return ready and not looks_first(spec) and not is_bounded(spec, self.apart)

    def until(self, spec: JobSpec) -> tuple[datetime, int]:
        """Until when a run of such a job is believed to go on, and the same in microseconds; nearly all jobs have the
        same timeout."""
        found = self.ends.get(spec.timeout)
        if found is None:
            end = self.now + spec.timeout + CLOSE_GRACE
            found = self.ends[spec.timeout] = (end, to_us(end))
        return found

    def running(self, plan: Plan) -> Execution:
        """The row of the plan, begun with it."""
        row, job = plan.rows[0], plan.job_after
        assert job is not None
        return Execution.whole(
            {
                **row.__dict__,
                "status": _RUNNING,
                "owner": self.owner,
                "fence": 1,
                "wake_at": self.until(job.spec)[0],
                "begun": True,
                "start_time": self.now,
            }
        )


class Move(NamedTuple):
    """A plan as values for statements; times are microseconds.

    ``revision`` and ``slot`` are what the job must still have. ``row`` is the execution's, if there is one, which may
    begin at once where ``until`` says until when; it waits for ``wake_at``.
    """

    number: int
    revision: int
    slot: int | None
    job: tuple[Any, ...]
    row: tuple[Any, ...] | None
    lane: str | None
    priority: int
    wake_at: int | None
    until: int | None


class Moves:
    """The plans of one call, those of the common shape put into values. ``begun`` are the numbers of the runs that
    began, once they are applied."""

    def __init__(self, plans: Sequence[Plan], start: Start | None, numbers: Numbers) -> None:
        self.plans = plans
        self.start = start
        self.begun: dict[str, tuple[int, int]] = {}
        self.waiting = 0
        moves: dict[str, Move] = {}
        for number, plan in enumerate(plans):
            if plan.before is not None and _is_move(plan):
                moves[plan.before.id] = _move(number, plan, start)
                self.waiting += len(plan.rows)
            else:
                self.waiting += sum(not row.final for row in plan.rows)
        if len(moves) < len(plans) and len({plan.job_id for plan in plans}) < len(plans):
            # Several of one job must see each other.
            moves = {}
        self.moves = moves
        self.seqs = {move.number: numbers.jobs.pop(key, 0) for key, move in moves.items()}
        self.revisions = sum(move.revision for move in moves.values())


def _is_move(plan: Plan) -> bool:
    before, after, made = plan.before, plan.job_after, plan.rows
    if before is None or after is None or before.version != after.version or before.streak != after.streak:
        return False
    if plan.to_cancel is not _NONE or plan.news or len(made) > 1:
        return False
    return not made or (before.state is after.state and made[0].status is _PENDING and not made[0].manual)


def _move(number: int, plan: Plan, start: Start | None) -> Move:
    before, after = plan.before, plan.job_after
    assert before is not None
    assert after is not None
    revision, slot = before.revision, maybe_us(before.next_slot)
    following = maybe_us(after.next_slot)
    next_run = following if after.next_run is after.next_slot else maybe_us(after.next_run)
    if not plan.rows:
        changed = (after.revision, following, next_run, after.state.value, after.state_reason, to_us(plan.now))
        return _made(Move, (number, revision, slot, changed, None, None, 0, None, None))
    job = (after.revision, NOTHING if following is None else following, NOTHING if next_run is None else next_run)
    row = plan.rows[0]
    until = start.until(after.spec)[1] if start is not None and start.begins(row, after.spec) else None
    at, lane = slot if row.at is before.next_slot else to_us(row.at), row.lane
    wake_at = at if row.wake_at is row.at else maybe_us(row.wake_at)
    values = (row.id, row.version, at, row.priority, lane, row.attempt, row.agent)
    return _made(Move, (number, revision, slot, job, values, lane, row.priority, wake_at, until))


def commit(tx: Transaction, moves: Moves, limit: int = 0) -> tuple[list[bool], list[int]]:
    """Apply the plans; begin at most ``limit`` of their rows, the most urgent first. Answers which plans were applied,
    and of which, by their numbers, the row was begun."""
    seqs = moves.seqs if _unmoved(tx, moves) else _looked_up(tx, moves)
    moves.begun = {}
    begun = _most_urgent(moves, seqs, limit)
    applied: list[bool] = []
    together: list[tuple[Move, int]] = []
    known = {move.number: move for move in moves.moves.values()}
    # One after another: rows are claimed in the order in which they stand where nothing else tells them apart.
    for number, plan in enumerate(moves.plans) if len(seqs) < len(moves.plans) else ():
        if number in seqs:
            together.append((known[number], seqs[number]))
            applied.append(True)
            continue
        _write(tx, moves, together, begun)
        together = []
        applied.append(apply.apply_plan(tx, plan))
    if not applied:
        together = [(move, seqs[move.number]) for move in known.values()]
        applied = [True] * len(together)
    _write(tx, moves, together, begun)
    return applied, list(begun)


def _unmoved(tx: Transaction, moves: Moves) -> bool:
    """Whether every job is as it was when its plan was made, with nothing open: told by sums, since a revision only
    grows, and none can make up for another."""
    if not all(moves.seqs.values()):
        return False
    looked: tuple[int, int, int] = tx.execute(
        statement("jobs_unmoved"), (json.dumps(list(moves.seqs.values())),)
    ).fetchone()
    return looked == (len(moves.seqs), moves.revisions, 0)


def _looked_up(tx: Transaction, moves: Moves) -> dict[int, int]:
    """The numbers of the jobs that have not moved, by those of their plans."""
    seqs: dict[int, int] = {}
    if not moves.moves:
        return seqs
    for job_id, seq, revision, slot, is_open in tx.execute(statement("jobs_moving"), (json.dumps(list(moves.moves)),)):
        move = moves.moves[job_id]
        # Behind an open row of its lane a row waits: the insertion that looks for one is left to apply_plan.
        if move.revision == revision and move.slot == slot and not (is_open and move.lane is not None):
            seqs[move.number] = seq
    return seqs


def _most_urgent(moves: Moves, seqs: Mapping[int, int], limit: int) -> dict[int, None]:
    """The numbers of the rows that begin at once. Where there is no place for each row of the plans, one that is not
    ready to begin may be the most urgent: then none does, and the line decides."""
    ready = sorted(
        (move.priority, move.wake_at, move.number)
        for move in moves.moves.values()
        if move.until is not None and move.number in seqs
    )
    if moves.waiting > limit and moves.waiting > len(ready):
        return {}
    return dict.fromkeys(number for _, _, number in ready[:limit])


def _write(tx: Transaction, moves: Moves, together: Sequence[tuple[Move, int]], begun: Mapping[int, None]) -> None:
    start = moves.start
    now, owner = (to_us(start.now), start.owner) if start is not None else (0, "")
    [seq] = tx.execute(statement("executions_last")).fetchone() if together else (0,)
    ticks: list[tuple[Any, ...]] = []
    running: list[tuple[Any, ...]] = []
    waiting: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    for (number, _, _, job, row, _, _, wake_at, until), job_seq in together:
        if row is None:
            others.append((*job, job_seq))
            continue
        seq += 1
        if number in begun:
            ticks.append((*job, 1, now, job_seq))
            running.append((*row, until, owner, now, job_seq, seq))
            moves.begun[row[0]] = (seq, job_seq)
        else:
            ticks.append((*job, 0, 0, job_seq))
            waiting.append((*row, wake_at, job_seq, seq))
    tx.each("jobs_tick", ticks)
    tx.each("executions_tick_running", running)
    tx.each("executions_tick_waiting", waiting)
    if others:
        tx.executemany(statement("jobs_move"), others)
