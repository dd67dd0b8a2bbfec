"""Which run is code called from? Known wherever a run's own task or a thread it started looks."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentcron.domain.model import Execution
    from agentcron.journal import Steps

CURRENT: Final[ContextVar[Execution | None]] = ContextVar("agentcron_current_run", default=None)
# What the paid calls of the run go through; None where they are made anew after a crash.
STEPS: Final[ContextVar[Steps | None]] = ContextVar("agentcron_steps", default=None)
