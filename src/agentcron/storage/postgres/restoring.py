"""How jobs and executions of another store are added as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from agentcron.domain.durations import duration_bucket
from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.settling import tally_scopes
from agentcron.schedule.durations import duration_us
from agentcron.storage import rows
from agentcron.storage.findings import findings_text, marks_text
from agentcron.storage.postgres.database import Transaction
from agentcron.storage.postgres.settling import write_texts
from agentcron.storage.rows import job_values, maybe_us, spec_text, to_micro_dollars, to_us


async def restore(tx: Transaction, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
    """Add the jobs whose ids are free, with their executions; answers how many."""
    added: dict[str, tuple[int, Job]] = {}
    for job in jobs:
        written = await tx.one("job_restore", **_job_values(job))
        if written is not None:
            added[job.id] = (written[0], job)
            tx.write("version_insert", {"job": written[0], "version": job.version, "spec": spec_text(job.spec)})
    wanted = {row.id: row for row in executions if row.job_id in added}
    for known in await tx.all("executions_known", ids=list(wanted)):
        del wanted[known[0]]
    numbers = await tx.all("executions_numbers", count=len(wanted)) if wanted else []
    for row, number in zip(wanted.values(), numbers, strict=True):
        tx.write("execution_restore", _row_values(row, number[0], *added[row.job_id]))
    for row, number in zip(wanted.values(), numbers, strict=True):
        write_texts(tx, number[0], row)
    for row in wanted.values():
        _count(tx, row, *added[row.job_id])
    return len(added)


def _job_values(job: Job) -> dict[str, Any]:
    totals = asdict(job.totals)
    totals["cost"] = to_micro_dollars(totals.pop("cost_usd"))
    totals["duration"] = duration_us(job.totals.duration)
    counters = {"last_run": maybe_us(job.last_run), "runs": job.runs, "streak": job.streak}
    return {**job_values(job), **counters, **totals, "marks": marks_text(job.marks)}


def _row_values(row: Execution, seq: int, job_seq: int, job: Job) -> dict[str, Any]:
    return {
        "seq": seq,
        "id": row.id,
        "job": job_seq,
        # No other version came with the job; the prompt, where it differs, is the row's own.
        "version": job.version,
        "at": to_us(row.at),
        "last_at": maybe_us(row.last_at),
        "slots": row.slots,
        "manual": row.manual,
        "status": row.status.value,
        "reason": row.reason,
        "wake_at": None if row.final else to_us(row.wake_at or row.at),
        "priority": row.priority,
        "lane": row.lane,
        "owner": row.owner,
        "fence": row.fence,
        "attempt": row.attempt,
        "retries": row.retries,
        "begun": row.status in RAN or (row.begun and not row.final),
        "cancel_at": maybe_us(row.cancel_requested),
        "started_at": maybe_us(row.start_time),
        "ended_at": to_us(row.end_time or row.at) if row.final else None,
        "agent": row.agent,
        "agent_id": row.agent_id,
        "usage": rows.usage_text(row.usage),
        "cost": to_micro_dollars(row.cost_usd),
        "cost_basis": row.cost_basis.value if row.cost_usd is not None else None,
        "error": row.error,
        "findings": findings_text(row.findings) if row.findings is not None else None,
    }


def _count(tx: Transaction, row: Execution, job_seq: int, job: Job) -> None:
    if not row.final:
        tx.write("job_opened", {"job": job_seq, "running": row.status is ExecutionStatus.RUNNING})
        return
    duration = (row.duration or timedelta(0)) if row.ran else None
    tx.tally.add(
        tally_scopes(job.spec),
        to_us(row.end_time or row.at),
        row.status,
        slots=row.slots,
        tokens=row.usage.tokens if row.usage is not None else 0,
        cost=to_micro_dollars(row.cost_usd) or 0,
        duration_us=duration_us(duration) if duration is not None else 0,
        bucket=duration_bucket(duration) if duration is not None else None,
    )
