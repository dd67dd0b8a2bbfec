"""APScheduler 3: jobs in memory or in SQLite; it keeps no history, so a durable row for each run is added to it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from benchmarks.measure import LEAD_SECONDS, Figures, Used, answer, burst_figures, until


class Runs:
    """Notes every run, with a committed row where a file is given."""

    def __init__(self, expected: int, history: Path | None) -> None:
        self.starts: list[float] = []
        self.ended = 0
        self.expected = expected
        self.all_ended = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.rows = _history(history) if history else None

    def work(self) -> None:
        start = time.time()
        if self.rows is not None:
            self.rows.execute("INSERT INTO runs (start, end, status) VALUES (?, ?, 'ok')", (start, time.time()))
        self.starts.append(start)
        if len(self.starts) == self.expected:
            self.loop.call_soon_threadsafe(self.all_ended.set)


current: Runs


def threaded() -> None:
    """A job that a store on disk can name."""
    current.work()


async def concurrent() -> None:
    current.work()


def _history(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("PRAGMA synchronous=FULL")
    rows.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, start REAL, end REAL, status TEXT)")
    return rows


def scheduler(folder: Path, store: str, places: int) -> AsyncIOScheduler:
    """``store`` is memory or sqlite; with ``places`` a pool of so many threads, without one tasks of the loop."""
    jobs = MemoryJobStore() if store == "memory" else SQLAlchemyJobStore(f"sqlite:///{folder / 'apscheduler.sqlite'}")
    runs = ThreadPoolExecutor(places) if places else AsyncIOExecutor()
    defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    return AsyncIOScheduler(jobstores={"default": jobs}, executors={"default": runs}, job_defaults=defaults)


def burst(folder: Path, *, jobs: int, places: int = 0, store: str = "memory", history: bool = False) -> Figures:
    return asyncio.run(_burst(folder, jobs, places, store, history))


async def _burst(folder: Path, jobs: int, places: int, store: str, history: bool) -> Figures:
    global current
    current = Runs(jobs, folder / "history.sqlite" if history else None)
    made = scheduler(folder, store, places)
    made.start(paused=True)
    per_second = 1500 if store == "memory" else 40
    due = datetime.now(UTC) + timedelta(seconds=2 + jobs / per_second)
    for number in range(jobs):
        made.add_job(threaded if places else concurrent, "date", run_date=due, id=str(number))
    made.resume()
    await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
    before = Used.now()
    await current.all_ended.wait()
    while made.get_jobs():
        await asyncio.sleep(0.001)
    drained, used = time.time(), Used.now() - before
    made.shutdown()
    figures = burst_figures(due.timestamp(), current.starts, drained, used)
    return figures | ({"commits": jobs} if history else {})


if __name__ == "__main__":
    answer(burst=burst)
