"""What a job and an execution look like in the files of the original plugin, and what such an object means here.

The original's keys hold what the original understands. What it has no word for stands under one further key,
``agentcron``; an object without that key was written by the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from agentcron.domain.calendar import slot_after, start_of
from agentcron.domain.lifecycle import FINAL, RAN, ExecutionStatus, JobState, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.spec import DEFAULT_AGENT, JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.statistics import Totals
from agentcron.schedule import CronSchedule, EverySchedule, OnceSchedule, Schedule
from agentcron.storage.records import instant, job_record, read_job, read_row, row_record

OWN: Final = "agentcron"
# No node is called so: a run that the original left open belongs to nobody who lives.
OWNER: Final = "original"
INLINE: Final = 50
_E: Final = ExecutionStatus
KNOWN: Final = frozenset({_E.PENDING, _E.RUNNING, _E.SUCCESS, _E.FAILURE, _E.INCOMPLETE, _E.ERROR})
_IN_FILE: Final = ("id", "job_id", "prompt", "result", "error")
_STEPS: Final = (
    *((timedelta(minutes=n), f"*/{n} * * * *") for n in (2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    (timedelta(hours=1), "0 * * * *"),
    *((timedelta(hours=n), f"0 */{n} * * *") for n in (2, 3, 4, 6, 8, 12)),
    (timedelta(days=1), "0 0 * * *"),
    (timedelta(days=7), "0 0 * * 0"),
    (timedelta(days=31), "0 0 1 * *"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaid:
    """What a job has whose writer had no word for it: the original knows neither zones nor agents of a job."""

    timezone: str = "UTC"
    agent: str = DEFAULT_AGENT


def iso(moment: datetime) -> str:
    """The instant as JavaScript's ``toISOString`` writes it: milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cron_text(schedule: Schedule) -> str:
    """A cron expression that the original can use.

    For an interval it is the closest one that is not due more often: an empty text would be due each minute there.
    """
    if isinstance(schedule, CronSchedule):
        return schedule.expression
    if isinstance(schedule, OnceSchedule):
        at = schedule.at.astimezone(UTC)
        return f"{at.minute} {at.hour} {at.day} {at.month} *"
    assert isinstance(schedule, EverySchedule)
    if schedule.interval <= timedelta(minutes=1):
        return "* * * * *"
    return next((text for period, text in _STEPS if period >= schedule.interval), "0 0 1 1 *")


def says_upper(found: Mapping[str, Any]) -> bool:
    """Whether statuses in this object are in capitals."""
    status = found.get("status")
    return isinstance(status, str) and status.isupper()


def job_object(
    job: Job, history: Sequence[Execution], found: Mapping[str, Any] | None = None, *, upper: bool = False
) -> dict[str, Any]:
    """The job in the original's form, on top of the object ``found`` in its place: unknown keys and order stay.

    ``history`` is oldest first; the newest rows that the original has a status for are written inline.
    """
    upper = says_upper(found) if found is not None and "status" in found else upper
    inline = {entry["id"]: entry for entry in _entries(found) if isinstance(entry.get("id"), str)}
    rows = [row for row in history if row.status in KNOWN][-INLINE:]
    own = job_record(job)
    del own["id"]
    for name in ("name", "prompt", "metadata", "cron_expression"):
        own["spec"].pop(name, None)
    written = dict(found or {})
    _put(written, "id", job.id)
    _put(written, "name", job.name)
    _put(written, "cronExpression", cron_text(job.schedule))
    _put(written, "prompt", job.prompt)
    _put(written, "status", _case(job.status.value, upper))
    _put_time(written, "created", job.created)
    _put_time(written, "lastRun", job.last_run)
    _put_time(written, "nextRun", job.next_run)
    written["executionHistory"] = [
        execution_object(row, job.prompt, inline.get(row.id), upper=upper, own=False) for row in rows
    ]
    if job.metadata or "metadata" in written:
        written["metadata"] = dict(job.metadata)
    written[OWN] = own
    return written


