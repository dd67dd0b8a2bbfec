"""The common changes, many at once: a job moves on by one slot that gets its row, and a run that succeeded ends.

They write what ``apply_plan``, ``claim`` and ``settle`` write, in fewer statements for each run and one round through
Python for each statement. Whatever is not of the common shape is left to those.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agentcron.domain.budgets import is_bounded
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.settling import Settlement, Streak, bucket_of
from agentcron.domain.spec import looks_first
from agentcron.storage.sqlite import apply, rows
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.rows import maybe_us, to_micro_dollars, to_us
from agentcron.storage.sqlite.writer import Transaction

_MICROSECOND: Final = timedelta(microseconds=1)
_PENDING: Final = ExecutionStatus.PENDING.value
_RUNNING: Final = ExecutionStatus.RUNNING.value
_ACTIVE: Final = JobState.ACTIVE.value


# A plan whose job has not moved since it was made, and the row of that job.
Moved = tuple[Plan, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Who begins what a plan made ready, and how many at most."""

    owner: str
    now: datetime
    limit: int
    apart: Collection[str] = ()


def commit(tx: Transaction, plans: Sequence[Plan], start: Start | None) -> tuple[list[bool], list[Execution]]:
    """Apply the plans; begin the rows of theirs that are ready by ``start``, the most urgent first."""
    if len(plans) == 1:
        return [apply.apply_plan(tx, plans[0])], []
    ticks = {plan.job_id: plan for plan in plans if _is_tick(plan)}
    if len(ticks) < 2 or len({plan.job_id for plan in plans}) < len(plans):
        # One alone, and several of one job, which must see each other.
        return [apply.apply_plan(tx, plan) for plan in plans], []
    seqs: dict[str, int] = {}
    for job_id, seq, revision, next_slot, is_open in tx.execute(statement("jobs_moving"), (json.dumps(list(ticks)),)):
        plan = ticks[job_id]
        before, row = plan.before, plan.rows[0]
        assert before is not None
        # Behind an open row of its lane a row waits: the insertion that looks for one is left to apply_plan.
        if before.revision == revision and maybe_us(before.next_slot) == next_slot and not (is_open and row.lane):
            seqs[job_id] = seq
    moved = [(plan, seqs[plan.job_id]) for plan in plans if plan.job_id in seqs]
    begun = _begin(moved, start, sum(not row.final for plan in plans for row in plan.rows)) if start is not None else {}
    return _in_order(tx, plans, moved, begun, start), list(begun.values())


def _in_order(
    tx: Transaction, plans: Sequence[Plan], moved: Sequence[Moved], begun: dict[str, Execution], start: Start | None
) -> list[bool]:
    """Write the plans one after another, those of the common shape together: rows are claimed in the order in which
    they stand where nothing else tells them apart."""
    common = {plan.job_id: seq for plan, seq in moved}
    applied: list[bool] = []
    together: list[Moved] = []
    for plan in plans:
        seq = common.get(plan.job_id)
        if seq is not None:
            together.append((plan, seq))
            applied.append(True)
            continue
        _write(tx, together, begun, start)
        together = []
        applied.append(apply.apply_plan(tx, plan))
    _write(tx, together, begun, start)
    return applied


def _is_tick(plan: Plan) -> bool:
    before, after = plan.before, plan.job_after
    return (
        before is not None
        and after is not None
        and len(plan.rows) == 1
        and plan.to_cancel is ToCancel.NONE
        and before.version == after.version
        and before.state is after.state
        and before.streak == after.streak
        and plan.rows[0].status is ExecutionStatus.PENDING
        and not plan.rows[0].manual
    )


def _begin(moved: Sequence[Moved], start: Start, waiting: int) -> dict[str, Execution]:
    """Those rows of the plans that begin at once, as they are then, by their ids. ``waiting`` is how many rows the
    plans have in all: where there is no place for each, one that is not among these may be the most urgent."""
    ready = [
        (row.priority, row.wake_at, number)
        for number, (plan, _) in enumerate(moved)
        if (row := plan.rows[0]).wake_at is not None
        and row.wake_at <= start.now
        and not row.caught_up
        # What looks first is claimed from the line and not begun.
        and plan.job_after is not None
        and not looks_first(plan.job_after.spec)
        and not is_bounded(plan.job_after.spec, start.apart)
    ]
    if waiting > start.limit and waiting > len(ready):
        return {}
    begun = {}
    for _, _, number in sorted(ready)[: start.limit]:
        plan, _ = moved[number]
        assert plan.job_after is not None
        row = plan.rows[0]
        begun[row.id] = row.evolve(
            status=ExecutionStatus.RUNNING,
            owner=start.owner,
            fence=1,
            wake_at=start.now + plan.job_after.spec.timeout + CLOSE_GRACE,
            begun=True,
            start_time=start.now,
        )
    return begun


