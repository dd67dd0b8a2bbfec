"""What a store must hold after all the kills, told from the notes of those who used it. Pure, and it knows no store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job

SECOND = timedelta(seconds=1)
Note = Mapping[str, Any]
_E = ExecutionStatus
# Nothing in these lives fails by itself: whatever else a row says is wrong.
_ENDS = {
    (_E.SUCCESS, None), (_E.INCOMPLETE, "lost"), (_E.INCOMPLETE, "canceled"), (_E.SKIPPED, "overlap"),
    (_E.SKIPPED, "paused"), (_E.SKIPPED, "canceled"),
}  # fmt: skip
# The judge's findings, and how they are told.
PROMISES = {
    "lost_writes": "lost acknowledged writes",
    "double_starts": "attempts started twice",
    "slots": "slots without exactly one row",
    "left_open": "rows left open",
    "changed": "final rows changed",
    "untrue": "untrue",
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The ledger as a reader sees it, and what was noted beside it.

    ``writes`` hold each change twice: when it was asked for, and with ``answer`` when it was acknowledged. ``starts``
    are the agents' own lines, ``seen`` the jobs' states before the drain, ``finals`` what the store has called final,
    ``errors`` what was logged as an error. ``until`` is the instant up to which the drain accounted for every slot.
    """

    jobs: Sequence[Job]
    rows: Mapping[str, Sequence[Execution]]
    ticking: Iterable[str]
    writes: Sequence[Note]
    starts: Sequence[Note]
    seen: Sequence[Note]
    finals: Sequence[Note]
    errors: Sequence[str]
    until: datetime


@dataclass
class Verdict:
    """What was found, by the promise that it breaks, and how much was looked at."""

    lost_writes: list[str] = field(default_factory=list)
    double_starts: list[str] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)

    def add(self, other: Verdict) -> None:
        """Take in what was found on another store."""
        for promise in PROMISES:
            getattr(self, promise).extend(getattr(other, promise))
        self.looked_at.update(other.looked_at)

    @property
    def problems(self) -> list[str]:
        return [f"{promise}: {told}" for promise in PROMISES for told in getattr(self, promise)]

    def __str__(self) -> str:
        looked = ", ".join(f"{count} {name}" for name, count in sorted(self.looked_at.items()))
        found = ", ".join(f"{len(getattr(self, promise))} {words}" for promise, words in PROMISES.items())
        return f"{looked}; {found}"


def judge(evidence: Evidence) -> Verdict:
    """Hold the ledger, the agents' log and the acknowledged writes against each other."""
    verdict = Verdict()
    _judge_writes(evidence, verdict)
    _judge_starts(evidence, verdict)
    _judge_slots(evidence, verdict)
    _judge_rows(evidence, verdict)
    verdict.untrue += [f"an error was logged: {line}" for line in evidence.errors]
    return verdict


def _judge_writes(evidence: Evidence, verdict: Verdict) -> None:
    """An acknowledged change holds unless a later one was made; one that was only asked for may hold or not."""
    jobs = {job.id: job for job in evidence.jobs}
    by_name = {job.name: job.id for job in evidence.jobs}
    if len(by_name) < len(jobs):
        verdict.lost_writes.append("a job is there twice")
    may_be: dict[str, dict[str, set[Any]]] = defaultdict(lambda: {"prompt": {"0"}, "state": {JobState.ACTIVE}})
    gone: set[str] = set()
    maybe_gone: set[str] = set()
    created: set[str] = set()
    manual: dict[str, set[str]] = defaultdict(set)
    for note in evidence.writes:
        told = "answer" in note
        verdict.looked_at["acknowledged writes"] += told
        job_id = note["job"] if "job" in note else by_name.get(note["name"], "")
        values = {
            "edit": ("prompt", str(note["number"])),
            "pause": ("state", JobState.PAUSED),
            "resume": ("state", JobState.ACTIVE),
        }
        if told and note["answer"] is False:
            verdict.lost_writes.append(f"refused: {note}")
        elif note["change"] == "create" and told:
            created.add(note["answer"])
        elif note["change"] == "delete":
            (gone if told else maybe_gone).add(job_id)
        elif note["change"] == "run" and told:
            manual[job_id].add(note["answer"])
        elif note["change"] in values:
            name, value = values[note["change"]]
            may_be[job_id][name] = {value} if told else may_be[job_id][name] | {value}
    for job_id in created | set(jobs):
        if job_id in jobs and job_id in gone:
            verdict.lost_writes.append(f"{job_id} was deleted and is there")
        elif job_id in jobs:
            if jobs[job_id].prompt not in may_be[job_id]["prompt"]:
                verdict.lost_writes.append(f"{job_id} was edited to {may_be[job_id]}, it says {jobs[job_id].prompt}")
            missing = manual[job_id] - {row.id for row in evidence.rows[job_id]}
            verdict.lost_writes += [f"the run {run} of {job_id} is gone" for run in missing]
        elif job_id not in gone | maybe_gone:
            verdict.lost_writes.append(f"{job_id} was created and is gone")
    for note in evidence.seen:
        if note["state"] not in may_be[note["job"]]["state"]:
            verdict.lost_writes.append(f"{note['job']} was {note['state']}, it must be {may_be[note['job']]}")
    for job in evidence.jobs:
        if job.state is not JobState.PAUSED:
            verdict.lost_writes.append(f"{job.name} is {job.state} after the drain paused it")


