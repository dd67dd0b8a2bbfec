"""What each change of jobs and executions writes, inside one transaction.

The functions decide nothing: they write what a plan or a settlement says, guarded by the revision or the fence, and
answer whether the guard held.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from agentcron.domain.budgets import is_bounded
from agentcron.domain.durations import duration_bucket
from agentcron.domain.findings import Findings
from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Held
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.queues import ClaimLimits, Room
from agentcron.domain.settling import Settlement, tally_scopes
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.schedule.durations import duration_us
from agentcron.storage import rows
from agentcron.storage.findings import findings_text, marks_text
from agentcron.storage.rows import conversation_text, job_values, maybe_us, spec_text, to_micro_dollars, to_us
from agentcron.storage.specs import Key, spec_of
from agentcron.storage.sqlite import inputs, outbox
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.creating import insert_created
from agentcron.storage.sqlite.writer import Transaction
from agentcron.storage.texts import pack

_RESULT: Final = "result"
_CONVERSATION: Final = "conversation"
_PROMPT: Final = "prompt"


def apply_plan(tx: Transaction, plan: Plan) -> bool:
    """Write the plan. False: the job has moved since the plan was made."""
    if plan.before is None and plan.job_after is not None and not plan.rows:
        tx.created.append(plan.job_after)
        if plan.news:
            outbox.post(tx, plan.news)
        return True
    # What follows may be about a job of the same group.
    insert_created(tx)
    if plan.job_after is None:
        return _delete(tx, plan)
    opened = skipped = missed = 0
    for row in plan.rows:
        if not row.final:
            opened += 1
        elif row.status is ExecutionStatus.SKIPPED:
            skipped += row.slots
        else:
            missed += row.slots
    assert plan.before is not None, "a job is created without rows"
    seq = _update_job(tx, plan.before, plan.job_after, plan.now, opened, skipped, missed)
    if seq is None:
        return False
    if plan.before.version != plan.job_after.version:
        values = {"job": seq, "version": plan.job_after.version, "spec": spec_text(plan.job_after.spec)}
        tx.execute(statement("version_insert"), values)
        tx.learned[seq, plan.job_after.version] = (plan.job_after.id, plan.job_after.spec)
    if plan.to_cancel is ToCancel.EARLIER:
        tx.execute(statement("executions_cancel_job"), {"job": seq, "now": to_us(plan.now)})
    for row in plan.rows:
        _insert_execution(tx, seq, row, plan.job_after, plan.now)
    if plan.to_cancel is ToCancel.ALL:
        tx.execute(statement("executions_cancel_job"), {"job": seq, "now": to_us(plan.now)})
    if plan.news:
        outbox.post(tx, plan.news)
    return True


def _update_job(
    tx: Transaction, before: Job, after: Job, now: datetime, opened: int, skipped: int, missed: int
) -> int | None:
    guard = {"id": before.id, "was_revision": before.revision, "was_next_slot": maybe_us(before.next_slot)}
    found = tx.execute(statement("job_unmoved"), guard).fetchone()
    if found is None:
        return None
    seq: int = found[0]
    tx.execute(
        statement("job_update"),
        {
            **job_values(after),
            "seq": seq,
            "now": to_us(now),
            "streak": None if after.streak == before.streak else after.streak,
            "opened": opened,
            "skipped": skipped,
            "missed": missed,
        },
    )
    return seq


def _insert_execution(tx: Transaction, job_seq: int, row: Execution, job: Job, now: datetime) -> None:
    at = to_us(row.at)
    if row.manual:
        # A manual run stands at its own instant, beside a slot that may be the very same one.
        following = maybe_us(job.next_slot)
        while at == following or tx.execute(statement("execution_slot_taken"), {"job": job_seq, "at": at}).fetchone():
            at += 1
    else:
        _make_way(tx, job_seq, at)
    tx.execute(
        statement("execution_insert"),
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
            "behind": to_us(now + job.spec.timeout + CLOSE_GRACE),
            "priority": row.priority,
            "lane": row.lane,
            "attempt": row.attempt,
            "ended_at": maybe_us(row.end_time),
            "agent": row.agent,
        },
    )
    if row.final:
        tx.tally.add(tally_scopes(job.spec), to_us(now), row.status, slots=row.slots)


def _make_way(tx: Transaction, job_seq: int, at: int) -> None:
    """A manual run that was asked for at the very instant of the slot moves on: the slot would never get its row."""
    found = tx.execute(statement("execution_manual_at"), {"job": job_seq, "at": at}).fetchone()
    if found is not None:
        while tx.execute(statement("execution_slot_taken"), {"job": job_seq, "at": at}).fetchone():
            at += 1
        tx.execute(statement("execution_move"), {"seq": found[0], "at": at})


def _delete(tx: Transaction, plan: Plan) -> bool:
    before = plan.before
    assert before is not None
    values = {"id": before.id, "was_revision": before.revision, "was_next_slot": maybe_us(before.next_slot)}
    if tx.execute(statement("job_delete"), values).rowcount == 0:
        return False
    tx.execute(statement("tombstone_insert"), {"id": before.id, "name": before.name, "now": to_us(plan.now)})
    return True


def claim(
    tx: Transaction,
    owner: str,
    now: datetime,
    limit: int,
    ids: Collection[str] | None,
    begin: bool,
    caught_up: int | None,
    known: Mapping[Key, JobSpec],
    apart: Collection[str] = (),
    limits: ClaimLimits | None = None,
) -> list[Execution]:
    """Take up to ``limit`` ready rows."""
    now_us = to_us(now)
    room = Room(limits, dict(tx.execute(statement("queues_running")).fetchall())) if limits is not None else None
    full = json.dumps(room.full) if room is not None else "[]"
    values: dict[str, Any] = {"now": now_us, "full": full}
    if ids is not None:
        values["ids"] = json.dumps(list(ids))
    claimed: list[Execution] = []
    claims: list[tuple[object, ...]] = []
    jobs: list[tuple[object, ...]] = []
    left = limit if caught_up is None else caught_up
    for row, spec in _ready(tx, values, limit if room is None else room.within(limit), known):
        seq, job_seq, found = row[0], row[27], rows.execution(row)
        if found.caught_up:
            # They stand behind all others in the order, so none is passed over for them.
            left -= 1
            if left < 0:
                break
        if room is not None and not room.take(spec):
            continue
        wake_at = now + spec.timeout + CLOSE_GRACE
        begins = begin and not is_bounded(spec, apart) and (found.begun or not looks_first(spec))
        claims.append((owner, to_us(wake_at), begins, now_us, seq))
        jobs.append((begins, now_us, job_seq))
        claimed.append(
            found.evolve(
                status=ExecutionStatus.RUNNING,
                owner=owner,
                fence=found.fence + 1,
                wake_at=wake_at,
                begun=found.begun or begins,
                start_time=now if begins else found.start_time,
            )
        )
    if claims:
        tx.executemany(statement("execution_claim"), claims)
        tx.executemany(statement("job_claimed"), jobs)
    return claimed


def _ready(
    tx: Transaction, values: Mapping[str, Any], limit: int, known: Mapping[Key, JobSpec]
) -> list[tuple[rows.Row, JobSpec]]:
    """The rows that are ready, with their specs. One whose job this release cannot read is left to a release that can:
    it takes no place, or as many of them as there are places would keep all others waiting for ever."""
    name = "executions_claimable_ids" if "ids" in values else "executions_claimable"
    unread = 0
    while True:
        ready = tx.execute(statement(name), {**values, "limit": limit + unread}).fetchall()
        found = []
        for row in ready:
            try:
                spec = known.get((row[27], row[3])) or _spec(tx, row)
            except ValueError:
                continue
            found.append((row, spec))
        passed_over = len(ready) - len(found)
        if passed_over == unread or len(ready) < limit + unread:
            return found
        unread = passed_over


def _spec(tx: Transaction, row: rows.Row) -> JobSpec:
    key = (row[27], row[3])
    if key not in tx.learned:
        [text] = tx.execute(statement("version_get"), {"job": row[27], "version": row[3]}).fetchone()
        tx.learned[key] = (row[2], spec_of(text))
    return tx.learned[key][1]


def begin(tx: Transaction, execution_id: str, fence: int, now: datetime, findings: Findings | None) -> bool:
    """Record that the attempt begins."""
    values = {"id": execution_id, "fence": fence, "now": to_us(now)}
    if tx.execute(statement("execution_begin"), values).rowcount == 0:
        return False
    tx.execute(statement("job_begun"), {"id": execution_id, "now": to_us(now)})
    if findings is not None:
        tx.execute(statement("execution_findings"), {"id": execution_id, "findings": findings_text(findings)})
    return True


def settle(tx: Transaction, settlement: Settlement) -> bool:
    """Write the settlement. False: the fence is old, or the row is final."""
    before, after, ended = settlement.before, settlement.after, settlement.ended
    guard = {"id": after.id, "fence": before.fence, "was": before.status.value}
    found = tx.execute(statement("execution_held"), guard).fetchone()
    if found is None:
        return False
    seq, job_seq = found
    tx.execute(
        statement("execution_settle"),
        {
            "seq": seq,
            "status": after.status.value,
            "reason": after.reason,
            "wake_at": maybe_us(after.wake_at),
            "owner": after.owner,
            "ended": ended,
            "attempt": after.attempt,
            "retries": after.retries,
            "ended_at": maybe_us(after.end_time) if ended else None,
            "agent_id": after.agent_id,
            "usage": rows.usage_text(after.usage),
            "cost": to_micro_dollars(after.cost_usd),
            "cost_basis": after.cost_basis.value if after.cost_usd is not None else None,
            "error": after.error,
        },
    )
    if settlement.closed_attempt is not None:
        _insert_attempt(tx, seq, settlement.closed_attempt)
    if settlement.inputs:
        inputs.ask(tx, seq, settlement)
    if ended or settlement.inputs:
        insert_texts(tx, seq, after)
        if ended and after.findings is not None:
            _keep_findings(tx, settlement, after.findings, job_seq)
    if settlement.hold is not None:
        _hold(tx, settlement.hold, settlement.now)
    if settlement.steps_end:
        tx.execute(statement("steps_drop"), {"seq": seq})
    _count(tx, settlement, job_seq, to_us(settlement.now))
    if before.lane is not None and (ended or settlement.inputs):
        tx.execute(statement("execution_pull"), {"lane": before.lane, "now": to_us(settlement.now)})
    return True


def _hold(tx: Transaction, hold: Held, now: datetime) -> None:
    tx.execute(statement("holds_expired"), {"now": to_us(now)})
    for agent in hold.agents:
        tx.execute(statement("hold_set"), {"agent": agent, "key": hold.key, "until": to_us(hold.until)})


def _keep_findings(tx: Transaction, settlement: Settlement, findings: Findings, job_seq: int) -> None:
    tx.execute(statement("execution_findings"), {"id": settlement.after.id, "findings": findings_text(findings)})
    if settlement.marks:
        tx.execute(statement("job_marks"), {"job": job_seq, "marks": marks_text(settlement.marks)})
    if settlement.gated:
        tx.execute(statement("job_gated"), {"job": job_seq})


def _count(tx: Transaction, settlement: Settlement, job_seq: int, now_us: int) -> None:
    """Move the job's counters and the tallies by what ended."""
    before, after, ended = settlement.before, settlement.after, settlement.ended
    paid = settlement.closed_attempt or (after if ended else None)
    tokens = paid.usage.tokens if paid is not None and paid.usage is not None else 0
    cost = (to_micro_dollars(paid.cost_usd) or 0) if paid is not None else 0
    ran = ended and after.status in RAN
    duration = after.duration if ran else None
    took = duration_us(duration) if duration is not None else 0
    counts = dict.fromkeys(("success", "failure", "incomplete", "error", "skipped", "missed"), 0)
    if ended:
        counts[after.status.value.lower()] = after.slots
    tx.execute(
        statement("job_settled"),
        {
            "job": job_seq,
            "now": now_us,
            "ended": ended,
            "was_running": before.status is ExecutionStatus.RUNNING,
            "runs": ran and not before.manual,
            "streak": settlement.streak.value,
            "pause_after": settlement.pause_after_failures,
            "tokens": tokens,
            "cost": cost,
            "duration": took,
            **counts,
        },
    )
    if ended or tokens or cost:
        tx.tally.add(
            settlement.scopes,
            now_us,
            after.status if ended else None,
            slots=after.slots,
            tokens=tokens,
            cost=cost,
            duration_us=took,
            bucket=duration_bucket(duration) if duration is not None else None,
        )


