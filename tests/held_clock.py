"""This machine's clock, held still, for what reads otherwise at another time of the day."""

from __future__ import annotations

from datetime import datetime

import pytest

from agentcron.ports import SystemClock


def hold_clock(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Let it stand at ``instant``, aware, for everything in this process until the test ends."""
    monkeypatch.setattr(SystemClock, "now", lambda clock: instant)