def _write(tx: Transaction, moved: Sequence[Moved], begun: dict[str, Execution], start: Start | None) -> None:
    now = to_us(start.now) if start is not None else None
    owner = start.owner if start is not None else None
    if not moved:
        return
    jobs, executions = [], []
    for plan, seq in moved:
        after, row = plan.job_after, plan.rows[0]
        assert after is not None
        run = begun.get(row.id)
        if run is not None:
            state = (_RUNNING, maybe_us(run.wake_at), owner, 1, 1, now)
        else:
            state = (_PENDING, maybe_us(row.wake_at), None, 0, 0, None)
        jobs.append((after.revision, maybe_us(after.next_slot), maybe_us(after.next_run), run is not None, now, seq))
        executions.append(
            (row.id, seq, row.version, to_us(row.at), row.priority, row.lane, row.attempt, row.agent, *state)
        )
    tx.executemany(statement("jobs_tick"), jobs)
    tx.executemany(statement("executions_tick"), executions)


def settle(tx: Transaction, settlements: Sequence[Settlement]) -> list[bool]:
    """Apply each settlement whose execution is still open under its fence."""
    ended = [settlement for settlement in settlements if _is_success(settlement)]
    if len(ended) < 2 or len({settlement.after.id for settlement in settlements}) < len(settlements):
        return [apply.settle(tx, settlement) for settlement in settlements]
    wanted = json.dumps([settlement.after.id for settlement in ended])
    held = {row[0]: row for row in tx.execute(statement("executions_held"), (wanted,))}
    kept = {}
    for settlement in ended:
        before = settlement.before
        row = held.get(before.id)
        kept[before.id] = row is not None and row[3] == before.fence and row[4] == _RUNNING
    _end(tx, [(one, held[one.after.id]) for one in ended if kept[one.after.id]])
    return [
        kept[settlement.after.id] if settlement.after.id in kept else apply.settle(tx, settlement)
        for settlement in settlements
    ]


def _is_success(settlement: Settlement) -> bool:
    return (
        settlement.after.status is ExecutionStatus.SUCCESS
        and settlement.before.status is ExecutionStatus.RUNNING
        and settlement.streak is Streak.ENDS
        and settlement.after.findings is None
        and not settlement.steps_end
    )


def _end(tx: Transaction, settlements: Sequence[tuple[Settlement, Any]]) -> None:
    executions, jobs, looks, lanes = [], [], [], []
    for settlement, (_, seq, job, _, _, is_open, state, next_run) in settlements:
        before, after, now = settlement.before, settlement.after, to_us(settlement.now)
        usage, cost = after.usage, to_micro_dollars(after.cost_usd)
        executions.append(
            (
                maybe_us(after.end_time),
                after.agent_id,
                rows.usage_text(usage) if usage is not None else None,
                cost,
                after.cost_basis.value if cost is not None else None,
                seq,
            )
        )
        duration = after.duration
        took = duration // _MICROSECOND if duration is not None else 0
        tokens = usage.tokens if usage is not None else 0
        jobs.append((not before.manual, tokens, cost or 0, took, job))
        if next_run is None and state == _ACTIVE:
            looks.append((now, job))
        if is_open > 1 and before.lane is not None:
            lanes.append((before.lane, now))
        if after.result or after.prompt is not None or after.conversation is not None:
            apply.insert_texts(tx, seq, after)
        tx.tally.add(
            settlement.scopes,
            now,
            ExecutionStatus.SUCCESS,
            tokens=tokens,
            cost=cost or 0,
            duration_us=took,
            bucket=bucket_of(took) if duration is not None else None,
        )
    tx.executemany(statement("executions_end"), executions)
    tx.executemany(statement("jobs_succeeded"), jobs)
    if looks:
        tx.executemany(statement("jobs_look"), looks)
    for lane, now in lanes:
        tx.execute(statement("execution_pull"), {"lane": lane, "now": now})
