"""What a scheduler has taken to tell when it is stopped: it is told before the end, or by the next one at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentcron.delivery.message import Message
from agentcron.domain.letters import Letter, LetterStatus
from agentcron.engine import postman
from agentcron.errors import StoreError
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.clock import settle_loop
from tests.outbox.conftest import Bench, make_bench


class Slow:
    """A store that answers who takes letters only when it may, after they were taken; its first ``failing`` writings of
    what became of one fail."""

    def __init__(self) -> None:
        self.kept = MemoryStorage()
        self.taken, self.answering, self.failed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.failing = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        letters = await self.kept.take_letters(target, now, until, limit)
        self.taken.set()
        await self.answering.wait()
        return letters

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        if self.failing:
            self.failing -= 1
            self.failed.set()
            raise StoreError("the disk is full")
        return await self.kept.mark_letter(before, after)


class Mute:
    """An endpoint that takes what it is sent and never says so."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def send(self, message: Message) -> None:
        self.reached.set()
        await asyncio.Event().wait()


async def _begun(bench: Bench) -> None:
    """A scheduler works, and a run has just ended."""
    await bench.job(notify="ops: success")
    bench.factory.then("done")
    await bench.plugin.start_background_execution()
    await bench.clock.advance(timedelta(hours=1))


async def test_a_letter_that_was_being_taken_when_the_scheduler_stops_is_sent_before_the_end() -> None:
    store: Any = Slow()
    bench = make_bench(store)
    await _begun(bench)
    await store.taken.wait()
    stopping = asyncio.create_task(bench.plugin.stop_background_execution())
    await settle_loop()
    store.answering.set()
    await stopping
    [letter] = await bench.letters()
    assert (letter.status, letter.tries, bench.ops.events) == (LetterStatus.SENT, 1, ["success"])
    await bench.plugin.close()


async def test_a_letter_that_was_being_taken_when_one_evaluation_is_given_up_is_sent_before_the_end() -> None:
    store: Any = Slow()
    bench = make_bench(store)
    await bench.job(notify="ops: success")
    evaluation = asyncio.create_task(bench.slot("done"))
    await store.taken.wait()
    evaluation.cancel()
    await settle_loop()
    store.answering.set()
    with pytest.raises(asyncio.CancelledError):
        await evaluation
    [letter] = await bench.letters()
    assert (letter.status, letter.tries, bench.ops.events) == (LetterStatus.SENT, 1, ["success"])
    await bench.plugin.close()


async def test_a_letter_that_nobody_took_before_the_end_is_sent_by_the_next_scheduler_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postman, "STOP_GRACE", timedelta(0))
    store, mute = MemoryStorage(), Mute()
    bench = make_bench(store, endpoints={"ops": mute})
    await _begun(bench)
    await mute.reached.wait()
    await bench.plugin.stop_background_execution()
    [cut] = await bench.letters()
    assert (cut.status, cut.tries, cut.error) == (LetterStatus.PENDING, 1, "the scheduler stopped before it was taken")
    following = make_bench(store, clock=bench.clock)
    await following.plugin.force_evaluation()
    [letter] = await following.letters()
    assert (letter.id, letter.status, letter.tries) == (cut.id, LetterStatus.SENT, 2)
    await bench.plugin.close()
    await following.plugin.close()


async def _stopped_at_once(failing: int) -> tuple[Bench, Letter]:
    """A scheduler that was stopped while its store fails to note what became of the letter, so many times."""
    store: Any = Slow()
    store.answering.set()
    store.failing = failing
    bench = make_bench(store)
    await _begun(bench)
    await store.failed.wait()
    await bench.plugin.stop_background_execution()
    [letter] = await bench.letters()
    return bench, letter


async def test_a_letter_whose_end_the_store_did_not_take_is_noted_as_sent_at_the_stop_and_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postman, "STOP_GRACE", timedelta(0))
    bench, letter = await _stopped_at_once(failing=1)
    assert (letter.status, letter.tries, bench.ops.events) == (LetterStatus.SENT, 1, ["success"])
    await bench.plugin.close()


async def test_a_store_that_takes_nothing_does_not_keep_a_scheduler_from_stopping(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postman, "STOP_GRACE", timedelta(0))
    bench, letter = await _stopped_at_once(failing=99)
    assert (letter.status, letter.tries) == (LetterStatus.PENDING, 1)
    assert f"what became of letter {letter.id} could not be noted: the disk is full" in caplog.text
    await bench.plugin.close()
