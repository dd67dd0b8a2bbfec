"""What SQLite keeps of the questions of parked runs, inside one transaction, and how its rows are read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from agentcron.domain.inputs import NOBODY, Decision, Given, Input, InputKind
from agentcron.domain.settling import Settlement
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.rows import Row, maybe_instant, to_instant, to_us
from agentcron.storage.sqlite.writer import Transaction


def ask(tx: Transaction, seq: int, settlement: Settlement) -> None:
    """What a run that parks asks."""
    tx.execute(statement("execution_asked"), {"seq": seq, "asked": settlement.after.asked})
    for one in settlement.inputs:
        values = {
            "id": one.id,
            "execution": seq,
            "attempt": one.attempt,
            "key": one.key,
            "kind": one.kind.value,
            "question": one.question,
            "options": _text(list(one.options)) if one.options else None,
            "tool": one.tool,
            "args": _text(one.args) if one.args is not None else None,
            "asked_at": to_us(one.asked_at),
            "expires_at": to_us(one.expires_at),
        }
        tx.execute(statement("input_insert"), values)


def answer(tx: Transaction, input_id: str, given: Given, now: datetime) -> bool:
    """Keep the answer, and make its run ready where nothing else is open."""
    values = {
        "id": input_id,
        "decision": given.decision.value,
        "answer": given.answer,
        "by": given.by,
        "now": to_us(now),
        "late": given.by == NOBODY,
    }
    if tx.execute(statement("input_answer"), values).rowcount == 0:
        return False
    tx.execute(statement("execution_answered"), {"id": input_id, "now": to_us(now)})
    return True


def input_of(row: Row) -> Input:
    """The input of a row of the statements ``inputs_*``."""
    return Input(
        id=row[0],
        execution_id=row[1],
        job_id=row[2],
        attempt=row[3],
        key=row[4],
        kind=InputKind(row[5]),
        question=row[6],
        options=tuple(json.loads(row[7])) if row[7] is not None else (),
        tool=row[8],
        args=json.loads(row[9]) if row[9] is not None else None,
        asked_at=to_instant(row[10]),
        expires_at=to_instant(row[11]),
        decision=Decision(row[12]) if row[12] is not None else None,
        answer=row[13],
        answered_by=row[14],
        answered_at=maybe_instant(row[15]),
        waiting=bool(row[16]),
    )


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
