"""Which run is code called from? Known wherever a run's own task or a thread it started looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentcron.domain.model import Execution
    from agentcron.journal import Steps

CURRENT: Final[ContextVar[Execution | None]] = ContextVar("agentcron_current_run", default=None)
# What the paid calls of the run go through; None where they are made anew after a crash.
STEPS: Final[ContextVar[Steps | None]] = ContextVar("agentcron_steps", default=None)
# Returns once the run is known to belong to this process; None where it does as long as the process lives.
STANDS: Final[ContextVar[Callable[[], Awaitable[None]] | None]] = ContextVar("agentcron_stands", default=None)


async def stands() -> None:
    """Return once the run that this is called from is known to belong to this process: at once, unless a lease was
    over. Raises ``AgentError`` where it belongs to another one."""
    if (ask := STANDS.get()) is not None:
        await ask()
