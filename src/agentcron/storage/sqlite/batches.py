"""The common changes, many at once: a job moves on, by one slot that gets its row or by none, and a run that succeeded
ends.

They write what ``apply_plan``, ``claim`` and ``settle`` write, in fewer statements for each run and one round through
Python for each statement. Whatever is not of the common shape is left to those.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agentcron.domain.budgets import is_bounded
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.settling import Settlement, Streak, bucket_of
from agentcron.domain.spec import looks_first
from agentcron.storage import rows
from agentcron.storage.rows import maybe_us, shared_us, to_micro_dollars, to_us
from agentcron.storage.sqlite import apply
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.cutting import end_cut, is_cut
from agentcron.storage.sqlite.writer import Transaction

_PENDING: Final = ExecutionStatus.PENDING.value
_RUNNING: Final = ExecutionStatus.RUNNING.value
_SUCCESS: Final = ExecutionStatus.SUCCESS
_ACTIVE: Final = JobState.ACTIVE.value


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
    moves = {plan.before.id: plan for plan in plans if plan.before is not None and _is_move(plan)}
    if len(moves) < 2 or (len(moves) < len(plans) and len({plan.job_id for plan in plans}) < len(plans)):
        # One alone, and several of one job, which must see each other.
        return [apply.apply_plan(tx, plan) for plan in plans], []
    seqs: dict[str, int] = {}
    for job_id, seq, revision, next_slot, is_open in tx.execute(statement("jobs_moving"), (json.dumps(list(moves)),)):
        plan = moves[job_id]
        before = plan.before
        assert before is not None
        # Behind an open row of its lane a row waits: the insertion that looks for one is left to apply_plan.
        behind = is_open and plan.rows and plan.rows[0].lane
        if before.revision == revision and shared_us(before.next_slot) == next_slot and not behind:
            seqs[job_id] = seq
    begun = _begin(plans, seqs, start) if start is not None else {}
    return _in_order(tx, plans, seqs, begun, start), list(begun.values())


def _is_move(plan: Plan) -> bool:
    """Whether the plan moves a job along its calendar, with one row to run or with none."""
    before, after, made = plan.before, plan.job_after, plan.rows
    if before is None or after is None or before.version != after.version or before.streak != after.streak:
        return False
    if plan.to_cancel is not ToCancel.NONE or len(made) > 1:
        return False
    if not made:
        return True
    return before.state is after.state and made[0].status is ExecutionStatus.PENDING and not made[0].manual


def _begin(plans: Sequence[Plan], seqs: Mapping[str, int], start: Start) -> dict[str, Execution]:
    """Those rows of the plans that begin at once, as they are then, by their ids. Where there is no place for each row
    of theirs, one that is not ready may be the most urgent."""
    now, ready, waiting = start.now, list[tuple[int, datetime, int]](), 0
    for number, plan in enumerate(plans):
        before = plan.before
        if before is None or before.id not in seqs:
            waiting += sum(not row.final for row in plan.rows)
            continue
        if not plan.rows:
            continue
        row, spec = plan.rows[0], before.spec
        waiting += 1
        if row.wake_at is None or row.wake_at > now or row.caught_up:
            continue
        # What looks first is claimed from the line and not begun.
        if not (looks_first(spec) or is_bounded(spec, start.apart)):
            ready.append((row.priority, row.wake_at, number))
    if waiting > start.limit and waiting > len(ready):
        return {}
    ready.sort()
    begun: dict[str, Execution] = {}
    for _, _, number in ready[: start.limit]:
        before, row = plans[number].before, plans[number].rows[0]
        assert before is not None
        begun[row.id] = row.evolve(
            status=ExecutionStatus.RUNNING,
            owner=start.owner,
            fence=1,
            wake_at=now + before.spec.timeout + CLOSE_GRACE,
            begun=True,
            start_time=now,
        )
    return begun


def _in_order(
    tx: Transaction,
    plans: Sequence[Plan],
    seqs: Mapping[str, int],
    begun: Mapping[str, Execution],
    start: Start | None,
) -> list[bool]:
    """Write the plans one after another, those of the common shape together: rows are claimed in the order in which
    they stand where nothing else tells them apart."""
    applied: list[bool] = []
    together: list[tuple[Plan, int]] = []
    for plan in plans:
        seq = seqs.get(plan.before.id) if plan.before is not None else None
        if seq is not None:
            together.append((plan, seq))
            applied.append(True)
            continue
        _write(tx, together, begun, start)
        together = []
        applied.append(apply.apply_plan(tx, plan))
    _write(tx, together, begun, start)
    return applied


def _write(
    tx: Transaction, together: Sequence[tuple[Plan, int]], begun: Mapping[str, Execution], start: Start | None
) -> None:
    ticks: list[tuple[Any, ...]] = []
    executions: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    now = to_us(start.now) if start is not None else None
    owner = start.owner if start is not None else None
    for plan, seq in together:
        after = plan.job_after
        assert after is not None
        slot, following = shared_us(after.next_slot), shared_us(after.next_run)
        if not plan.rows:
            state = after.state.value
            others.append((after.revision, state, after.state_reason, slot, following, to_us(plan.now), seq))
            continue
        row = plan.rows[0]
        run = begun.get(row.id)
        made = (row.id, seq, row.version, shared_us(row.at), row.priority, row.lane, row.attempt, row.agent)
        if run is None:
            executions.append((*made, _PENDING, shared_us(row.wake_at), None, 0, 0, None))
        else:
            executions.append((*made, _RUNNING, shared_us(run.wake_at), owner, 1, 1, now))
        ticks.append((after.revision, slot, following, run is not None, now, seq))
    if ticks:
        tx.executemany(statement("jobs_tick"), ticks)
        tx.executemany(statement("executions_tick"), executions)
    if others:
        tx.executemany(statement("jobs_move"), others)


def settle(tx: Transaction, settlements: Sequence[Settlement]) -> list[bool]:
    """Apply each settlement whose execution is still open under its fence."""
    ended = {settlement.after.id: settlement for settlement in settlements if _is_success(settlement)}
    cut = {}
    if len(ended) < len(settlements):
        cut = {one.after.id: one for one in settlements if is_cut(one)}
        if len({one.after.id for one in settlements}) < len(settlements):
            # Several of one execution, which must see each other.
            return [apply.settle(tx, settlement) for settlement in settlements]
    kept: dict[str, bool] = {}
    if len(ended) > 1:
        won = _end(tx, ended, tx.execute(statement("executions_held"), (json.dumps(list(ended)),)).fetchall())
        kept.update((key, key in won) for key in ended)
    if len(cut) > 1:
        won = end_cut(tx, cut)
        kept.update((key, key in won) for key in cut)
    return [
        kept[settlement.after.id] if settlement.after.id in kept else apply.settle(tx, settlement)
        for settlement in settlements
    ]


def _is_success(settlement: Settlement) -> bool:
    return (
        settlement.after.status is _SUCCESS
        and settlement.before.status is ExecutionStatus.RUNNING
        and settlement.streak is Streak.ENDS
        and settlement.after.findings is None
        and not settlement.steps_end
    )


def _end(tx: Transaction, ended: Mapping[str, Settlement], held: Sequence[Any]) -> set[str]:
    """End those that are held under their fence; answers which."""
    kept: set[str] = set()
    executions: list[tuple[Any, ...]] = []
    jobs: list[tuple[Any, ...]] = []
    looks: list[tuple[Any, ...]] = []
    texts: list[tuple[Any, ...]] = []
    lanes: list[dict[str, Any]] = []
    for key, seq, job, fence, status, is_open, state, next_run in held:
        settlement = ended[key]
        before, after = settlement.before, settlement.after
        if fence != before.fence or status != _RUNNING:
            continue
        kept.add(key)
        now = to_us(settlement.now)
        end = now if after.end_time is settlement.now else maybe_us(after.end_time)
        began = shared_us(after.start_time)
        usage, cost, basis, tokens = None, to_micro_dollars(after.cost_usd), None, 0
        if after.usage is not None:
            usage, tokens = rows.usage_text(after.usage), after.usage.tokens
        if cost is not None:
            basis = after.cost_basis.value
        took = end - began if end is not None and began is not None else None
        executions.append((end, after.agent_id, usage, cost, basis, seq))
        jobs.append((not before.manual, tokens, cost or 0, took or 0, job))
        if next_run is None and state == _ACTIVE:
            looks.append((now, job))
        if is_open > 1 and before.lane is not None:
            lanes.append({"lane": before.lane, "now": now})
        if after.result or after.prompt is not None or after.conversation is not None:
            texts += apply.text_rows(seq, after)
        bucket = bucket_of(took) if took is not None else None
        tx.tally.add(
            settlement.scopes, now, _SUCCESS, tokens=tokens, cost=cost or 0, duration_us=took or 0, bucket=bucket
        )
    tx.executemany(statement("executions_end"), executions)
    tx.executemany(statement("jobs_succeeded"), jobs)
    for name, values in (("text_insert", texts), ("jobs_look", looks), ("execution_pull", lanes)):
        if values:
            tx.executemany(statement(name), values)
    return kept
