"""With fewer places than runs, what ended and the claim of the next ones go into one commit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, OnceSchedule, SqliteStorage

RUNS, PLACES = 200, 10


async def test_a_wave_of_runs_is_one_commit(tmp_path: Path) -> None:
    ended, done = 0, asyncio.Event()

    async def work(prompt: str) -> str:
        nonlocal ended
        ended += 1
        if ended == RUNS:
            done.set()
        return "ok"

    factory = AgentFactoryPlugin(
        {"work": {"kind": "python", "callable": work}}, default_definition="work", max_concurrent_agents=PLACES
    )
    storage = SqliteStorage(tmp_path / "s.sqlite")
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory)
    due = datetime.now(UTC) + timedelta(milliseconds=500)
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(RUNS)))
    before = storage.commits
    await plugin.start_background_execution()
    await done.wait()
    # One for the plans, one a wave, and a few of the scheduler's own; two a wave would be twice as many.
    assert storage.commits - before <= RUNS // PLACES * 1.3 + 5
    await plugin.close()
