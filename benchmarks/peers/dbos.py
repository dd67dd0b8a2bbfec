"""DBOS on Postgres: workflows on a queue. Its schedules take a thread each, so a burst is enqueued at once instead."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from dbos import DBOS

from benchmarks.measure import Figures, answer, burst_figures
from benchmarks.peers._postgres import postgres

started: list[float] = []
lock = threading.Lock()


@DBOS.workflow()
def work(number: int) -> str:
    with lock:
        started.append(time.time())
    return "ok"


def burst(folder: Path, *, jobs: int, places: int = 10) -> Figures:
    """Enqueueing is part of it: there is no way to have so many schedules due at one instant."""
    with postgres(folder) as server:
        DBOS(config={"name": "bench", "system_database_url": server.url, "log_level": "ERROR"})
        DBOS.launch()
        queue = DBOS.register_queue("burst", worker_concurrency=places, polling_interval_sec=0.1)
        queue.enqueue(work, -1).get_result()
        started.clear()
        before, due = server.used(), time.time()
        handles = [queue.enqueue(work, number) for number in range(jobs)]
        for handle in handles:
            handle.get_result()
        drained, used = time.time(), server.used() - before
        DBOS.destroy()
    return burst_figures(due, started, drained, used)


if __name__ == "__main__":
    answer(burst=burst)
