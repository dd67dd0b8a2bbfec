"""What an operation on the SQLite file costs, in figures that no machine changes: plans, instructions, commits."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import ExecutionFilters, ExecutionStatus, JobFilters, SqliteStorage
from agentcron.domain import changes
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import JobOrder, Node
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.sqlite import connection as sqlite_connection
from agentcron.testing import create_test_environment

Say = Callable[[str], None]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SQL = sorted((Path(sqlite_connection.__file__).parent / "sql").glob("*.sql"))
# Reads that go through a whole table on purpose, and what keeps that table small or the read rare.
WHOLE_TABLE = {
    "inputs_latest": "read from its end, as far as the page is long; runs that ask are few",
    "jobs_tags": "beside the event loop, for a person; of a job without tags nothing but its spec's text is looked at",
    "jobs_clear": "all of them are removed",
    "letters_count": "asked for by a person; what was sent is pruned with the history",
    "letters_due": "what waits is alone in the index",
    "letters_waiting": "what waits is alone in the index",
    "prune_old_letters": "the oldest thousand alone",
    "nodes_list": "one row for each start of a scheduler, at most 1000 are shown",
    "statistics_gated": "each job with runs that a gate spared is added up, and only those are in the index",
    "statistics_jobs": "one row for each of four states, beside the runs that are under way",
}


def schema() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for number in range(len(sqlite_connection.migrations())):
        for part in sqlite_connection.migrations()[number].split(";\n\n"):
            connection.execute(part)
    return connection


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_no_statement_goes_through_all_jobs_or_executions(path: Path) -> None:
    text = path.read_text()
    names = set(re.findall(r"(?<![:\w]):(\w+)", text))
    numbered = {int(number) for number in re.findall(r"\?(\d+)", text)}
    values: Any = dict.fromkeys(names, "[1]") if names else [1] * (max(numbered) if numbered else text.count("?"))
    connection = schema()
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    connection.close()
    # A list handed over as JSON or as values is what the caller asked for, a subquery has a plan of its own, and the
    # priorities of what waits are few.
    no_table = ("json_each", "VIRTUAL TABLE", "CONSTANT", "(subquery", "SCAN waiting", "SCAN given")
    scans = [step for step in plan if step.startswith("SCAN") and not any(word in step for word in no_table)]
    assert bool(scans) == (path.stem in WHOLE_TABLE), plan


# --- instructions -------------------------------------------------------------------------------------------------


@contextmanager
def instructions(store: SqliteStorage) -> Iterator[list[int]]:
    """How many instructions of its machine SQLite runs for reads: the same number on every computer."""
    told = [0]

    def count() -> int:
        told[0] += 1
        return 0

    reader = store._reader
    assert reader is not None
    reader.set_progress_handler(count, 1)
    try:
        yield told
    finally:
        reader.set_progress_handler(None, 1)


def job(number: int) -> Job:
    spec = read_spec({"name": f"job {number}", "schedule": "0 9 * * *", "prompt": "work"})
    made = changes.create(spec, f"{number:016x}", NOW).job_after
    assert made is not None
    return made


async def filled(path: Path, jobs: int, runs: int) -> SqliteStorage:
    """So many jobs, all but ten of them due at other times, the first with so many runs that ended."""
    store = SqliteStorage(path)
    await store.open()
    made = [job(number) for number in range(jobs)]
    made = [one.evolve(next_run=NOW) if number < 10 else one for number, one in enumerate(made)]
    history = [
        Execution(
            id=f"{number:026x}", job_id=made[0].id, version=1, at=NOW - timedelta(hours=runs - number), begun=True,
            status=ExecutionStatus.SUCCESS if number % 10 else ExecutionStatus.MISSED, attempt=1, fence=1,
            start_time=NOW - timedelta(hours=1), end_time=NOW, agent="fake",
        ).evolve(**({} if number % 10 else {"begun": False, "start_time": None}))
        for number in range(runs)
    ]  # fmt: skip
    assert await store.restore(made, history) == jobs
    await store.join(Node(id="me", host="here", pid=1, version="0", started_at=NOW, seen_at=NOW))
    return store


QUESTIONS: dict[str, Callable[[SqliteStorage], Awaitable[Any]]] = {
    "get_job": lambda store: store.get_job(job(7).id),
    "find_jobs by name": lambda store: store.find_jobs("job 7"),
    "due": lambda store: store.due(NOW, 500),
    "ready_at": lambda store: store.ready_at(),
    "lapsed": lambda store: store.lapsed(NOW, 500),
    "open_executions": lambda store: store.open_executions(),
    "first page of jobs": lambda store: store.list_jobs(JobFilters(), limit=100),
    "later page of jobs": lambda store: store.list_jobs(JobFilters(), after="150", limit=100),
    "newest executions": lambda store: store.list_executions(ExecutionFilters(), 50),
    "newest executions of a job": lambda store: store.list_executions(ExecutionFilters(job_id=job(0).id), 50),
    "slot_at": lambda store: store.slot_at(job(0).id, NOW - timedelta(hours=100)),
    "get_execution": lambda store: store.get_execution(f"{150:026x}"),
    "beat": lambda store: store.beat("me", NOW, []),
    "statistics": lambda store: store.statistics(),
    "count_since": lambda store: store.count_since(NOW),
    "jobs that are due soonest": lambda store: store.select_jobs(JobFilters(), JobOrder.NEXT, 50, skip=100),
    "newest jobs": lambda store: store.select_jobs(JobFilters(), JobOrder.NEWEST, 50),
    "jobs by their ids": lambda store: store.jobs_of([job(number).id for number in range(0, 200, 5)]),
    "newest runs of many jobs": lambda store: store.latest_runs([job(number).id for number in range(50)], 20),
}


async def test_an_answer_costs_the_same_whatever_the_number_of_jobs_and_executions(tmp_path: Path, say: Say) -> None:
    few, many = await filled(tmp_path / "few.sqlite", 300, 300), await filled(tmp_path / "many.sqlite", 3000, 9000)
    told: dict[str, tuple[int, int]] = {}
    for name, ask in QUESTIONS.items():
        figures = []
        for store in (few, many):
            await ask(store)  # specs are read once
            with instructions(store) as count:
                await ask(store)
            figures.append(count[0])
        told[name] = (figures[0], figures[1])
    await few.close()
    await many.close()
    pairs = ", ".join(f"{name} {small} / {large}" for name, (small, large) in told.items())
    say(f"SQLite instructions at 300 jobs and runs / at 3,000 jobs and 9,000 runs: {pairs}")
    grown = {name: pair for name, pair in told.items() if pair[1] > pair[0] * 1.1 + 20}
    assert grown == {}


# --- commits ------------------------------------------------------------------------------------------------------


class Counted(SqliteStorage):
    """Counts changes that are handed to the writer, but for the empty ones by which the environment waits for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.changes = 0

    async def _write(self, unit: Any, *, brief: bool = False) -> Any:
        self.changes += 1
        return await super()._write(unit, brief=brief)

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        ids = list(execution_ids)
        self.changes -= not ids
        return await super().ask_cancel(ids, now)


