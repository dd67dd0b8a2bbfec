"""A plugin whose letters go to a sender that keeps them; only clock, agents and senders are fakes."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.delivery.message import Message
from agentcron.domain.letters import Letter
from agentcron.domain.model import Execution
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeAgentFactory, FakeClock


@dataclass
class Recorder:
    """A sender that keeps what it is given, after it has raised what it is to raise."""

    sent: list[Message] = field(default_factory=list)
    tried: list[Message] = field(default_factory=list)
    errors: deque[Exception] = field(default_factory=deque)

    async def send(self, message: Message) -> None:
        self.tried.append(message)
        if self.errors:
            raise self.errors.popleft()
        self.sent.append(message)

    @property
    def events(self) -> list[str]:
        return [message.event for message in self.sent]

    def data(self, number: int = -1) -> dict[str, Any]:
        """What the body of a message says."""
        said: dict[str, Any] = json.loads(self.sent[number].body)["data"]
        return said


@dataclass
class Bench:
    """A job every hour; ``slot`` lets the next hour come and answers what became of it."""

    plugin: BackgroundJobsPlugin
    clock: FakeClock
    factory: FakeAgentFactory
    ops: Recorder
    boss: Recorder
    job_id: str = ""

    async def job(self, notify: Any = "ops", schedule: str = "every 1h", **fields: Any) -> str:
        self.job_id = await self.plugin.create_job("report", schedule, "tell what is new", notify=notify, **fields)
        return self.job_id

    async def slot(self, *acts: Any) -> Execution:
        self.factory.then(*acts)
        await self.clock.advance(timedelta(hours=1))
        await self.plugin.force_evaluation()
        return (await self.plugin.get_executions(self.job_id, include_skipped=True))[0]

    async def letters(self) -> list[Letter]:
        """Oldest first."""
        return (await self.plugin.outbox())[::-1]


def make_bench(store: JobStore, **options: Any) -> Bench:
    clock, factory, ops, boss = options.pop("clock", None) or FakeClock(), FakeAgentFactory(), Recorder(), Recorder()
    options = {"endpoints": {"ops": ops, "boss": boss}, "stop_grace": timedelta(0), **options}
    plugin = BackgroundJobsPlugin(
        storage_plugin=store, agent_factory=factory, clock=clock, logger=logging.getLogger("test"), **options
    )
    return Bench(plugin=plugin, clock=clock, factory=factory, ops=ops, boss=boss)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = make_bench(MemoryStorage())
    yield made
    await made.plugin.close()


@pytest.fixture(params=["memory", "sqlite", "json folder"])
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The same on each store."""
    stores: dict[str, Callable[[], JobStore]] = {
        "memory": MemoryStorage,
        "sqlite": lambda: SqliteStorage(tmp_path / "store.sqlite"),
        "json folder": lambda: StorageFsPlugin(tmp_path / "store"),
    }
    made = make_bench(stores[request.param]())
    yield made
    await made.plugin.close()
