"""agentcron with many jobs: creating, importing, their size, the first run after a start, and idling."""

from __future__ import annotations

import asyncio
import json
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import BackgroundJobsPlugin, OnceSchedule, SqliteStorage
from agentcron.storage.transfer import import_original
from benchmarks.measure import (
    SETTLED_SECONDS,
    Figures,
    Used,
    answer,
    calibration_seconds,
    disk_bytes,
    first_run,
    resident_bytes,
)
from benchmarks.peers.ours import Agents, commits_of, plugin_on
from benchmarks.prepared import prepared

AT_ONCE = 10_000
SAMPLE = 300
PAIRS = 5


def far_away(number: int) -> str:
    """A schedule that is not due while a benchmark runs."""
    return f"{number % 60} {number // 60 % 24} 29 2 *"


async def create(folder: Path, *, jobs: int, at_once: int = 1) -> Figures:
    """Create jobs, so many at a time; each is durable when its call returns."""
    plugin = plugin_on(folder / "ours.sqlite", Agents(0).work)
    await plugin.get_jobs()
    numbers = iter(range(jobs))

    async def creator() -> None:
        for number in numbers:
            await plugin.create_job(f"job {number}", far_away(number), f"do {number}")

    calibration = calibration_seconds()
    before, commits = Used.now(), commits_of(plugin)
    await asyncio.gather(*(creator() for _ in range(at_once)))
    used, commits = Used.now() - before, commits_of(plugin) - commits
    calibration = (calibration + calibration_seconds()) / 2
    assert (await plugin.get_statistics()).total_jobs == jobs
    await plugin.close()
    return {
        "per_s": jobs / used.wall,
        "cpu_us": used.cpu / jobs * 1e6,
        "commits": commits,
        "commits_per_job": commits / jobs,
        "calibration_s": calibration,
    }


async def bulk_import(folder: Path, *, jobs: int) -> Figures:
    """Validate and import the jobs file of the original plugin."""
    entries = [
        {"id": f"job-{n}", "name": f"job {n}", "cronExpression": far_away(n), "prompt": f"do {n}", "status": "waiting",
         "created": "2025-12-20T08:15:30.123Z", "executionHistory": []} for n in range(jobs)
    ]  # fmt: skip
    source = folder / "original" / "background-jobs"
    source.mkdir(parents=True)
    (source / "jobs.json").write_text(json.dumps(entries))
    del entries
    store = SqliteStorage(folder / "ours.sqlite")
    await store.open()
    before, commits = Used.now(), store.commits
    moved = await import_original(source.parent, store)
    used, commits = Used.now() - before, store.commits - commits
    assert moved.jobs == jobs
    await store.close()
    return {
        "wall_s": used.wall,
        "per_s": jobs / used.wall,
        "cpu_s": used.cpu,
        "cpu_us": used.cpu / jobs * 1e6,
        "commits": commits,
    }


async def fill(folder: Path, jobs: int) -> None:
    """A store with so many idle jobs, made by `create_job`."""
    plugin = plugin_on(folder / "ours.sqlite", Agents(0).work)
    for first in range(0, jobs, AT_ONCE):
        numbers = range(first, min(jobs, first + AT_ONCE))
        await asyncio.gather(*(plugin.create_job(f"job {n}", far_away(n), f"do {n}") for n in numbers))
    await plugin.close()


async def size(folder: Path, *, jobs: int) -> Figures:
    """What a job costs at rest, and what creating one more costs beside all the others."""
    store = await prepared(f"jobs-{jobs}", lambda target: fill(target, jobs))
    at_rest = disk_bytes(store)
    empty = plugin_on(folder / "empty.sqlite", Agents(0).work)
    await empty.start_background_execution()
    before = resident_bytes()
    plugin = plugin_on(store / "ours.sqlite", Agents(0).work)
    await plugin.start_background_execution()
    await asyncio.sleep(SETTLED_SECONDS)
    grown = resident_bytes() - before
    pairs = [(await _created(empty), await _created(plugin)) for _ in range(PAIRS)]
    await empty.close()
    await plugin.close()
    return {
        "rss_per_job": max(0.0, grown / jobs),
        "disk_per_job": at_rest / jobs,
        "create_cpu_us": statistics.median(many for _, many in pairs),
        "create_ratio": statistics.median(many / few for few, many in pairs),
    }


async def _created(plugin: BackgroundJobsPlugin) -> float:
    """CPU microseconds of one more job; the jobs are deleted again, for the next round."""
    before = Used.now()
    made = await asyncio.gather(*(plugin.create_job(f"one more {n}", far_away(n), "go") for n in range(SAMPLE)))
    used = Used.now() - before
    await asyncio.gather(*(plugin.delete_job(key) for key in made))
    return used.cpu / SAMPLE * 1e6


async def cold_start(folder: Path, *, jobs: int) -> Figures:
    """From the start of a process to the first run of an overdue job, among so many idle ones."""
    store = await prepared(f"jobs-{jobs}", lambda target: fill(target, jobs))
    plugin = plugin_on(store / "ours.sqlite", Agents(0).work)
    await plugin.create_job("overdue", OnceSchedule(datetime.now(UTC) + timedelta(seconds=1)), "go")
    await plugin.close()
    await asyncio.sleep(1.2)
    return first_run("benchmarks.peers.ours_first_run", store / "ours.sqlite")


async def idle(folder: Path, *, jobs: int, seconds: int, interval_ms: int = 1000) -> Figures:
    """CPU of a scheduler with nothing to do, and what starting it cost."""
    store = await prepared(f"jobs-{jobs}", lambda target: fill(target, jobs))
    resident, before = resident_bytes(), Used.now()
    plugin = plugin_on(store / "ours.sqlite", Agents(0).work, evaluation_interval_ms=interval_ms)
    await plugin.start_background_execution()
    await asyncio.sleep(SETTLED_SECONDS)
    started = Used.now()
    await asyncio.sleep(seconds)
    used = Used.now() - started
    grown = resident_bytes() - resident
    await plugin.close()
    return {
        "cpu_per_minute_s": used.cpu / used.wall * 60,
        "start_cpu_s": (started - before).cpu,
        "rss_growth_mb": grown / 2**20,
    }


if __name__ == "__main__":
    answer(create=create, bulk_import=bulk_import, size=size, cold_start=cold_start, idle=idle)
