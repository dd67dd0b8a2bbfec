"""How long the pages of the dashboard take, with much in the store and while much is due.

    python -m benchmarks.dashboard [--jobs 1000] [--runs 100000] [--due 10000] [--streams 50] [--looks 21]

A server of its own process over a store that was filled beforehand; this process asks, as a browser does. Wall time
moves with what else the machine does: an answer that needs no store stands beside the others, and what each costs in
CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from agentcron import BackgroundJobsPlugin, ExecutionStatus, OnceSchedule, SqliteStorage
from agentcron.domain.model import Execution
from agentcron.domain.statistics import Totals
from benchmarks.measure import percentile

ROWS_AT_ONCE = 20_000
APART = timedelta(minutes=25)
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 120
STATUSES = (*[ExecutionStatus.SUCCESS] * 18, ExecutionStatus.FAILURE, ExecutionStatus.INCOMPLETE)


async def fill(folder: Path, jobs: int, runs: int) -> None:
    """Jobs of many schedules, each with its share of runs until now."""
    plugin = BackgroundJobsPlugin(storage_plugin=SqliteStorage(folder / "store.sqlite"))
    schedules = [f"{n % 60} {n // 60 % 24} * * *" if n % 3 else f"{n % 60} */6 * * MON-FRI" for n in range(jobs)]
    ids = await asyncio.gather(
        *(
            plugin.create_job(f"job {n}", schedule, f"do {n}", agent="echo", tags=[f"team-{n % 7}"])
            for n, schedule in enumerate(schedules)
        )
    )
    made = [job for key in ids if (job := await plugin.get_job(key)) is not None]
    await plugin.clear_all_jobs()
    await plugin.close()
    store = SqliteStorage(folder / "store.sqlite")
    await store.open()
    each, end = runs // jobs, datetime.now(UTC)
    step = max(1, ROWS_AT_ONCE // max(each, 1))
    for first in range(0, jobs, step):
        some = [job.evolve(totals=Totals(success=each), runs=each) for job in made[first : first + step]]
        rows = [
            _run(job.id, end - APART * (each - n) + timedelta(seconds=first + place), n)
            for place, job in enumerate(some)
            for n in range(each)
        ]
        await store.restore(some, rows)
    await store.close()


def _run(job_id: str, at: datetime, number: int) -> Execution:
    return Execution(
        id=f"{job_id}{number:06x}", job_id=job_id, version=1, at=at, status=STATUSES[number % len(STATUSES)],
        attempt=1, begun=True, fence=1, start_time=at, end_time=at + timedelta(seconds=1 + number % 90), agent="echo",
        agent_id=f"echo-{number}", result="It is done, and this is what came of it.",
    )  # fmt: skip


async def make_due(path: Path, jobs: int, at: datetime) -> None:
    """So many jobs due at one instant, beside what is in the store."""
    plugin = BackgroundJobsPlugin(storage_plugin=SqliteStorage(path))
    await asyncio.gather(*(plugin.create_job(f"due {n}", OnceSchedule(at), "go", agent="echo") for n in range(jobs)))
    await plugin.close()


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, psutil.Process]]:
    """The server's own process, and a browser that is logged in to it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    command = [sys.executable, "-m", "agentcron", "serve", "--port", "0", "--json", "--store", "store.sqlite"]
    with (folder / "log").open("w") as log:
        server = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert server.stdout is not None
    try:
        lines = b""
        while not lines.endswith(b"\n}\n"):
            lines += await server.stdout.readline() or b"\n}\n"
        told = json.loads(lines)
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=told["url"], timeout=60, limits=limits) as browser:
            await browser.get(told["login"])
            browser.headers["Sec-Fetch-Site"] = "same-origin"
            yield browser, psutil.Process(server.pid)
    finally:
        server.terminate()
        await server.wait()


async def look(browser: httpx.AsyncClient, path: str) -> float:
    """Seconds until a page was read."""
    before = time.perf_counter()
    answer = await browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:200])
    return time.perf_counter() - before


