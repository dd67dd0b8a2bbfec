"""What Postgres keeps of letters, inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from agentcron.domain.letters import LetterFilters
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.news import News, in_a_row, judge
from agentcron.domain.notify import Event
from agentcron.storage.letters import letter_values, list_statement
from agentcron.storage.postgres.database import Database, Row, Transaction
from agentcron.storage.rows import to_instant


async def post(tx: Transaction, news: Sequence[News]) -> None:
    """Write the letters that these events become, after everything that they tell of. The jobs are locked, so that no
    other node judges by the same past."""
    for one in news:
        found = await tx.all("told_of_job", job=one.job_id)
        if not found:
            continue
        job = found[0][0]
        told = {(target, Event(event)): to_instant(at) for _, target, event, at in found if target is not None}
        failures = 0
        if one.most_failures:
            ends = await tx.all("executions_ends", job=job, most=one.most_failures)
            failures = in_a_row(ExecutionStatus(status) for (status,) in ends)
        for letter in judge(one, told, failures):
            values = {**letter_values(letter), "job": job}
            tx.write("letter_insert", values)
            tx.write("told_set", values)


async def newest(database: Database, filters: LetterFilters, limit: int) -> Sequence[Row]:
    """The newest letters that the filters let through."""
    values = {"status": filters.status, "job": filters.job_id, "execution": filters.execution_id, "limit": limit}
    return await database.all(list_statement(filters), **values, before=filters.before)
