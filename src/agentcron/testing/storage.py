"""How a test watches a store at work, and how it lets one fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from agentcron.ports import JobStore
from agentcron.storage.memory import MemoryStorage

_LIFE: Final = frozenset({"url", "open", "close"})
_ASKED: Final = frozenset(name for name in vars(JobStore) if not name.startswith("_")) - _LIFE


class MockStorage(MemoryStorage):
    """A ``MemoryStorage`` that notes its calls and fails on request.

    ``calls`` are the names of the methods that were called, in order. While ``failure`` is an exception, every method
    but ``open`` and ``close`` raises it and changes nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.failure: Exception | None = None

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return partial(self._asked, name, found) if name in _ASKED else found

    async def _asked(self, name: str, method: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        self.calls.append(name)
        if self.failure is not None:
            raise self.failure
        return await method(*args, **options)


def create_mock_storage_plugin() -> MockStorage:
    """An empty store in memory that notes its calls and fails on request."""
    return MockStorage()
