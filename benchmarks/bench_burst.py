"""How late and how fast: N jobs due in the same second, every run durable, through the public API.

    python benchmarks/bench_burst.py [--jobs 1000] [--places 10] [--rounds 3]

Prints for each round lateness (due to started), drain time, CPU per run and commits, beside the machine's rate of
one-row commits in the same round. Wall time moves with the disk: compare ratios, commits and CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.schedule import OnceSchedule
from agentcron.storage.sqlite import SqliteStorage


async def nothing(prompt: str) -> str:
    return "ok"


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def commit_rate(folder: Path) -> float:
    """One-row commits a second of this disk, WAL and synchronous=FULL."""
    connection = sqlite3.connect(folder / "limit.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 0.5:
        connection.execute("INSERT INTO t VALUES (1)")
        count += 1
    connection.close()
    return count / 0.5


async def burst(folder: Path, jobs: int, places: int) -> dict[str, float]:
    store = SqliteStorage(folder / "burst.sqlite")
    factory = AgentFactoryPlugin(
        {"nothing": {"kind": "python", "callable": nothing}},
        default_definition="nothing",
        max_concurrent_agents=places,
    )
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)
    due = datetime.now(UTC) + timedelta(seconds=2 + jobs / 2000)
    created, before = time.perf_counter(), cpu()
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(jobs)))
    create_seconds, create_cpu = time.perf_counter() - created, cpu() - before
    await plugin.start_background_execution()
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() - 0.2))
    before, commits = cpu(), store.commits
    while (await plugin.get_statistics()).total_executions < jobs:
        await asyncio.sleep(0.005)
    drained = datetime.now(UTC) - due
    used = cpu() - before
    commits = store.commits - commits
    runs = [run for job in await plugin.get_jobs() for run in await plugin.get_executions(job.id)]
    assert len(runs) == jobs
    assert {run.status for run in runs} == {ExecutionStatus.SUCCESS}
    late = sorted((run.start_time - due).total_seconds() * 1000 for run in runs if run.start_time)
    await plugin.close()
    return {
        "create/s": jobs / create_seconds,
        "create CPU us": create_cpu / jobs * 1e6,
        "late p50 ms": statistics.median(late),
        "late p99 ms": late[int(len(late) * 0.99)],
        "drain s": drained.total_seconds(),
        "runs/s": jobs / drained.total_seconds(),
        "CPU us/run": used / jobs * 1e6,
        "commits": commits,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--places", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{arguments.jobs} jobs due at once, {arguments.places} agents at a time, SQLite WAL, synchronous=FULL")
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as name:
            limit = commit_rate(Path(name))
            figures = asyncio.run(burst(Path(name), arguments.jobs, arguments.places))
        told = "  ".join(f"{key} {value:,.1f}" for key, value in figures.items())
        print(f"{told}  | machine: {limit:,.0f} one-row commits/s")


if __name__ == "__main__":
    main()
