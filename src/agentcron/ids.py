"""How jobs, executions and nodes are named."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def job_id() -> str:
    """16 hexadecimal digits at random: the first few already tell most jobs apart."""
    return secrets.token_hex(8)


def execution_id(now: datetime) -> str:
    """26 hexadecimal digits, the first 12 the milliseconds of ``now``: in order of time, so that an index grows at
    its end (as in UUIDv7, RFC 9562)."""
    since = now - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return (milliseconds.to_bytes(6, "big") + os.urandom(7)).hex()


def node_id() -> str:
    """16 hexadecimal digits at random."""
    return secrets.token_hex(8)
