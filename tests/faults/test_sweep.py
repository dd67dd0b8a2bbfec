"""Each single write, flush and rename of a store fails in turn; each time the same is asked of it.

The error names the place and what to do, what was acknowledged is still read, nothing of a refused change is there, the
next change is written once the disk works again, and a store that is opened afterwards has all of it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import ExecutionFilters, JobFilters, SqliteStorage, StorageFsPlugin, StoreUnavailable
from agentcron.domain import changes
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import AgentOutcome, Done
from agentcron.domain.planner import plan
from agentcron.domain.queries import Node
from agentcron.domain.settling import settle
from agentcron.domain.spec_fields import read_spec
from agentcron.ports import JobStore
from tests.faults.faults import Faults, faulty_files
from tests.faults.sqlite_faults import AVAILABLE, faulty_sqlite

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROUNDS = 2
SPARED = 3
# So many calls the little history takes at least, whatever is written beside it.
SURE = {"write": 12, "fsync": 20, "rename": 3}


@dataclass
class Known:
    """What the store has acknowledged."""

    jobs: dict[str, int] = field(default_factory=dict)  # revision
    runs: dict[str, str] = field(default_factory=dict)  # result
    refused: int = 0


@dataclass
class Work:
    """The same little history on any store: jobs made, run, and their answers kept."""

    store: JobStore
    faults: Faults
    known: Known = field(default_factory=Known)
    open: bool = False
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def insist(self, change: Callable[[], Any], place: str) -> Any:
        """Make the change; refused, look at what is there, mend the disk, and make it again."""
        try:
            return await change()
        except StoreUnavailable as error:
            self.known.refused += 1
            assert_told(str(error), place)
            if self.open:
                await self.look()
            with contextlib.suppress(StoreUnavailable):
                # Still failing, or already past the one call that failed: either way nothing half.
                answer = await change()
                await self.look_at_most_more()
                return answer
            self.faults.mend()
            return await change()

    async def look(self) -> None:
        """Everything that was acknowledged is read, and nothing else."""
        jobs = (await self.store.list_jobs(JobFilters())).items
        assert {job.id: job.revision for job in jobs} == self.known.jobs
        rows = (await self.store.list_executions(ExecutionFilters(), 1000)).items
        ended = {row.id: row.result for row in rows if row.final}
        assert ended == self.known.runs

    async def look_at_most_more(self) -> None:
        if not self.open:
            return
        jobs = (await self.store.list_jobs(JobFilters())).items
        assert {job.id for job in jobs} >= self.known.jobs.keys()

    async def run(self, place: str) -> None:
        await self.insist(lambda: self.store.join(_node()), place)
        for number in range(ROUNDS):
            await self.round(number, place)

    async def round(self, number: int, place: str) -> None:
        made = changes.create(
            read_spec({"name": f"job {number}", "prompt": "look " * 400, "schedule": "every 1m"}), f"job{number}", NOW
        )
        assert made.job_after is not None
        assert await self.insist(lambda: self.store.commit([made]), place) == [True]
        self.known.jobs[made.job_id] = made.job_after.revision
        job = await self.read(made.job_id)
        due = plan(job, NOW + MINUTE, self.new_id)
        assert due is not None
        assert due.job_after is not None
        assert await self.insist(lambda: self.store.commit([due]), place) == [True]
        self.known.jobs[job.id] = due.job_after.revision
        [row] = await self.insist(lambda: self.claim(due.rows[0]), place)
        done = settle(row, Done(answer=AgentOutcome(output=f"answer {number} " * 300)), NOW + MINUTE, job.spec)
        assert await self.insist(lambda: self.settled(done), place) == [True]
        self.known.runs[row.id] = f"answer {number} " * 300

    async def claim(self, row: Execution) -> list[Execution]:
        return await self.store.claim("me", NOW + MINUTE, 1, ids=[row.id], begin=True)

    async def settled(self, settlement: Any) -> list[bool]:
        return await self.store.settle([settlement])

    async def read(self, job_id: str) -> Job:
        job = await self.store.get_job(job_id)
        assert job is not None
        return job

    def new_id(self) -> str:
        return f"{next(self.ids):026x}"


def assert_told(message: str, place: str) -> None:
    """The place, what is wrong, and something to do."""
    assert message.startswith(place), message
    assert re.search(r"free some space|check|restore", message), message
    assert "\n" not in message


def _node() -> Node:
    return Node(id="me", host="here", pid=1, version="0", started_at=NOW, seen_at=NOW)


def sqlite_store(folder: Path) -> SqliteStorage:
    return SqliteStorage(folder / "s.sqlite")


def json_store(folder: Path) -> StorageFsPlugin:
    return StorageFsPlugin(folder)


STORES = {
    "sqlite": (sqlite_store, faulty_sqlite, ("write", "fsync")),
    "json": (json_store, faulty_files, ("write", "fsync", "rename")),
}


async def once(kind: str, folder: Path, faults: Faults) -> Work:
    """The whole history on a new store under these faults, and the look at the store that is opened afterwards."""
    make, _, _ = STORES[kind]
    store = make(folder)
    work = Work(store, faults)
    try:
        await work.insist(store.open, str(folder))
        work.open = True
        await work.run(str(folder))
        await work.look()
    finally:
        await store.close()
    faults.mend()
    again = make(folder)
    await again.open()
    work.store = again
    try:
        await work.look()
        if isinstance(again, StorageFsPlugin):
            assert again.problems == []
    finally:
        await again.close()
    if kind == "sqlite":
        with contextlib.closing(sqlite3.connect(folder / "s.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return work


@pytest.mark.parametrize(
    ("code", "lasting"), [(errno.EIO, False), (errno.ENOSPC, True)], ids=["EIO once", "ENOSPC from then on"]
)
@pytest.mark.parametrize(("kind", "call"), [(kind, call) for kind in STORES for call in STORES[kind][2]])
async def test_every_single_call_may_fail(kind: str, call: str, code: int, lasting: bool, fast_path: Path) -> None:
    if kind == "sqlite" and not AVAILABLE:
        pytest.skip("the module sqlite3 of this Python has SQLite built in: its calls cannot be reached")
    faults = Faults()
    with STORES[kind][1](faults):
        (fast_path / "0").mkdir()
        await once(kind, fast_path / "0", faults)
        calls = faults.counts[call]
        refused = fired = number = spared = 0
        # The folder's files are written beside the changes, so that the number of calls differs from run to run, by as
        # much as the machine is busy: the places are over when several runs did not come so far.
        while spared < SPARED:
            number += 1
            folder = fast_path / str(number)
            folder.mkdir()
            faults.arm(call, number, code, lasting=lasting)
            try:
                work = await once(kind, folder, faults)
            except BaseException:
                print(f"{kind}: {call} number {number} of {calls} failed with {errno.errorcode[code]}")  # noqa: T201
                raise
            refused += work.known.refused
            fired += faults.fired > 0
            spared = 0 if faults.fired else spared + 1
            shutil.rmtree(folder)
    print(f"\n{kind}, {call}, {errno.errorcode[code]}: {fired} places failed, {refused} changes refused")  # noqa: T201
    assert fired >= SURE[call]
    assert refused > ROUNDS or call == "rename"
