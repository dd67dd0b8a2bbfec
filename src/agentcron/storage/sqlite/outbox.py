"""What SQLite keeps of letters, inside one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from agentcron.domain.letters import Letter, LetterFilters
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.news import News, in_a_row, judge
from agentcron.domain.notify import Event
from agentcron.storage.letters import letter_of, letter_values, list_statement, mark_values
from agentcron.storage.rows import Row, to_instant, to_us
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.creating import insert_created
from agentcron.storage.sqlite.writer import Transaction


def post(tx: Transaction, news: Iterable[News]) -> None:
    """Write the letters that these events become, after everything that they tell of."""
    if tx.created:
        insert_created(tx)
    for one in news:
        found = tx.execute(statement("told_of_job"), {"job": one.job_id}).fetchall()
        if not found:
            continue
        job = found[0][0]
        told = {(target, Event(event)): to_instant(at) for _, target, event, at in found if target is not None}
        failures = 0
        if one.most_failures:
            ends = tx.execute(statement("executions_ends"), {"job": job, "most": one.most_failures})
            failures = in_a_row(ExecutionStatus(status) for (status,) in ends.fetchall())
        for letter in judge(one, told, failures):
            values = {**letter_values(letter), "job": job}
            if tx.execute(statement("letter_insert"), values).rowcount > 0:
                tx.execute(statement("told_set"), values)


def take(tx: Transaction, target: str, now: datetime, until: datetime, limit: int) -> list[Letter]:
    """The letters that are the caller's until then."""
    values = {"target": target, "now": to_us(now), "until": to_us(until), "limit": limit}
    seqs = [seq for (seq,) in tx.execute(statement("letters_take"), values).fetchall()]
    return [letter_of(row) for row in tx.execute(statement("letters_by_seq"), {"seqs": json.dumps(seqs)}).fetchall()]


def mark(tx: Transaction, before: Letter, after: Letter) -> bool:
    """Keep what became of it. False: somebody else has taken it meanwhile."""
    values = {**mark_values(after), "id": after.id, "was": before.status.value, "were": before.tries}
    return tx.execute(statement("letter_mark"), values).rowcount > 0


def newest(connection: sqlite3.Connection, filters: LetterFilters, limit: int) -> list[Row]:
    """The newest letters that the filters let through."""
    values = {"status": filters.status, "job": filters.job_id, "execution": filters.execution_id, "limit": limit}
    values["before"] = filters.before
    return connection.execute(statement(list_statement(filters)), values).fetchall()
