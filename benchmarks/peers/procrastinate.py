"""Procrastinate on Postgres: jobs deferred to an instant, one worker with its defaults but for its concurrency."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from procrastinate import App, PsycopgConnector

from benchmarks.measure import LEAD_SECONDS, POLL_SECONDS, Figures, answer, burst_figures, made_in_time, until
from benchmarks.peers._postgres import postgres

FAR = timedelta(days=400)


async def burst(folder: Path, *, jobs: int, places: int = 10) -> Figures:
    with postgres(folder) as server:
        app, starts, all_called = App(connector=PsycopgConnector(conninfo=server.url)), list[float](), asyncio.Event()

        @app.task(name="work")
        async def work() -> None:
            starts.append(time.time())
            if len(starts) == jobs:
                all_called.set()

        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            due = datetime.now(UTC) + timedelta(seconds=3 + jobs / 2000)
            await work.configure(schedule_at=due).batch_defer_async(*({} for _ in range(jobs)))
            running = asyncio.create_task(app.run_worker_async(concurrency=places, install_signal_handlers=False))
            made_in_time(due.timestamp())
            await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
            before = server.used()
            await all_called.wait()
            while await app.job_manager.list_jobs_async(status="doing"):
                await asyncio.sleep(POLL_SECONDS)
            drained, used = time.time(), server.used() - before
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    return burst_figures(due.timestamp(), starts, drained, used)


async def create(folder: Path, *, jobs: int) -> Figures:
    """Defer jobs to a far day, one by one: its schedules are code, its jobs are rows."""
    with postgres(folder) as server:
        app = App(connector=PsycopgConnector(conninfo=server.url))

        @app.task(name="work")
        async def work() -> None: ...

        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            before = server.used()
            for _ in range(jobs):
                await work.configure(schedule_at=datetime.now(UTC) + FAR).defer_async()
            used = server.used() - before
    return {"per_s": jobs / used.wall, "cpu_us": used.cpu / jobs * 1e6}


if __name__ == "__main__":
    answer(burst=burst, create=create)
