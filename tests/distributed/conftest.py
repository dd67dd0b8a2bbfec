"""Nodes in processes of their own on one Postgres, and what is asked of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentcron import BackgroundJobsPlugin, PostgresStorage
from agentcron.domain.model import Execution
from agentcron.domain.queries import ExecutionFilters

PATIENCE = float(os.environ.get("AGENTCRON_PATIENCE", "90"))
LEASE = 3.0
QUEUES = {"reports": {"concurrency": 2}}


@dataclass
class Field:
    """The nodes, a plugin that asks and runs nothing, and the log of what agents did."""

    url: str
    folder: Path
    plugin: BackgroundJobsPlugin
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(
        self, count: int, *, engine: str = "local", places: int = 10, host: str | None = None, **others: Any
    ) -> list[subprocess.Popen[str]]:
        """So many nodes, each on a host of its own as far as they can tell, once they run. ``host`` is the network
        namespace that they are in."""
        started = []
        for _ in range(count):
            settings = {
                "url": self.url, "engine": engine, "places": places, "everywhere": None, "rate": None,
                "queues": QUEUES, "model": False,
                "lease": LEASE, "grace": 20,
                "log": str(self.folder / "log"), "locks": str(self.folder / f"host-{len(self.processes)}"), **others,
            }  # fmt: skip
            with (self.folder / "stderr").open("a") as errors:
                process = subprocess.Popen(
                    [
                        *(["ip", "netns", "exec", host] if host is not None else []),
                        sys.executable,
                        "-m",
                        "tests.distributed.node",
                        json.dumps(settings),
                    ],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            self.processes.append(process)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", (self.folder / "stderr").read_text()
        return started

    @property
    def log(self) -> list[list[str]]:
        """What agents noted, word by word."""
        path = self.folder / "log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def began(self) -> list[tuple[str, float]]:
        """Executions and when an agent began each, in their order."""
        return [(words[1], float(words[-2])) for words in self.log if words[0] == "begin"]

    def calls(self) -> Counter[tuple[str, str]]:
        """How often each call of each execution was made."""
        return Counter((words[1], words[2]) for words in self.log if words[0] == "call")

    async def job(self, prompt: str, *, agent: str = "work", **fields: Any) -> str:
        """A job that runs once, now, by whoever gets it; answers its execution's id."""
        job = await self.plugin.create_job("work", "0 0 1 1 *", prompt, agent=agent, **fields)
        return await self.plugin.run_job_now(job)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Return once it holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not await holds():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain; {(self.folder / 'stderr').read_text()[-4000:]}") from None

    async def ended(self, count: int) -> list[Execution]:
        """All executions, once so many have ended."""

        async def all_ended() -> bool:
            figures = await self.plugin.get_statistics()
            return figures.total_executions >= count

        await self.until(all_ended)
        page = await self.plugin.storage.list_executions(ExecutionFilters(include_skipped=True), 10_000)
        return list(page.items)

    async def calling(self, count: int) -> None:
        """Return once so many calls were begun."""

        async def called() -> bool:
            return self.calls().total() >= count

        await self.until(called)


@pytest.fixture
async def nodes(postgres_url: str, tmp_path: Path) -> AsyncIterator[Field]:
    """A field without nodes yet."""
    async with field_on(postgres_url, tmp_path) as found:
        yield found


@contextlib.asynccontextmanager
async def field_on(url: str, folder: Path) -> AsyncIterator[Field]:
    """A field without nodes yet on the server of that URL."""
    from agentcron import AgentFactoryPlugin

    async def never(prompt: str) -> str:
        raise AssertionError("the test itself runs nothing")

    factory = AgentFactoryPlugin(
        definitions={name: {"kind": "python", "callable": never} for name in ("work", "model")}
    )
    storage = PostgresStorage(url, lease=LEASE, locks_dir=folder / "asking")
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory, queues=QUEUES)
    found = Field(url, folder, plugin)
    try:
        yield found
    finally:
        await plugin.close()
        for process in found.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()
