"""A scheduler in a process of its own that is killed at a moment of its first letter; a later one gets on.

Arguments: the store, the receiver's address, where the agent notes its runs, how many seconds later than now it lives,
and when it dies: ``before`` what became of the letter is written, ``after`` that, or ``never``, which ends by itself as
soon as no letter waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.letters import Letter, LetterStatus
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore, SystemClock
from agentcron.storage.urls import open_storage


class Later(SystemClock):
    """The machine's clock, set forward: a sender that was killed is believed for two minutes."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by

    async def sleep_until(self, instant: datetime) -> None:
        await super().sleep_until(instant - self._by)


class Doomed:
    """The store, with a process that dies at its writing of what became of a letter."""

    def __init__(self, store: JobStore, dies: str, marked: asyncio.Event) -> None:
        self._store = store
        self._dies = dies
        self._marked = marked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        if self._dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        kept = await self._store.mark_letter(before, after)
        if self._dies == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        self._marked.set()
        return kept


def _note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


async def main(store: str, url: str, notes: str, later: str, dies: str) -> None:
    async def work(prompt: str) -> str:
        _note(Path(notes), prompt)
        return "done"

    marked = asyncio.Event()
    storage: Any = Doomed(open_storage(store), dies, marked)
    plugin = BackgroundJobsPlugin(
        storage_plugin=storage,
        agent_factory=AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work"),
        clock=Later(timedelta(seconds=float(later))),
        endpoints={"ops": {"kind": "webhook", "url": url, "allow_private": True}},
    )
    async with plugin:
        if not await plugin.get_jobs():
            await plugin.create_job("report", "every 1s", "go", notify="ops: success", max_runs=1)
        while True:
            # The first life has no letter yet, the last one has none that waits.
            letters = await plugin.outbox()
            if letters and all(letter.status is not LetterStatus.PENDING for letter in letters):
                return
            await marked.wait()
            marked.clear()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
