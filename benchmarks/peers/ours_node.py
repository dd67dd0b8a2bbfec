"""One process of ours on a Postgres: `ENGINE make URL LOG FOLDER COUNT DUE`, or `ENGINE work URL LOG FOLDER PLACES`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage
from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec


async def make(url: str, folder: str, count: int, due: float) -> None:
    """That many jobs that run once, then, without a row of history each until then."""
    store = PostgresStorage(url, locks_dir=Path(folder) / "locks")
    await store.open()
    at, now = datetime.fromtimestamp(due, UTC), datetime.now(UTC)
    for first in range(0, count, 500):
        specs = [
            read_spec({"name": f"job {number}", "prompt": "p", "schedule": f"at {at.isoformat()}", "agent": "work"})
            for number in range(first, min(first + 500, count))
        ]
        done = await store.commit([changes.create(spec, os.urandom(8).hex(), now) for spec in specs])
        assert all(done)
    await store.close()


async def work(url: str, log: str, folder: str, places: int, engine: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def nothing(prompt: str) -> str:
        os.write(file, f"{time.time()}\n".encode())
        return "done"

    plugin = BackgroundJobsPlugin(
        storage_plugin=PostgresStorage(url, locks_dir=Path(folder) / "locks"),
        agent_factory=AgentFactoryPlugin(
            definitions={"work": {"kind": "python", "callable": nothing}}, max_concurrent_agents=places
        ),
        engine="local" if engine == "local" else "dbos",
        max_concurrent_everywhere=1000 if engine == "limited" else None,
        stop_grace=timedelta(0),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await plugin.start_background_execution()
    print("ready", flush=True)
    await stop.wait()
    await plugin.close()


if __name__ == "__main__":
    engine, what, url, log, folder, number, *rest = sys.argv[1:]
    if what == "make":
        asyncio.run(make(url, folder, int(number), float(rest[0])))
    else:
        asyncio.run(work(url, log, folder, int(number), engine))
