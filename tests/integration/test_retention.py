"""History goes beyond what is kept: what is removed, what stays true, and how much a month takes on disk."""

from __future__ import annotations

import json
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, Execution, ExecutionStatus, Retention, SqliteStorage, StorageFsPlugin
from agentcron.domain import changes
from agentcron.domain.model import Job
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.statistics import Totals
from agentcron.ports import JobStore
from agentcron.testing import FakeAgentFactory, FakeClock, create_test_environment

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MONTH = 43_200
WORDS = (
    "the",
    "report",
    "was",
    "written",
    "and",
    "sent",
    "to",
    "all",
    "without",
    "a",
    "fault",
    "but",
    "one",
    "is",
    "late",
)


def a_month(answer: int, count: int = MONTH) -> tuple[Job, list[Execution]]:
    """A job each minute, and its executions of a month, each with an answer of so many characters."""
    job = changes.create(read_spec({"name": "minutely", "prompt": "look", "schedule": "* * * * *"}), "a" * 16, START)
    assert job.job_after is not None
    luck = random.Random(7)
    words = " ".join(luck.choices(WORDS, k=100_000))
    rows = []
    for number in range(count):
        at = START + number * MINUTE
        text = words[(place := luck.randrange(len(words) - answer)) : place + answer]
        rows.append(
            Execution(
                id=f"{number:026x}", job_id=job.job_after.id, version=1, at=at, status=ExecutionStatus.SUCCESS,
                attempt=1, begun=True, start_time=at, end_time=at + timedelta(seconds=2), agent="echo", result=text,
            )
        )  # fmt: skip
    return job.job_after.evolve(totals=Totals(success=count), runs=count), rows


async def prune(store: JobStore, retention: Retention, now: datetime) -> int:
    rows, after = 0, None
    while True:
        batch = await store.prune(retention, now, after=after)
        rows, after = rows + batch.rows, batch.after
        if after is None:
            return rows


async def test_a_month_of_one_minute_jobs_stays_under_20_mb(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = SqliteStorage(path)
    await store.open()
    job, rows = a_month(answer=400)
    await store.restore([job], rows)
    await store.close()
    whole = path.stat().st_size
    await store.open()
    pruned = await prune(store, Retention(), START + MONTH * MINUTE)
    await store.close()
    kept = path.stat().st_size
    whole_mb, kept_mb = whole / 1e6, kept / 1e6
    told = f"43,200 executions with answers of 400 characters: {whole_mb:.1f} MB, {whole / MONTH:.0f} B each; "
    print(f"\n{told}{kept_mb:.1f} MB with the default retention, which removed {pruned}")  # noqa: T201 - the figure
    assert pruned == MONTH - 10_000
    assert whole < 40e6
    assert kept < 20e6
    # The space went back to the disk but for a part that the rows to come take again.
    with sqlite3.connect(path) as connection:
        free, pages = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
    connection.close()
    assert free < max(500, pages / 3)


async def test_pruning_holds_no_other_change_up_for_long(tmp_path: Path) -> None:
    """One call removes a small batch, whatever there is to remove."""
    store = SqliteStorage(tmp_path / "store.sqlite")
    await store.open()
    job, rows = a_month(answer=50, count=5000)
    await store.restore([job], rows)
    batches, after = [], None
    while True:
        batch = await store.prune(Retention(max_per_job=100), START, after=after)
        batches.append(batch.rows)
        if (after := batch.after) is None:
            break
    await store.close()
    assert sum(batches) == 4900
    assert max(batches) <= 500


async def test_a_scheduler_prunes_each_hour_by_the_clock() -> None:
    async with create_test_environment(retention=Retention(max_per_job=20, keep_last=5)) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        await env.plugin.start_background_execution()
        await env.advance(59 * 60)
        assert len(await env.runs(job_id)) == 59
        await env.advance(2 * 60)
        assert len(await env.runs(job_id)) <= 22
        job = await env.plugin.get_job(job_id)
        assert job is not None
        assert job.totals.success == 61
        assert (await env.plugin.get_statistics()).total_executions == 61


async def test_nothing_is_pruned_where_retention_is_turned_off() -> None:
    async with create_test_environment(retention=None) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        await env.plugin.start_background_execution()
        await env.advance(2 * 3600)
        assert len(await env.runs(job_id)) == 120


async def test_why_says_that_a_time_is_older_than_what_is_kept() -> None:
    async with create_test_environment(retention=Retention(max_per_job=5, keep_last=2)) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        await env.plugin.start_background_execution()
        began = env.clock.now()
        await env.advance(3660)
        old = await env.plugin.explain(job_id, began + 10 * MINUTE)
        assert "is older than what is kept (the history begins at 2026-01-01T00:5" in old.sentence
        assert old.execution is None
        kept = await env.plugin.explain(job_id, began + 60 * MINUTE)
        assert kept.execution is not None
        assert "SUCCESS" in kept.sentence


async def test_what_was_pruned_from_the_json_folder_does_not_come_back(tmp_path: Path) -> None:
    clock = FakeClock()
    store = StorageFsPlugin(tmp_path)
    plugin = BackgroundJobsPlugin(storage_plugin=store, clock=clock, agent_factory=FakeAgentFactory())
    job_id = await plugin.create_job("often", "* * * * *", "look")
    for _ in range(6):
        await clock.advance(MINUTE)
        await plugin.force_evaluation()
    assert await prune(store, Retention(max_per_job=2, keep_last=1), clock.now()) == 4
    await plugin.close()
    files = list((tmp_path / "background-jobs" / "executions").iterdir())
    [entry] = json.loads((tmp_path / "background-jobs" / "jobs.json").read_text())
    assert (len(files), len(entry["executionHistory"])) == (2, 2)
    again = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(tmp_path), clock=clock)
    assert len(await again.get_executions(job_id)) == 2
    assert (await again.get_statistics()).total_executions == 6
    await again.close()


async def test_a_crash_before_the_files_followed_brings_no_pruned_run_back(tmp_path: Path) -> None:
    clock = FakeClock()
    store = StorageFsPlugin(tmp_path)
    plugin = BackgroundJobsPlugin(storage_plugin=store, clock=clock, agent_factory=FakeAgentFactory())
    job_id = await plugin.create_job("often", "* * * * *", "look")
    for _ in range(6):
        await clock.advance(MINUTE)
        await plugin.force_evaluation()
    await plugin.close()
    folder = tmp_path / "background-jobs"
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    store_again = StorageFsPlugin(tmp_path)
    await store_again.open()
    await prune(store_again, Retention(max_per_job=2, keep_last=1), clock.now())
    line = (folder / "agentcron.jsonl").read_bytes()
    assert line
    await store_again.close()
    # As a crash leaves it: the line is durable, the files are those from before.
    for path, data in before.items():
        path.write_bytes(data)
    (folder / "agentcron.jsonl").write_bytes(line)
    again = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(tmp_path), clock=clock)
    assert len(await again.get_executions(job_id)) == 2
    await again.close()


@pytest.mark.parametrize("bad", [{"max_age": timedelta(0)}, {"max_per_job": 0}, {"max_bytes": 0}, {"keep_last": 0}])
def test_a_retention_that_keeps_nothing_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"retention.{next(iter(bad))}: must be"):
        Retention(**bad)  # type: ignore[arg-type]
