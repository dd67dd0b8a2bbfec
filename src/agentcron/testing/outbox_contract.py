"""What every store must do with letters; a part of ``StoreContract``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting, refused, retried, sent
from agentcron.domain.model import Execution, Job
from agentcron.domain.notify import Event
from agentcron.domain.outcomes import AgentOutcome, Done, Failed
from agentcron.domain.retention import Retention
from agentcron.domain.settling import Settlement, settle
from agentcron.domain.spec import JobSpec
from agentcron.engine.herald import Herald
from agentcron.ports import JobStore
from agentcron.testing.store_bench import MINUTE, NOW, Benched

HERALD = Herald()
_S = LetterStatus


class OutboxContract(Benched):
    """Letters are written with what they tell of, lent to one sender at a time, and found again."""

    async def test_a_letter_is_written_with_the_end_that_it_tells_of_or_not_at_all(self) -> None:
        async with self.opened() as bench:
            job, row = await _began(bench, "ops: failure")
            told = HERALD.settlement(_end(row, await bench.spec(row), fails=True))
            late = told.evolve(before=row.evolve(fence=9))
            assert await bench.store.settle([late]) == [False]
            assert await _all(bench.store) == []
            assert await bench.store.settle([told]) == [True]
            [letter] = await _all(bench.store)
            assert (letter.event, letter.target, letter.job_id, letter.execution_id) == (
                Event.FAILURE, "ops", job.id, row.id,
            )  # fmt: skip
            assert (letter.status, letter.tries, letter.created, letter.wake_at) == (
                _S.PENDING, 0, told.now, told.now,
            )  # fmt: skip
            assert letter.subject == "job failed: no"

    async def test_what_was_told_before_decides_what_is_told(self) -> None:
        async with self.opened() as bench:
            job, row = await _began(bench, "ops: failure, recovered; cooldown 1h")
            await _ended(bench, row, fails=True)
            for minute, fails in ((2, True), (3, False), (4, False)):
                [row] = await bench.run_due(await bench.read(job), NOW + minute * MINUTE)
                await _ended(bench, row, fails=fails)
            assert [letter.event for letter in await _all(bench.store)] == [Event.RECOVERED, Event.FAILURE]

    async def test_a_letter_is_lent_to_one_sender_at_a_time(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            await _letters(bench, 3)
            at = NOW + 3 * MINUTE
            assert await store.letters_due() == {
                "boss": Waiting(letters=3, next_at=NOW + MINUTE),
                "ops": Waiting(letters=3, next_at=NOW + MINUTE),
            }
            first = await store.take_letters("ops", at, at + MINUTE, 2)
            [third] = await store.take_letters("ops", at, at + MINUTE, 2)
            assert await store.take_letters("ops", at, at + MINUTE, 2) == []
            assert [letter.created for letter in (*first, third)] == [NOW + MINUTE, NOW + 2 * MINUTE, at]
            assert {(letter.target, letter.tries, letter.wake_at) for letter in first} == {("ops", 1, at + MINUTE)}
            # Who was believed until then is not believed any more.
            again = await store.take_letters("ops", at + MINUTE, at + 2 * MINUTE, 1)
            assert [(letter.id, letter.tries) for letter in again] == [(first[0].id, 2)]

    async def test_what_became_of_a_letter_is_kept_unless_somebody_else_has_taken_it(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            await _letters(bench, 1)
            [old] = await store.take_letters("ops", NOW + MINUTE, NOW + 2 * MINUTE, 1)
            [held] = await store.take_letters("ops", NOW + 2 * MINUTE, NOW + 3 * MINUTE, 1)
            assert not await store.mark_letter(old, sent(old, NOW))
            waits = refused(held, NOW + 2 * MINUTE, "busy", retryable=True)
            assert await store.mark_letter(held, waits)
            assert await store.get_letter(held.id) == waits
            given_up = refused(waits, NOW + 3 * MINUTE, "gone for good", retryable=False)
            assert await store.mark_letter(waits, given_up)
            assert await store.get_letter(held.id) == given_up
            assert given_up.status is _S.FAILED
            assert set(await store.letters_due()) == {"boss"}
            again = retried(given_up, NOW + 4 * MINUTE)
            assert await store.mark_letter(given_up, again)
            assert not await store.mark_letter(given_up, again)
            assert (await store.letters_due())["ops"] == Waiting(letters=1, next_at=NOW + 4 * MINUTE)

    async def test_letters_are_found_by_what_they_are_and_in_pages(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            job = await _letters(bench, 3)
            await _letters(bench, 1)
            newest = await _all(store)
            [one, two] = await store.take_letters("ops", NOW + MINUTE, NOW + MINUTE, 2)
            assert await store.mark_letter(one, sent(one, NOW))
            assert await store.mark_letter(two, refused(two, NOW, "no", retryable=False))
            assert await store.count_letters() == {_S.PENDING: 6, _S.SENT: 1, _S.FAILED: 1}
            runs = {letter.execution_id for letter in newest if letter.job_id == job.id}
            for filters, wanted in (
                (LetterFilters(job_id=job.id), [letter.id for letter in newest if letter.job_id == job.id]),
                (LetterFilters(job_id="nobody"), []),
                (LetterFilters(status=_S.SENT), [one.id]),
                (LetterFilters(status=_S.FAILED), [two.id]),
                (LetterFilters(status=_S.FAILED, execution_id=two.execution_id), [two.id]),
                (LetterFilters(status=_S.FAILED, execution_id=two.execution_id, job_id="nobody"), []),
                (LetterFilters(status=_S.PENDING), [a.id for a in newest if a.id not in (one.id, two.id)]),
                (LetterFilters(execution_id="nobody"), []),
            ):
                assert [letter.id for letter in await store.list_letters(filters, 10)] == wanted, filters
                for count in (1, 2):
                    seen: list[str] = []
                    for _ in range(0, len(wanted) + 1, count):
                        older = replace(filters, before=seen[-1] if seen else None)
                        seen += [letter.id for letter in await store.list_letters(older, count)]
                    assert seen == wanted, filters
            assert await store.list_letters(LetterFilters(before="nobody"), 10) == []
            assert len(runs) == 3
            [found] = [letter for letter in newest if letter.id == two.id]
            assert await store.get_letter(found.id[:12]) == await store.get_letter(found.id)
            for unknown in ("", "zz", "%"):
                assert await store.get_letter(unknown) is None

    async def test_letters_go_with_their_job_and_with_the_history(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            job, other = await _letters(bench, 3), await _letters(bench, 1)
            for letter in await store.take_letters("ops", NOW + 3 * MINUTE, NOW + 3 * MINUTE, 9):
                assert await store.mark_letter(letter, sent(letter, NOW))
            await bench.prune(Retention(max_per_job=1, keep_last=1), NOW + 3 * MINUTE)
            left = await store.list_letters(LetterFilters(job_id=job.id), 10)
            # What waits outlives its run.
            assert sorted((letter.target, letter.status) for letter in left) == [
                ("boss", _S.PENDING), ("boss", _S.PENDING), ("boss", _S.PENDING), ("ops", _S.SENT),
            ]  # fmt: skip
            assert await bench.delete(job)
            assert {letter.job_id for letter in await _all(store)} == {other.id}
            await store.clear(NOW)
            assert await _all(store) == []
            assert await store.letters_due() == {}


async def _all(store: JobStore) -> list[Letter]:
    return list(await store.list_letters(LetterFilters(), 100))


async def _began(bench: Any, *rules: str) -> tuple[Job, Execution]:
    job = await bench.job(notify=rules)
    [row] = await bench.run_due(job, NOW + MINUTE)
    return job, row


async def _letters(bench: Any, count: int) -> Job:
    """A job that has told so many successes to two endpoints, a minute after another."""
    job: Job = await bench.job(notify=["ops: success", "boss: success"])
    for minute in range(1, count + 1):
        [row] = await bench.run_due(await bench.read(job), NOW + minute * MINUTE)
        await _ended(bench, row, fails=False)
    return job


async def _ended(bench: Any, row: Execution, *, fails: bool) -> None:
    told = HERALD.settlement(_end(row, await bench.spec(row), fails=fails))
    assert await bench.store.settle([told]) == [True]


def _end(row: Execution, spec: JobSpec, *, fails: bool) -> Settlement:
    outcome: Any = Done(answer=AgentOutcome(output="done"))
    if fails:
        outcome = Failed(kind="agent", message="no", answer=AgentOutcome())
    return settle(row, outcome, row.at, spec)