async def test_each_change_alone_is_exactly_one_commit(tmp_path: Path) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")
    async with create_test_environment(storage_plugin=store) as env:
        job_id = await env.plugin.create_job("a", "every 1h", "p")
        for number, change in enumerate(
            (
                lambda: env.plugin.update_job(job_id, prompt="q"),
                lambda: env.plugin.pause_job(job_id),
                lambda: env.plugin.resume_job(job_id),
                lambda: env.plugin.run_job_now(job_id),
            ),
            start=2,
        ):
            await change()
            assert store.commits == number


async def test_changes_that_come_together_share_commits(tmp_path: Path, say: Say) -> None:
    store = SqliteStorage(tmp_path / "s.sqlite")
    async with create_test_environment(storage_plugin=store) as env:
        await asyncio.gather(*(env.plugin.create_job(f"job {n}", "every 1h", "p") for n in range(500)))
        say(f"SQLite, 500 jobs created at once: {store.commits} commits")
        # How many gather while one is written is up to the machine; one alone would be a commit each.
        assert store.commits <= 50


async def test_a_run_alone_is_two_changes_planned_and_begun_then_settled(tmp_path: Path) -> None:
    store = Counted(tmp_path / "s.sqlite")
    async with create_test_environment(storage_plugin=store, start=NOW - timedelta(seconds=10)) as env:
        job_id = await env.plugin.create_job("noon", "0 12 * * *", "p")
        await env.plugin.start_background_execution()
        await env.advance(2)
        before = store.changes
        await env.advance(15)
        assert [run.status for run in await env.runs(job_id)] == ["SUCCESS"]
        assert store.changes == before + 2


async def test_runs_that_come_together_share_their_commits(tmp_path: Path, say: Say) -> None:
    store, jobs = SqliteStorage(tmp_path / "s.sqlite"), 200
    async with create_test_environment(storage_plugin=store, start=NOW - timedelta(seconds=10)) as env:
        await asyncio.gather(*(env.plugin.create_job(f"job {n}", "0 12 * * *", "p") for n in range(jobs)))
        await env.plugin.start_background_execution()
        before = store.commits
        async with asyncio.timeout(60):
            while (await env.plugin.get_statistics()).total_executions < jobs:
                await env.clock.advance(timedelta(seconds=1))
        told = store.commits - before
    say(f"SQLite, commits for {jobs} runs due at once, ten at a time: {told}")
    assert told <= 3 * jobs / 2


async def test_a_scheduler_with_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    store = Counted(tmp_path / "s.sqlite")
    async with create_test_environment(storage_plugin=store) as env:
        await env.plugin.create_job("later", "0 9 1 6 *", "p")
        await env.plugin.start_background_execution()
        await env.advance(1)
        before = store.changes
        await env.advance(25)
        assert store.changes == before
        # Twice a minute it says that it lives.
        await env.advance(60)
        assert store.changes <= before + 3


async def test_a_scheduler_asks_no_more_for_many_jobs_than_for_few(tmp_path: Path, say: Say) -> None:
    told = {}
    for jobs in (10, 1000):
        store = SqliteStorage(tmp_path / f"{jobs}.sqlite")
        async with create_test_environment(storage_plugin=store) as env:
            await asyncio.gather(*(env.plugin.create_job(f"job {n}", "0 9 1 6 *", "p") for n in range(jobs)))
            await env.plugin.start_background_execution()
            await env.advance(1)
            with instructions(store) as count:
                for _ in range(10):
                    await env.clock.advance(timedelta(seconds=1))
            told[jobs] = count[0]
    say(f"SQLite instructions in ten idle seconds: {told[10]:,} with 10 jobs, {told[1000]:,} with 1,000")
    assert told[1000] <= told[10] * 1.1 + 200
