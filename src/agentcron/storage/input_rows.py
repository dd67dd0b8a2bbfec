"""How the rows of a database become the questions of parked runs, and back."""

from __future__ import annotations

import json
from typing import Any

from agentcron.domain.inputs import NOBODY, Decision, Given, Input, InputKind
from agentcron.storage.rows import Row, maybe_instant, to_instant, to_us


def input_values(one: Input) -> dict[str, Any]:
    """The columns of a question, but for the number of its execution."""
    return {
        "id": one.id,
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


def given_values(given: Given) -> dict[str, Any]:
    """The columns of an answer; ``late`` where no time limit binds it."""
    by = given.by
    return {"decision": given.decision.value, "answer": given.answer, "by": by, "late": by == NOBODY}


def input_of(row: Row) -> Input:
    """The input of a row of ``inputs_list``."""
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
