"""How marks and findings are written as JSON, in every store the same, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentcron.domain.findings import Findings, Mark


def marks_value(marks: Iterable[Mark]) -> list[list[str]]:
    """The marks as a JSON value."""
    return [[mark.source, mark.value, mark.since.isoformat()] for mark in marks]


def read_marks(value: Sequence[Sequence[str]]) -> tuple[Mark, ...]:
    """The marks again. Raises ``ValueError`` or ``TypeError``."""
    return tuple(
        Mark(str(source), str(seen), datetime.fromisoformat(since).astimezone(UTC)) for source, seen, since in value
    )


def findings_value(findings: Findings) -> dict[str, Any]:
    """The findings as a JSON value; what is at its default is left out."""
    value: dict[str, Any] = {}
    if findings.gate is not None:
        value["gate"] = findings.gate
    if findings.marks:
        value["marks"] = marks_value(findings.marks)
    if findings.before:
        value["before"] = marks_value(findings.before)
    if findings.silent:
        value["silent"] = True
    if findings.trace_id is not None:
        value["trace_id"] = findings.trace_id
    return value


def read_findings(value: Mapping[str, Any]) -> Findings:
    """The findings again. Raises ``ValueError`` or ``TypeError``."""
    gate, trace_id = value.get("gate"), value.get("trace_id")
    return Findings(
        gate=None if gate is None else str(gate),
        marks=read_marks(value.get("marks", ())),
        before=read_marks(value.get("before", ())),
        silent=value.get("silent") is True,
        trace_id=None if trace_id is None else str(trace_id),
    )


def marks_text(marks: tuple[Mark, ...]) -> str | None:
    """The marks as text; None for none."""
    return json.dumps(marks_value(marks), ensure_ascii=False, separators=(",", ":")) if marks else None


def marks_of(text: str | None) -> tuple[Mark, ...]:
    """The marks of such a text."""
    return read_marks(json.loads(text)) if text else ()


def findings_text(findings: Findings) -> str:
    return json.dumps(findings_value(findings), ensure_ascii=False, separators=(",", ":"))


def findings_of(text: str | None) -> Findings | None:
    """The findings of such a text; None for none."""
    return read_findings(json.loads(text)) if text else None
