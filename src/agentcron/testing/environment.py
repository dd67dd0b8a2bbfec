"""What a test of jobs needs: a plugin on a clock that stands still, a store in memory and agents on a script."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from agentcron.domain.model import Execution
from agentcron.errors import StoreError
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.agents import FakeAgentFactory, create_mock_agent_factory
from agentcron.testing.clock import FakeClock, settle_loop
from agentcron.testing.storage import create_mock_storage_plugin

STILL: Final = 4


@dataclass(kw_only=True)
class Environment:
    """A plugin and everything that it stands on; ``async with`` closes it.

    ``storage`` is a ``MockStorage`` unless another store was given.
    """

    plugin: BackgroundJobsPlugin
    clock: FakeClock
    storage: JobStore
    agent_factory: FakeAgentFactory

    async def advance(self, seconds: float) -> None:
        """Move the clock on by so many seconds, a second at a time, and let all that is due happen on the way.

        Started background execution is awaited as far as it goes without the clock: what waits for a ``Gate`` or for
        the machine's own time goes on waiting.
        """
        await self._settled()
        while seconds > 0:
            step = min(seconds, 1.0)
            await self.clock.advance(timedelta(seconds=step))
            await self._settled()
            seconds -= step

    async def runs(self, job_id: str | None = None, *, include_skipped: bool = False) -> list[Execution]:
        """What ran, or is running, of a job or of all jobs, oldest first; at most the latest 1000."""
        return (await self.plugin.get_executions(job_id, 1000, include_skipped=include_skipped))[::-1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.plugin.close()

    async def _settled(self) -> None:
        # The JSON folder is a memory store that answers from a thread: what it was asked is not done at once.
        alone = isinstance(self.storage, MemoryStorage) and not isinstance(self.storage, StorageFsPlugin)
        if not alone and await self.plugin.scheduler_alive():
            with contextlib.suppress(StoreError):
                await self._stored()
        await settle_loop(30)

    async def _stored(self) -> None:
        """Give a store with a thread of its own the real time that it needs: until several changes in a row, each of
        which waits for those before it, find nothing moved."""
        seen: object = None
        same = 0
        while same < STILL:
            await self.storage.ask_cancel([], self.clock.now())
            await settle_loop()
            rows = await self.storage.open_executions()
            found = (self.agent_factory.live, [(row.id, row.status, row.fence, row.cancel_requested) for row in rows])
            same = same + 1 if found == seen else 0
            seen = found


def create_test_environment(
    *,
    storage_plugin: JobStore | None = None,
    agent_factory: FakeAgentFactory | None = None,
    start: datetime | None = None,
    **options: Any,
) -> Environment:
    """A plugin on a clock that stands at ``start`` (default: 2026-01-01, UTC), not started, with empty mocks.

    ``options`` are further fields of ``BackgroundJobsConfig``; ``stop_grace`` is 0 unless it is given, since it passes
    on the machine's clock. Nothing is opened and no event loop is needed yet.
    """
    options.setdefault("stop_grace", timedelta(0))
    clock = FakeClock(start)
    storage = storage_plugin if storage_plugin is not None else create_mock_storage_plugin()
    factory = agent_factory if agent_factory is not None else create_mock_agent_factory()
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory, clock=clock, **options)
    return Environment(plugin=plugin, clock=clock, storage=storage, agent_factory=factory)
