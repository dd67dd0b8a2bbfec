"""Which run is code called from? Known wherever a run's own task or a thread it started looks."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentcron.domain.model import Execution

CURRENT: Final[ContextVar[Execution | None]] = ContextVar("agentcron_current_run", default=None)