def _judge_starts(evidence: Evidence, verdict: Verdict) -> None:
    """No attempt begins twice; what began has a row, and what succeeded began."""
    rows = {row.id: row for found in evidence.rows.values() for row in found}
    ids = {job.id for job in evidence.jobs}
    starts = Counter((start["execution"], start["attempt"]) for start in evidence.starts)
    verdict.looked_at["starts"] = len(evidence.starts)
    verdict.double_starts += [f"{key} began {count} times" for key, count in starts.items() if count > 1]
    slots = Counter(start["key"] for start in evidence.starts if start["execution"] in rows and start["attempt"] == 1)
    verdict.double_starts += [f"{key} began {count} times" for key, count in slots.items() if count > 1]
    for start in evidence.starts:
        row = rows.get(start["execution"])
        if row is None:
            if start["job"] in ids:
                verdict.slots.append(f"{start['execution']} began and has no row")
        elif start["attempt"] > row.attempt or not row.ran or row.idempotency_key != start["key"]:
            verdict.untrue.append(f"{start} began, its row says {row.status} at attempt {row.attempt}")
    for row in rows.values():
        if row.status is _E.SUCCESS and (row.id, row.attempt) not in starts:
            verdict.untrue.append(f"{row.id} is a success, no agent began attempt {row.attempt}")


def _judge_slots(evidence: Evidence, verdict: Verdict) -> None:
    """Every second of a ticking job's life, up to where its calendar stands, is in exactly one row or range."""
    for job in evidence.jobs:
        if job.name not in evidence.ticking:
            continue
        first = job.created + SECOND
        if job.cron_expression is not None:
            first = first.replace(microsecond=0)
        if job.next_slot is None or job.next_slot < evidence.until:
            verdict.slots.append(f"{job.name} stands at {job.next_slot}, it was accounted for until {evidence.until}")
            continue
        wanted = Counter({first + n * SECOND: 1 for n in range((job.next_slot - first) // SECOND)})
        found: Counter[datetime] = Counter()
        for row in evidence.rows[job.id]:
            if not row.manual:
                last = row.last_at or row.at
                covered = [row.at + n * SECOND for n in range((last - row.at) // SECOND + 1)]
                found.update(covered)
                if len(covered) != row.slots:
                    verdict.slots.append(f"{job.name}: {row.id} counts {row.slots} slots, it spans {len(covered)}")
        verdict.looked_at["slots"] += len(wanted)
        verdict.slots += [f"{job.name}: {slot} has no row" for slot in wanted - found]
        verdict.slots += [f"{job.name}: {slot} has a row too many" for slot in found - wanted]


def _judge_rows(evidence: Evidence, verdict: Verdict) -> None:
    """Nothing is left open, what was final has stayed as it was, and the job's sums are those of its rows."""
    final: dict[str, Note] = {}
    for note in evidence.finals:
        if final.setdefault(note["id"], note) != note:
            verdict.changed.append(f"{final[note['id']]} became {note}")
    for job in evidence.jobs:
        rows = evidence.rows[job.id]
        verdict.looked_at["rows"] += len(rows)
        verdict.left_open += [f"{job.name}: {row.id} is {row.status}" for row in rows if not row.final]
        if job.open or job.running:
            verdict.left_open.append(f"{job.name} says that {job.open} are open and {job.running} run")
        counted: Counter[str] = Counter()
        for row in rows:
            counted[row.status.lower()] += row.slots
            noted = final.pop(row.id, None)
            if noted is not None:
                mine = {"status": row.status, "reason": row.reason, "attempt": row.attempt, "slots": row.slots}
                verdict.looked_at["finals"] += 1
                if any(noted[name] != value for name, value in mine.items()):
                    verdict.changed.append(f"{noted} is {mine}")
            if row.final and (row.status, row.reason) not in _ENDS:
                verdict.untrue.append(f"{job.name}: {row.id} ended as {row.status} ({row.reason}): {row.error}")
        sums = {status.lower(): getattr(job.totals, status.lower()) for status in _E if status.lower() in _SUMS}
        if any(sums[name] != counted[name] for name in sums):
            verdict.untrue.append(f"{job.name} sums up {sums}, its rows {dict(counted)}")
    ids = {job.id for job in evidence.jobs}
    verdict.slots += [f"{note} was final and has no row" for note in final.values() if note["job"] in ids]


_SUMS = ("success", "failure", "incomplete", "error", "skipped", "missed")