def execution_object(
    row: Execution, prompt: str, found: Mapping[str, Any] | None = None, *, upper: bool = False, own: bool = True
) -> dict[str, Any]:
    """The execution in the original's form; ``prompt`` is its version's, for a row that has none of its own."""
    upper = says_upper(found) if found is not None and "status" in found else upper
    written = dict(found or {})
    _put(written, "id", row.id)
    _put(written, "agentId", row.agent_id or "")
    _put_time(written, "startTime", row.start_time or row.at)
    _put_time(written, "endTime", row.end_time)
    _put(written, "status", _case(row.status.value, upper))
    _put(written, "prompt", row.prompt or prompt)
    for key, value in (("result", row.result), ("error", row.error)):
        if value is not None or written.get(key) is not None:
            written[key] = value
    if own:
        record = row_record(row)
        written[OWN] = {"job": row.job_id} | {name: part for name, part in record.items() if name not in _IN_FILE}
    return written


def spec_of(found: Mapping[str, Any], unsaid: Unsaid, *, base: JobSpec | None = None) -> JobSpec:
    """The spec of a job's object. Raises ``InvalidJobError``, ``InvalidScheduleError`` or ``TypeError``.

    The original's keys win over ours where somebody changed them; with a ``base``, what is unsaid is as it has it.
    """
    values = dict(_own(found).get("spec") or {})
    if base is None:
        values.setdefault("agent", unsaid.agent)
    for key in ("name", "prompt", "metadata"):
        if found.get(key) is not None:
            values[key] = found[key]
    expression = found.get("cronExpression")
    kept = _kept_schedule(values, base)
    if kept is None or expression != cron_text(kept):
        for key in ("every", "at", "anchor"):
            values.pop(key, None)
        values["cron_expression"] = expression if expression is not None else ""
    return read_spec(values, base=base, timezone=unsaid.timezone)


def _kept_schedule(values: Mapping[str, Any], base: JobSpec | None) -> Schedule | None:
    if "every" in values or "at" in values:
        keys = ("every", "at", "anchor", "timezone")
        given = {key: values[key] for key in keys if key in values}
        return read_spec({"name": "-", "prompt": "-", **given}).schedule
    return base.schedule if base is not None else None


def job_of(found: Mapping[str, Any], unsaid: Unsaid) -> Job:
    """The job of an object, without its executions' sums where the original wrote it.

    Raises ``ValueError``, ``TypeError`` or ``KeyError`` for an object that is no job.
    """
    job_id = found.get("id")
    if not isinstance(job_id, str) or not job_id:
        raise ValueError("it has no id")
    spec = spec_of(found, unsaid)
    state = state_of(found)
    own = _own(found)
    if own:
        job = read_job({**own, "id": job_id}, spec)
        if state is job.state:
            return job
        moving = state is JobState.ACTIVE
        return job.evolve(state=state, next_run=job.next_slot if moving else None)
    created = instant(found["created"]) if found.get("created") else None
    last_run = instant(found["lastRun"]) if found.get("lastRun") else None
    if created is None:
        created = last_run or (instant(found["nextRun"]) if found.get("nextRun") else datetime(1970, 1, 1, tzinfo=UTC))
    job = Job.of(id=job_id, spec=spec, created=created, state=state, last_run=last_run)
    slot = None
    if state in (JobState.ACTIVE, JobState.PAUSED):
        slot = instant(found["nextRun"]) if found.get("nextRun") else slot_after(spec, last_run or created)
    return job.evolve(
        next_slot=slot, next_run=start_of(job, slot) if slot is not None and state is JobState.ACTIVE else None
    )


def state_of(found: Mapping[str, Any]) -> JobState:
    """The state of a job's object; waiting and running are both active. Raises ``ValueError``."""
    status = found.get("status")
    if status is None:
        return JobState.ACTIVE
    if not isinstance(status, str):
        raise ValueError(f"status {status!r} is no status of a job")
    known = JobStatus(status.upper())
    return JobState.ACTIVE if known in (JobStatus.WAITING, JobStatus.RUNNING) else JobState(known.value)


def inline_of(found: Mapping[str, Any]) -> Sequence[Any]:
    """The inline history of a job's object, whatever is in it."""
    history = found.get("executionHistory")
    return history if isinstance(history, list) else []


