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
INPUT_TIMEOUT = timedelta(hours=24)
MAX_CONCURRENT_AGENTS = 10
RETRY_EXAMPLE = "attempts=3,backoff=10s"
# What is caught up waits behind all work that is on time: it is added to the job's priority (-1000 to 1000).
BEHIND_FRESH = 10_000
# What a provider asks for beyond it is asked for again then, and a backoff ends there too: one that is wrong by years
# must not end a job for good, nor lead beyond the calendar.
LONGEST_WAIT = timedelta(days=31)
LONGEST_BACKOFF = timedelta(days=366)
# How long after its deadline a run may take to give back what it holds before its row is taken from it.
CLOSE_GRACE = timedelta(seconds=60)


class Overlap(StrEnum):
    """What a fresh slot does while an earlier execution of the job is open (Temporal Schedules, "Overlap Policy")."""

    SKIP = "skip"
    """It does not run: SKIPPED(overlap)."""
    BUFFER_ONE = "buffer_one"
    """One waits for its turn, further ones are skipped."""
    BUFFER_ALL = "buffer_all"
    """All wait, and run one after another."""
    CANCEL_OTHER = "cancel_other"
    """The open ones are canceled, then it runs."""
    ALLOW_ALL = "allow_all"
    """It runs beside them."""


class CatchUp(StrEnum):
    """Which slots run after a time when no scheduler was up, of those later than the misfire grace."""

    SKIP = "skip"
    """None."""
    LATEST = "latest"
    """The newest one within the window; the older are one MISSED(coalesced) row."""
    ALL = "all"
    """The newest ``catch_up_max`` within the window, one after another."""


class ConversationMode(StrEnum):
    """What a run takes over from the last one that succeeded."""

    FRESH = "fresh"
    """Nothing."""
    CONTINUE = "continue"
    """The agent goes on with the conversation that was kept."""
    CARRY_LAST = "carry_last"
    """The last result stands at the end of the prompt, fenced as data."""


class OnExpiry(StrEnum):
    """What follows when nobody answered a run that waits for a person. No clock ever approves anything."""

    ABANDON = "abandon"
    """It ends as FAILURE(expired)."""
    DENY = "deny"
    """It goes on: what it wanted to do is denied, what it asked has no answer."""
    ANSWER = "answer"
    """It goes on: questions are answered with ``default_answer``, all else is denied."""


class OnInterrupt(StrEnum):
    """What follows when a crash or a stop cut a run: it is never repeated without the job's permission."""

    RECORD = "record"
    """Nothing: it ends as INCOMPLETE."""
    RETRY = "retry"
    """A fresh attempt, with the same idempotency key."""
    RESUME = "resume"
    """The same attempt goes on, at most 20 claims of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how fast a run that failed with a retryable error is tried again.

    Exponential backoff with jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"); the jitter is taken
    from a hash, so a wait is the same at every asking.
    """

    attempts: int = 1
    """Beginnings in all, the first one too: 1 to 100."""
    backoff: timedelta = timedelta(seconds=30)
    """The wait before the second attempt."""
    factor: float = 2.0
    """What each further wait is multiplied by: 1 to 100."""
    max_backoff: timedelta = timedelta(minutes=30)
    """No wait is longer, but for the provider's Retry-After, which is believed for 31 days. At most 366 days."""
    jitter: float = 0.2
    """Share of the wait that is spread: 0 to 1."""
    creation_attempts: int = 3
    """Tries to create the agent inside one attempt, 1 s, 2 s, 4 s, ... apart: 1 to 100."""

    def wait(self, retries: int, key: str) -> timedelta:
        """The wait before retry number ``retries`` (1 = the first retry), spread by a hash of ``key``."""
        # In seconds and with a bounded exponent: a timedelta overflows long after max_backoff has decided.
        grown = self.backoff.total_seconds() * self.factor ** min(retries - 1, 64)
        wait = min(grown, self.max_backoff.total_seconds(), LONGEST_BACKOFF.total_seconds())
        return timedelta(seconds=wait * (1 - self.jitter * spread(f"{key}/{retries}")))


def spread(key: str) -> float:
    """A number in [0, 1), the same for the same key on every machine and at every start."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest(), "big") / (1 << 48)
