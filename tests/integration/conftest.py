"""A plugin on a clock that stands still, on each store of one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron.domain.model import Execution
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeAgentFactory, FakeClock


@dataclass
class World:
    """Everything that a test of the whole moves and looks at."""

    plugin: BackgroundJobsPlugin
    clock: FakeClock
    factory: FakeAgentFactory
    storage: JobStore
    another: Callable[[], BackgroundJobsPlugin]

    async def advance(self, seconds: float) -> None:
        """Move the clock in steps of a second, letting the store's thread keep up."""
        await self.quiet()
        while seconds > 0:
            step = min(seconds, 1.0)
            await self.clock.advance(timedelta(seconds=step))
            await self.quiet()
            seconds -= step

    async def quiet(self) -> None:
        """Return once nothing more happens without the clock."""
        for _ in range(3):
            await self.plugin.storage.ask_cancel([], self.clock.now())
            for _ in range(10):
                await asyncio.sleep(0)

    async def runs(self, job_id: str, *, skipped: bool = False) -> list[Execution]:
        """The history, oldest first."""
        return (await self.plugin.get_executions(job_id, include_skipped=skipped))[::-1]


@pytest.fixture(params=["memory", "sqlite", "json folder"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    clock, factory = FakeClock(), FakeAgentFactory()
    shared = {"memory": MemoryStorage(), "json folder": StorageFsPlugin(tmp_path)}

    def storage() -> JobStore:
        return shared.get(request.param) or SqliteStorage(tmp_path / "store.sqlite")

    def make() -> BackgroundJobsPlugin:
        return BackgroundJobsPlugin(
            storage_plugin=storage(), agent_factory=factory, clock=clock, logger=logging.getLogger("test")
        )

    plugin = make()
    yield World(plugin=plugin, clock=clock, factory=factory, storage=plugin.storage, another=make)
    await plugin.close()
