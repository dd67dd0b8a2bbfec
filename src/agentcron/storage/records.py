"""How a job, an execution and a node are written as JSON with nothing lost, and read back.

Instants are ISO 8601 with microseconds, durations whole microseconds, money decimal text. Fields at their default are
left out, except those of the spec: a stored job keeps its rules when a later release has other defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from agentcron.domain.findings import Findings
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.domain.queries import Node
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec, write_spec
from agentcron.domain.statistics import Totals
from agentcron.storage.findings import findings_value, marks_value, read_findings, read_marks

_US: Final = timedelta(microseconds=1)
_UNSET: Final = object()


def instant(text: Any) -> datetime:
    """The aware UTC instant of an ISO text. Raises ``ValueError`` for anything else."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not an instant")
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def job_record(job: Job) -> dict[str, Any]:
    """The whole job; its spec under ``spec``."""
    record = _record(job, _JOB_DEFAULTS)
    record["spec"] = write_spec(job.spec)
    return record


def read_job(record: Mapping[str, Any], spec: JobSpec | None = None) -> Job:
    """The job again, with ``spec`` where one is given. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    values = {name: read(record[name]) for name, read in _JOB_READERS.items() if record.get(name) is not None}
    return Job(spec=spec or read_spec(record["spec"]), **values)


def row_record(row: Execution) -> dict[str, Any]:
    """The whole execution."""
    return _record(row, _ROW_DEFAULTS)


def read_row(record: Mapping[str, Any]) -> Execution:
    """The execution again. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    return Execution(
        **{name: read(record[name]) for name, read in _ROW_READERS.items() if record.get(name) is not None}
    )


def node_record(node: Node) -> dict[str, Any]:
    """A node without whether it lives and how long, which no file can know."""
    record = _record(node, _NODE_DEFAULTS)
    record.pop("alive", None)
    record.pop("lease_until", None)
    return record


def read_node(record: Mapping[str, Any]) -> Node:
    """The node again, taken for dead."""
    return Node(
        id=_text(record["id"]),
        host=_text(record["host"]),
        pid=_whole(record["pid"]),
        version=_text(record["version"]),
        started_at=instant(record["started_at"]),
        seen_at=instant(record["seen_at"]),
        stopped_at=instant(record["stopped_at"]) if "stopped_at" in record else None,
    )


def totals_record(totals: Totals) -> dict[str, Any]:
    return _record(totals, _TOTALS_DEFAULTS)


def read_totals(record: Mapping[str, Any]) -> Totals:
    """The totals again. Raises ``ValueError`` or ``TypeError``."""
    values: dict[str, Any] = {name: _whole(record[name]) for name in record if name not in ("cost_usd", "duration")}
    if "cost_usd" in record:
        values["cost_usd"] = _money(record["cost_usd"])
    if "duration" in record:
        values["duration"] = _span(record["duration"])
    return Totals(**values)


def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((f.name, _UNSET if f.default is MISSING else f.default) for f in fields(kind))


def _record(value: Any, defaults: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    record = {}
    for name, default in defaults:
        part = getattr(value, name)
        if part is not default and part != default:
            record[name] = _plain(part)
    return record


def _plain(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value // _US
        case Decimal():
            return str(value)
        case Totals():
            return totals_record(value)
        case tuple():
            return marks_value(value)
        case Findings():
            return findings_value(value)
        case Usage() | Conversation():
            return {f.name: getattr(value, f.name) for f in fields(value)}
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _span(value: Any) -> timedelta:
    return timedelta(microseconds=_whole(value))


def _money(value: Any) -> Decimal:
    try:
        return Decimal(_text(value))
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not an amount") from error


def _usage(value: Any) -> Usage:
    return Usage(**{name: _whole(count) for name, count in dict(value).items()})


def _talk(value: Any) -> Conversation:
    return Conversation(**dict(value))


_JOB_DEFAULTS: Final = tuple(
    (name, default) for name, default in _defaults(Job) if name not in ("spec", "execution_history")
)
_ROW_DEFAULTS: Final = _defaults(Execution)
_NODE_DEFAULTS: Final = _defaults(Node)
_TOTALS_DEFAULTS: Final = _defaults(Totals)

_JOB_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "id": _text,
    "created": instant,
    "version": _whole,
    "revision": _whole,
    "state": JobState,
    "state_reason": _text,
    "next_slot": instant,
    "next_run": instant,
    "last_run": instant,
    "open": _whole,
    "running": _whole,
    "runs": _whole,
    "streak": _whole,
    "totals": read_totals,
    "made_by": _text,
    "marks": read_marks,
}
_ROW_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "id": _text,
    "job_id": _text,
    "version": _whole,
    "at": instant,
    "status": ExecutionStatus,
    "manual": _flag,
    "last_at": instant,
    "slots": _whole,
    "reason": _text,
    "wake_at": instant,
    "priority": _whole,
    "lane": _text,
    "owner": _text,
    "fence": _whole,
    "attempt": _whole,
    "retries": _whole,
    "begun": _flag,
    "asked": _whole,
    "cancel_requested": instant,
    "start_time": instant,
    "end_time": instant,
    "agent": _text,
    "agent_id": _text,
    "usage": _usage,
    "cost_usd": _money,
    "cost_basis": CostBasis,
    "error": _text,
    "findings": read_findings,
    "prompt": _text,
    "result": _text,
    "conversation": _talk,
}
