"""Letters leave the outbox: who sends which, when again, and that a dead endpoint holds nothing up.

A letter is taken for a while before it is sent, so that of several schedulers one sends it. A crash between sending and
writing that down sends it again, with the same id: at least once, never lost. Runs know nothing of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agentcron.delivery.message import DeliveryError, Message, Sender
from agentcron.domain.letters import Letter, LetterStatus, given_back, refused, sent
from agentcron.engine.alarm import Alarm
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

# So many letters of one endpoint are sent at once: one that hangs has no more than these, and none of the others'.
PLACES: Final = 4
# A try that takes longer is cut.
TIMEOUT: Final = timedelta(seconds=60)
# Until when a sender is believed, above the time that it may take.
LEASE: Final = timedelta(seconds=120)
# Letters that other processes wrote are noticed so soon.
LOOK_EVERY: Final = timedelta(seconds=5)
# How long a stop waits for what is being sent, and then for the store to take what is known of the rest.
STOP_GRACE: Final = timedelta(seconds=5)
LAST_NOTES: Final = timedelta(seconds=1)
STORE_RETRY: Final = timedelta(seconds=1)
# What is told of a letter whose try a stop has cut.
CUT: Final = "the scheduler stopped before it was taken"
# The endpoint of a letter is not configured here; it may be elsewhere, or tomorrow. Told once for each endpoint.
UNKNOWN: Final = "letters wait for the endpoint {!r}, which is not configured here; write [endpoints.{}]"


@dataclass(slots=True)
class _Try:
    """A letter that was taken, and what became of it as soon as that is known."""

    letter: Letter
    after: Letter | None = None


class Postman:
    """Sends what is due, and keeps what became of it. ``clean`` takes secrets out of what went wrong."""

    def __init__(
        self,
        store: JobStore,
        senders: Mapping[str, Sender],
        clock: Clock,
        log: Log,
        clean: Callable[[str], str] = str,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._store = store
        self._senders = senders
        self._clock = clock
        self._log = log
        self._clean = clean
        self._timeout = timeout
        self._alarm = Alarm(clock)
        self._task: asyncio.Task[None] | None = None
        self._taking: set[asyncio.Task[None]] = set()
        self._sending: dict[asyncio.Task[None], _Try] = {}
        self._told: set[str] = set()
        self._failing = False

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._loop(), name="agentcron-postman")

    def wake(self) -> None:
        """There may be letters."""
        self._alarm.ring()

    async def stop(self) -> None:
        """Begin no more. What was taken has a moment to be sent; the rest is given back, for whoever starts next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_GRACE.total_seconds()
        # What ends may begin something: letters that were being taken are sent then.
        while (busy := {*self._taking, *self._sending}) and (left := end - loop.time()) > 0:
            await asyncio.wait(busy, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        cut = dict(self._sending)
        busy = {*self._taking, *cut}
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await self._give_back([one for task, one in cut.items() if task.cancelled()])

    async def _give_back(self, tries: list[_Try]) -> None:
        """Note what became of those that were cut; who is being believed would hold them up for the next one."""
        try:
            async with asyncio.timeout(LAST_NOTES.total_seconds()):
                for one in tries:
                    after = one.after or given_back(one.letter, self._clock.now(), CUT)
                    try:
                        self._tell(after, await self._store.mark_letter(one.letter, after))
                    except StoreError as error:
                        self._log.warning(f"what became of letter {after.id} could not be noted: {error}")
        except TimeoutError:
            self._log.warning("what became of letters could not be noted: the store does not answer")

    async def deliver_due(self) -> None:
        """Try everything that is due once, and return when each try has ended."""
        try:
            await self._look()
            while self._sending:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
                await self._look()
        except StoreError as error:
            self._log.warning(f"letters wait, the store fails: {error}")

    async def _loop(self) -> None:
        while True:
            until = self._clock.now() + LOOK_EVERY
            try:
                next_at = await self._look()
                until = min(until, next_at) if next_at is not None else until
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    self._log.error(f"no letter is sent until the store works again: {error}")
                self._failing = True
            except Exception as error:  # a postman that dies in a living process lets letters lie
                self._log.error(f"a look at the outbox failed and is tried again: {error!r}")
            await self._alarm.wait(until)

    async def _look(self) -> datetime | None:
        """Begin to send what is due, as far as there are places; answers when the next letter is."""
        now = self._clock.now()
        next_at: datetime | None = None
        for target, waiting in (await self._store.letters_due()).items():
            sender = self._senders.get(target)
            if sender is None:
                self._tell_unknown(target)
                continue
            free = PLACES - sum(one.letter.target == target for one in self._sending.values())
            if waiting.next_at > now:
                next_at = waiting.next_at if next_at is None else min(next_at, waiting.next_at)
            elif free > 0:
                taking = asyncio.create_task(self._take(target, sender, free), name=f"agentcron-letters-{target}")
                self._taking.add(taking)
                taking.add_done_callback(self._taken)
                # Not cut with the look: the store would have given letters that nobody sends until they lapse.
                await asyncio.wait((taking,))
                taking.result()
        return next_at

    async def _take(self, target: str, sender: Sender, free: int) -> None:
        now = self._clock.now()
        for letter in await self._store.take_letters(target, now, now + LEASE, free):
            one = _Try(letter)
            task = asyncio.create_task(self._send(sender, one), name=f"agentcron-letter-{letter.id}")
            self._sending[task] = one
            task.add_done_callback(self._sent)

    def _taken(self, task: asyncio.Task[None]) -> None:
        self._taking.discard(task)
        if not task.cancelled():
            task.exception()  # told by the look, where there still is one

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error(f"a letter could not be handled and is tried again: {error!r}")
        self._alarm.ring()

    async def _send(self, sender: Sender, one: _Try) -> None:
        one.after = await self._try(sender, one.letter)
        await self._keep(one.letter, one.after)

    async def _try(self, sender: Sender, letter: Letter) -> Letter:
        message = Message(
            id=letter.id,
            event=letter.event.value,
            created=letter.created,
            subject=letter.subject,
            text=letter.text,
            body=letter.body,
        )
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await sender.send(message)
        except DeliveryError as error:
            why, again, wait = str(error), error.retryable, error.retry_after
            return refused(letter, self._clock.now(), self._clean(why), retryable=again, retry_after=wait)
        except TimeoutError:
            why = f"no answer within {self._timeout.total_seconds():g} s"
            return refused(letter, self._clock.now(), why, retryable=True)
        except Exception as error:  # a sender may be anybody's code
            why = self._clean(f"{type(error).__name__}: {error}")
            return refused(letter, self._clock.now(), why, retryable=True)
        return sent(letter, self._clock.now())

    async def _keep(self, before: Letter, after: Letter) -> None:
        """Write it down, again while the store cannot: a letter that was sent would be sent once more."""
        while True:
            try:
                kept = await self._store.mark_letter(before, after)
                break
            except StoreError as error:
                self._log.warning(f"letter {after.id} waits for the store: {error}")
                await self._clock.sleep_until(self._clock.now() + STORE_RETRY)
        self._tell(after, kept)

    def _tell(self, letter: Letter, kept: bool) -> None:
        ids = {"job_id": letter.job_id, "execution_id": letter.execution_id}
        what = f"letter {letter.id} ({letter.event}) to {letter.target}"
        if not kept:
            self._log.warning(f"{what}: took longer than its time, and was taken by somebody else", **ids)
        elif letter.status is LetterStatus.SENT:
            self._log.info(f"{what}: sent", **ids)
        elif letter.status is LetterStatus.FAILED:
            hint = f"agentcron resend {letter.id}"
            told = f"{what}: given up after {letter.tries} tries: {letter.error}; once it is mended: {hint}"
            self._log.error(told, **ids)
        else:
            again = letter.wake_at.isoformat(timespec="seconds") if letter.wake_at is not None else "never"
            self._log.warning(f"{what}: not taken, again at {again}: {letter.error}", **ids)

    def _tell_unknown(self, target: str) -> None:
        if target not in self._told:
            self._told.add(target)
            self._log.warning(UNKNOWN.format(target, target))


async def try_out(sender: Sender, name: str, now: datetime, letter_id: str) -> None:
    """Send a letter that tells of nothing. Raises ``DeliveryError``."""
    said = f"A trial of the endpoint {name}: nothing happened, and nothing is to be done."
    subject = f"agentcron: a trial of {name}"
    data: dict[str, Any] = {"id": letter_id, "job": None, "execution": None, "questions": [], "reason": None}
    body = {"type": "test", "timestamp": now.isoformat(), "data": {**data, "subject": subject, "text": said}}
    message = Message(id=letter_id, event="test", created=now, subject=subject, text=said, body=json.dumps(body))
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            await sender.send(message)
    except TimeoutError:
        raise DeliveryError(f"no answer within {TIMEOUT.total_seconds():g} s", retryable=True) from None
