"""Who is cancelled while the store commits for them: what they asked for is made, and nothing of it is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentcron import ExecutionStatus, SqliteStorage, StoreUnavailable
from agentcron.storage.memory import MemoryStorage
from agentcron.testing import Environment, Gate, create_test_environment
from agentcron.testing.clock import settle_loop

S = ExecutionStatus
LOST = StoreUnavailable("the answer was lost")
EVERY_ENGINE = pytest.mark.parametrize("env", ["memory", "sqlite", "dbos"], indirect=True)


class Held:
    """Makes the next call of the method ``hold`` and answers it when ``answers`` is set, with ``error`` where there is
    one. ``made`` tells that the change is in the store."""

    hold: str | None = None
    error: Exception | None = None
    made: asyncio.Event
    answers: asyncio.Event

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return partial(self._answer_later, found) if name == super().__getattribute__("hold") else found

    async def _answer_later(self, method: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        self.hold = None
        answer = await method(*args, **options)
        self.made.set()
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return answer


class HeldMemory(Held, MemoryStorage):
    """In memory."""


class HeldSqlite(Held, SqliteStorage):
    """In a file."""


@pytest.fixture(params=["memory", "sqlite"])
async def env(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Environment]:
    storage = HeldMemory() if request.param == "memory" else HeldSqlite(tmp_path / "store.sqlite")
    storage.made, storage.answers = asyncio.Event(), asyncio.Event()
    engine = "dbos" if request.param == "dbos" else "local"
    async with create_test_environment(storage_plugin=storage, engine=engine) as env:
        yield env
        storage.answers.set()


def held(env: Environment, name: str, error: Exception | None = None) -> Held:
    """The store, holding the next call of the method."""
    store = env.storage
    assert isinstance(store, Held)
    store.hold, store.error = name, error
    return store


async def due(env: Environment, jobs: int = 3) -> None:
    """Jobs that are due, which the scheduler has not noticed."""
    for n in range(jobs):
        await env.plugin.create_job(f"job {n}", "at 2026-01-01T00:00:30", "hello")
    await env.advance(2)
    env.clock.set(env.clock.now() + timedelta(seconds=29))


async def evaluation(env: Environment, store: Held) -> asyncio.Task[None]:
    """An evaluation that was asked for and is in the middle of its commit."""
    asked = asyncio.create_task(env.plugin.force_evaluation())
    await asyncio.wait_for(store.made.wait(), 10)
    return asked


async def cut(task: asyncio.Task[Any], times: int = 1) -> None:
    """Cancel it, and let it go as far as it goes."""
    for _ in range(times):
        task.cancel()
        await settle_loop()


async def answered(store: Held, task: asyncio.Task[Any]) -> None:
    """Let the store answer; whoever was cancelled is told that, and nothing else."""
    store.answers.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def ended(env: Environment) -> None:
    """Let time pass until every run has ended: what is looked at first, and what DBOS writes, takes the machine's."""
    async with asyncio.timeout(60):
        while not all(run.final for run in await env.runs(include_skipped=True)):
            await env.advance(1)
            await asyncio.sleep(0.001)


async def outcomes(env: Environment) -> list[tuple[ExecutionStatus, str | None, int]]:
    """What became of every run, with the streak of its job."""
    streaks = {job.id: job.streak for job in await env.plugin.get_jobs()}
    return [(run.status, run.reason, streaks[run.job_id]) for run in await env.runs(include_skipped=True)]


# --- evaluations ------------------------------------------------------------------------------------------------------


@EVERY_ENGINE
@pytest.mark.parametrize("times", [1, 2])
async def test_what_a_cancelled_evaluation_planned_runs_once(env: Environment, times: int) -> None:
    await env.plugin.start_background_execution()
    await due(env)
    store = held(env, "commit_and_claim")
    asked = await evaluation(env, store)
    await cut(asked, times)
    await answered(store, asked)
    await ended(env)
    assert await outcomes(env) == [(S.SUCCESS, None, 0)] * 3
    assert env.agent_factory.prompts == ["hello"] * 3


async def test_it_runs_once_where_the_answer_is_lost_as_well(env: Environment) -> None:
    await env.plugin.start_background_execution()
    await due(env)
    store = held(env, "commit_and_claim", LOST)
    asked = await evaluation(env, store)
    await cut(asked)
    await answered(store, asked)
    await ended(env)
    assert await outcomes(env) == [(S.SUCCESS, None, 0)] * 3
    assert env.agent_factory.prompts == ["hello"] * 3


async def test_an_evaluation_that_waits_for_another_is_cancelled_at_once(env: Environment) -> None:
    await env.plugin.start_background_execution()
    await due(env)
    store = held(env, "commit_and_claim")
    first = await evaluation(env, store)
    second = asyncio.create_task(env.plugin.force_evaluation())
    await cut(second)
    assert second.cancelled()
    store.answers.set()
    await first


async def test_a_stop_waits_for_the_commit_of_a_cancelled_evaluation_and_ends_what_it_began(env: Environment) -> None:
    gate = Gate()
    env.agent_factory.then(gate)
    await env.plugin.start_background_execution()
    await due(env, jobs=1)
    store = held(env, "commit_and_claim")
    asked = await evaluation(env, store)
    await cut(asked)
    stopping = asyncio.create_task(env.plugin.stop_background_execution())
    await settle_loop()
    assert not stopping.done()
    await answered(store, asked)
    await stopping
    assert await outcomes(env) == [(S.INCOMPLETE, "shutdown", 0)]


