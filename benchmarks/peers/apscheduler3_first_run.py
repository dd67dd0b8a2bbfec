"""A process that starts APScheduler 3 on a store, and ends with the first run: nothing is measured but that."""

import asyncio
import json
import os
import sys
import time

imported = 0.0
called = asyncio.Event()


async def work() -> None:
    ran, cpu = time.time(), time.process_time()
    began = float(os.environ["BENCH_BEGAN"])
    figures = {"first_run_s": ran - imported, "process_s": ran - began, "cpu_ms": cpu * 1e3}
    print(json.dumps(figures), flush=True)
    called.set()


async def main() -> None:
    global imported
    from apscheduler.executors.asyncio import AsyncIOExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    imported = time.time()
    made = AsyncIOScheduler(
        jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{sys.argv[1]}/apscheduler.sqlite")},
        executors={"default": AsyncIOExecutor()},
        job_defaults={"misfire_grace_time": None},
    )
    made.start()
    await called.wait()
    made.shutdown()


if __name__ == "__main__":
    # The store names the job by its module: what is run here must be the very same one.
    sys.modules["benchmarks.peers.apscheduler3_first_run"] = sys.modules["__main__"]
    asyncio.run(main())
