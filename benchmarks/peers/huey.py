"""Huey on SQLite: tasks with an eta, a consumer of threads in this process. Results are kept until they are read."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from huey import SqliteHuey
from huey.consumer import Consumer

from benchmarks.measure import LEAD_SECONDS, POLL_SECONDS, Figures, Used, answer, burst_figures, made_in_time, until


class Tasks:
    """Notes each start."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.huey = SqliteHuey("bench", filename=str(folder / "huey.sqlite"), fsync=True)
        self.starts: list[float] = []
        self.all_called = threading.Event()
        self.lock = threading.Lock()

        @self.huey.task()
        def work() -> str:
            with self.lock:
                self.starts.append(time.time())
                if len(self.starts) == jobs:
                    self.all_called.set()
            return "ok"

        self.work = work


def burst(folder: Path, *, jobs: int, places: int = 10) -> Figures:
    tasks = Tasks(folder, jobs)
    due = datetime.now() + timedelta(seconds=3 + jobs / 100)  # noqa: DTZ005 - Huey takes local time
    for _ in range(jobs):
        tasks.work.schedule(eta=due)
    consumer = Consumer(tasks.huey, workers=places, worker_type="thread", periodic=False)
    made_in_time(due.timestamp())
    consumer.start()
    time.sleep(until(due.timestamp() - LEAD_SECONDS))
    before = Used.now()
    tasks.all_called.wait()
    while tasks.huey.result_count() < jobs:
        time.sleep(POLL_SECONDS)
    drained, used = time.time(), Used.now() - before
    consumer.stop(graceful=True)
    return burst_figures(due.timestamp(), tasks.starts, drained, used)


def create(folder: Path, *, jobs: int) -> Figures:
    """Put tasks with an eta on the schedule, one by one, each durable."""
    tasks = Tasks(folder, jobs)
    before = Used.now()
    for _ in range(jobs):
        tasks.work.schedule(delay=86_400)
    used = Used.now() - before
    return {"per_s": jobs / used.wall, "cpu_us": used.cpu / jobs * 1e6}


if __name__ == "__main__":
    answer(burst=burst, create=create)
