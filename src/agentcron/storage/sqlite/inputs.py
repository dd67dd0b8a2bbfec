"""What SQLite keeps of the questions of parked runs, inside one transaction."""

from __future__ import annotations

from datetime import datetime

from agentcron.domain.inputs import Given
from agentcron.domain.settling import Settlement
from agentcron.storage.input_rows import given_values, input_values
from agentcron.storage.rows import to_us
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.writer import Transaction


def ask(tx: Transaction, seq: int, settlement: Settlement) -> None:
    """What a run that parks asks."""
    tx.execute(statement("execution_asked"), {"seq": seq, "asked": settlement.after.asked})
    for one in settlement.inputs:
        tx.execute(statement("input_insert"), {**input_values(one), "execution": seq})


def answer(tx: Transaction, input_id: str, given: Given, now: datetime) -> bool:
    """Keep the answer, and make its run ready where nothing else is open."""
    values = {**given_values(given), "id": input_id, "now": to_us(now)}
    if tx.execute(statement("input_answer"), values).rowcount == 0:
        return False
    tx.execute(statement("execution_answered"), {"id": input_id, "now": to_us(now)})
    return True
