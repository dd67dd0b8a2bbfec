"""agentcron with a long history, and after `kill -9` in the middle of very many runs."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import ExecutionStatus, OnceSchedule
from agentcron.domain.model import Execution
from agentcron.domain.statistics import Totals
from agentcron.storage.sqlite import SqliteStorage
from benchmarks.measure import Figures, Used, answer, disk_bytes, resident_bytes
from benchmarks.peers.ours import Agents, ended, plugin_on
from benchmarks.peers.ours_jobs import far_away
from benchmarks.prepared import prepared

READS = 25
ROWS_AT_ONCE = 20_000


async def fill(folder: Path, jobs: int, runs: int) -> None:
    """A store with so many runs of so many jobs, as an import writes them."""
    plugin = plugin_on(folder / "ours.sqlite", Agents(0).work)
    ids = await asyncio.gather(*(plugin.create_job(f"job {n}", far_away(n), f"do {n}") for n in range(jobs)))
    made = [job for key in ids if (job := await plugin.get_job(key)) is not None]
    await plugin.clear_all_jobs()
    store = SqliteStorage(folder / "ours.sqlite")
    await plugin.close()
    await store.open()
    begin, each = datetime(2026, 9, 1, tzinfo=UTC), runs // jobs
    for first in range(0, jobs, max(1, ROWS_AT_ONCE // each)):
        some = [
            job.evolve(totals=Totals(success=each), runs=each) for job in made[first:][: max(1, ROWS_AT_ONCE // each)]
        ]
        rows = [_run(job.id, job.name, begin + timedelta(minutes=n), n) for job in some for n in range(each)]
        await store.restore(some, rows)
    await store.close()


def _run(job_id: str, name: str, at: datetime, number: int) -> Execution:
    return Execution(
        id=f"{job_id}{number:06x}", job_id=job_id, version=1, at=at, status=ExecutionStatus.SUCCESS,
        attempt=1, begun=True, fence=1, start_time=at, end_time=at + timedelta(milliseconds=900), agent="work",
        agent_id=f"work-{number}", result=f"{name} is done",
    )  # fmt: skip


async def history(folder: Path, *, jobs: int, runs: int) -> Figures:
    """What reading costs among so many runs."""
    store = await prepared(f"runs-{runs}", lambda target: fill(target, jobs, runs))
    size = disk_bytes(store)
    plugin = plugin_on(store / "ours.sqlite", Agents(0).work)
    some = [job.id for job in (await plugin.get_jobs())[:: max(1, jobs // READS)]]
    before = resident_bytes()

    async def of_job(job_id: str) -> None:
        job = await plugin.get_job(job_id)
        assert job is not None
        assert job.totals.success == runs // jobs

    figures = {
        "last_50_ms": await _middle(some, lambda key: plugin.get_executions(key, limit=50)),
        "newest_50_ms": await _middle(some, lambda key: plugin.get_executions(limit=50)),
        "statistics_ms": await _middle(some, lambda key: plugin.get_statistics()),
        "job_statistics_ms": await _middle(some, of_job),
        "rss_growth_mb": (resident_bytes() - before) / 2**20,
        "bytes_per_run": size / runs,
    }
    await plugin.close()
    return figures


async def _middle(keys: list[str], read: Callable[[str], Awaitable[object]]) -> float:
    """The middle of many reads, in milliseconds; each is made once before, so that its pages are in memory."""
    waits = []
    for key in keys:
        await read(key)
        before = Used.now()
        await read(key)
        waits.append((Used.now() - before).wall * 1e3)
    return statistics.median(waits)


async def killed(folder: Path, *, runs: int) -> Figures:
    """So many runs are open when their process is killed; the next one accounts for all of them."""
    store = folder / "ours.sqlite"
    _kill_with_open_runs(folder, runs)
    plugin = plugin_on(store, Agents(0).work)
    before, began = Used.now(), time.perf_counter()
    await plugin.start_background_execution()
    up = time.perf_counter() - began
    await asyncio.wait_for(ended(plugin, runs), timeout=600)
    wall, used = time.perf_counter() - began, Used.now() - before
    counted = (await plugin.get_statistics()).executions_by_status
    await plugin.close()
    return {
        "accounted_s": wall,
        "started_s": up,
        "cpu_s": used.cpu,
        "cpu_us": used.cpu / runs * 1e6,
        "incomplete": counted.get(ExecutionStatus.INCOMPLETE, 0),
        "lost": runs - counted.get(ExecutionStatus.INCOMPLETE, 0),
    }


def _kill_with_open_runs(folder: Path, runs: int) -> None:
    program = [
        sys.executable,
        "-m",
        "benchmarks.peers.ours_history",
        "_victim",
        json.dumps({"runs": runs}),
        str(folder),
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline().strip() == "all are open"
        victim.kill()


async def _victim(folder: Path, *, runs: int) -> Figures:
    agents = Agents(runs)
    plugin = plugin_on(folder / "ours.sqlite", agents.stuck, runs)
    due = datetime.now(UTC) + timedelta(seconds=2 + runs / 1000)
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(runs)))
    await plugin.start_background_execution()
    await agents.all_called.wait()
    print("all are open", flush=True)
    await asyncio.sleep(3600)
    return {}


if __name__ == "__main__":
    answer(history=history, killed=killed, _victim=_victim)
