"""APScheduler 3 as documented: jobs in memory or in SQLite; it keeps no history, a row for each run is added."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from benchmarks.measure import (
    LEAD_SECONDS,
    POLL_SECONDS,
    SETTLED_SECONDS,
    Figures,
    Used,
    answer,
    burst_figures,
    first_run,
    made_in_time,
    on_a_second,
    percentile,
    resident_bytes,
    until,
)
from benchmarks.prepared import prepared


class Runs:
    """Notes every run, with a committed row where a file is given."""

    def __init__(self, expected: int, history: Path | None) -> None:
        self.starts: list[float] = []
        self.calls: list[tuple[int, float]] = []
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


async def numbered(number: int) -> None:
    current.calls.append((number, time.time()))


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


def per_second(store: str) -> int:
    """How fast jobs are added at least, to know when all of them can be due."""
    return 1500 if store == "memory" else 40


async def burst(
    folder: Path, *, jobs: int, places: int = 0, hourly: bool = False, store: str = "memory", history: bool = False
) -> Figures:
    global current
    current = Runs(jobs, folder / "history.sqlite" if history else None)
    made = scheduler(folder, store, places)
    made.start(paused=True)
    due = on_a_second(2 + jobs / per_second(store))
    once, each_hour = DateTrigger(due, UTC), CronTrigger(minute=due.minute, second=due.second, timezone=UTC)
    for number in range(jobs):
        made.add_job(threaded if places else concurrent, each_hour if hourly else once, id=str(number))
    made_in_time(due.timestamp())
    made.resume()
    await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
    before = Used.now()
    await current.all_ended.wait()
    # A job that has no other time is removed; the others are moved to the next hour.
    while any(job.next_run_time <= due for job in made.get_jobs()):
        await asyncio.sleep(POLL_SECONDS)
    drained, used = time.time(), Used.now() - before
    made.shutdown()
    figures = burst_figures(due.timestamp(), current.starts, drained, used)
    return figures | ({"commits": jobs} if history else {})


async def sustained(folder: Path, *, jobs: int, seconds: int) -> Figures:
    """Jobs of every second, no history: what it fires of what was due, and how late."""
    global current
    current = Runs(jobs * seconds, None)
    made = scheduler(folder, "memory", 0)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4 + jobs // 1000)
    end = start + timedelta(seconds=seconds + 0.5)
    made.start()
    first = start + timedelta(seconds=1)
    for number in range(jobs):
        made.add_job(
            numbered, "interval", [number], seconds=1, start_date=first, end_date=end, id=str(number), coalesce=False
        )
    await asyncio.sleep(until(first.timestamp() - LEAD_SECONDS))
    before = Used.now()
    while made.get_jobs() and time.time() < end.timestamp() + 60:
        await asyncio.sleep(0.1)
    used = Used.now() - before
    made.shutdown()
    # The second call of a job is that of its second slot: one that is over a second late must not look punctual.
    calls, late = Counter[int](), []
    for number, instant in current.calls:
        late.append(instant - first.timestamp() - calls[number])
        calls[number] += 1
    return {
        "due": jobs * seconds,
        "fired": len(late),
        "not_fired": jobs * seconds - len(late),
        "late_p50_s": percentile(late, 0.5),
        "late_p99_s": percentile(late, 0.99),
        "core": used.cpu / used.wall,
        "cpu_us": used.cpu / max(1, len(late)) * 1e6,
    }


async def create(folder: Path, *, jobs: int, store: str = "sqlite") -> Figures:
    """Add jobs one by one; with the store in memory they are not durable."""
    made = scheduler(folder, store, 0)
    made.start(paused=True)
    before = Used.now()
    for number in range(jobs):
        made.add_job(concurrent, "cron", month=2, day=29, hour=number // 60 % 24, minute=number % 60, id=str(number))
    used = Used.now() - before
    made.shutdown()
    return {"per_s": jobs / used.wall, "cpu_us": used.cpu / jobs * 1e6}


async def _fill(folder: Path, jobs: int) -> None:
    """A store with so many idle jobs, its rows written by hand: adding them one by one takes hours."""
    made = scheduler(folder, "sqlite", 0)
    made.start(paused=True)
    job = made.add_job(concurrent, "cron", month=2, day=29, id="pattern")
    state, at = job.__getstate__(), job.next_run_time.timestamp()
    made.shutdown()
    rows = sqlite3.connect(folder / "apscheduler.sqlite")
    for number in range(jobs):
        body = pickle.dumps({**state, "id": f"job-{number}"}, pickle.HIGHEST_PROTOCOL)
        rows.execute("INSERT INTO apscheduler_jobs VALUES (?, ?, ?)", (f"job-{number}", at + number % 1440 * 60, body))
    rows.commit()
    rows.close()


async def cold_start(folder: Path, *, jobs: int) -> Figures:
    """From the start of a process to the first run of an overdue job, among so many idle ones."""
    store = await prepared(f"apscheduler3-{jobs}", lambda target: _fill(target, jobs))
    made = scheduler(store, "sqlite", 0)
    made.start(paused=True)
    overdue = datetime.now(UTC) + timedelta(seconds=1)
    made.add_job("benchmarks.peers.apscheduler3_first_run:work", "date", run_date=overdue, id="overdue")
    made.shutdown()
    await asyncio.sleep(1.2)
    return first_run("benchmarks.peers.apscheduler3_first_run", store)


async def idle(folder: Path, *, jobs: int, seconds: int) -> Figures:
    store = await prepared(f"apscheduler3-{jobs}", lambda target: _fill(target, jobs))
    resident, before = resident_bytes(), Used.now()
    made = scheduler(store, "sqlite", 0)
    made.start()
    await asyncio.sleep(SETTLED_SECONDS)
    started = Used.now()
    await asyncio.sleep(seconds)
    used = Used.now() - started
    grown = resident_bytes() - resident
    made.shutdown()
    return {
        "cpu_per_minute_s": used.cpu / used.wall * 60,
        "start_cpu_s": (started - before).cpu,
        "rss_growth_mb": grown / 2**20,
    }


if __name__ == "__main__":
    answer(burst=burst, sustained=sustained, create=create, cold_start=cold_start, idle=idle)
