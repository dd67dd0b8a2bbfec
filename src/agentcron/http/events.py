"""What just happened, as a stream: the last events in memory, and how a reader that missed some is told.

Events are hints for a page that shows jobs and runs: each says what changed, never all of it. The ids name this
process as well, so that a reader that comes back after a restart is not given events of another counting.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from agentcron.http.observed import Happening
from agentcron.http.problems import Problem
from agentcron.wire import input_object, letter_object

KEPT: Final = 2000
HEARTBEAT: Final = 15.0
MOST_STREAMS: Final = 200
HINT_EVERY: Final = 0.2
_LETTER: Final = ("id", "job_id", "execution_id", "event", "target", "status")


@dataclass(slots=True)
class _Event:
    """One event. Its text is made when it is first told: nobody hears of most, and each run makes several."""

    number: int
    kind: str
    data: dict[str, Any]
    text: str | None = None


class EventRing:
    """The last events of this process. Readers keep a place in it, not a queue each, so a slow one costs nothing."""

    def __init__(self, kept: int = KEPT) -> None:
        self._events: deque[_Event] = deque(maxlen=kept)
        # What was told last, and from where on: streams that stand at the same place are told the same.
        self._told: tuple[int, int, str] = (0, 0, "")
        self._count = 0
        self._name = secrets.token_hex(4)
        self._news = asyncio.Event()
        self._closed = False
        self.streams = 0

    def listen(self, happened: Sequence[Happening]) -> None:
        """Keep what happened, for an ``ObservedStore``."""
        for one in happened:
            self._add(*_words(one))
            for asked in one.asked:
                self._add("awaiting_input", input_object(asked))
        self._wake()

    def reset(self) -> None:
        """Tell every reader to read again: something was changed elsewhere."""
        self._add("reset", {})
        self._wake()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._wake()

    def check_room(self) -> None:
        """Raise ``Problem`` where too many streams are open."""
        if self.streams >= MOST_STREAMS:
            raise Problem(503, f"{MOST_STREAMS} event streams are open already; close some", Retry_After="5")

    async def stream(
        self, last_id: str | None, heartbeat: float = HEARTBEAT, *, hints: bool = False
    ) -> AsyncIterator[str]:
        """Server-sent events from after ``last_id``, else from now on, until ``close``.

        With ``hints`` all that happened in the last moment is one event ``news`` without data, for who reads again
        whatever it was: fifty pages that were each told of ten thousand runs would leave no time to run them.
        """
        self.streams += 1
        try:
            place = self._place(last_id)
            # A first line at once: proxies and browsers take a stream for open only when something came.
            # The id goes with it: who loses the connection before the first event must be able to say where it stood.
            yield "retry: 2000\n"
            if place is None:
                place = self._count
                yield self._reset()
            else:
                yield f"{self._id(place)}event: hello\ndata: {{}}\n\n"
            while not self._closed:
                news = self._news
                if place < self._count:
                    told = self._hint() if hints else self._after(place)
                    place = self._count
                    yield told
                    if hints:
                        await asyncio.sleep(HINT_EVERY)
                    continue
                try:
                    await asyncio.wait_for(news.wait(), heartbeat)
                except TimeoutError:
                    yield ": beat\n\n"
        finally:
            self.streams -= 1

    def _place(self, last_id: str | None) -> int | None:
        """Where a reader stands; None where what it missed is not known."""
        if last_id is None:
            return self._count
        name, _, number = last_id.rpartition("-")
        if name != self._name or not (number.isascii() and number.isdecimal()) or len(number) > 18:
            return None
        return int(number) if int(number) <= self._count else None

    def _after(self, place: int) -> str:
        if self._events[0].number > place + 1:
            return self._reset()
        if self._told[:2] != (place, self._count):
            # From the end: what a reader knows is by far the longer part.
            missed = list(takewhile(lambda event: event.number > place, reversed(self._events)))
            self._told = (place, self._count, "".join(self._text(event) for event in reversed(missed)))
        return self._told[2]

    def _text(self, event: _Event) -> str:
        if event.text is None:
            event.text = f"{self._id(event.number)}event: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
        return event.text

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        self._count += 1
        self._events.append(_Event(self._count, kind, data))

    def _id(self, number: int) -> str:
        return f"id: {self._name}-{number}\n"

    def _hint(self) -> str:
        return f"{self._id(self._count)}event: news\ndata: {{}}\n\n"

    def _reset(self) -> str:
        return f"{self._id(self._count)}event: reset\ndata: {{}}\n\n"

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _words(one: Happening) -> tuple[str, dict[str, Any]]:
    if one.letter is not None:
        shown = letter_object(one.letter)
        return "letter", {name: shown[name] for name in _LETTER}
    if one.execution is not None:
        run = one.execution
        return "execution", {"id": run.id, "job_id": run.job_id, "status": run.status.value, "reason": run.reason}
    status = one.job.status.value if one.job is not None else "DELETED"
    return "job", {"id": one.job_id, "status": status}
