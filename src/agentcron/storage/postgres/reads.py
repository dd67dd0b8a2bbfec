"""Queries of the history whose shape depends on what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from agentcron.domain.durations import percentile
from agentcron.domain.lifecycle import NOT_RUN, RAN, ExecutionStatus, JobStatus
from agentcron.domain.queries import ExecutionFilters
from agentcron.domain.settling import spared
from agentcron.domain.statistics import JobStatistics, Totals
from agentcron.storage.postgres.connection import statement
from agentcron.storage.postgres.database import Connection, Database, Row
from agentcron.storage.selecting import Words
from agentcron.storage.texts import unpack

_RUNS: Final = tuple(status.value for status in ExecutionStatus if status not in NOT_RUN)

# Of names and tags these let through too many rather than too few: what lower case is beyond ASCII is up to the server,
# and a spec may hold what its JSON functions refuse. Python tells the rest apart.
WORDS: Final = Words(
    value="%({})s",
    named="(strpos(lower(j.name), {}) > 0 OR j.name ~ '[^ -~]')",
    tagged=(
        "EXISTS (SELECT 1 FROM job_versions AS v WHERE v.job = j.seq AND v.version = j.version "
        """AND strpos(v.spec, '"' || {} || '"') > 0)"""
    ),
    folded='lower(j.name) COLLATE "C"',
)


async def executions(connection: Connection, filters: ExecutionFilters, limit: int) -> list[Row]:
    """One page of rows, newest first.

    Of one job they come in the order of their slots, of all jobs in the order they were made: each is the order of
    an index, so that a page costs the same whatever the history.
    """
    conditions: list[str] = []
    values: dict[str, Any] = {"limit": limit}
    order = "r.seq"
    if filters.job_id is not None:
        job = await _first(connection, "SELECT seq FROM jobs WHERE id = %s", filters.job_id)
        if job is None:
            return []
        conditions.append("r.job = %(job)s")
        values["job"] = job[0]
        order = "r.at"
    if filters.before is not None:
        last = await _first(connection, "SELECT seq, at FROM executions WHERE id = %s", filters.before)
        if last is None:
            return []
        conditions.append(f"{order} < %(before)s")
        values["before"] = last[0] if order == "r.seq" else last[1]
    if filters.statuses is not None:
        wanted = [status.value for status in filters.statuses]
    else:
        wanted = [] if filters.include_skipped else list(_RUNS)
    if wanted or filters.statuses is not None:
        conditions.append("r.status = ANY(%(statuses)s::text[])")
        values["statuses"] = wanted
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"SELECT r.* FROM execution_rows AS r {where} ORDER BY {order} DESC LIMIT %(limit)s"  # noqa: S608 - no user text
    return await (await connection.execute(query.encode(), values)).fetchall()


async def _first(connection: Connection, query: str, key: str) -> Any:
    return await (await connection.execute(query.encode(), (key,))).fetchone()


async def texts(database: Database, seqs: Sequence[int], parts: Sequence[str]) -> dict[int, dict[str, str]]:
    """The texts of these executions, checked against their checksums. Raises ``StoreError`` for a damaged one."""
    found: dict[int, dict[str, str]] = {}
    if not seqs:
        return found
    for seq, part, form, digest, body in await database.all("texts_of", seqs=list(seqs), parts=list(parts)):
        found.setdefault(seq, {})[part] = unpack(form, digest, body, f"execution {seq}, {part}")
    return found


async def statistics(connection: Connection) -> JobStatistics:
    """Sums over all jobs, read from the tallies."""

    async def ask(name: str) -> list[Any]:
        return await (await connection.execute(statement(name))).fetchall()

    jobs = dict.fromkeys(JobStatus, 0)
    for status, count in await ask("statistics_jobs"):
        jobs[JobStatus(status)] = count
    [sums] = await ask("statistics_totals")
    ended = dict.fromkeys(ExecutionStatus, 0)
    order = ("SUCCESS", "FAILURE", "INCOMPLETE", "ERROR", "SKIPPED", "MISSED")
    ended.update({ExecutionStatus(name): count for name, count in zip(order, sums, strict=False)})
    ran = sum(ended[status] for status in RAN)
    for status, count in await ask("statistics_open"):
        ended[ExecutionStatus(status)] = count
    gated = await ask("statistics_gated")
    return JobStatistics(
        total_jobs=sum(jobs.values()),
        jobs_by_status=jobs,
        running_jobs=jobs[JobStatus.RUNNING],
        total_executions=ran,
        executions_by_status=ended,
        success_rate=ended[ExecutionStatus.SUCCESS] / ran if ran else None,
        mean_duration=timedelta(microseconds=sums[8]) / ran if ran else None,
        p95_duration=percentile(await ask("statistics_durations"), 0.95),
        tokens=sums[6],
        cost_usd=Decimal(sums[7]) / 1_000_000,
        **spared(Totals(gated=spare, cost_usd=Decimal(cost) / 1_000_000, success=runs) for spare, cost, runs in gated),
    )