def _insert_attempt(tx: Transaction, seq: int, attempt: Execution) -> None:
    tx.execute(
        statement("attempt_insert"),
        {
            "execution": seq,
            "attempt": attempt.attempt,
            "status": attempt.status.value,
            "reason": attempt.reason,
            "started_at": maybe_us(attempt.start_time),
            "ended_at": maybe_us(attempt.end_time),
            "agent_id": attempt.agent_id,
            "usage": rows.usage_text(attempt.usage),
            "cost": to_micro_dollars(attempt.cost_usd),
            "error": attempt.error,
        },
    )


def insert_texts(tx: Transaction, seq: int, after: Execution) -> None:
    """Write the long texts of an execution that ended, or that is parked with what was said until then."""
    tx.executemany(statement("text_insert"), [(seq, *text) for text in texts_of(after)])


def texts_of(after: Execution) -> list[tuple[object, ...]]:
    """The long texts of an execution that ended, as ``text_insert`` takes them after its number."""
    texts = [(_RESULT, after.result)] if after.result else []
    if after.prompt is not None:
        texts.append((_PROMPT, after.prompt))
    if after.conversation is not None:
        texts.append((_CONVERSATION, conversation_text(after.conversation)))
    # A bytearray is bound as it is, bytes are not: see NOTHING.
    rows: list[tuple[object, ...]] = []
    for part, text in texts:
        form, size, digest, body = pack(text)
        rows.append((part, form, size, bytearray(digest), bytearray(body)))
    return rows
