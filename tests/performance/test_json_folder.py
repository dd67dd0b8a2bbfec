"""What a change of the JSON folder costs, in figures that no machine changes: log lines, flushes, bytes, files."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentcron import JobFilters, StorageFsPlugin
from agentcron.storage.json_files import store as store_module
from agentcron.testing import create_test_environment

Say = Callable[[str], None]

LOG = "agentcron.jsonl"


def written_by_the_original(folder: Path, jobs: int) -> Path:
    """A folder with so many jobs of the original plugin."""
    entries = [
        {"id": f"job-{n}", "name": f"job {n}", "cronExpression": f"{n % 60} {n % 24} 1 6 *", "prompt": f"do {n}",
         "status": "waiting", "created": "2025-12-20T08:15:30.123Z", "executionHistory": []} for n in range(jobs)
    ]  # fmt: skip
    path = folder / "background-jobs"
    path.mkdir(parents=True)
    (path / "jobs.json").write_text(json.dumps(entries, indent=2))
    return path


@dataclass
class Log:
    """What went to the log: one item for each write, and the number of flushes."""

    writes: list[bytes] = field(default_factory=list)
    flushes: int = 0
    emptied: bool = False

    @property
    def lines(self) -> int:
        return b"".join(self.writes).count(b"\n")

    @property
    def size(self) -> int:
        return sum(map(len, self.writes))


@contextmanager
def watched(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """Count what is written to and flushed of this file, whoever does it."""
    told = Log()
    write, flush = os.write, os.fsync

    def is_log(handle: int) -> bool:
        return path.exists() and os.path.sameopenfile(handle, reading)

    def writes(handle: int, data: Any) -> int:
        if is_log(handle):
            told.writes.append(bytes(data))
        return write(handle, data)

    def flushes(handle: int) -> None:
        flush(handle)
        if is_log(handle):
            told.flushes += 1
            told.emptied = os.fstat(handle).st_size == 0

    reading = os.open(path, os.O_RDONLY)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", writes)
            patch.setattr(os, "fsync", flushes)
            yield told
    finally:
        os.close(reading)


async def loaded(path: Path, form: str, say: Say) -> int:
    """How many jobs a store finds there."""
    store = StorageFsPlugin(path)
    began = time.process_time()
    await store.open()
    used = time.process_time() - began
    jobs = (await store.list_jobs(JobFilters(), limit=20_000)).items
    assert store.problems == []
    await store.close()
    if len(jobs) > 10:
        say(f"JSON folder, {len(jobs):,} jobs in {form} form: {used:.2f} s of CPU to load")
    return len({job.id for job in jobs})


async def test_ten_thousand_jobs_load_whole_and_a_change_is_one_line_and_one_flush_as_with_ten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    # The files follow once and then wait: what is counted is what a change waits for.
    monkeypatch.setattr(store_module, "SMALL", 0)
    monkeypatch.setattr(store_module, "PAUSE", 3600.0)
    told: dict[int, dict[str, int]] = {}
    for jobs in (10, 10_000):
        path = written_by_the_original(tmp_path / str(jobs), jobs)
        assert await loaded(path, "the original's", say) == jobs
        async with create_test_environment(storage_plugin=StorageFsPlugin(path)) as env:
            # The first change takes the lock and writes down what was found.
            (path / LOG).touch()
            with watched(path / LOG, monkeypatch) as log:
                assert await env.plugin.pause_job("job-0")
                while not log.emptied:
                    await asyncio.sleep(0.01)
            told[jobs] = {}
            for name, change in {
                "edit": lambda env=env: env.plugin.update_job("job-7", prompt="do it well"),
                "pause": lambda env=env: env.plugin.pause_job("job-7"),
                "resume": lambda env=env: env.plugin.resume_job("job-7"),
                "run now": lambda env=env: env.plugin.run_job_now("job-7"),
                "create": lambda env=env: env.plugin.create_job("new", "0 9 * * *", "p"),
                "delete": lambda env=env: env.plugin.delete_job("job-3"),
            }.items():
                with watched(path / LOG, monkeypatch) as log:
                    await change()
                    assert (name, log.lines, log.flushes, len(log.writes)) == (name, 1, 1, 1)
                told[jobs][name] = log.size
        # One was created and one deleted.
        assert await loaded(path, "ours", say) == jobs
    sizes = ", ".join(f"{name} {told[10][name]} / {told[10_000][name]}" for name in told[10])
    say(f"JSON folder, bytes of log for one change with 10 / 10,000 jobs: {sizes}")
    for name, size in told[10].items():
        assert size < 4096
        assert abs(told[10_000][name] - size) < 100


async def test_a_run_among_many_rewrites_its_own_file_and_no_other_execution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    async with create_test_environment(storage_plugin=StorageFsPlugin(tmp_path)) as env:
        job_id = await env.plugin.create_job("a", "0 9 * * *", "p")
        for _ in range(30):
            await env.plugin.run_here(await env.plugin.run_job_now(job_id))
    replaced: list[str] = []
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        replaced.append(Path(target).parent.name if Path(target).parent.name == "executions" else Path(target).name)
        return real(path, target)

    async with create_test_environment(storage_plugin=StorageFsPlugin(tmp_path)) as env:
        run = await env.plugin.run_job_now(job_id)
        monkeypatch.setattr(Path, "replace", replace)
        assert (await env.plugin.run_here(run)).result == "done"
    say(f"JSON folder, files replaced for one run after 30 others: {sorted(replaced)}")
    assert len(list((tmp_path / "background-jobs" / "executions").iterdir())) == 31
    # At most once for each change of the run: queued, claimed, settled, and the node that comes and goes.
    assert 1 <= replaced.count("executions") <= 5
    assert len(replaced) <= 15