async def test_a_stop_leaves_what_was_claimed_without_an_answer_to_the_next_start(env: Environment) -> None:
    await env.plugin.start_background_execution()
    await due(env)
    store = held(env, "commit_and_claim", LOST)
    asked = await evaluation(env, store)
    await cut(asked)
    stopping = asyncio.create_task(env.plugin.stop_background_execution())
    await settle_loop()
    await answered(store, asked)
    await stopping
    assert [status for status, _, _ in await outcomes(env)] == [S.PENDING] * 3
    await env.plugin.start_background_execution()
    await ended(env)
    assert await outcomes(env) == [(S.SUCCESS, None, 0)] * 3
    assert env.agent_factory.prompts == ["hello"] * 3


@pytest.mark.parametrize("error", [None, LOST], ids=["answered", "answer lost"])
async def test_without_a_scheduler_a_cancelled_evaluation_leaves_nothing_running(
    env: Environment, error: Exception | None
) -> None:
    env.agent_factory.then(Gate(), Gate(), Gate())
    await due(env)
    store = held(env, "commit_and_claim", error)
    asked = await evaluation(env, store)
    await cut(asked)
    await answered(store, asked)
    left = (S.INCOMPLETE, "shutdown", 0) if error is None else (S.PENDING, None, 0)
    assert await outcomes(env) == [left] * 3


@pytest.mark.parametrize("error", [None, LOST], ids=["answered", "answer lost"])
async def test_a_cancelled_run_by_hand_leaves_nothing_running(env: Environment, error: Exception | None) -> None:
    env.agent_factory.then(Gate())
    run = await env.plugin.run_job_now(await env.plugin.create_job("job", "0 0 1 1 *", "hello"))
    store = held(env, "claim", error)
    asked = asyncio.create_task(env.plugin.run_here(run))
    await asyncio.wait_for(store.made.wait(), 10)
    await cut(asked)
    await answered(store, asked)
    left = (S.INCOMPLETE, "shutdown", 0) if error is None else (S.PENDING, None, 0)
    assert await outcomes(env) == [left]


# --- beginnings -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["a budget", "a gate"])
def beginning(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """The call of the store that begins a run which is not begun with its claim, and fields that make it such a one."""
    if request.param == "a budget":
        return "begin_within", {"budgets": "tokens=1000,window=1d"}
    (tmp_path / "seen").write_text("new")
    return "begin", {"when_changed": f"file:{tmp_path / 'seen'}"}


async def beginning_run(
    env: Environment, beginning: tuple[str, dict[str, str]], error: Exception | None = None, **fields: Any
) -> tuple[Held, str]:
    """A run in the middle of the commit of its beginning."""
    name, more = beginning
    await env.plugin.start_background_execution()
    job = await env.plugin.create_job("job", "0 0 1 1 *", "hello", **more, **fields)
    store = held(env, name, error)
    run = await env.plugin.run_job_now(job)
    await asyncio.wait_for(store.made.wait(), 10)
    return store, run


async def stopping_of(env: Environment) -> asyncio.Task[None]:
    """A stop that has cut what runs."""
    scheduler = env.plugin._scheduler
    assert scheduler is not None
    stopping = asyncio.create_task(env.plugin.stop_background_execution())
    async with asyncio.timeout(10):
        while any(run.cause is None for run in scheduler.engine._runs.values()):
            await asyncio.sleep(0)
    return stopping


@EVERY_ENGINE
async def test_a_run_that_is_canceled_while_its_beginning_is_committed_was_begun_and_calls_no_agent(
    env: Environment, beginning: tuple[str, dict[str, str]]
) -> None:
    store, run = await beginning_run(env, beginning)
    await env.plugin.cancel_execution(run)
    await settle_loop()
    store.answers.set()
    await ended(env)
    assert await outcomes(env) == [(S.INCOMPLETE, "canceled", 0)]
    assert env.agent_factory.contexts == []


@pytest.mark.parametrize(
    ("on_interrupt", "left"),
    [
        ("record", (S.INCOMPLETE, "shutdown", 0)),
        ("retry", (S.PENDING, "shutdown", 0)),
        ("resume", (S.PENDING, None, 0)),
    ],
)
async def test_a_run_that_a_stop_cuts_while_its_beginning_is_committed_goes_by_on_interrupt(
    env: Environment,
    beginning: tuple[str, dict[str, str]],
    on_interrupt: str,
    left: tuple[ExecutionStatus, str | None, int],
) -> None:
    store, _ = await beginning_run(env, beginning, on_interrupt=on_interrupt)
    stopping = await stopping_of(env)
    store.answers.set()
    await stopping
    assert await outcomes(env) == [left]
    assert env.agent_factory.contexts == []


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "while it waits for the store"])
async def test_a_run_is_canceled_although_the_answer_to_its_beginning_is_lost(
    env: Environment, beginning: tuple[str, dict[str, str]], waits: bool
) -> None:
    store, run = await beginning_run(env, beginning, LOST)
    if waits:
        store.answers.set()
        await settle_loop(30)
    await env.plugin.cancel_execution(run)
    await settle_loop()
    store.answers.set()
    await ended(env)
    row = await env.plugin.get_execution(run)
    assert row is not None
    # What the store has as begun is not told as skipped, and the other way round.
    assert await outcomes(env) == [(S.INCOMPLETE if row.begun else S.SKIPPED, "canceled", 0)]
    assert env.agent_factory.contexts == []


async def test_a_stop_leaves_a_run_whose_beginning_has_no_answer_to_the_next_start(
    env: Environment, beginning: tuple[str, dict[str, str]]
) -> None:
    store, _ = await beginning_run(env, beginning, LOST)
    stopping = await stopping_of(env)
    store.answers.set()
    await stopping
    assert await outcomes(env) == [(S.PENDING, None, 0)]
    await env.plugin.start_background_execution()
    await ended(env)
    assert await outcomes(env) == [(S.SUCCESS, None, 0)]
