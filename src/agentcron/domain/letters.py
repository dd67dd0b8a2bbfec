"""A letter: one event told to one endpoint, from its writing until it is sent or given up."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from agentcron.domain.notify import Event
from agentcron.domain.policies import RetryPolicy

# 10 s, 20 s, 40 s, ... and then each hour: the last of these tries is about a day after the first.
MAX_TRIES: Final = 32
_BACKOFF: Final = RetryPolicy(
    attempts=MAX_TRIES, backoff=timedelta(seconds=10), factor=2.0, max_backoff=timedelta(hours=1), jitter=0.2
)
# No receiver that asks for more time is left alone for longer.
MAX_RETRY_AFTER: Final = timedelta(days=1)
MAX_ERROR: Final = 300


class LetterStatus(StrEnum):
    """What became of a letter."""

    PENDING = "PENDING"
    """It waits for its first try, or for another one."""
    SENT = "SENT"
    """The endpoint has taken it."""
    FAILED = "FAILED"
    """It was given up: the endpoint refused it for good, or took it at none of the tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One event of a job, told to one endpoint. Times are aware UTC."""

    id: str
    """Follows from what it tells and to whom, so that nothing is told twice; the same on every try."""
    event: Event
    target: str
    """The endpoint's name."""
    job_id: str
    execution_id: str | None
    """The run or the missed slots that it tells of; None where it tells of the job itself."""
    created: datetime
    """When the event happened."""
    body: str
    """The JSON object that webhooks send and files keep; it holds subject and text."""
    status: LetterStatus = LetterStatus.PENDING
    tries: int = 0
    """How often it was taken to be sent. Whoever holds an older count may not write."""
    wake_at: datetime | None = None
    """When it is tried again; of one that is being sent, until when its sender is believed. None: it is over."""
    error: str | None = None
    """What went wrong at the last try, in one line."""
    ended_at: datetime | None = None
    """When it was sent or given up."""

    @property
    def subject(self) -> str:
        """One line."""
        return str(json.loads(self.body)["data"]["subject"])

    @property
    def text(self) -> str:
        """Plain text of a few lines."""
        return str(json.loads(self.body)["data"]["text"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for one endpoint: how many letters, and when the first of them may be tried."""

    letters: int
    next_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilters:
    """Which letters are asked for."""

    status: LetterStatus | None = None
    job_id: str | None = None
    execution_id: str | None = None
    before: str | None = None
    """A letter's id: only older ones."""


def sent(letter: Letter, now: datetime) -> Letter:
    """The letter as its endpoint has taken it."""
    return replace(letter, status=LetterStatus.SENT, wake_at=None, error=None, ended_at=now)


def refused(
    letter: Letter, now: datetime, error: str, *, retryable: bool, retry_after: timedelta | None = None
) -> Letter:
    """The letter after a try that failed: it waits for the next one, or is given up."""
    line = " ".join(error.split())
    line = line if len(line) <= MAX_ERROR else f"{line[: MAX_ERROR - 1]}…"
    if not retryable or letter.tries >= MAX_TRIES:
        return replace(letter, status=LetterStatus.FAILED, wake_at=None, error=line, ended_at=now)
    wait = _BACKOFF.wait(max(letter.tries, 1), letter.id)
    if retry_after is not None:
        wait = max(wait, min(retry_after, MAX_RETRY_AFTER))
    return replace(letter, wake_at=now + wait, error=line)


def given_back(letter: Letter, now: datetime, error: str) -> Letter:
    """A letter whose try was cut by its sender: it is tried again at once, before those that are younger."""
    return replace(letter, wake_at=min(letter.created, now), error=error)


def retried(letter: Letter, now: datetime) -> Letter:
    """A letter that was given up, as a person has it tried afresh."""
    return replace(letter, status=LetterStatus.PENDING, tries=0, wake_at=now, error=None, ended_at=None)
