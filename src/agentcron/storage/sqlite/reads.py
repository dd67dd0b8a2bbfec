"""Queries of the history whose shape depends on what is asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from agentcron.domain.durations import percentile
from agentcron.domain.lifecycle import NOT_RUN, RAN, ExecutionStatus, JobStatus
from agentcron.domain.queries import ExecutionFilters, Quarter
from agentcron.domain.settling import spared
from agentcron.domain.statistics import JobStatistics, Totals
from agentcron.ids import made_since
from agentcron.storage.rows import Row, to_instant, to_us
from agentcron.storage.selecting import Words
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.texts import unpack

_RUNS: Final = tuple(status.value for status in ExecutionStatus if status not in NOT_RUN)
# Statuses that few rows of a long history have, and the index that holds just these; the words are those of the index.
_OPEN: Final = "(r.status = 'PENDING' OR r.status = 'RUNNING' OR r.status = 'AWAITING_INPUT')"
_FEW: Final = {
    _OPEN: frozenset({"PENDING", "RUNNING", "AWAITING_INPUT"}),
    "(r.status = 'FAILURE' OR r.status = 'ERROR' OR r.status = 'INCOMPLETE' OR r.status = 'MISSED')": frozenset(
        {"FAILURE", "ERROR", "INCOMPLETE", "MISSED"}
    ),
}
# ``casefold`` is Python's, given to each connection that reads.
WORDS: Final = Words(
    value=":{}",
    named="instr(casefold(j.name), {}) > 0",
    tagged=(
        "EXISTS (SELECT 1 FROM job_versions AS v JOIN json_each(v.spec, '$.tags') AS t "
        "WHERE v.job = j.seq AND v.version = j.version AND instr(v.spec, {0}) > 0 AND t.value = {0})"
    ),
    folded="casefold(j.name)",
)
_DAY: Final = timedelta(days=1)
_QUARTER_US: Final = 900_000_000


def tags(connection: sqlite3.Connection, limit: int) -> list[str]:
    """The tags of all jobs, each once."""
    return [row[0] for row in connection.execute(statement("jobs_tags"), {"limit": limit})]


def executions(connection: sqlite3.Connection, filters: ExecutionFilters, limit: int) -> list[Row]:
    """One page of rows, newest first.

    Of one job they come in the order of their slots, of all jobs in the order they were made: each is the order of
    an index, so that a page costs the same whatever the history.
    """
    conditions: list[str] = []
    values: dict[str, Any] = {"limit": limit}
    order = "r.seq"
    if filters.job_id is not None:
        job = connection.execute("SELECT seq FROM jobs WHERE id = ?", (filters.job_id,)).fetchone()
        if job is None:
            return []
        conditions.append("r.job = :job")
        values["job"] = job[0]
        order = "r.at"
    if filters.before is not None:
        last = connection.execute("SELECT seq, at FROM executions WHERE id = ?", (filters.before,)).fetchone()
        if last is None:
            return []
        conditions.append(f"{order} < :before")
        values["before"] = last[0] if order == "r.seq" else last[1]
    if filters.statuses is not None:
        wanted = [status.value for status in filters.statuses]
    else:
        wanted = [] if filters.include_skipped else list(_RUNS)
    if wanted or filters.statuses is not None:
        # The + keeps SQLite from walking the index on status, which does not give the order of the page.
        conditions.append("+r.status IN (SELECT value FROM json_each(:statuses))")
        values["statuses"] = json.dumps(wanted)
        conditions += [where for where, few in _FEW.items() if wanted and few.issuperset(wanted)]
        if _OPEN in conditions and filters.job_id is None:
            # What is open is few: found by its index and sorted, not looked for along the history.
            order = f"+{order}"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"SELECT r.* FROM execution_rows AS r {where} ORDER BY {order} DESC LIMIT :limit"  # noqa: S608 - no user text
    found: list[Row] = connection.execute(query, values).fetchall()
    return found


def between(connection: sqlite3.Connection, start: datetime, end: datetime, limit: int) -> list[Row]:
    """Rows that ran at some time from ``start`` to ``end``, the newest first."""
    values: dict[str, Any] = {"start": to_us(start), "end": to_us(end), "limit": limit}
    values |= {"made": made_since(start - _DAY), "until": made_since(end)}
    found: list[Row] = connection.execute(statement("executions_between"), values).fetchall()
    return sorted(found, key=lambda row: str(row[1]), reverse=True)[:limit]


def quarters(connection: sqlite3.Connection, job_id: str, since: datetime) -> list[Quarter]:
    """What became of a job's slots, by quarter of an hour."""
    found = connection.execute(statement("executions_by_quarter"), {"id": job_id, "since": to_us(since)})
    return [
        Quarter(at=to_instant(quarter * _QUARTER_US), status=ExecutionStatus(status), slots=slots)
        for quarter, status, slots in found
    ]


def texts(connection: sqlite3.Connection, seqs: Sequence[int], parts: Sequence[str]) -> dict[int, dict[str, str]]:
    """The texts of these executions, checked against their checksums."""
    found: dict[int, dict[str, str]] = {}
    values = {"seqs": json.dumps(list(seqs)), "parts": json.dumps(list(parts))}
    for seq, part, form, digest, body in connection.execute(statement("texts_of"), values):
        found.setdefault(seq, {})[part] = unpack(form, digest, body, f"execution {seq}, {part}")
    return found


def statistics(connection: sqlite3.Connection) -> JobStatistics:
    """Sums over all jobs, read from the tallies."""
    jobs = dict.fromkeys(JobStatus, 0)
    for status, count in connection.execute(statement("statistics_jobs")):
        jobs[JobStatus(status)] = count
    sums = connection.execute(statement("statistics_totals")).fetchone()
    ended = dict.fromkeys(ExecutionStatus, 0)
    order = ("SUCCESS", "FAILURE", "INCOMPLETE", "ERROR", "SKIPPED", "MISSED")
    ended.update({ExecutionStatus(name): count for name, count in zip(order, sums, strict=False)})
    ran = sum(ended[status] for status in RAN)
    for status, count in connection.execute(statement("statistics_open")):
        ended[ExecutionStatus(status)] = count
    buckets = connection.execute(statement("statistics_durations")).fetchall()
    return JobStatistics(
        total_jobs=sum(jobs.values()),
        jobs_by_status=jobs,
        running_jobs=jobs[JobStatus.RUNNING],
        total_executions=ran,
        executions_by_status=ended,
        success_rate=ended[ExecutionStatus.SUCCESS] / ran if ran else None,
        mean_duration=timedelta(microseconds=sums[8]) / ran if ran else None,
        p95_duration=percentile(buckets, 0.95),
        tokens=sums[6],
        cost_usd=Decimal(sums[7]) / 1_000_000,
        **_spared(connection),
    )


def _spared(connection: sqlite3.Connection) -> dict[str, Any]:
    rows = connection.execute(statement("statistics_gated")).fetchall()
    return spared(Totals(gated=gated, cost_usd=Decimal(cost) / 1_000_000, success=ran) for gated, cost, ran in rows)
