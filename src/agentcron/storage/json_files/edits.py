"""What another program wrote into the folder, taken as changes: new jobs, edits, removals, executions.

The time of such a change is that of the file. Reading the same files again makes the very same changes, so that a
process that only reads shows what the writer will keep.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agentcron.domain import changes
from agentcron.domain.calendar import start_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan
from agentcron.domain.spec import JobSpec
from agentcron.errors import AgentcronError
from agentcron.storage.json_files.files import execution_name
from agentcron.storage.original import Unsaid, counted, execution_of, inline_of, iso, job_of, spec_of
from agentcron.storage.records import instant

if TYPE_CHECKING:
    from agentcron.storage.json_files.loading import Loaded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Objects = Mapping[str, list[dict[str, Any]]]


def take_edits(found: Loaded, base: Mapping[str, Job], foreign: Objects, *, known: bool, at: float | None) -> None:
    """Put what others wrote on top of the state. ``base`` are the jobs as ``jobs.json`` last had them from here."""
    state, jobs_file = found.state, found.jobs_file
    now = _EPOCH + timedelta(seconds=at or 0)
    if not known and not jobs_file.damaged and jobs_file.present:
        for job_id, job in jobs_file.jobs.items():
            if job_id in state._jobs:
                _edit(found, base.get(job_id, state._jobs[job_id]), jobs_file.objects[job_id], now)
            elif job_id not in base:
                _add(found, job)
        gone = [job_id for job_id in base if job_id not in jobs_file.jobs and job_id in state._jobs]
        if gone and jobs_file.bad:
            # A damaged entry may be the one that is missed.
            gone = []
        for job_id in gone:
            state._apply(changes.delete(state._jobs[job_id], now))
        if gone:
            found.notes.append(f"jobs.json: another program removed {len(gone)} jobs ({', '.join(gone[:5])})")
    adopted = [key for job_id in list(state._jobs) for key in _take_rows(found, job_id, foreign, known)]
    found.edits = state.taken()
    if found.edits is not None:
        found.edits.adopted = tuple(adopted)
        found.adopted.update(adopted)


def _add(found: Loaded, job: Job) -> None:
    state = found.state
    state._jobs[job.id] = job.evolve(open=0, running=0)
    state._specs[job.id, job.version] = job.spec
    for key in state._history.get(job.id, ()):
        # The snapshot is lost: the rows that bear our marks are known by their files alone.
        row = state._executions[key] = state._executions[key].evolve(version=job.version)
        if row.final:
            state._tally.add(row)
        else:
            now = state._jobs[job.id]
            running = now.running + (row.status is ExecutionStatus.RUNNING)
            state._jobs[job.id] = now.evolve(open=now.open + 1, running=running)


def _take_rows(found: Loaded, job_id: str, foreign: Objects, known: bool) -> list[str]:
    """Add the job's executions that are not known yet; answers those whose file stays as it is."""
    state, job = found.state, found.state._jobs[job_id]
    entry = found.jobs_file.objects.get(job_id, {})
    filed = [execution_of(part, job) for part in foreign.get(job_id, ())]
    for number, row in enumerate(filed):
        if row.id in state._executions:
            filed[number] = row.evolve(id=f"{job_id}-{row.id}")
            found.names[filed[number].id] = execution_name(job_id, row.id)
    keys = {row.id for row in filed} | {part["id"] for part in foreign.get(job_id, ())}
    inline = [row for row in _inline(found, job, entry) if row.id not in keys]
    # jobs.json may be older than the log: what was pruned since must not come back out of it.
    inline = [row for row in inline if row.id not in state._executions and row.id not in found.pruned]
    if not filed and not inline:
        return []
    rows = sorted([*filed, *inline], key=lambda row: row.at)
    # A row of ours whose file is lost is in the sums already.
    if not known:
        state._jobs[job_id] = counted(job, rows)
    elif filed:
        state._jobs[job_id] = counted(job, filed)
    tally = state._tally.copy()
    state._keep(rows)
    if known:
        state._tally = tally
        for row in filed:
            if row.final:
                state._tally.add(row)
    found.stale_rows |= {row.id for row in inline}
    return [row.id for row in filed]


