"""APScheduler 4 (alpha), its SQLAlchemy data store on SQLite or its memory one, with the schedules' own tasks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from apscheduler import AsyncScheduler
from apscheduler.datastores.memory import MemoryDataStore
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.measure import LEAD_SECONDS, Figures, Used, answer, burst_figures, made_in_time, on_a_second, until

starts: list[float] = []
all_called: asyncio.Event
expected = 0


async def work() -> None:
    starts.append(time.time())
    if len(starts) == expected:
        all_called.set()


def _scheduler(folder: Path, store: str, places: int = 100) -> AsyncScheduler:
    url = f"sqlite+aiosqlite:///{folder / 'apscheduler.sqlite'}"
    data = MemoryDataStore() if store == "memory" else SQLAlchemyDataStore(create_async_engine(url))
    return AsyncScheduler(data, max_concurrent_jobs=places)


async def burst(folder: Path, *, jobs: int, places: int = 0, hourly: bool = False, store: str = "memory") -> Figures:
    global all_called, expected
    all_called, expected = asyncio.Event(), jobs
    async with _scheduler(folder, store, places or jobs) as made:
        await made.configure_task("work", func=work, max_running_jobs=None, misfire_grace_time=None)
        due = on_a_second(2 + jobs / (500 if store == "memory" else 20))
        for number in range(jobs):
            # A trigger of this release knows where it stands, so each schedule has its own.
            each_hour = CronTrigger(minute=due.minute, second=due.second, timezone="UTC")
            await made.add_schedule("work", each_hour if hourly else DateTrigger(due), id=str(number))
        made_in_time(due.timestamp())
        await made.start_in_background()
        await asyncio.sleep(until(due.timestamp() - LEAD_SECONDS))
        before = Used.now()
        await all_called.wait()
        drained, used = time.time(), Used.now() - before
    return burst_figures(due.timestamp(), starts, drained, used)


async def create(folder: Path, *, jobs: int, store: str = "sqlite") -> Figures:
    async with _scheduler(folder, store) as made:
        await made.configure_task("work", func=work)
        before = Used.now()
        for number in range(jobs):
            trigger = CronTrigger(month=2, day=29, hour=number // 60 % 24, minute=number % 60)
            await made.add_schedule("work", trigger, id=str(number))
        used = Used.now() - before
    return {"per_s": jobs / used.wall, "cpu_us": used.cpu / jobs * 1e6}


if __name__ == "__main__":
    answer(burst=burst, create=create)
