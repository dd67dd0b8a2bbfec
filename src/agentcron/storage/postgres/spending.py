"""How budgets are judged and read inside Postgres: spent from the tallies, reserved from the rows that run."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from agentcron.domain.budgets import Claim, Verdict, first_hour, judge
from agentcron.domain.spending import Amount, Spent
from agentcron.storage.postgres.database import Database, Transaction
from agentcron.storage.rows import to_micro_dollars, to_us


async def begin(
    tx: Transaction, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None
) -> Verdict | None:
    """Begin the attempt if it fits; None where it is no longer the caller's. Whoever judges a scope holds its lock, so
    that no two nodes see the same room."""
    scopes = sorted({cap.scope for cap in claim.caps})
    for scope in scopes:
        tx.write("scope_lock", {"scope": scope})
    ours = await tx.one("execution_ours", id=execution_id, fence=fence)
    if ours is None:
        return None
    asked = sorted({(cap.scope, first_hour(cap.budget, now)) for cap in claim.caps})
    spent: dict[tuple[str, int], Amount] = {}
    reserved: dict[str, Amount] = {}
    if asked:
        wanted = {"scopes": [scope for scope, _ in asked], "hours": [hour for _, hour in asked]}
        for row in await tx.all("budgets_used", id=execution_id, **wanted):
            spent[row[0], row[1]] = _amount(*row[2:5])
            reserved[row[0]] = _amount(*row[5:8])
    verdict = judge(claim, now, lambda scope, hour: spent[scope, hour], lambda scope: reserved[scope])
    if verdict.refused is None:
        held = claim.reserve
        kept = {"scopes": claim.scopes, "tokens": held.tokens, "cost": to_micro_dollars(held.cost_usd)}
        values = {"id": execution_id, "fence": fence, "now": to_us(now), "agent": agent}
        tx.write("execution_begin_within", {**values, "reserved": json.dumps(kept) if claim.caps else None})
        tx.write("job_begun", {"job": ours[0], "now": to_us(now)})
    return verdict


async def usage(database: Database, scopes: str, hour: int) -> list[Spent]:
    """What the runs of each scope that begins with ``scopes`` used, hour by hour, since ``hour``."""
    found = await database.all("tally_usage", low=scopes, high=f"{scopes}\U0010ffff", hour=hour)
    return [Spent(scope=row[0], hour=row[1], amount=_amount(*row[2:])) for row in found]


def _amount(runs: int, tokens: int, cost: Any) -> Amount:
    return Amount(runs=runs, tokens=tokens, cost_usd=Decimal(cost) / 1_000_000)
