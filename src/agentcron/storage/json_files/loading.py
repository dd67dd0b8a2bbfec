"""What a folder holds: snapshot, execution files and log put together, and what other programs changed meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agentcron.domain.model import Execution
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import StoreTooNew, StoreUnavailable
from agentcron.storage.inputs import read_inputs
from agentcron.storage.json_files.change import Ahead, Change, apply, read_change, read_hours, read_steps, read_tally
from agentcron.storage.json_files.edits import take_edits
from agentcron.storage.json_files.files import Folder, Mark, explain, keep_entry, kept, parse, read_bytes, set_aside
from agentcron.storage.json_files.jobs_file import JobsFile, read_jobs
from agentcron.storage.json_files.log import Replay, read_log, unseal
from agentcron.storage.letters import read_letters, read_told
from agentcron.storage.original import OWN, Unsaid, execution_of
from agentcron.storage.records import instant, read_job, read_node, read_row

FORMAT: Final = 1
_BAD: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(slots=True)
class Loaded:
    """The state of a folder. ``edits`` is what is not written down here yet; ``stale`` what the projections lack.

    ``problems`` is what is damaged, ``notes`` what is sound and was not taken, or not by us.
    """

    state: Ahead
    jobs_file: JobsFile
    marks: tuple[Mark, ...] = ()
    edits: Change | None = None
    adopted: set[str] = field(default_factory=set)
    stale_jobs: set[str] = field(default_factory=set)
    stale_rows: set[str] = field(default_factory=set)
    pruned: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    log_length: int = 0
    behind: bool = False
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load(folder: Folder, unsaid: Unsaid) -> Loaded:
    """Read the folder; again where its writer was at work meanwhile. Raises ``StoreUnavailable``, ``StoreTooNew``."""
    for _ in range(20):
        marks = folder.marks()
        found = _load(folder, unsaid)
        found.marks = marks
        if folder.marks() == marks:
            return found
    return found


def _load(folder: Folder, unsaid: Unsaid) -> Loaded:
    found = Loaded(state=Ahead(), jobs_file=JobsFile())
    snapshot = _read_snapshot(folder, found)
    replay = _read_log(folder, found)
    changes = _changes(folder, replay, found)
    hashes = {change.jobs_json for change in changes} | ({snapshot.get("jobs_json")} if snapshot else set())
    jobs_file = found.jobs_file = read_jobs(folder, unsaid, hashes - {None}, found.state._jobs)
    if jobs_file.damaged and snapshot is None:
        raise StoreUnavailable(
            f"{jobs_file.damaged}. There is no snapshot to rebuild it from: mend the file, or remove it to start empty"
        )
    state = found.state
    base = dict(state._jobs)
    rows, foreign = _read_rows(folder, found, changes)
    _keep_in_order(state, rows)
    for change in changes:
        apply(change, state)
        found.stale_jobs |= change.jobs.keys() | {row.job_id for row in change.rows.values() if row is not None}
        found.stale_rows |= change.rows.keys() - set(change.adopted)
        found.pruned |= {key for key, row in change.rows.items() if row is None}
        found.adopted |= set(change.adopted)
    _lose_strays(state, jobs_file)
    state.taken()
    if jobs_file.damaged or (snapshot is not None and not jobs_file.present):
        found.problems.append(f"{folder.jobs}: rebuilt from {folder.snapshot.name} and the log")
        found.stale_jobs |= state._jobs.keys()
    take_edits(found, base, foreign, known=jobs_file.sha in hashes, at=_changed_at(folder))
    found.problems = jobs_file.problems + found.problems
    found.behind = bool(
        found.stale_jobs or found.stale_rows or found.edits or changes or replay.damaged or snapshot is None
        or set(jobs_file.objects) - set(state._jobs)
    )  # fmt: skip
    return found


def _read_snapshot(folder: Folder, found: Loaded) -> dict[str, Any] | None:
    data = read_bytes(folder.snapshot)
    if data is None:
        return None
    state = found.state
    try:
        said: dict[str, Any] = unseal(data)
        if said["format"] > FORMAT:
            raise StoreTooNew(f"{folder.snapshot}: written by a newer release of agentcron; upgrade to open it")
        for record in said["jobs"]:
            job = read_job(record)
            state._jobs[job.id] = job
            state._specs[job.id, job.version] = job.spec
        for job_id, version, spec in said["versions"]:
            state._specs[job_id, version] = read_spec(spec)
        for record in said["rows"]:
            row = read_row(record)
            state._executions[row.id] = row
        state._tombstones.update({key: (name, instant(at)) for key, (name, at) in said["deleted"].items()})
        state._nodes.update({record["id"]: read_node(record) for record in said["nodes"]})
        state._processes.update(said["processes"])
        for key, step in read_steps(said.get("steps", {})).items():
            if step is not None:
                state._steps[key] = step
        state._holds.update({agent: instant(until) for agent, until in said.get("holds", {}).items()})
        for key, asked in read_inputs(said.get("inputs", {})).items():
            if asked is not None:
                state._inputs[key] = asked
        for key, letter in read_letters(said.get("letters", {})).items():
            if letter is not None:
                state._letters[key] = letter
        for key, at in read_told(said.get("told", {})).items():
            if at is not None:
                state._told_at[key] = at
        state._tally = read_tally(said["tally"])
        state._hours.update(read_hours(said.get("hours", {})))
        found.adopted = set(said["adopted"])
    except _BAD as error:
        found.state = Ahead()
        found.adopted = set()
        copy = set_aside(folder.snapshot, data)
        found.problems.append(
            f"{folder.snapshot} is damaged ({error}); {kept(copy)}; rebuilt from {folder.jobs.name}, "
            "the executions and the log: sums may differ, and slots that did not run are not listed"
        )
        return None
    return said


def _read_log(folder: Folder, found: Loaded) -> Replay:
    replay = read_log(folder.log)
    found.log_length = replay.length
    for line in replay.damaged:
        _damaged_line(folder, found, line, "the checksum differs")
    return replay


def _changes(folder: Folder, replay: Replay, found: Loaded) -> list[Change]:
    changes: list[Change] = []
    for said in replay.states:
        try:
            changes.extend(read_change(part) for part in (said if isinstance(said, list) else [said]))
        except _BAD as error:
            _damaged_line(folder, found, repr(said).encode(), str(error))
    return changes


def _damaged_line(folder: Folder, found: Loaded, line: bytes, why: str) -> None:
    copy = keep_entry(folder, "line", line)
    found.problems.append(f"{folder.log}: a line is damaged ({why}); {kept(copy)}")


def _read_rows(
    folder: Folder, found: Loaded, changes: list[Change]
) -> tuple[list[Execution], dict[str, list[dict[str, Any]]]]:
    """The rows of the execution files; and the objects, by job, that nobody has counted yet."""
    state, rows = found.state, []
    foreign: dict[str, list[dict[str, Any]]] = {}
    jobs = {**found.jobs_file.jobs, **state._jobs}
    jobs |= {key: job for change in changes for key, job in change.jobs.items() if job is not None}
    logged = {key for change in changes for key in change.rows}
    holders = {key: row.job_id for key, row in state._executions.items()}
    holders |= {key: row.job_id for change in changes for key, row in change.rows.items() if row is not None}
    try:
        paths = sorted(path for path in folder.executions.iterdir() if path.suffix == ".json")
    except FileNotFoundError:
        paths = []
    except OSError as error:
        raise explain(error, folder.executions) from error
    strays = 0
    for path in paths:
        data = read_bytes(path) or b""
        try:
            entry = parse(data)
            job_id = _job_of_file(path.stem, entry)
            key = _unique(job_id, entry["id"], holders, found.adopted)
            found.names[key] = path.name
            if key in holders or key in logged:
                continue
            if job_id not in jobs:
                strays += job_id not in state._tombstones
                continue
            row = execution_of(entry := {**entry, "id": key}, jobs[job_id])
        except _BAD as error:
            copy = keep_entry(folder, "execution", data)
            found.problems.append(f"{path}: is set aside: {error}; {kept(copy)}")
            continue
        holders[key] = job_id
        if entry.get(OWN) or row.id in found.adopted:
            rows.append(row)
        else:
            foreign.setdefault(job_id, []).append(entry)
    if strays:
        found.notes.append(f"{folder.executions}: {strays} files belong to no job; they are left as they are")
    return rows, foreign


def _unique(job_id: str, key: str, holders: Mapping[str, str], adopted: Collection[str]) -> str:
    """The id of an execution here, where ids are unique: another program may number the runs of each job."""
    longer = f"{job_id}-{key}"
    return longer if longer in adopted or longer in holders or holders.get(key, job_id) != job_id else key


def _job_of_file(stem: str, entry: Any) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        raise ValueError("it is no execution with an id")
    own = entry.get(OWN)
    if isinstance(own, dict) and isinstance(own.get("job"), str):
        return str(own["job"])
    job_id = entry.get("jobId")
    return job_id if isinstance(job_id, str) else stem.removesuffix(f"-{entry['id']}")


def _keep_in_order(state: Ahead, rows: list[Execution]) -> None:
    """What ended by its time, then what is open in the order of its line."""
    held = [*rows, *state._executions.values()]
    ended = sorted((row for row in held if row.final), key=lambda row: row.at)
    held = [*ended, *(row for row in held if not row.final)]
    state._executions.clear()
    for row in held:
        state._executions[row.id] = row
        state._history.setdefault(row.job_id, []).append(row.id)


def _lose_strays(state: Ahead, jobs_file: JobsFile) -> None:
    """Rows of jobs that are gone, and versions that no job has, cannot be shown."""
    for key, row in list(state._executions.items()):
        job = state._jobs.get(row.job_id)
        if job is None:
            if row.job_id not in jobs_file.jobs:
                del state._executions[key]
        elif (row.job_id, row.version) not in state._specs:
            state._executions[key] = row.evolve(version=job.version)
    for key in [key for key in state._history if key not in state._jobs and key not in jobs_file.jobs]:
        del state._history[key]


def _changed_at(folder: Folder) -> float | None:
    try:
        return folder.jobs.stat().st_mtime
    except OSError:
        return None
