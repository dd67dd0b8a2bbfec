"""Runs keep their place, their row and their outcome when the store, the clock or the agent misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Cut, CutCause
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Node
from agentcron.domain.settling import Settlement, settle
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.engine.local import LocalEngine
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Heard, Settler
from agentcron.errors import StoreUnavailable
from agentcron.observability import Log, get_logger
from agentcron.ports import RunContext
from agentcron.redaction import Redactor
from agentcron.storage.memory import MemoryStorage
from agentcron.testing import (
    Environment,
    FakeAgentFactory,
    FakeClock,
    Gate,
    MockStorage,
    create_mock_storage_plugin,
    create_test_environment,
)
from agentcron.testing.clock import settle_loop

_E = ExecutionStatus
MINUTE = 60.0


class Deaf:
    """An act that ignores its cancellation until it is released."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.told = 0

    async def __call__(self, prompt: str, context: RunContext) -> str:
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.told += 1
        return "late"


class Faulty(MockStorage):
    """Fails each call of a method, the next one before it takes effect, or the next one after: its answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, Exception] = {}
        self.before: dict[str, Exception] = {}
        self.after: dict[str, Exception] = {}

    async def _asked(self, name: str, method: Any, *args: Any, **options: Any) -> Any:
        if (error := self.failing.get(name) or self.before.pop(name, None)) is not None:
            raise error
        answer = await super()._asked(name, method, *args, **options)
        if (error := self.after.pop(name, None)) is not None:
            raise error
        return answer


class Queueing(Faulty):
    """Begins nothing with a commit: what is planned waits in the queue until it is claimed."""

    async def commit_and_claim(self, plans: Sequence[Plan], *_: Any, **__: Any) -> tuple[list[bool], list[Execution]]:
        return await self.commit(plans), []


@asynccontextmanager
async def running(*acts: Any, storage: MemoryStorage | None = None, **fields: Any) -> AsyncIterator[Environment]:
    """An environment with one job that has come due and whose agents do ``acts``."""
    env = create_test_environment(storage_plugin=storage)
    env.agent_factory.then(*acts)
    try:
        await env.plugin.create_job("job", "at 2026-01-01T00:00:01", "hello", **fields)
        await env.plugin.start_background_execution()
        await env.advance(2)
        yield env
    finally:
        for act in acts:
            if isinstance(act, Deaf):
                act.release.set()
        await env.plugin.close()


# --- clock ------------------------------------------------------------------------------------------------------------


async def test_a_clock_set_forward_ends_no_run_that_has_time_left() -> None:
    gate = Gate("fine")
    async with running(gate, timeout="1h") as env:
        env.clock.set(env.clock.now() + timedelta(hours=3))
        await env.advance(20)
        [run] = await env.runs()
        assert (run.status, gate.cancelled) == (_E.RUNNING, False)
        gate.opened.set()
        await env.advance(1)
        assert [(run.status, run.result) for run in await env.runs()] == [(_E.SUCCESS, "fine")]


async def test_a_clock_set_forward_moves_the_instant_until_which_a_run_is_believed() -> None:
    async with running(Gate(), timeout="1h") as env:
        [before] = await env.storage.open_executions()
        env.clock.set(env.clock.now() + timedelta(hours=3))
        await env.advance(2)
        [after] = await env.storage.open_executions()
        assert before.wake_at is not None
        assert after.wake_at is not None
        assert timedelta(hours=2, minutes=59) < after.wake_at - before.wake_at <= timedelta(hours=3)


async def test_a_clock_set_back_lets_no_run_go_on_past_its_timeout() -> None:
    gate = Gate()
    async with running(gate, timeout="1m") as env:
        env.clock.set(env.clock.now() - timedelta(hours=3))
        await env.advance(2.5 * MINUTE)
        assert [(run.status, run.reason) for run in await env.runs()] == [(_E.INCOMPLETE, "timeout")]
        assert gate.cancelled


async def test_after_a_step_of_the_clock_no_other_scheduler_takes_a_run_from_its_living_owner() -> None:
    gate = Gate("fine")
    async with running(gate, timeout="1h") as env:
        other = create_test_environment(storage_plugin=env.storage)
        other.plugin._clock = env.clock
        await other.plugin.start_background_execution()
        env.clock.set(env.clock.now() + timedelta(hours=3))
        await env.advance(20)
        gate.opened.set()
        await env.advance(1)
        assert [(run.status, run.result) for run in await env.runs()] == [(_E.SUCCESS, "fine")]
        await other.plugin.stop_background_execution()


async def test_a_scheduler_that_starts_after_a_step_of_the_clock_believes_living_owners_first() -> None:
    gate = Gate("fine")
    async with running(gate, timeout="1h") as env:
        env.clock.set(env.clock.now() + timedelta(hours=3))
        other = create_test_environment(storage_plugin=env.storage)
        other.plugin._clock = env.clock
        await other.plugin.start_background_execution()
        await env.advance(20)
        gate.opened.set()
        await env.advance(1)
        assert [(run.status, run.result) for run in await env.runs()] == [(_E.SUCCESS, "fine")]
        await other.plugin.stop_background_execution()


# --- agents that do not end -------------------------------------------------------------------------------------------


async def test_an_agent_that_hangs_is_told_to_end_before_it_is_given_up() -> None:
    deaf = Deaf()
    async with running(deaf, timeout="1m") as env:
        await env.advance(1.75 * MINUTE)
        assert deaf.told == 1
        assert [run.status for run in await env.runs()] == [_E.RUNNING]
        await env.advance(0.5 * MINUTE)
        [run] = await env.runs()
        assert (run.status, run.reason) == (_E.INCOMPLETE, "timeout")
        assert run.error == "timeout: the agent ignores that it was ended"


async def test_a_canceled_agent_that_ignores_it_is_given_up_as_canceled_without_waiting_for_its_timeout() -> None:
    async with running(Deaf(), timeout="1d") as env:
        [run] = await env.runs()
        assert await env.plugin.cancel_execution(run.id)
        await env.advance(1.25 * MINUTE)
        assert [(run.status, run.reason) for run in await env.runs()] == [(_E.INCOMPLETE, "canceled")]


async def test_a_job_is_deleted_although_its_agent_never_ends() -> None:
    async with running(Deaf(), timeout="1d") as env:
        [job] = await env.plugin.get_jobs()
        deleting = asyncio.create_task(env.plugin.delete_job(job.id))
        await env.advance(1.25 * MINUTE)
        assert await deleting is True
        assert await env.plugin.get_jobs() == []


async def test_a_run_is_given_up_at_the_next_look_where_the_store_failed_at_the_first() -> None:
    storage = Faulty()
    async with running(Deaf(), storage=storage, timeout="1m") as env:
        await env.advance(1.9 * MINUTE)
        storage.before["get_spec"] = StoreUnavailable("away")
        await env.advance(0.4 * MINUTE)
        assert storage.before == {}
        assert [(run.status, run.reason) for run in await env.runs()] == [(_E.INCOMPLETE, "timeout")]


async def test_an_outcome_that_waits_for_the_store_is_not_replaced_by_a_timeout() -> None:
    storage = create_mock_storage_plugin()
    gate = Gate("paid for")
    async with running(gate, storage=storage, timeout="1m") as env:
        storage.failure = StoreUnavailable("the disk is full")
        gate.opened.set()
        await env.advance(10 * MINUTE)
        storage.failure = None
        await env.advance(2)
        assert [(run.status, run.result) for run in await env.runs()] == [(_E.SUCCESS, "paid for")]


# --- claims and settlements whose answers are lost --------------------------------------------------------------------


async def test_a_claim_whose_answer_is_lost_is_run_once() -> None:
    storage = Faulty()
    storage.after["claim"] = StoreUnavailable("the answer was lost")
    async with running(storage=storage) as env:
        await env.advance(5)
        assert [(run.status, run.attempt) for run in await env.runs()] == [(_E.SUCCESS, 1)]
        assert len(env.agent_factory.contexts) == 1


async def test_a_claimed_run_begins_once_the_store_tells_what_it_is_to_do() -> None:
    storage = Queueing()
    storage.before["get_spec"] = StoreUnavailable("away")
    async with running(storage=storage) as env:
        await env.advance(5)
        assert storage.before == {}
        assert [(run.status, run.attempt) for run in await env.runs()] == [(_E.SUCCESS, 1)]
        assert len(env.agent_factory.contexts) == 1


async def test_a_claim_that_somebody_settled_before_it_could_begin_starts_no_agent() -> None:
    storage = Queueing()
    storage.failing["get_spec"] = StoreUnavailable("away")
    async with running(storage=storage) as env:
        [row] = await storage.open_executions()
        [job] = await env.plugin.get_jobs()
        await env.advance(10)
        lost = Cut(cause=CutCause.LOST, message="taken for gone")
        assert await storage.settle([settle(row, lost, env.clock.now(), job.spec)]) == [True]
        storage.failing.clear()
        await env.advance(5)
        assert [(run.status, run.reason) for run in await env.runs()] == [(_E.INCOMPLETE, "lost")]
        assert env.agent_factory.contexts == []


async def test_an_outcome_whose_answer_was_lost_is_not_called_too_late(caplog: Any) -> None:
    storage = Faulty()
    storage.after["settle"] = StoreUnavailable("the answer was lost")
    async with running(storage=storage) as env:
        await env.advance(5)
        assert [run.status for run in await env.runs()] == [_E.SUCCESS]
    assert "comes too late" not in caplog.text


async def test_the_engine_goes_on_after_an_error_that_nobody_foresaw() -> None:
    storage = Faulty()
    storage.before["ready_at"] = RuntimeError("a bug")
    async with running(storage=storage) as env:
        await env.advance(5)
        assert storage.before == {}
        assert [run.status for run in await env.runs()] == [_E.SUCCESS]


# --- the engine alone -------------------------------------------------------------------------------------------------


class Alone:
    """An engine over a store, with nobody who plans: so many runs are asked for, and none is claimed yet."""

    def __init__(self) -> None:
        self.store, self.clock, self.factory = MemoryStorage(), FakeClock(), FakeAgentFactory()
        log = Log(get_logger(), "test", Redactor({}).text)
        self.settler = Settler(self.store, self.clock, log)
        self.runner = Runner(self.store, self.factory, self.clock, Redactor({}), log)
        self.engine = LocalEngine(self.store, self.runner, self.settler, self.clock, "me", 100, log)

    async def asked(self, count: int, **spec: Any) -> list[str]:
        now, keys = self.clock.now(), [f"{number:026d}" for number in range(count)]
        await self.store.join(Node(id="me", host="here", pid=1, version="0", started_at=now, seen_at=now))
        for key in keys:
            fields = {"name": f"job {int(key)}", "prompt": "do it", "schedule": "0 0 1 1 *", **spec}
            made = changes.create(read_spec(fields), key[-16:], now)
            assert made.job_after is not None
            asked = changes.run_now(made.job_after, now, key)
            assert asked is not None
            await self.store.commit([made, asked])
        return keys

    async def told(self, keys: Sequence[str]) -> list[tuple[ExecutionStatus, str | None]]:
        rows = [await self.store.get_execution(key) for key in keys]
        return [(row.status, row.reason) for row in rows if row is not None]


async def test_a_run_that_is_canceled_before_its_first_step_is_settled_and_creates_no_agent() -> None:
    alone = Alone()
    keys = await alone.asked(1)
    assert await alone.engine.claim() == 1
    await alone.engine.cancel(keys)
    await alone.engine.finished(keys)
    assert await alone.told(keys) == [(_E.INCOMPLETE, "canceled")]
    assert alone.factory.contexts == []


async def test_one_outcome_that_cannot_be_handed_over_takes_no_neighbour_with_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alone = Alone()
    keys = await alone.asked(4)
    add = alone.settler.add

    def refused(settlement: Settlement, name: str, heard: Heard) -> None:
        if name == "job 1":
            raise RuntimeError("nobody takes it")
        add(settlement, name, heard)

    monkeypatch.setattr(alone.settler, "add", refused)
    await alone.engine.claim()
    await alone.engine.finished(keys)
    success = (_E.SUCCESS, None)
    assert await alone.told(keys) == [success, (_E.RUNNING, None), success, success]
    assert f"{keys[1]} could not be settled: RuntimeError('nobody takes it')" in caplog.text


async def test_a_word_on_a_lost_run_bears_its_own_ids_and_not_those_of_who_ended_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alone, deaf = Alone(), Deaf()
    alone.factory.then(deaf, deaf)
    keys = await alone.asked(2)
    await alone.engine.claim()
    await settle_loop()
    await alone.engine.lose(keys[1:])
    await settle_loop()
    deaf.release.set()
    await alone.engine.finished(keys)
    [word] = [record for record in caplog.records if "belongs to somebody else" in record.getMessage()]
    assert keys[1] in word.getMessage()
    assert vars(word)["execution_id"] == keys[1]


async def test_a_run_that_ends_while_it_is_being_given_up_keeps_what_it_came_to() -> None:
    alone, deaf = Alone(), Deaf()
    alone.factory.then(deaf)
    keys = await alone.asked(1, timeout="10s")
    await alone.engine.claim()
    await settle_loop()
    await alone.engine.cancel(keys)
    await alone.clock.advance(timedelta(minutes=5))
    [run] = alone.engine._runs.values()
    get_spec = alone.store.get_spec

    async def slowly(job_id: str, version: int) -> JobSpec | None:
        deaf.release.set()
        while not run.judged:
            await asyncio.sleep(0)
        return await get_spec(job_id, version)

    alone.store.get_spec = slowly  # type: ignore[method-assign]
    await alone.engine.abandon_overdue()
    await alone.engine.finished(keys)
    assert await alone.told(keys) == [(_E.SUCCESS, None)]
