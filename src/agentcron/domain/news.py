"""One event of a job on its way to those who are told: which rules let it through, and the letters it becomes.

Threshold and cooldown depend on what the job went through before, which only the store knows: it asks ``judge`` inside
the transaction that ends the run, so that a letter is written with what it tells or not at all, and never twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from agentcron.domain.letters import Letter
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.notify import Event, Notify

# What a success afterwards takes back.
ALARMS: Final = frozenset({Event.FAILURE, Event.MISSED})
ALL_CLEAR: Final = frozenset({Event.SUCCESS, Event.RECOVERED})
_HELD_BACK: Final = ALARMS

Told = Mapping[tuple[str, Event], datetime]
"""When each event of a job was told last to each endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One event of a job, with the rules that may let it through.

    ``occasion`` names it among all events of all jobs: the same end of the same run has the same one. A ``silent``
    success is told as a recovery alone. ``word`` makes the body of a letter of that id and event.
    """

    event: Event
    occasion: str
    now: datetime
    job_id: str
    execution_id: str | None
    rules: tuple[Notify, ...]
    silent: bool
    word: Callable[[str, Event], str]

    @property
    def most_failures(self) -> int:
        """How many failed runs in a row there must be for every rule to be satisfied; 0 where none is to be counted."""
        if self.event is not Event.FAILURE:
            return 0
        most = max(rule.after for rule in self.rules)
        return most if most > 1 else 0


def judge(news: News, told: Told, failures: int) -> list[Letter]:
    """The letters that are written now: at most one for each endpoint.

    ``failures`` is how many runs in a row failed, this one included; only counted as far as ``most_failures``.
    """
    chosen: dict[str, Event] = {}
    for rule in news.rules:
        event = _event_for(rule, news, told)
        if event is None or rule.to in chosen:
            continue
        if event is Event.FAILURE and rule.after > 1 and failures < rule.after:
            continue
        last = told.get((rule.to, event)) if event in _HELD_BACK and rule.cooldown else None
        # A clock that was set back must not hold alarms back for years.
        if last is not None and last <= news.now < last + rule.cooldown:
            continue
        chosen[rule.to] = event
    return [_letter(news, target, event) for target, event in chosen.items()]


def _event_for(rule: Notify, news: News, told: Told) -> Event | None:
    """What the rule makes of it: a success is told as a recovery where an alarm was told before."""
    if news.event is not Event.SUCCESS:
        return news.event if news.event in rule.on else None
    if Event.RECOVERED in rule.on and _is_alarmed(rule.to, told):
        return Event.RECOVERED
    return Event.SUCCESS if Event.SUCCESS in rule.on and not news.silent else None


def _is_alarmed(target: str, told: Told) -> bool:
    alarm = max((at for (to, event), at in told.items() if to == target and event in ALARMS), default=None)
    clear = max((at for (to, event), at in told.items() if to == target and event in ALL_CLEAR), default=None)
    return alarm is not None and (clear is None or alarm > clear)


def _letter(news: News, target: str, event: Event) -> Letter:
    key = f"{news.occasion}/{news.event}/{target}"
    letter_id = hashlib.blake2b(key.encode(), digest_size=10).hexdigest()
    return Letter(
        id=letter_id,
        event=event,
        target=target,
        job_id=news.job_id,
        execution_id=news.execution_id,
        created=news.now,
        body=news.word(letter_id, event),
        wake_at=news.now,
    )


def in_a_row(newest: Iterable[ExecutionStatus]) -> int:
    """How many of these ends, the newest first, are failures before the first success."""
    return sum(1 for _ in takewhile(lambda status: status is not ExecutionStatus.SUCCESS, newest))
