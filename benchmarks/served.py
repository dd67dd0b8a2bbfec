"""`agentcron serve` in a process of its own, over a store that was filled beforehand, and who asks it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import psutil

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, ExecutionStatus, OnceSchedule, SqliteStorage
from agentcron.domain.model import Execution
from agentcron.domain.statistics import Totals
from benchmarks.environments import ROOT
from benchmarks.idle import work

STORE: Final = "store.sqlite"
_APART: Final = timedelta(minutes=25)
_STATUSES: Final = (*[ExecutionStatus.SUCCESS] * 18, ExecutionStatus.FAILURE, ExecutionStatus.INCOMPLETE)
_SETTINGS: Final = """\
[scheduler]
max_concurrent_agents = {places}

[agents.work]
kind = "python"
callable = "benchmarks.idle:work"
"""


def _plugin(path: Path) -> BackgroundJobsPlugin:
    factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
    return BackgroundJobsPlugin(storage_plugin=SqliteStorage(path), agent_factory=factory)


async def fill(folder: Path, jobs: int, runs: int) -> None:
    """Jobs of many schedules, each with its share of runs until now."""
    plugin = _plugin(folder / "made.sqlite")
    schedules = [f"{n % 60} {n // 60 % 24} * * *" if n % 3 else f"{n % 60} */6 * * MON-FRI" for n in range(jobs)]
    await asyncio.gather(
        *(
            plugin.create_job(f"job {n}", schedule, f"do {n}", tags=[f"team-{n % 7}"])
            for n, schedule in enumerate(schedules)
        )
    )
    made = await plugin.get_jobs()
    await plugin.close()
    store = SqliteStorage(folder / STORE)
    await store.open()
    each, end = runs // jobs, datetime.now(UTC)
    rows = [
        _run(job.id, end - _APART * (each - n) + timedelta(seconds=place), n)
        for n in range(each)
        for place, job in enumerate(made)
    ]
    await store.restore([job.evolve(totals=Totals(success=each), runs=each) for job in made], rows)
    await store.close()


def _run(job_id: str, at: datetime, number: int) -> Execution:
    return Execution(
        id=f"{int(at.timestamp() * 1000):012x}{job_id[-8:]}{number:06x}", job_id=job_id, version=1, at=at,
        status=_STATUSES[number % len(_STATUSES)], attempt=1, begun=True, fence=1, start_time=at,
        end_time=at + timedelta(seconds=1 + number % 90), agent="work", agent_id=f"work-{number}",
        result="It is done, and this is what came of it.",
    )  # fmt: skip


@contextlib.contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A folder of its own with a copy of the store, so that no burst adds to what the next one finds."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        shutil.copy(folder / STORE, made)
        yield Path(made)


async def make_due(folder: Path, jobs: int, at: datetime) -> None:
    """So many jobs due at one instant, beside what is in the store."""
    plugin = _plugin(folder / STORE)
    await asyncio.gather(*(plugin.create_job(f"due {n}", OnceSchedule(at), "go") for n in range(jobs)))
    await plugin.close()


@dataclass(frozen=True)
class Served:
    """A server's process, and how it is asked: as a browser that is logged in, and as a program with a token."""

    browser: httpx.AsyncClient
    program: httpx.AsyncClient
    process: psutil.Process

    def cpu_seconds(self) -> float:
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextlib.asynccontextmanager
async def served(folder: Path, places: int = 10, *, watched: bool = False) -> AsyncIterator[Served]:
    """The server over the store in the folder, with so many agents at once; ``watched``: its log tells what held its
    event loop the longest."""
    (folder / "agentcron.toml").write_text(_SETTINGS.format(places=places))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "benchmarks.longest" if watched else "agentcron",
        "serve",
        "--port",
        "0",
        "--json",
        "--store",
        STORE,
    ]
    with (folder / "log").open("w") as log:
        server = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert server.stdout is not None
    try:
        lines = b""
        while not lines.endswith(b"\n}\n"):
            line = await server.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {(folder / 'log').read_text()[-600:]}")
            lines += line
        told = json.loads(lines)
        limits = httpx.Limits(max_connections=200)
        async with (
            httpx.AsyncClient(base_url=told["url"], timeout=60, limits=limits) as browser,
            httpx.AsyncClient(base_url=told["url"], timeout=60, limits=limits) as program,
        ):
            await browser.get(told["login"])
            browser.headers["Sec-Fetch-Site"] = "same-origin"
            program.headers["Authorization"] = f"Bearer {told['token']}"
            yield Served(browser, program, psutil.Process(server.pid))
    finally:
        server.terminate()
        await server.wait()


@dataclass
class Streams:
    """Open streams of events: how many events each of them brought, and which have ended."""

    heard: list[int] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def alive(self) -> int:
        return sum(not task.done() for task in self.tasks)

    async def open(self, served: Served, count: int) -> None:
        """So many streams, every other one that of a page; returns when all of them are open."""
        self.heard = [0] * count
        for place in range(count):
            client, path = (served.browser, "/live") if place % 2 else (served.program, "/api/v1/events")
            self.tasks.append(asyncio.create_task(self._listen(client, path, place)))
        while not all(self.heard) and self.alive == count:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _listen(self, client: httpx.AsyncClient, path: str, place: int) -> None:
        async with client.stream("GET", path, timeout=None) as stream:
            async for part in stream.aiter_raw():
                self.heard[place] += part.count(b"\nevent:") + part.startswith(b"event:")


async def look(client: httpx.AsyncClient, path: str) -> float:
    """Seconds until an answer was read."""
    before = time.perf_counter()
    answer = await client.get(path)
    took = time.perf_counter() - before
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
    return took


async def look_again(
    client: httpx.AsyncClient, paths: Sequence[tuple[str, str]], into: dict[str, list[float]], pause: float
) -> None:
    """Go through the addresses again and again, each by its name, until cancelled."""
    while True:
        for name, path in paths:
            took = await look(client, path)
            into.setdefault(name, []).append(took)
            await asyncio.sleep(pause)
