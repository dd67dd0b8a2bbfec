"""How jobs and executions of another store are added as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from agentcron.domain.durations import duration_bucket
from agentcron.domain.lifecycle import RAN, ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.settling import tally_scopes
from agentcron.domain.statistics import Totals
from agentcron.schedule.durations import duration_us
from agentcron.storage import rows
from agentcron.storage.findings import findings_text, marks_text
from agentcron.storage.rows import job_values, maybe_us, spec_text, to_micro_dollars, to_us
from agentcron.storage.sqlite.apply import insert_texts
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.creating import insert_created
from agentcron.storage.sqlite.writer import Transaction


def restore(tx: Transaction, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
    """Add the jobs whose ids are free, with their executions; answers how many."""
    added: dict[str, tuple[int, Job]] = {}
    plain = _without_history(tx, jobs, {row.job_id for row in executions})
    for job in jobs:
        if job.id in plain:
            # Most jobs of an import are as fresh ones: those that follow each other are written together.
            tx.created += [job] if plain[job.id] is job else []
            continue
        # Jobs are listed in the order in which they were written.
        insert_created(tx)
        totals = asdict(job.totals)
        totals["cost"] = to_micro_dollars(totals.pop("cost_usd"))
        gated = totals.pop("gated")
        totals["duration"] = duration_us(job.totals.duration)
        counters = {"last_run": maybe_us(job.last_run), "runs": job.runs, "streak": job.streak}
        written = tx.execute(statement("job_restore"), {**job_values(job), **counters, **totals})
        if written.rowcount > 0 and written.lastrowid is not None:
            added[job.id] = (written.lastrowid, job)
            values = {"job": written.lastrowid, "version": job.version, "spec": spec_text(job.spec)}
            tx.execute(statement("version_insert"), values)
            if job.marks or gated:
                kept = {"job": written.lastrowid, "marks": marks_text(job.marks), "gated": gated}
                tx.execute(statement("job_restore_marks"), kept)
    for row in executions:
        if row.job_id in added:
            _insert(tx, *added[row.job_id], row)
    return len(added) + len(plain)


def _without_history(tx: Transaction, jobs: Sequence[Job], ran: set[str]) -> dict[str, Job]:
    """Those that nothing is kept of but what was written and decided, whose ids are free."""
    found = {
        job.id: job
        for job in jobs
        if job.id not in ran
        and job.last_run is None
        and not (job.runs or job.streak or job.marks)
        and job.totals == Totals()
    }
    for (taken,) in tx.execute(statement("jobs_taken"), (json.dumps(list(found)),)).fetchall():
        del found[taken]
    return found


def _insert(tx: Transaction, job_seq: int, job: Job, row: Execution) -> None:
    at = to_us(row.at)
    while tx.execute(statement("execution_slot_taken"), {"job": job_seq, "at": at}).fetchone():
        at += 1
    ended = (row.end_time or row.at) if row.final else None
    written = tx.execute(
        statement("execution_restore"),
        {
            "id": row.id,
            "job": job_seq,
            # No other version came with the job; the prompt, where it differs, is the row's own.
            "version": job.version,
            "at": at,
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
            "ended_at": maybe_us(ended),
            "agent": row.agent,
            "agent_id": row.agent_id,
            "usage": rows.usage_text(row.usage),
            "cost": to_micro_dollars(row.cost_usd),
            "cost_basis": row.cost_basis.value if row.cost_usd is not None else None,
            "error": row.error,
        },
    )
    if written.rowcount <= 0 or written.lastrowid is None:
        return
    insert_texts(tx, written.lastrowid, row)
    if row.findings is not None:
        tx.execute(statement("execution_findings"), {"id": row.id, "findings": findings_text(row.findings)})
    if ended is None:
        running = row.status is ExecutionStatus.RUNNING
        tx.execute(statement("job_opened"), {"job": job_seq, "running": running})
        return
    duration = (row.duration or timedelta(0)) if row.ran else None
    tx.tally.add(
        tally_scopes(job.spec),
        to_us(ended),
        row.status,
        slots=row.slots,
        tokens=row.usage.tokens if row.usage is not None else 0,
        cost=to_micro_dollars(row.cost_usd) or 0,
        duration_us=duration_us(duration) if duration is not None else 0,
        bucket=duration_bucket(duration) if duration is not None else None,
    )