def execution_of(found: Mapping[str, Any], job: Job) -> Execution:
    """The execution of an object. A run that the original left open is one whose owner is gone.

    Raises ``ValueError``, ``TypeError`` or ``KeyError`` for an object that is no execution.
    """
    texts = {key: _maybe_text(found, key) for key in ("prompt", "result", "error")}
    if texts["prompt"] == job.prompt:
        texts["prompt"] = None
    if not isinstance(found.get("id"), str) or not found["id"]:
        raise ValueError("it has no id")
    own = _own(found)
    if own:
        row = read_row({**own, "id": found["id"], "job_id": job.id})
        return row.evolve(**texts)
    status = ExecutionStatus(str(found.get("status")).upper())
    if status not in KNOWN:
        raise ValueError(f"status {found.get('status')!r} is no status of an execution")
    start = instant(found["startTime"]) if found.get("startTime") else None
    end = instant(found["endTime"]) if found.get("endTime") else None
    at = start or end or job.last_run or job.created
    if status in FINAL:
        end = end or at
    elif end is not None:
        # It says that it ended and not how: the original was cut while it wrote.
        status = ExecutionStatus.INCOMPLETE
    begun = status is not ExecutionStatus.PENDING
    return Execution(
        id=found["id"], job_id=job.id, version=job.version, at=at, status=status, begun=begun, attempt=1,
        reason="lost" if status is ExecutionStatus.INCOMPLETE else None,
        fence=int(begun), owner=OWNER if begun else None, wake_at=None if status in FINAL else at,
        lane=None if begun else job.id, start_time=(start or at) if begun else None,
        end_time=end if status in FINAL else None, agent=job.agent, agent_id=_maybe_text(found, "agentId") or None,
        prompt=texts["prompt"], result=texts["result"], error=texts["error"],
    )  # fmt: skip


def counted(job: Job, rows: Sequence[Execution]) -> Job:
    """The job with these rows, which it did not know, in its sums; what is open is counted by the store.

    The original moves the next run when one ends: of a run that began on the millisecond it still names the slot that
    has a row, and no plan for a second one would ever be kept.
    """
    if job.next_slot is not None and any(row.at == job.next_slot for row in rows):
        slot = slot_after(job.spec, job.next_slot)
        due = start_of(job, slot) if slot is not None and job.next_run is not None else None
        job = job.evolve(next_slot=slot, next_run=due)
    totals = job.totals
    for row in rows:
        if row.final:
            totals = _with(totals, row)
    starts = [row.start_time for row in rows if row.start_time is not None]
    return job.evolve(
        totals=totals,
        runs=job.runs + sum(row.status in RAN and not row.manual for row in rows),
        last_run=max([*starts, *([job.last_run] if job.last_run else [])], default=None),
    )


def _with(totals: Totals, row: Execution) -> Totals:
    name = row.status.value.lower()
    return replace(
        totals,
        tokens=totals.tokens + (row.usage.tokens if row.usage is not None else 0),
        cost_usd=totals.cost_usd + (row.cost_usd or Decimal(0)),
        duration=totals.duration + ((row.duration or timedelta(0)) if row.ran else timedelta(0)),
        **{name: getattr(totals, name) + row.slots},
    )


def _own(found: Mapping[str, Any]) -> Mapping[str, Any]:
    own = found.get(OWN)
    return own if isinstance(own, Mapping) else {}


def _entries(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [entry for entry in inline_of(found or {}) if isinstance(entry, dict)]


def _case(status: str, upper: bool) -> str:
    return status if upper else status.lower()


def _put(written: dict[str, Any], key: str, value: str) -> None:
    # A status in mixed case means the same as ours and stays as its writer has it.
    before = written.get(key)
    if key != "status" or not isinstance(before, str) or before.upper() != value.upper():
        written[key] = value


def _put_time(written: dict[str, Any], key: str, moment: datetime | None) -> None:
    if moment is None:
        if written.get(key) is not None:
            del written[key]
        return
    text = iso(moment)
    try:
        same = iso(instant(written.get(key))) == text
    except ValueError:
        same = False
    if not same:
        written[key] = text


def _maybe_text(found: Mapping[str, Any], key: str) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} is not text")
    return value
