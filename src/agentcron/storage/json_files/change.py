"""What one change did to the records, and how it is put on top of another copy of them.

The store keeps two copies that share their immutable records: one holds what is durable and is read, the other runs
ahead. A change is made ahead, written down, and only then put on top of the durable one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from agentcron.domain.inputs import Input
from agentcron.domain.letters import Letter
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import Node
from agentcron.domain.spending import Amount
from agentcron.journal import Step
from agentcron.storage.inputs import inputs_record, read_inputs
from agentcron.storage.json_files.files import encode
from agentcron.storage.letters import letters_record, read_letters, read_told, told_record
from agentcron.storage.memory import MemoryStorage, Tally
from agentcron.storage.records import (
    instant,
    job_record,
    node_record,
    read_job,
    read_node,
    read_row,
    read_totals,
    row_record,
)

V = TypeVar("V")


@dataclass(slots=True)
class Change:
    """What the records named here are now; None is gone. ``jobs_json`` is the hash of a projection to come."""

    jobs: dict[str, Job | None] = field(default_factory=dict)
    rows: dict[str, Execution | None] = field(default_factory=dict)
    deleted: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    processes: dict[str, str | None] = field(default_factory=dict)
    steps: dict[str, Step | None] = field(default_factory=dict)
    hours: dict[str, Amount] = field(default_factory=dict)
    holds: dict[str, datetime] = field(default_factory=dict)
    inputs: dict[str, Input | None] = field(default_factory=dict)
    letters: dict[str, Letter | None] = field(default_factory=dict)
    told: dict[str, datetime | None] = field(default_factory=dict)
    tally: Tally | None = None
    adopted: tuple[str, ...] = ()
    jobs_json: str | None = None

    def text(self) -> str:
        """The change as JSON."""
        said: dict[str, Any] = {}
        if self.jobs:
            said["jobs"] = {key: job_record(job) if job is not None else None for key, job in self.jobs.items()}
        if self.rows:
            said["rows"] = {key: row_record(row) if row is not None else None for key, row in self.rows.items()}
        if self.deleted:
            said["deleted"] = {key: [name, at.isoformat()] for key, (name, at) in self.deleted.items()}
        if self.nodes:
            said["nodes"] = {key: node_record(node) for key, node in self.nodes.items()}
        if self.processes:
            said["processes"] = self.processes
        if self.steps:
            said["steps"] = steps_record(self.steps)
        if self.hours:
            said["hours"] = hours_record(self.hours)
        if self.holds:
            said["holds"] = {agent: until.isoformat() for agent, until in self.holds.items()}
        if self.inputs:
            said["inputs"] = inputs_record(self.inputs)
        if self.letters:
            said["letters"] = letters_record(self.letters)
        if self.told:
            said["told"] = told_record(self.told)
        if self.tally is not None:
            said["tally"] = tally_record(self.tally)
        if self.adopted:
            said["adopted"] = list(self.adopted)
        if self.jobs_json is not None:
            said["jobs_json"] = self.jobs_json
        return encode(said, indent=None)


def read_change(said: Mapping[str, Any]) -> Change:
    """The change again. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    return Change(
        jobs={key: read_job(part) if part is not None else None for key, part in said.get("jobs", {}).items()},
        rows={key: read_row(part) if part is not None else None for key, part in said.get("rows", {}).items()},
        deleted={key: (name, instant(at)) for key, (name, at) in said.get("deleted", {}).items()},
        nodes={key: read_node(part) for key, part in said.get("nodes", {}).items()},
        processes=dict(said.get("processes", {})),
        steps=read_steps(said.get("steps", {})),
        hours=read_hours(said.get("hours", {})),
        holds={agent: instant(until) for agent, until in said.get("holds", {}).items()},
        inputs=read_inputs(said.get("inputs", {})),
        letters=read_letters(said.get("letters", {})),
        told=read_told(said.get("told", {})),
        tally=read_tally(said["tally"]) if "tally" in said else None,
        adopted=tuple(said.get("adopted", ())),
        jobs_json=said.get("jobs_json"),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that was made ahead, its line, and who waits for it; a caller with no change waits for those before."""

    change: Change | None
    text: str
    done: asyncio.Future[None]


def apply(change: Change, to: MemoryStorage) -> None:
    """Put the change on top of what ``to`` holds."""
    for key, job in change.jobs.items():
        if job is None:
            to._jobs.pop(key, None)
            to._history.pop(key, None)
            for version in [pair for pair in to._specs if pair[0] == key]:
                del to._specs[version]
        else:
            to._jobs[key] = job
            to._specs.setdefault((key, job.version), job.spec)
    shorter: set[str] = set()
    for key, row in change.rows.items():
        if row is None:
            gone = to._executions.pop(key, None)
            shorter |= {gone.job_id} if gone is not None else set()
        else:
            if key not in to._executions:
                to._history.setdefault(row.job_id, []).append(key)
            to._executions[key] = row
    for job_id in shorter & to._history.keys():
        to._history[job_id] = [key for key in to._history[job_id] if key in to._executions]
    to._tombstones.update(change.deleted)
    to._nodes.update(change.nodes)
    _put(change.processes, to._processes)
    to._holds.update(change.holds)
    _put(change.steps, to._steps)
    _put(change.inputs, to._inputs)
    _put(change.letters, to._letters)
    _put(change.told, to._told_at)
    to._hours.update(change.hours)
    if change.tally is not None:
        to._tally = change.tally.copy()


def _put(changed: Mapping[str, V | None], to: dict[str, V]) -> None:
    for key, value in changed.items():
        if value is None:
            to.pop(key, None)
        else:
            to[key] = value


def copy(of: MemoryStorage, to: MemoryStorage) -> None:
    """Make ``to`` hold what ``of`` holds; the records are shared."""
    to._jobs, to._specs = dict(of._jobs), dict(of._specs)
    to._executions, to._history = dict(of._executions), {key: list(rows) for key, rows in of._history.items()}
    to._processes, to._tombstones = dict(of._processes), dict(of._tombstones)
    to._steps, to._holds, to._inputs = dict(of._steps), dict(of._holds), dict(of._inputs)
    to._letters, to._told_at = dict(of._letters), dict(of._told_at)
    to._nodes, to._tally, to._hours = dict(of._nodes), of._tally.copy(), dict(of._hours)


class _Noting(dict[str, V], Generic[V]):
    """A dictionary that notes which keys were touched."""

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        super().__init__(items)
        self.touched: dict[str, None] = {}

    def __setitem__(self, key: str, value: V) -> None:
        self.touched[key] = None
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.touched[key] = None
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        if key in self:
            self.touched[key] = None
        return super().pop(key, *default)

    def taken(self) -> dict[str, V | None]:
        """The touched keys with what they are now; nothing is touched afterwards."""
        found = {key: self.get(key) for key in self.touched}
        self.touched = {}
        return found


class Ahead(MemoryStorage):
    """The copy that runs ahead of the disk."""

    _jobs: _Noting[Job]
    _executions: _Noting[Execution]
    _tombstones: _Noting[tuple[str, datetime]]
    _nodes: _Noting[Node]
    _processes: _Noting[str]
    _steps: _Noting[Step]
    _hours: _Noting[Amount]
    _holds: _Noting[datetime]
    _inputs: _Noting[Input]
    _letters: _Noting[Letter]
    _told_at: _Noting[datetime]

    def __init__(self, of: MemoryStorage | None = None) -> None:
        super().__init__()
        of = of or self
        self._jobs = _Noting(of._jobs)
        self._executions = _Noting(of._executions)
        self._tombstones = _Noting(of._tombstones)
        self._nodes = _Noting(of._nodes)
        self._processes = _Noting(of._processes)
        self._steps = _Noting(of._steps)
        self._hours = _Noting(of._hours)
        self._holds = _Noting(of._holds)
        self._inputs = _Noting(of._inputs)
        self._letters = _Noting(of._letters)
        self._told_at = _Noting(of._told_at)
        self._specs = dict(of._specs)
        self._history = {key: list(rows) for key, rows in of._history.items()}
        self._tally = of._tally.copy()
        self._counted = self._tally.copy()

    def taken(self) -> Change | None:
        """What was changed since the last asking; None where nothing was."""
        change = Change(
            jobs=self._jobs.taken(),
            rows=self._executions.taken(),
            deleted={key: value for key, value in self._tombstones.taken().items() if value is not None},
            nodes={key: value for key, value in self._nodes.taken().items() if value is not None},
            processes=self._processes.taken(),
            steps=self._steps.taken(),
            hours={key: value for key, value in self._hours.taken().items() if value is not None},
            holds={key: value for key, value in self._holds.taken().items() if value is not None},
            inputs=self._inputs.taken(),
            letters=self._letters.taken(),
            told=self._told_at.taken(),
        )
        if self._tally != self._counted:
            change.tally = self._counted = self._tally.copy()
        parts = (
            change.jobs,
            change.rows,
            change.deleted,
            change.nodes,
            change.processes,
            change.steps,
            change.holds,
            change.inputs,
            change.letters,
            change.told,
        )
        return change if any(parts) or change.tally is not None else None


def steps_record(steps: Mapping[str, Step | None]) -> dict[str, list[Any] | None]:
    return {key: None if step is None else [step.n, step.name, step.result] for key, step in steps.items()}


def read_steps(said: Mapping[str, Any]) -> dict[str, Step | None]:
    """The steps again. Raises ``ValueError`` or ``TypeError``."""
    found: dict[str, Step | None] = {}
    for key, part in said.items():
        n, name, result = part if part is not None else (0, "", None)
        found[key] = None if part is None else Step(n=int(n), name=name, result=result)
    return found


def hours_record(hours: Mapping[str, Amount]) -> dict[str, Any]:
    return {key: [used.runs, used.tokens, str(used.cost_usd)] for key, used in hours.items()}


def read_hours(said: Mapping[str, Any]) -> dict[str, Amount]:
    """What was spent in each hour again. Raises ``ValueError`` or ``TypeError``."""
    return {key: Amount(runs=runs, tokens=tokens, cost_usd=Decimal(cost)) for key, (runs, tokens, cost) in said.items()}


def tally_record(tally: Tally) -> dict[str, Any]:
    return {
        "ended": {status.value: count for status, count in tally.ended.items()},
        "buckets": {str(bucket): count for bucket, count in tally.buckets.items()},
        "tokens": tally.tokens,
        "cost": str(tally.cost),
        "duration": tally.duration // tally.duration.resolution,
    }


def read_tally(record: Mapping[str, Any]) -> Tally:
    """The sums again. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
    sums = read_totals({"cost_usd": record["cost"], "duration": record["duration"]})
    return Tally(
        ended={ExecutionStatus(name): int(count) for name, count in record["ended"].items()},
        buckets={int(bucket): int(count) for bucket, count in record["buckets"].items()},
        tokens=int(record["tokens"]),
        cost=Decimal(sums.cost_usd),
        duration=sums.duration,
    )
