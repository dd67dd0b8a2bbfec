"""agentcron as it runs jobs, through its public surface: SQLite, synchronous=FULL, every run kept, kind `python`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentcron import (
    AgentFactoryPlugin,
    BackgroundJobsPlugin,
    EverySchedule,
    ExecutionStatus,
    OnceSchedule,
    SqliteStorage,
)
from benchmarks.measure import (
    LEAD_SECONDS,
    POLL_SECONDS,
    Figures,
    Used,
    answer,
    burst_figures,
    calibration_seconds,
    made_in_time,
    on_a_second,
    percentile,
    until,
)

READ_EVERY_SECONDS = 0.01
OPEN = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING)


class Agents:
    """Counts calls and notes when each came."""

    def __init__(self, expected: int) -> None:
        self.starts: list[float] = []
        self.calls: list[tuple[str, float]] = []
        self.expected = expected
        self.all_called = asyncio.Event()

    async def work(self, prompt: str) -> str:
        self.starts.append(time.time())
        if len(self.starts) == self.expected:
            self.all_called.set()
        return "ok"

    async def timed(self, prompt: str) -> str:
        """``prompt`` is told with the time of its call."""
        self.calls.append((prompt, time.time()))
        return "ok"

    async def stuck(self, prompt: str) -> str:
        await self.work(prompt)
        await asyncio.sleep(3600)
        return "never"


def plugin_on(path: Path, work: Callable[..., Any], places: int = 10, **config: Any) -> BackgroundJobsPlugin:
    """The plugin as a user makes it; ``path`` is the SQLite file."""
    factory = AgentFactoryPlugin(
        {"work": {"kind": "python", "callable": work}}, default_definition="work", max_concurrent_agents=places
    )
    return BackgroundJobsPlugin(storage_plugin=SqliteStorage(path), agent_factory=factory, **config)


def commits_of(plugin: BackgroundJobsPlugin) -> int:
    """How many transactions the store has committed, exactly."""
    assert isinstance(plugin.storage, SqliteStorage)
    return plugin.storage.commits


async def ended(plugin: BackgroundJobsPlugin, runs: int) -> None:
    """Return when so many runs are final in the store."""
    while (await plugin.get_statistics()).total_executions < runs:
        await asyncio.sleep(POLL_SECONDS)


async def burst(folder: Path, *, jobs: int, places: int = 0, hourly: bool = False, reads: bool = False) -> Figures:
    """So many jobs due at the same second, once or ``hourly``; ``places`` agents at once, 0 for no limit.

    With ``reads`` somebody looks at statistics and history all the while.
    """
    agents = Agents(jobs)
    plugin = plugin_on(folder / "ours.sqlite", agents.work, places or jobs)
    due = on_a_second(2 + jobs / 1000)
    schedule = f"{due.second} {due.minute} * * * *" if hourly else OnceSchedule(due)
    await asyncio.gather(*(plugin.create_job(f"job {n}", schedule, "go") for n in range(jobs)))
    await plugin.start_background_execution()
    made_in_time(due.timestamp())
    await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
    calibration = calibration_seconds()
    waits: list[float] = []
    reader = asyncio.create_task(_read(plugin, waits)) if reads else None
    before, commits = Used.now(), commits_of(plugin)
    await agents.all_called.wait()
    await ended(plugin, jobs)
    drained, used, commits = time.time(), Used.now() - before, commits_of(plugin) - commits
    figures: Figures = {"commits": commits, "calibration_s": (calibration + calibration_seconds()) / 2}
    if reader is not None:
        reader.cancel()
        figures["read_p99_s"] = percentile(waits, 0.99)
    rows = await plugin.get_executions(limit=10_000)
    assert len(rows) == min(jobs, 10_000)
    assert {row.status for row in rows} == {ExecutionStatus.SUCCESS}
    await plugin.close()
    return burst_figures(due.timestamp(), agents.starts, drained, used) | figures


async def _read(plugin: BackgroundJobsPlugin, waits: list[float]) -> None:
    """Look at statistics and history again and again; ``waits`` gets the seconds of each look."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0)  # a request waits for its turn in the event loop as well
        await plugin.get_statistics()
        await plugin.get_executions(limit=50)
        waits.append(time.perf_counter() - before)
        await asyncio.sleep(READ_EVERY_SECONDS)


async def sustained(folder: Path, *, jobs: int, seconds: int, spread: bool = False) -> Figures:
    """So many jobs due each second, for so many seconds, all at the same instant or ``spread`` over the second; what
    became of each slot is counted in the store."""
    agents = Agents(0)
    plugin = plugin_on(folder / "ours.sqlite", agents.timed, jobs)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4 + jobs // 1000)
    apart = timedelta(microseconds=1_000_000 // jobs if spread else 0)
    # Of each job as many slots, the last of them in the last second.
    last = timedelta(seconds=seconds, microseconds=1)
    begins = [start + number * apart for number in range(jobs)]
    every = timedelta(seconds=1)
    await asyncio.gather(
        *(
            plugin.create_job(
                f"job {number}",
                EverySchedule(every, begin),
                str(number),
                start_at=start,
                end_at=begin + last,
            )
            for number, begin in enumerate(begins)
        )
    )
    await plugin.start_background_execution()
    await asyncio.sleep(until(start.timestamp() + 1 - LEAD_SECONDS))
    before, commits = Used.now(), commits_of(plugin)
    due, by_status = jobs * seconds, dict[str, int]()
    end = start.timestamp() + seconds + spread
    await asyncio.sleep(until(end))
    while sum(by_status.values()) < due and time.time() < end + 60:
        await asyncio.sleep(POLL_SECONDS)
        counted = (await plugin.get_statistics()).executions_by_status
        by_status = {status.value: count for status, count in counted.items() if status not in OPEN}
    used, commits = Used.now() - before, commits_of(plugin) - commits
    # The second call of a job is that of its second slot: one that is over a second late must not look punctual.
    calls, late = Counter[str](), []
    for number, instant in agents.calls:
        calls[number] += 1
        late.append(instant - begins[int(number)].timestamp() - calls[number])
    fired = by_status.get("SUCCESS", 0)
    figures = {
        "due": due,
        "fired": fired,
        "not_fired": due - fired,
        "unaccounted": due - sum(by_status.values()),
        "late_p50_s": percentile(late, 0.5),
        "late_p99_s": percentile(late, 0.99),
        "core": used.cpu / used.wall,
        "cpu_us": used.cpu / max(1, fired) * 1e6,
        "commits": commits,
    }
    await plugin.close()
    return figures


if __name__ == "__main__":
    answer(burst=burst, sustained=sustained)
