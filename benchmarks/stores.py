"""The JSON folder beside SQLite beside memory: loading, one change among many, the files that follow, no-op runs.

    python -m benchmarks.stores [--jobs 10000] [--changes 50] [--runs 200] [--rounds 3]

Everything goes through the public API, the stores take turns in each round, and the middle of the rounds is printed.
CPU is that of the whole process, its threads too. Written bytes are what was handed to the system (Linux only). Wall
time moves with the disk: compare CPU, bytes and ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import (
    AgentFactoryPlugin,
    BackgroundJobsPlugin,
    MemoryStorage,
    OnceSchedule,
    SqliteStorage,
    StorageFsPlugin,
)
from agentcron.ports import JobStore

STORES: dict[str, Callable[[Path], JobStore]] = {
    "memory": lambda folder: MemoryStorage(),
    "SQLite": lambda folder: SqliteStorage(folder / "store.sqlite"),
    "JSON folder": StorageFsPlugin,
}
Figures = dict[str, float]


@dataclass
class Used:
    """Wall time, CPU and written bytes since it was made."""

    wall: float
    cpu: float
    written: float

    @classmethod
    def now(cls) -> Used:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        written = float("nan")
        if sys.platform == "linux":
            written = float(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])
        return cls(time.perf_counter(), usage.ru_utime + usage.ru_stime, written)

    def __sub__(self, other: Used) -> Used:
        return Used(self.wall - other.wall, self.cpu - other.cpu, self.written - other.written)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def nothing(prompt: str) -> str:
    return "ok"


def plugin_on(store: JobStore) -> BackgroundJobsPlugin:
    factory = AgentFactoryPlugin({"nothing": {"kind": "python", "callable": nothing}}, default_definition="nothing")
    return BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)


async def measured(name: str, folder: Path, jobs: int, changes: int, runs: int) -> Figures:
    """One store, one round."""
    told: Figures = {}
    plugin = plugin_on(STORES[name](folder))
    before = Used.now()
    ids = await asyncio.gather(*(plugin.create_job(f"job {n}", "0 9 1 6 *", f"do {n}") for n in range(jobs)))
    used = Used.now() - before
    told["create, CPU us each"] = used.cpu / jobs * 1e6
    if name != "memory":
        await plugin.close()
        plugin = plugin_on(STORES[name](folder))
        before = Used.now()
        assert len(await plugin.get_jobs()) == jobs
        used = Used.now() - before
        told[f"load {jobs:,} jobs, CPU s"] = used.cpu
        told[f"load {jobs:,} jobs, s"] = used.wall
    told |= await change_by_change(plugin, ids[:: max(1, jobs // changes)][:changes])
    told |= await ran(plugin, runs)
    before = Used.now()
    await plugin.close()
    told["close, CPU s"] = (Used.now() - before).cpu
    if name != "memory":
        told["size on disk, MB"] = size_of(folder) / 1e6
    return told


async def change_by_change(plugin: BackgroundJobsPlugin, ids: list[str]) -> Figures:
    """One change at a time, until each is durable. The JSON folder rewrites its files beside them, at its own pace."""
    await plugin.update_job(ids[0], prompt="warm")
    waits = []
    before = Used.now()
    for job_id in ids:
        began = time.perf_counter()
        assert await plugin.update_job(job_id, prompt="done well")
        waits.append(time.perf_counter() - began)
    used = Used.now() - before
    return {
        "one change, ms until durable": statistics.median(waits) * 1e3,
        "one change of many in a row, CPU us": used.cpu / len(ids) * 1e6,
        "one change of many in a row, bytes": used.written / len(ids),
    }


async def ran(plugin: BackgroundJobsPlugin, runs: int) -> Figures:
    """So many jobs due in the same second, to their end."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    await asyncio.gather(*(plugin.create_job(f"run {n}", OnceSchedule(due), "go") for n in range(runs)))
    await plugin.start_background_execution()
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() - 0.1))
    before = Used.now()
    while (await plugin.get_statistics()).total_executions < runs:
        await asyncio.sleep(0.005)
    used = Used.now() - before
    return {
        f"{runs} runs, CPU us each": used.cpu / runs * 1e6,
        f"{runs} runs, bytes each": used.written / runs,
        f"{runs} runs, s to drain": used.wall - 0.1,
    }


async def projected(folder: Path) -> dict[str, Figures]:
    """What rewriting the files of the JSON folder costs, for one change among all the jobs: just opened, and later."""
    plugin = plugin_on(StorageFsPlugin(folder))
    ids = [job.id for job in await plugin.get_jobs()]
    log = folder / "background-jobs" / "agentcron.jsonl"
    told = {}
    for turn, job_id in (("the first time", ids[0]), ("each further time", ids[1])):
        before = Used.now()
        await plugin.update_job(job_id, prompt="once more")
        # The log is emptied when the files have followed.
        while log.stat().st_size:
            await asyncio.sleep(0.02)
        used = Used.now() - before
        told[turn] = {"CPU s": used.cpu, "MB": used.written / 1e6}
    await plugin.close()
    return told


def table(found: dict[str, list[Figures]]) -> None:
    middle = {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    print(f"{'':42}" + "".join(f"{name:>14}" for name in middle) + f"{'JSON / SQLite':>16}")
    for key in middle["SQLite"]:
        cells = "".join(f"{one[key]:14,.2f}" if key in one else f"{'-':>14}" for one in middle.values())
        print(f"{key:42}{cells}{middle['JSON folder'][key] / middle['SQLite'][key]:15.1f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.jobs:,} jobs, {os.cpu_count()} cores, middle of {given.rounds} rounds")
    found: dict[str, list[Figures]] = {name: [] for name in STORES}
    files: list[dict[str, Figures]] = []
    for _ in range(given.rounds):
        for name, rounds in found.items():
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(asyncio.run(measured(name, Path(folder), given.jobs, given.changes, given.runs)))
                if name == "JSON folder":
                    files.append(asyncio.run(projected(Path(folder))))
    table(found)
    for turn in files[0]:
        cpu, written = (statistics.median(one[turn][key] for one in files) for key in ("CPU s", "MB"))
        print(f"all files of the JSON folder rewritten for one change, {turn}: {cpu:.2f} s of CPU, {written:.1f} MB")


if __name__ == "__main__":
    main()
