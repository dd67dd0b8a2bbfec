"""Which rules a job chooses from, and what each choice computes.

The terms are the field's: misfire and catch-up (Quartz, systemd's Persistent=), overlap (Temporal Schedules),
exponential backoff with jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MISFIRE_GRACE = timedelta(seconds=60)
CATCH_UP_WINDOW = timedelta(hours=24)
CATCH_UP_MAX = 10
TIMEOUT = timedelta(hours=1)
PAUSE_AFTER_FAILURES = 10
MAX_CONCURRENT_AGENTS = 10
# How long after its deadline a run may take to give back what it holds before its row is taken from it.
CLOSE_GRACE = timedelta(seconds=60)


class Overlap(StrEnum):
    """What a fresh slot does while an earlier execution of the job is open."""

    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    CANCEL_OTHER = "cancel_other"
    ALLOW_ALL = "allow_all"


class CatchUp(StrEnum):
    """Which slots run after a time when no scheduler was up."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class OnInterrupt(StrEnum):
    """What follows when a run was cut by a crash: it is never repeated without the job's permission."""

    RECORD = "record"
    RETRY = "retry"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how fast a run that failed with a retryable error is tried again.

    ``attempts`` counts the first one too; ``backoff`` is the wait before the second, multiplied by ``factor`` for
    each further one up to ``max_backoff``; ``jitter`` is the share of the wait (0 to 1) that is spread.
    ``creation_attempts`` is how often creating the agent is tried inside one attempt.
    """

    attempts: int = 1
    backoff: timedelta = timedelta(seconds=30)
    factor: float = 2.0
    max_backoff: timedelta = timedelta(minutes=30)
    jitter: float = 0.2
    creation_attempts: int = 3

    def wait(self, retries: int, key: str) -> timedelta:
        """The wait before retry number ``retries`` (1 = the first retry), spread by a hash of ``key``."""
        # In seconds and with a bounded exponent: a timedelta overflows long after max_backoff has decided.
        grown = self.backoff.total_seconds() * self.factor ** min(retries - 1, 64)
        wait = min(grown, self.max_backoff.total_seconds())
        return timedelta(seconds=wait * (1 - self.jitter * spread(f"{key}/{retries}")))


def spread(key: str) -> float:
    """A number in [0, 1), the same for the same key on every machine and at every start."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest(), "big") / (1 << 48)
