"""How the questions of parked runs are written as JSON with nothing lost, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from agentcron.domain.inputs import Decision, Input, InputKind
from agentcron.storage.records import instant


def inputs_record(inputs: Mapping[str, Input | None]) -> dict[str, Any]:
    """The inputs by their ids; None is gone."""
    return {key: _record(one) if one is not None else None for key, one in inputs.items()}


def read_inputs(said: Mapping[str, Any]) -> dict[str, Input | None]:
    """The inputs again. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    return {key: _read(part) if part is not None else None for key, part in said.items()}


def _record(one: Input) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for field in fields(Input):
        value = getattr(one, field.name)
        # Whether it can be answered follows from its run.
        if field.name == "waiting" or value is None or value == ():
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        record[field.name] = value.value if isinstance(value, StrEnum) else value
    return record


def _read(record: Mapping[str, Any]) -> Input:
    values = dict(record)
    for name in ("asked_at", "expires_at", "answered_at"):
        if name in values:
            values[name] = instant(values[name])
    values["kind"] = InputKind(values["kind"])
    values["options"] = tuple(values.get("options", ()))
    if "decision" in values:
        values["decision"] = Decision(values["decision"])
    return Input(**values)
