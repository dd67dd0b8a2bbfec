"""May a run go on? Where a lease says who is gone, a node whose lease ran out asks before each further call whether the
run is still its own: others may have taken it over while the network, the server or this process stood still."""

from __future__ import annotations

import asyncio
from typing import Final

from agentcron.agent_ports import RunContext
from agentcron.current_run import STANDS, STEPS
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.errors import AgentError, StoreUnavailable
from agentcron.ports import JobStore

ASK_AGAIN: Final = 0.5


def enter(store: JobStore | None, execution: Execution, context: RunContext) -> None:
    """From here on paid calls of this task go through the steps of the run, and wait while it is in doubt: where there
    is a ``store``, whose lease may lapse."""
    if STEPS.get() is not context.steps:
        STEPS.set(context.steps)
    if store is not None:
        STANDS.set(Standing(store, execution))


class Standing:
    """Holds a run while its node's lease is over. A run that is held costs nothing; one that was ended would have been
    paid for in vain each time the server is away for longer than the lease."""

    def __init__(self, store: JobStore, execution: Execution) -> None:
        self._store = store
        self._execution = execution
        self._known = self._lapses

    @property
    def _lapses(self) -> int | None:
        lapses: int | None = self._store.lapses  # type: ignore[attr-defined]
        return lapses

    async def __call__(self) -> None:
        """Return once the run is known to be ours. Raises ``AgentError`` where it is not."""
        while (lapses := self._lapses) is None or lapses != self._known:
            if lapses is not None and (ours := await self._still_ours()) is not None:
                if not ours:
                    raise AgentError("the execution belongs to another scheduler", kind="fenced")
                self._known = lapses
            else:
                await asyncio.sleep(ASK_AGAIN)

    async def _still_ours(self) -> bool | None:
        """None: nobody can tell."""
        try:
            row = await self._store.get_execution(self._execution.id)
        except StoreUnavailable:
            return None
        mine = row is not None and row.fence == self._execution.fence
        return mine and row is not None and row.status is ExecutionStatus.RUNNING
