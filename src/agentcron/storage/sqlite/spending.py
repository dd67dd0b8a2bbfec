"""How budgets are judged and read inside SQLite: spent from the tallies, reserved from the rows that run."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from decimal import Decimal

from agentcron.domain.budgets import Claim, Verdict, judge
from agentcron.domain.spending import Amount, Spent
from agentcron.storage.rows import Row, to_micro_dollars, to_us
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.writer import Transaction


def begin(
    tx: Transaction, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None
) -> Verdict | None:
    """Begin the attempt if it fits; None where it is no longer the caller's. The writer is one for all processes, so
    that no two see the same room."""
    guard = {"id": execution_id, "fence": fence}
    if tx.execute(statement("execution_ours"), guard).fetchone() is None:
        return None

    def spent(scope: str, hour: int) -> Amount:
        found = tx.execute(statement("tally_spent"), {"scope": scope, "hour": hour}).fetchone()
        runs, tokens, cost = tx.tally.unwritten(scope, hour)
        return _amount(found) + _amount((runs, tokens, cost))

    def reserved(scope: str) -> Amount:
        values = {"scope": scope, "id": execution_id}
        return _amount(tx.execute(statement("executions_reserved"), values).fetchone())

    verdict = judge(claim, now, spent, reserved)
    if verdict.refused is None:
        held = claim.reserve
        kept = {"scopes": claim.scopes, "tokens": held.tokens, "cost": to_micro_dollars(held.cost_usd)}
        values = {**guard, "now": to_us(now), "agent": agent, "reserved": json.dumps(kept) if claim.caps else None}
        tx.execute(statement("execution_begin_within"), values)
        tx.execute(statement("job_begun"), values)
    return verdict


def usage(connection: sqlite3.Connection, scopes: str, hour: int) -> list[Spent]:
    """What the runs of each scope that begins with ``scopes`` used, hour by hour, since ``hour``."""
    values = {"low": scopes, "high": f"{scopes}\U0010ffff", "hour": hour}
    found = connection.execute(statement("tally_usage"), values)
    return [Spent(scope=row[0], hour=row[1], amount=_amount(row[2:])) for row in found]


def _amount(row: Row) -> Amount:
    runs, tokens, cost = row
    return Amount(runs=runs, tokens=tokens, cost_usd=Decimal(cost) / 1_000_000)
