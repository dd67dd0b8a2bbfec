"""How the rows of a database become jobs and executions, and back.

Times are integer microseconds since the epoch, UTC; money is integer micro-dollars.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_changed
from agentcron.domain.statistics import Totals
from agentcron.schedule.durations import duration_us
from agentcron.storage.findings import findings_of, marks_of

Row = Sequence[Any]

# Columns of ``execution_rows`` that are often empty: texts as they are, and instants.
_TEXTS: Final = (("reason", 9), ("owner", 13), ("agent_id", 22), ("error", 26))
_INSTANTS: Final = (("last_at", 5), ("wake_at", 10), ("cancel_requested", 18), ("start_time", 19), ("end_time", 20))
# Where the sums of a job begin in ``job_rows``.
_SUMS: Final = 15

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = Decimal(1_000_000)
_STATUS: Final = {status.value: status for status in ExecutionStatus}
_STATE: Final = {state.value: state for state in JobState}
_NO_MONEY: Final = Decimal(0)
_NO_TEXTS: Final[Mapping[str, Any]] = {}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_us(instant: datetime) -> int:
    """Microseconds since the epoch."""
    return duration_us(instant - _EPOCH)


def maybe_us(instant: datetime | None) -> int | None:
    return None if instant is None else to_us(instant)


def to_instant(us: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return _EPOCH + timedelta(0, 0, us)


def maybe_instant(us: int | None) -> datetime | None:
    return None if us is None else to_instant(us)


# For instants that many rows of a group have in common: slots, and when jobs ran last; when runs began.
shared_instant: Final = lru_cache(maxsize=1024)(maybe_instant)
shared_us: Final = lru_cache(maxsize=16)(maybe_us)


def to_micro_dollars(cost: Decimal | None) -> int | None:
    return None if cost is None else int((cost * _MICRO).to_integral_value())


def from_micro_dollars(cost: int | None) -> Decimal | None:
    return None if cost is None else Decimal(cost) / _MICRO


def usage_text(usage: Usage | None) -> str | None:
    if usage is None:
        return None
    return json.dumps(
        [usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.requests, usage.tool_calls],
        separators=(",", ":"),
    )


def _usage(text: str | None) -> Usage | None:
    if text is None:
        return None
    sent, received, cached, requests, tool_calls = json.loads(text)
    return Usage(
        input_tokens=sent, output_tokens=received, cached_tokens=cached, requests=requests, tool_calls=tool_calls
    )


def execution(row: Row, texts: Mapping[str, Any] = _NO_TEXTS) -> Execution:
    """An execution of a row of the view ``execution_rows``, with these fields beside those of the row."""
    values = {
        **texts,
        "id": row[1],
        "job_id": row[2],
        "version": row[3],
        "at": to_instant(row[4]),
        "slots": row[6],
        "manual": bool(row[7]),
        "status": _STATUS[row[8]],
        "priority": row[11],
        "lane": row[12],
        "fence": row[14],
        "attempt": row[15],
        "retries": row[16],
        "begun": bool(row[17]),
        "agent": row[21],
    }
    for name, at in _TEXTS:
        if row[at] is not None:
            values[name] = row[at]
    for name, at in _INSTANTS:
        if row[at] is not None:
            values[name] = to_instant(row[at])
    if row[23] is not None:
        values["usage"] = _usage(row[23])
    if row[24] is not None:
        values["cost_usd"] = from_micro_dollars(row[24])
    if row[25]:
        values["cost_basis"] = CostBasis(row[25])
    if row[28] is not None:
        values["findings"] = findings_of(row[28])
    if row[29]:
        values["asked"] = row[29]
    return Execution.whole(values)


def job(row: Row, spec: JobSpec) -> Job:
    """A job of a row of the view ``job_rows`` and of its version's spec; of the first columns alone, one without its
    sums and marks."""
    slot, following = row[6], row[7]
    next_slot = shared_instant(slot)
    values = {
        "id": row[1],
        "spec": spec,
        "version": row[2],
        "revision": row[3],
        "state": _STATE[row[4]],
        "next_slot": next_slot,
        "next_run": next_slot if following == slot else shared_instant(following),
        "open": row[9],
        "running": row[10],
        "runs": row[11],
        "streak": row[12],
        "created": to_instant(row[13]),
    }
    if row[5] is not None:
        values["state_reason"] = row[5]
    if row[8] is not None:
        values["last_run"] = shared_instant(row[8])
    if row[14] is not None:
        values["made_by"] = row[14]
    if len(row) > _SUMS:
        if row[25] is not None:
            values["marks"] = marks_of(row[25])
        if any(row[_SUMS:24]) or row[26]:
            values["totals"] = _totals(row)
    return Job.whole(values)


def _totals(row: Row) -> Totals:
    return Totals.of(
        success=row[15],
        failure=row[16],
        incomplete=row[17],
        error=row[18],
        skipped=row[19],
        missed=row[20],
        tokens=row[21],
        cost_usd=Decimal(row[22]) / _MICRO if row[22] else _NO_MONEY,
        duration=timedelta(0, 0, row[23]),
        gated=row[26],
    )


def spec_text(spec: JobSpec) -> str:
    """What is stored of a spec."""
    return _encode(write_changed(spec))


def job_values(job: Job) -> dict[str, object]:
    """The columns of a job that a plan sets."""
    return {
        "id": job.id,
        "name": job.spec.name,
        "version": job.version,
        "revision": job.revision,
        "state": job.state.value,
        "state_reason": job.state_reason,
        "next_slot": maybe_us(job.next_slot),
        "next_run": maybe_us(job.next_run),
        "created": to_us(job.created),
        "made_by": job.made_by,
    }


def conversation_text(conversation: Conversation) -> str:
    """The conversation as one JSON text."""
    return json.dumps(
        {
            "kind": conversation.kind,
            "format": conversation.format,
            "format_version": conversation.format_version,
            "session": conversation.session,
            "native": conversation.native,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def conversation_of(text: str) -> Conversation:
    """The conversation of such a text."""
    return Conversation(**json.loads(text))