def _inline(found: Loaded, job: Job, entry: Mapping[str, Any]) -> list[Execution]:
    rows: dict[str, Execution] = {}
    for number, part in enumerate(inline_of(entry)):
        try:
            row = execution_of(part, job)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            found.problems.append(f"jobs.json: execution {number} of job {job.id} is passed over: {error}")
            continue
        other = found.state._executions.get(row.id)
        if other is not None and other.job_id != job.id:
            row = row.evolve(id=f"{job.id}-{row.id}")
        rows.setdefault(row.id, row)
    return list(rows.values())


def _edit(found: Loaded, base: Job, entry: Mapping[str, Any], now: datetime) -> None:
    state = found.state
    job = state._jobs[base.id]
    changed: dict[str, Any] = {}
    try:
        unsaid = Unsaid(timezone=base.timezone, agent=base.agent)
        spec = spec_of(entry, unsaid, base=base.spec)
        wanted = job_of(entry, unsaid)
        changed = {f.name: getattr(spec, f.name) for f in fields(JobSpec) if _differ(spec, base.spec, f.name)}
        if changed:
            _apply(found, job, changes.edit(job, replace(job.spec, **changed), now, _ids(job, now)), "edited")
        job = state._jobs[base.id]
        if wanted.state is not base.state and wanted.state is not job.state:
            _apply(found, job, _move(job, wanted.state, now), wanted.state.value)
    except (AgentcronError, ValueError, TypeError, OverflowError) as error:
        found.notes.append(f"jobs.json: the edit of job {base.id} is not taken: {error}")
    job = state._jobs[base.id]
    followed = _follow(found, job, base, entry) if "schedule" not in changed else job
    if followed is not job:
        state._jobs[base.id] = followed
        found.stale_jobs.add(base.id)


def _apply(found: Loaded, job: Job, plan: Plan | None, what: str) -> None:
    if plan is None:
        found.notes.append(f"jobs.json: job {job.id} is {job.status.value} and cannot be {what}")
        return
    found.state._apply(plan)
    found.stale_jobs.add(job.id)


def _move(job: Job, state: JobState, now: datetime) -> Plan | None:
    match state:
        case JobState.PAUSED:
            return changes.pause(job, now, _ids(job, now))
        case JobState.ACTIVE:
            return changes.resume(job, now, _ids(job, now))
        case JobState.CANCELED:
            return changes.cancel(job, now, _ids(job, now))
    if job.state is not JobState.ACTIVE:
        return None
    done = job.evolve(state=state, next_slot=None, next_run=None, revision=job.revision + 1)
    return Plan(before=job, job_after=done, now=now)


def _follow(found: Loaded, job: Job, base: Job, entry: Mapping[str, Any]) -> Job:
    """The original ran the job meanwhile: it accounted for the slots before its ``nextRun``."""
    try:
        last = instant(entry["lastRun"]) if entry.get("lastRun") else None
        slot = instant(entry["nextRun"]) if entry.get("nextRun") else None
    except (ValueError, OverflowError) as error:
        found.notes.append(f"jobs.json: the run times of job {job.id} are not taken: {error}")
        return job
    if last is not None and (job.last_run is None or iso(last) > iso(job.last_run)):
        job = job.evolve(last_run=last)
    if slot is None or job.state is not JobState.ACTIVE or job.next_slot is None or slot <= job.next_slot:
        return job
    if base.next_run is not None and iso(base.next_run) == iso(slot):
        return job
    return job.evolve(next_slot=slot, next_run=start_of(job, slot), revision=job.revision + 1)


def _differ(one: JobSpec, other: JobSpec, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _ids(job: Job, now: datetime) -> Callable[[], str]:
    """Ids for the rows of such a change: the same at every reading."""
    numbers = itertools.count()
    seed = f"{job.id}:{job.revision}:{now.isoformat()}"
    return lambda: hashlib.sha256(f"{seed}:{next(numbers)}".encode()).hexdigest()[:26]
