"""The store that all simulated schedulers share, and what outlives each of them in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from agentcron.domain.letters import Letter, LetterFilters
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.ports import JobStore
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing.simulation.virtual_time import VirtualLoop


class Ground(Protocol):
    """A place that stores are opened on, one for each simulated process."""

    async def connect(self) -> JobStore:
        """The store as one process sees it, open."""
        ...

    async def die(self, node_id: str, store: JobStore, now: datetime) -> None:
        """The process that holds ``store`` is gone without a word."""
        ...

    async def jobs(self) -> list[Job]: ...
    async def rows(self) -> list[Execution]: ...
    async def letters(self) -> Sequence[Letter]: ...
    async def open_rows(self) -> Sequence[Execution]: ...
    async def row(self, execution_id: str) -> Execution | None: ...
    async def close(self) -> None: ...


class _Rows(dict[str, Execution]):
    """Executions of which a scan sees the open ones alone: what is asked of a store at every turn is about these, and
    the reference store would look through a year of history each time."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, Execution] = {}

    def __setitem__(self, key: str, row: Execution) -> None:
        super().__setitem__(key, row)
        if row.final:
            self.open.pop(key, None)
        else:
            self.open[key] = row

    def pop(self, key: str, *default: Any) -> Any:
        self.open.pop(key, None)
        return super().pop(key, *default)

    def values(self) -> Any:
        return self.open.values()

    def everything(self) -> Iterable[Execution]:
        """Every row, ended ones too."""
        return super().values()


class MemoryGround:
    """The reference store, shared by object. ``store`` may be a subclass that is to be found wanting."""

    def __init__(self, store: MemoryStorage | None = None) -> None:
        self.store = store or MemoryStorage()
        self._rows = _Rows()
        self.store._executions = self._rows

    async def connect(self) -> JobStore:
        return self.store

    async def die(self, node_id: str, store: JobStore, now: datetime) -> None:
        nodes = self.store._nodes
        if node_id in nodes:
            nodes[node_id] = replace(nodes[node_id], alive=False)

    async def jobs(self) -> list[Job]:
        return list(self.store._jobs.values())

    async def rows(self) -> list[Execution]:
        return list(self._rows.everything())

    async def letters(self) -> Sequence[Letter]:
        return list(self.store._letters.values())

    async def open_rows(self) -> Sequence[Execution]:
        return list(self._rows.open.values())

    async def row(self, execution_id: str) -> Execution | None:
        return self._rows.get(execution_id)

    async def close(self) -> None:
        pass


class _Abroad:
    """A store that works in threads. While it is asked something, virtual time stands still."""

    def __init__(self, store: SqliteStorage) -> None:
        self.inner = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        async def asked(*arguments: Any, **options: Any) -> Any:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.abroad += 1
            try:
                return await found(*arguments, **options)
            finally:
                loop.abroad -= 1

        setattr(self, name, asked)
        return asked


class SqliteGround:
    """One file; each process opens it for itself."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "simulated.sqlite"
        self._own: Any = None
        self._opened: list[Any] = []

    async def connect(self) -> JobStore:
        store: Any = _Abroad(SqliteStorage(self._path))
        await store.open()
        self._opened.append(store)
        opened: JobStore = store
        return opened

    async def die(self, node_id: str, store: JobStore, now: datetime) -> None:
        # The lock goes with the process; closing writes nothing but what a checkpoint moves.
        self._opened.remove(store)
        await store.close()

    async def jobs(self) -> list[Job]:
        found: list[Job] = []
        after = None
        while True:
            page = await (await self._mine()).list_jobs(JobFilters(), after=after, limit=500)
            found.extend(page.items)
            if (after := page.after) is None:
                return found

    async def rows(self) -> list[Execution]:
        found: list[Execution] = []
        before = None
        while True:
            filters = ExecutionFilters(include_skipped=True, before=before)
            page = await (await self._mine()).list_executions(filters, 1000)
            found.extend(page.items)
            if (before := page.after) is None:
                return found[::-1]

    async def letters(self) -> Sequence[Letter]:
        return await (await self._mine()).list_letters(LetterFilters(), 10_000_000)

    async def open_rows(self) -> Sequence[Execution]:
        return await (await self._mine()).open_executions()

    async def row(self, execution_id: str) -> Execution | None:
        return await (await self._mine()).get_execution(execution_id)

    async def close(self) -> None:
        for store in self._opened:
            await store.close()

    async def _mine(self) -> JobStore:
        if self._own is None:
            self._own = await self.connect()
        mine: JobStore = self._own
        return mine
