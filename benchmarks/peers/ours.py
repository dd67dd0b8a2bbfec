"""agentcron, through its public surface: SQLite with synchronous=FULL, every run in the history, kind `python`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, ExecutionStatus, OnceSchedule, SqliteStorage
from benchmarks.measure import LEAD_SECONDS, Figures, Used, answer, burst_figures, until


class Agents:
    """Counts calls and notes when each came."""

    def __init__(self, expected: int) -> None:
        self.starts: list[float] = []
        self.expected = expected
        self.all_called = asyncio.Event()

    async def work(self, prompt: str) -> str:
        self.starts.append(time.time())
        if len(self.starts) == self.expected:
            self.all_called.set()
        return "ok"


def plugin_on(store: SqliteStorage, agents: Agents, places: int) -> BackgroundJobsPlugin:
    factory = AgentFactoryPlugin(
        {"work": {"kind": "python", "callable": agents.work}}, default_definition="work", max_concurrent_agents=places
    )
    return BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)


def burst(folder: Path, *, jobs: int, places: int = 0) -> Figures:
    """So many jobs due at the same second; ``places`` agents at once, 0 for no limit."""
    return asyncio.run(_burst(folder, jobs, places or jobs))


async def _burst(folder: Path, jobs: int, places: int) -> Figures:
    store, agents = SqliteStorage(folder / "ours.sqlite"), Agents(jobs)
    plugin = plugin_on(store, agents, places)
    due = datetime.now(UTC) + timedelta(seconds=2 + jobs / 1500)
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(jobs)))
    await plugin.start_background_execution()
    await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
    before, commits = Used.now(), store.commits
    await agents.all_called.wait()
    while (await plugin.get_statistics()).total_executions < jobs:
        await asyncio.sleep(0.001)
    drained, used, commits = time.time(), Used.now() - before, store.commits - commits
    ended = await plugin.get_executions(limit=10_000)
    assert len(agents.starts) == jobs
    assert len(ended) == min(jobs, 10_000)
    assert {run.status for run in ended} == {ExecutionStatus.SUCCESS}
    await plugin.close()
    return burst_figures(due.timestamp(), agents.starts, drained, used) | {"commits": commits}


if __name__ == "__main__":
    answer(burst=burst)
