"""How the folder's files follow the log: the original's files and the snapshot, rewritten whole.

A projection is gathered on the event loop's thread, as references to immutable records, and written on another one.
Its order makes every crash harmless: the hash of the new ``jobs.json`` is in the log before the file is in its place,
and the log is emptied last.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agentcron.domain.model import Execution, Job
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_spec
from agentcron.storage.inputs import inputs_record
from agentcron.storage.json_files.change import Change, hours_record, steps_record, tally_record
from agentcron.storage.json_files.files import (
    Folder,
    encode,
    execution_name,
    flush_folder,
    longer_name,
    parse,
    read_bytes,
    set_aside,
    write_whole,
)
from agentcron.storage.json_files.jobs_file import assemble, indented
from agentcron.storage.json_files.loading import FORMAT, Loaded
from agentcron.storage.json_files.log import Log, seal
from agentcron.storage.letters import letters_record, told_record
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.original import INLINE, KNOWN, execution_object, job_object, says_upper
from agentcron.storage.records import job_record, node_record, row_record

_SEPARATOR: Final = ","


@dataclass(slots=True)
class Work:
    """What is to be written, as it was at one moment."""

    jobs: list[Job]
    changed: list[tuple[Job, list[Execution]]]
    rows: list[tuple[Execution, str]]
    gone: list[str]
    versions: list[tuple[str, int, JobSpec]]
    special: list[Execution]
    rest: dict[str, Any]
    lines: int


class Projection:
    """The files as they are, and what they lack."""

    def __init__(self, folder: Folder, found: Loaded) -> None:
        self._folder = folder
        self._shape = found.jobs_file.shape
        self._objects = dict(found.jobs_file.objects)
        self._texts: dict[str, str] = {}
        self._records: dict[str, tuple[Job, str]] = {}
        self._names = dict(found.names)
        self._used = set(found.names.values())
        self._sha = found.jobs_file.sha
        self._fresh = not found.jobs_file.present
        self.stale_jobs = set(found.stale_jobs)
        self.stale_rows = set(found.stale_rows)
        self.behind = found.behind
        self.problems: list[str] = []

    def note(self, change: Change) -> None:
        """Something changed: its files lack it."""
        self.behind = True
        self.stale_jobs |= change.jobs.keys()
        self.stale_jobs |= {row.job_id for row in change.rows.values() if row is not None}
        self.stale_rows |= change.rows.keys()

    def found(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The jobs' objects as they are written, and the executions' file names."""
        return dict(self._objects), dict(self._names)

    def gather(self, state: MemoryStorage, adopted: Iterable[str], lines: int) -> Work:
        """What is to be written now. Nothing is stale afterwards, unless ``failed`` says so."""
        work = Work(
            jobs=list(state._jobs.values()),
            changed=[(state._jobs[key], _newest(state, key)) for key in self.stale_jobs if key in state._jobs],
            rows=[],
            gone=[],
            versions=[(key, n, spec) for (key, n), spec in state._specs.items() if state._jobs[key].version != n],
            special=[row for row in state._executions.values() if not row.final or row.status not in KNOWN],
            rest={
                "deleted": {key: [name, at.isoformat()] for key, (name, at) in state._tombstones.items()},
                "nodes": [node_record(node) for node in state._nodes.values()],
                "processes": dict(state._processes),
                "steps": steps_record(state._steps),
                "holds": {agent: until.isoformat() for agent, until in state._holds.items()},
                "inputs": inputs_record(state._inputs),
                "letters": letters_record(state._letters),
                "told": told_record(state._told_at),
                "tally": tally_record(state._tally),
                "hours": hours_record(state._hours),
                "adopted": [key for key in adopted if key in state._executions],
            },
            lines=lines,
        )
        for key in self.stale_rows:
            row = state._executions.get(key)
            if row is not None and row.status in KNOWN:
                work.rows.append((row, state._specs[row.job_id, row.version].prompt))
            else:
                work.gone.append(key)
        self.stale_jobs, self.stale_rows, self.behind = set(), set(), False
        return work

    def failed(self, work: Work) -> None:
        """The work was not written whole: all of it is stale again."""
        self.behind = True
        # A removed job is in none of the lists below: jobs.json is compared as a whole.
        self._fresh = True
        self.stale_jobs |= {job.id for job, _ in work.changed}
        self.stale_rows |= {row.id for row, _ in work.rows} | set(work.gone)

    def write(self, work: Work, log: Log) -> None:
        """Write it. Raises ``OSError`` and ``StoreUnavailable``; what is in the log stays there then."""
        self._write_rows(work)
        self._write_jobs(work, log)
        self._write_snapshot(work)
        flush_folder(self._folder.path)
        log.empty(work.lines)

    def _write_rows(self, work: Work) -> None:
        folder = self._folder.executions
        if not work.rows and not work.gone:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        for row, prompt in work.rows:
            name = self._names.get(row.id) or self._free_name(row)
            found = _object_in(folder / name)
            entry = self._objects.get(row.job_id, {})
            upper = says_upper(entry) if "status" in entry else self._shape.upper
            written = execution_object(row, prompt, found, upper=upper)
            if written != found:
                write_whole(folder / name, (encode(written) + "\n").encode())
            self._names[row.id] = name
            self._used.add(name)
        for key in work.gone:
            name = self._names.get(key, "")
            if name:
                with contextlib.suppress(FileNotFoundError):
                    (folder / name).unlink()
                del self._names[key]
                self._used.discard(name)
        flush_folder(folder)

    def _free_name(self, row: Execution) -> str:
        name = execution_name(row.job_id, row.id)
        return longer_name(row.job_id, row.id) if name in self._used else name

    def _write_jobs(self, work: Work, log: Log) -> None:
        for job, history in work.changed:
            found = self._objects.get(job.id)
            self._objects[job.id] = job_object(job, history, found, upper=self._shape.upper)
            self._texts.pop(job.id, None)
        texts = []
        for job in work.jobs:
            text = self._texts.get(job.id)
            if text is None:
                found = self._objects.get(job.id)
                if found is None:
                    found = self._objects[job.id] = job_object(job, [], upper=self._shape.upper)
                text = self._texts[job.id] = indented(found)
            texts.append((job.id, text))
        kept = {job.id for job in work.jobs}
        removed = [key for key in self._objects if key not in kept]
        for key in removed:
            del self._objects[key]
            self._texts.pop(key, None)
        if not work.changed and not removed and not self._fresh:
            return
        data = assemble(texts, self._shape)
        sha = hashlib.sha256(data).hexdigest()
        if sha == self._sha:
            return
        self._keep_edited()
        log.append(Change(jobs_json=sha).text(), counts=False)
        write_whole(self._folder.jobs, data)
        flush_folder(self._folder.path)
        self._sha, self._fresh = sha, False

    def _keep_edited(self) -> None:
        """An edit made while this process writes cannot be taken; its bytes are kept."""
        data = read_bytes(self._folder.jobs)
        if data is not None and hashlib.sha256(data).hexdigest() != self._sha:
            copy = set_aside(self._folder.jobs, data, "edited")
            self.problems.append(
                f"{self._folder.jobs}: was changed by another program while this one writes it; what it held is kept "
                f"in {copy}: stop the scheduler before editing"
            )

    def _write_snapshot(self, work: Work) -> None:
        records = []
        for job in work.jobs:
            known = self._records.get(job.id)
            if known is None or known[0] is not job:
                known = self._records[job.id] = (job, encode(job_record(job), indent=None))
            records.append(known[1])
        if len(self._records) > len(work.jobs):
            kept = {job.id for job in work.jobs}
            self._records = {key: value for key, value in self._records.items() if key in kept}
        rest: Mapping[str, Any] = {
            "format": FORMAT,
            "jobs_json": self._sha,
            "versions": [[key, number, write_spec(spec)] for key, number, spec in work.versions],
            "rows": [row_record(row) for row in work.special],
            **work.rest,
        }
        text = encode(rest, indent=None)
        body = f'{text[:-1]},"jobs":[{_SEPARATOR.join(records)}]}}'
        write_whole(self._folder.snapshot, seal(body).encode())


def _newest(state: MemoryStorage, job_id: str) -> list[Execution]:
    """The job's newest rows that the original has a status for, oldest first, each with its prompt."""
    rows: list[Execution] = []
    for key in reversed(state._history.get(job_id, [])):
        row = state._executions[key]
        if row.status in KNOWN:
            prompt = row.prompt or state._specs[row.job_id, row.version].prompt
            rows.append(row if row.prompt else row.evolve(prompt=prompt))
            if len(rows) == INLINE:
                break
    return rows[::-1]


def _object_in(path: Path) -> dict[str, Any] | None:
    data = read_bytes(path)
    try:
        value = parse(data) if data else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
