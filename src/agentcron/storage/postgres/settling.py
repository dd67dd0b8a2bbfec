"""What each end of a stretch of running writes, guarded by the fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentcron.domain.durations import duration_bucket
from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.settling import Settlement
from agentcron.schedule.durations import duration_us
from agentcron.storage import rows
from agentcron.storage.findings import findings_text, marks_text
from agentcron.storage.input_rows import input_values
from agentcron.storage.postgres.database import Transaction
from agentcron.storage.rows import maybe_us, to_micro_dollars, to_us
from agentcron.storage.texts import pack

_COUNTED: Final = ("success", "failure", "incomplete", "error", "skipped", "missed")

Held = tuple[Settlement, int, int]
"""A settlement whose guard holds, the number of its execution, and that of the job."""


async def settle(tx: Transaction, settlements: Sequence[Settlement]) -> list[bool]:
    """Write each whose execution is open under its fence. False: the fence is old, or the row is final."""
    await tx.all("jobs_lock", ids=list({one.before.job_id for one in settlements}))
    found = await tx.all("executions_lock", ids=[one.after.id for one in settlements])
    now = {row[0]: row[1:] for row in found}
    kept: list[Held] = []
    answers = []
    for one in settlements:
        row = now.get(one.after.id)
        holds = row is not None and (row[2], row[3]) == (one.before.fence, one.before.status.value)
        answers.append(holds)
        if row is not None and holds:
            kept.append((one, row[0], row[1]))
            # What comes next in this very group sees the row as this one leaves it.
            now[one.after.id] = (row[0], row[1], None if one.ended else one.after.fence, one.after.status.value)
    _write(tx, kept)
    return answers


def _write(tx: Transaction, kept: Sequence[Held]) -> None:
    for one, seq, _ in kept:
        tx.write("execution_settle", _ended(one, seq))
    for one, seq, _ in kept:
        if one.closed_attempt is not None:
            tx.write("attempt_insert", _attempt(one.closed_attempt, seq))
    for one, seq, _ in kept:
        if one.ended or one.inputs:
            write_texts(tx, seq, one.after)
    for one, seq, job in kept:
        _write_rare(tx, one, seq, job)
    for one, _, job in kept:
        _count(tx, one, job)
    lanes = {one.before.lane for one, _, _ in kept if one.before.lane is not None and (one.ended or one.inputs)}
    if lanes:
        tx.write("executions_pull", {"lanes": sorted(lanes), "now": max(to_us(one.now) for one, _, _ in kept)})


def _write_rare(tx: Transaction, one: Settlement, seq: int, job: int) -> None:
    if one.ended and one.after.findings is not None:
        tx.write("execution_findings", {"seq": seq, "findings": findings_text(one.after.findings)})
        if one.marks:
            tx.write("job_marks", {"job": job, "marks": marks_text(one.marks)})
        if one.gated:
            tx.write("job_gated", {"job": job})
    if one.inputs:
        tx.write("execution_asked", {"seq": seq, "asked": one.after.asked})
        for asked in one.inputs:
            tx.write("input_insert", {**input_values(asked), "execution": seq})
    if one.hold is not None:
        tx.write("holds_expired", {"now": to_us(one.now)})
        for agent in sorted(one.hold.agents):
            tx.write("hold_set", {"agent": agent, "key": one.hold.key, "until": to_us(one.hold.until)})
    if one.steps_end:
        tx.write("steps_drop", {"seq": seq})


def _ended(one: Settlement, seq: int) -> dict[str, Any]:
    after = one.after
    return {
        "seq": seq,
        "status": after.status.value,
        "reason": after.reason,
        "wake_at": maybe_us(after.wake_at),
        "owner": after.owner,
        "ended": one.ended,
        "attempt": after.attempt,
        "retries": after.retries,
        "ended_at": maybe_us(after.end_time) if one.ended else None,
        "agent_id": after.agent_id,
        "usage": rows.usage_text(after.usage),
        "cost": to_micro_dollars(after.cost_usd),
        "cost_basis": after.cost_basis.value if after.cost_usd is not None else None,
        "error": after.error,
    }


def _attempt(attempt: Execution, seq: int) -> dict[str, Any]:
    return {
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
    }


def _count(tx: Transaction, one: Settlement, job: int) -> None:
    """Move the job's counters and the sums by what ended."""
    before, after, ended = one.before, one.after, one.ended
    paid = one.closed_attempt or (after if ended else None)
    tokens = paid.usage.tokens if paid is not None and paid.usage is not None else 0
    cost = (to_micro_dollars(paid.cost_usd) or 0) if paid is not None else 0
    ran = ended and after.status in RAN
    duration = after.duration if ran else None
    took = duration_us(duration) if duration is not None else 0
    counts = dict.fromkeys(_COUNTED, 0)
    if ended:
        counts[after.status.value.lower()] = after.slots
    tx.write(
        "job_settled",
        {
            "job": job,
            "now": to_us(one.now),
            "ended": ended,
            "was_running": before.status is ExecutionStatus.RUNNING,
            "runs": ran and not before.manual,
            "streak": one.streak.value,
            "pause_after": one.pause_after_failures,
            "tokens": tokens,
            "cost": cost,
            "duration": took,
            **counts,
        },
    )
    if ended or tokens or cost:
        tx.tally.add(
            one.scopes,
            to_us(one.now),
            after.status if ended else None,
            slots=after.slots,
            tokens=tokens,
            cost=cost,
            duration_us=took,
            bucket=duration_bucket(duration) if duration is not None else None,
        )


def write_texts(tx: Transaction, seq: int, after: Execution) -> None:
    """Write the long texts of an execution that ended."""
    texts: Mapping[str, str | None] = {
        "prompt": after.prompt,
        "result": after.result or None,
        "conversation": rows.conversation_text(after.conversation) if after.conversation is not None else None,
    }
    for part, text in texts.items():
        if text is not None:
            packed = pack(text)
            values = {"format": packed.format, "size": packed.size, "stored": len(packed.body)}
            tx.write(
                "text_insert",
                {"execution": seq, "part": part, **values, "sha256": packed.sha256, "body": packed.body},
            )
