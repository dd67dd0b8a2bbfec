"""How letters are written as rows of a database and as JSON with nothing lost, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting
from agentcron.domain.notify import Event
from agentcron.storage.records import instant
from agentcron.storage.rows import Row, maybe_instant, maybe_us, to_instant, to_us


def letter_values(letter: Letter) -> dict[str, Any]:
    """The columns of a letter, but for the number of its job."""
    return {
        "id": letter.id,
        "event": letter.event.value,
        "target": letter.target,
        "execution": letter.execution_id,
        "created": to_us(letter.created),
        "body": letter.body,
        **mark_values(letter),
    }


def mark_values(letter: Letter) -> dict[str, Any]:
    """The columns that a try changes."""
    return {
        "status": letter.status.value,
        "tries": letter.tries,
        "wake_at": maybe_us(letter.wake_at),
        "error": letter.error,
        "ended_at": maybe_us(letter.ended_at),
    }


def letter_of(row: Row) -> Letter:
    """The letter of a row of ``letter_rows``."""
    return Letter(
        id=row[0],
        event=Event(row[1]),
        target=row[2],
        job_id=row[3],
        execution_id=row[4],
        created=to_instant(row[5]),
        body=row[6],
        status=LetterStatus(row[7]),
        tries=row[8],
        wake_at=maybe_instant(row[9]),
        error=row[10],
        ended_at=maybe_instant(row[11]),
    )


def waiting_of(row: Row) -> Waiting:
    """What waits for one endpoint, of a row of ``letters_due``."""
    return Waiting(letters=row[1], next_at=to_instant(row[2]))


def list_statement(filters: LetterFilters) -> str:
    """The statement that finds such letters by an index: what waits and what was given up is looked for among itself,
    not along everything that was sent."""
    if filters.execution_id is not None:
        return "letters_of_execution"
    if filters.job_id is not None:
        return "letters_of_job"
    few = {LetterStatus.PENDING: "letters_waiting", LetterStatus.FAILED: "letters_failed"}
    return few.get(filters.status, "letters_list") if filters.status is not None else "letters_list"


def letters_record(letters: Mapping[str, Letter | None]) -> dict[str, Any]:
    """The letters by their ids; None is gone."""
    return {key: _record(one) if one is not None else None for key, one in letters.items()}


def read_letters(said: Mapping[str, Any]) -> dict[str, Letter | None]:
    """The letters again. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    return {key: _read(part) if part is not None else None for key, part in said.items()}


def told_record(told: Mapping[str, datetime | None]) -> dict[str, str | None]:
    """When each event was told last, by job, endpoint and event; None is gone."""
    return {key: at.isoformat() if at is not None else None for key, at in told.items()}


def read_told(said: Mapping[str, Any]) -> dict[str, datetime | None]:
    """The same again. Raises ``ValueError`` or ``TypeError``."""
    return {key: instant(at) if at is not None else None for key, at in said.items()}


def _record(letter: Letter) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for field in fields(Letter):
        value = getattr(letter, field.name)
        if value is None:
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        record[field.name] = value.value if isinstance(value, StrEnum) else value
    return record


def _read(record: Mapping[str, Any]) -> Letter:
    values = {"execution_id": None, **record}
    for name in ("created", "wake_at", "ended_at"):
        if name in values:
            values[name] = instant(values[name])
    values["event"], values["status"] = Event(values["event"]), LetterStatus(values["status"])
    return Letter(**values)