def told(title: str, found: Mapping[str, Sequence[float]], cpu: Mapping[str, float] | None = None) -> None:
    """A table of what was found, in milliseconds."""
    print(f"\n{title}\n{'page':<28}{'looks':>7}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'CPU ms' if cpu else '':>9}")
    for path, seconds in found.items():
        middle, high, worst = (
            1e3 * value for value in (statistics.median(seconds), percentile(seconds, 0.99), max(seconds))
        )
        used = f"{cpu[path] * 1e3:>9.1f}" if cpu else ""
        print(f"{path:<28}{len(seconds):>7}{middle:>9.1f}{high:>9.1f}{worst:>9.1f}{used}")


async def pages_of(browser: httpx.AsyncClient) -> dict[str, str]:
    """Every page, by the name under which it is told."""
    jobs = (await browser.get("/jobs?sort=name")).text
    job = jobs.partition('href="/jobs/')[2]
    while not job[:16].isalnum():
        job = job.partition('href="/jobs/')[2]
    page = f"/jobs/{job[:16]}"
    run = (await browser.get(page)).text.partition('href="/executions/')[2].partition('"')[0]
    return {
        "(an answer without a store)": "/healthz",
        "overview": "/", "jobs": "/jobs", "jobs by name, page 9": "/jobs?sort=name&page=9",
        "jobs filtered": "/jobs?q=job+1&tag=team-3", "job": page, "run": f"/executions/{run}", "form": "/jobs/new",
        "edit": f"{page}/edit", "timeline 1h": "/timeline?span=1h", "timeline 6h": "/timeline",
        "timeline 24h": "/timeline?span=24h", "timeline 7d": "/timeline?span=7d", "inbox": "/inbox",
        "settings": "/settings",
    }  # fmt: skip


async def still(folder: Path, looks: int) -> None:
    """Each page while little happens."""
    async with served(folder) as (browser, server):
        found, cpu = dict[str, list[float]](), dict[str, float]()
        for name, path in (await pages_of(browser)).items():
            await look(browser, path)
            before = server.cpu_times()
            found[name] = [await look(browser, path) for _ in range(looks)]
            after = server.cpu_times()
            cpu[name] = (after.user + after.system - before.user - before.system) / looks
        told("with little to do", found, cpu)


async def busy(folder: Path, due: int, streams: int) -> None:
    """Pages and the API while very many jobs are due, and so many streams of events are read."""
    at = datetime.now(UTC) + timedelta(seconds=12 + due / 1000)
    await make_due(folder / "store.sqlite", due, at)
    async with served(folder) as (browser, _):
        heard = [0] * streams
        listening = [asyncio.create_task(listen(browser, heard, n)) for n in range(streams)]
        while not all(heard):
            await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        paths = {
            "statistics": "/settings",
            "jobs": "/jobs",
            "job": "/jobs/due%2017",
            "overview": "/",
            "inbox": "/inbox",
        }
        found: dict[str, list[float]] = {name: [] for name in ("(an answer without a store)", *paths)}
        began, left = time.perf_counter(), due
        while left and time.perf_counter() < began + PATIENCE_SECONDS:
            found["(an answer without a store)"].append(await look(browser, "/healthz"))
            for name, path in paths.items():
                found[name].append(await look(browser, path))
                await asyncio.sleep(PAUSE_SECONDS)
            left = open_of((await browser.get("/jobs?status=COMPLETED&q=due")).text, due)
        took = time.perf_counter() - began
        alive = sum(not task.done() for task in listening)
        for task in listening:
            task.cancel()
        told(
            f"while {due:,} jobs are due ({took:.1f} s, {left:,} left), {alive} of {streams} streams open to the end",
            found,
        )
        print(f"events heard by each stream: {min(heard):,} to {max(heard):,}")


def open_of(page: str, due: int) -> int:
    """How many of the jobs that were due are not done yet."""
    count = page.partition('id="found" data-live>')[2].partition("<")[0].split(" of ")[0]
    return due - int(count.strip().replace(",", ""))


async def listen(browser: httpx.AsyncClient, heard: list[int], place: int) -> None:
    """Count the events of one stream."""
    async with browser.stream("GET", "/live", timeout=None) as stream:
        async for line in stream.aiter_lines():
            heard[place] += line.startswith("event:")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("jobs", 1000), ("runs", 100_000), ("due", 10_000), ("streams", 50), ("looks", 21)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        await fill(folder, given.jobs, given.runs)
        await still(folder, given.looks)
        if given.due:
            await busy(folder, given.due, given.streams)


if __name__ == "__main__":
    asyncio.run(main())
