"""An execution that runs in this process: until when, and why it is to end before it is done, if it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from agentcron.domain.model import Execution
from agentcron.domain.outcomes import CutCause
from agentcron.errors import StoreError
from agentcron.ports import Clock

# A run that a time limit or a cancel did not end in so many seconds, or whose agent was not closed, is told once more.
TOLD_AGAIN: Final = 30.0


@dataclass(slots=True, eq=False)
class Run:
    """An execution that runs here, and why it is to end before it is done, if it is.

    ``deadline``, ``told_at`` (when it was told to end) and ``closing`` (since when its agent is being closed) are
    steady seconds: a clock that is set ends no run. ``unsure``: nobody knows whether the store has it as begun.
    """

    execution: Execution
    clock: Clock
    deadline: float
    task: asyncio.Task[None] | None = None
    working: bool = False
    beginning: bool = False
    unsure: bool = False
    closing: float | None = None
    judged: bool = False
    cause: CutCause | None = None
    told_at: float | None = None
    reminded: bool = False
    abandoned: bool = False
    fallback_agent: str | None = None
    awaited: asyncio.Event | None = None

    @property
    def ended(self) -> asyncio.Event:
        """Set when its row is settled or left to others; made for those who ask, since few runs are waited for."""
        if self.awaited is None:
            self.awaited = asyncio.Event()
        return self.awaited

    def cut(self, cause: CutCause) -> None:
        """End the run. The first cause holds."""
        if self.cause is None and self.task is not None:
            self.cause, self.told_at = cause, self.clock.steady()
            self._interrupt()

    def give_up(self) -> None:
        """Its row is settled without it. A run that has not come to its agent by then must not call it any more."""
        self.abandoned = True
        self.cut(CutCause.TIMEOUT)

    def _interrupt(self) -> bool:
        """Cancel its task; False where that has to wait."""
        # A task that is cancelled before its first step never takes one, and its row would stay open.
        if self.task is None or not self.working or self.beginning:
            return False
        return self.task.cancel()

    @asynccontextmanager
    async def begins(self) -> AsyncIterator[None]:
        """While the store is asked to begin it. A cut waits for the answer: the store begins a run whose task was
        cancelled meanwhile all the same, and what it came to would be settled as if it had not."""
        self.beginning = True
        try:
            yield
        except StoreError:
            self.unsure = True
            raise
        finally:
            self.beginning = False
            if self.cause is not None and self.task is not None:
                self.task.cancel()
                # It arrives here, and not in whatever comes next: that may be the agent.
                await asyncio.get_running_loop().create_future()

    def remind(self) -> None:
        """Tell a run that should have ended long ago once more, or one whose agent takes long to be closed."""
        if self.reminded or self.judged:
            return
        since = self.closing if self.told_at is None else self.told_at
        if since is None:
            self.cut(CutCause.TIMEOUT)
        elif self.clock.steady() - since >= TOLD_AGAIN:
            self.reminded = self._interrupt()

    @property
    def lingers(self) -> bool:
        """Whether it is to be reminded of its end."""
        late = self.overdue >= TOLD_AGAIN
        return late or (self.closing is not None and self.clock.steady() - self.closing >= TOLD_AGAIN)

    @property
    def overdue(self) -> float:
        """For how many seconds it should have ended; below 0 where it may go on. What it came to once is known and
        only has to be written is never given up: it was paid for."""
        if self.judged:
            return -1.0
        end = self.deadline if self.told_at is None else min(self.deadline, self.told_at)
        return self.clock.steady() - end
