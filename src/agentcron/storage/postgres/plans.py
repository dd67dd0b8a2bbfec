"""What each change of jobs writes. The functions decide nothing: they write what a plan says, guarded by the revision.

Plans are written in rounds, each job once in a round, so that the writes of a round go to the server together.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.settling import tally_scopes
from agentcron.storage.postgres.database import Transaction
from agentcron.storage.rows import job_values, maybe_us, spec_text, to_us


async def commit(tx: Transaction, plans: Sequence[Plan]) -> list[bool]:
    """Write each plan whose job has not moved since it was made. False: it has."""
    applied: list[bool] = []
    start = 0
    while start < len(plans):
        ids: set[str] = set()
        end = start
        while end < len(plans) and plans[end].job_id not in ids:
            ids.add(plans[end].job_id)
            end += 1
        applied += await _round(tx, plans[start:end])
        start = end
    return applied


async def _round(tx: Transaction, plans: Sequence[Plan]) -> list[bool]:
    wanted = [plan.before.id for plan in plans if plan.before is not None]
    rows = await tx.all("jobs_lock", ids=wanted) if wanted else []
    found = {row[0]: row for row in rows}
    fresh = sum(plan.before is None for plan in plans)
    numbers = iter([row[0] for row in await tx.all("jobs_numbers", count=fresh)] if fresh else ())
    moved: list[tuple[Plan, int]] = []
    applied = []
    for plan in plans:
        before = plan.before
        if before is None:
            moved.append((plan, next(numbers)))
            applied.append(True)
            continue
        row = found.get(before.id)
        holds = row is not None and row[2] == before.revision and row[3] == maybe_us(before.next_slot)
        applied.append(holds)
        if row is not None and holds:
            moved.append((plan, row[1]))
    await _write(tx, moved)
    return applied


async def _write(tx: Transaction, moved: Sequence[tuple[Plan, int]]) -> None:
    for plan, seq in moved:
        _write_job(tx, plan, seq)
    for plan, seq in moved:
        after, before = plan.job_after, plan.before
        if after is not None and (before is None or before.version != after.version):
            tx.write("version_insert", {"job": seq, "version": after.version, "spec": spec_text(after.spec)})
            tx.learned[seq, after.version] = (after.id, after.spec)
    for plan, seq in moved:
        if plan.to_cancel is ToCancel.EARLIER:
            tx.write("executions_cancel_job", {"job": seq, "now": to_us(plan.now)})
    slots = [(seq, to_us(row.at)) for plan, seq in moved if plan.before for row in plan.rows if not row.manual]
    if slots:
        tx.write("executions_make_way", {"jobs": [job for job, _ in slots], "ats": [at for _, at in slots]})
    for plan, seq in moved:
        for row in plan.rows:
            assert plan.job_after is not None
            await _insert(tx, seq, row, plan.job_after, plan)
    for plan, seq in moved:
        if plan.to_cancel is ToCancel.ALL and plan.job_after is not None:
            tx.write("executions_cancel_job", {"job": seq, "now": to_us(plan.now)})


def _write_job(tx: Transaction, plan: Plan, seq: int) -> None:
    before, after = plan.before, plan.job_after
    if after is None:
        assert before is not None
        tx.write("job_delete", {"seq": seq})
        tx.write("tombstone_insert", {"id": before.id, "name": before.name, "now": to_us(plan.now)})
        return
    values = {**job_values(after), "seq": seq}
    if before is None:
        tx.write("job_insert", values)
        return
    skipped = sum(row.slots for row in plan.rows if row.status is ExecutionStatus.SKIPPED)
    missed = sum(row.slots for row in plan.rows if row.status is ExecutionStatus.MISSED)
    tx.write(
        "job_update",
        {
            **values,
            "now": to_us(plan.now),
            "streak": None if after.streak == before.streak else after.streak,
            "opened": sum(not row.final for row in plan.rows),
            "skipped": skipped,
            "missed": missed,
        },
    )


async def _insert(tx: Transaction, job_seq: int, row: Execution, job: Job, plan: Plan) -> None:
    at = to_us(row.at)
    if row.manual:
        at = (await tx.one("execution_free_at", job=job_seq, at=at, following=maybe_us(job.next_slot)))[0]
    tx.write(
        "execution_insert",
        {
            "id": row.id,
            "job": job_seq,
            "version": row.version,
            "at": at,
            "last_at": maybe_us(row.last_at),
            "slots": row.slots,
            "manual": row.manual,
            "status": row.status.value,
            "reason": row.reason,
            "wake_at": maybe_us(row.wake_at),
            "behind": to_us(plan.now + job.spec.timeout + CLOSE_GRACE),
            "priority": row.priority,
            "lane": row.lane,
            "attempt": row.attempt,
            "ended_at": maybe_us(row.end_time),
            "agent": row.agent,
        },
    )
    if row.final:
        tx.tally.add(tally_scopes(job.spec), to_us(plan.now), row.status, slots=row.slots)


def needs_word(plan: Plan) -> bool:
    """Whether other nodes may have something to do sooner than they know. Ticks are each node's own affair."""
    before, after = plan.before, plan.job_after
    if before is None or after is None or plan.to_cancel is not ToCancel.NONE:
        return True
    return before.version != after.version or before.state != after.state or any(row.manual for row in plan.rows)
