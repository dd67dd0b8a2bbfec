"""A run that asks a person frees its place, is told once, goes on with the answer, and never waits for ever."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from agentcron import (
    AgentOutcome,
    BackgroundJobsPlugin,
    ConflictError,
    Decision,
    ExecutionStatus,
    InputKind,
    InvalidAnswerError,
    NotFoundError,
    Question,
    RunContext,
    Usage,
)
from agentcron.domain.inputs import NOBODY
from agentcron.testing import FakeAgentFactory, create_test_environment
from tests.integration.conftest import World

_E = ExecutionStatus


async def asks(prompt: str, context: RunContext) -> str:
    """Asks which one, and answers with it."""
    return f"took {context.ask('Which one?', ['left', 'right'])}"


async def deploys(prompt: str, context: RunContext) -> str:
    return "deployed" if context.approve("Deploy to production") else "left alone"


async def asks_for_two(prompt: str, context: RunContext) -> AgentOutcome:
    """Two questions in one go, as a model that calls two tools at once."""
    if context.going_on is None:
        two = (
            Question(key="a", kind=InputKind.APPROVAL, question="mail ann", tool="mail", args={"to": "ann"}),
            Question(key="b", kind=InputKind.QUESTION, question="What subject?"),
        )
        return AgentOutcome(asking=two, usage=Usage(requests=1))
    said = context.going_on.answers
    return AgentOutcome(output=f"{said['a'].decision}, {said['b'].answer}", usage=Usage(requests=2))


async def parked(world: World, *acts: Any, **fields: Any) -> str:
    """A job whose run of 00:01 asks."""
    world.factory.then(*acts)
    await world.plugin.start_background_execution()
    job_id = await world.plugin.create_job("job", "every 1m", "p", **fields)
    await world.advance(60)
    return job_id


async def test_a_run_that_asks_frees_its_place_and_goes_on_with_the_answer(world: World) -> None:
    job_id = await parked(world, asks, asks)
    [run] = await world.runs(job_id)
    assert (run.status, world.factory.live) == (_E.AWAITING_INPUT, 0)
    [asked] = await world.plugin.inbox()
    assert (asked.kind, asked.question, asked.options) == (InputKind.QUESTION, "Which one?", ("left", "right"))
    assert (asked.job_id, asked.execution_id, asked.waiting) == (job_id, run.id, True)
    assert [one.id for one in await world.plugin.inbox(job_id)] == [asked.id]
    answered = await world.plugin.answer(asked.id[:6], "right", by="ann")
    assert (answered.decision, answered.answer, answered.answered_by) == (Decision.ANSWERED, "right", "ann")
    await world.quiet()
    [run] = await world.runs(job_id)
    assert (run.status, run.result, run.attempt, run.retries) == (_E.SUCCESS, "took right", 1, 0)
    assert await world.plugin.inbox() == []
    assert [one.decision for one in await world.plugin.inbox(closed=True)] == [Decision.ANSWERED]


async def test_an_answer_goes_on_after_a_restart_and_from_another_process(world: World) -> None:
    job_id = await parked(world, asks_for_two, asks_for_two)
    await world.plugin.close()
    other = world.another()
    approval, question = await other.inbox()
    assert (approval.tool, approval.args) == ("mail", {"to": "ann"})
    await other.answer(question.id, "Hello")
    [run] = await other.get_executions(job_id)
    assert run.status is _E.AWAITING_INPUT
    await other.approve(approval.id)
    await other.close()
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.result, run.usage) == (_E.SUCCESS, "approved, Hello", Usage(requests=2))
    going_on = world.factory.contexts[-1].going_on
    assert going_on is not None
    assert going_on.usage == Usage(requests=1)


async def test_of_two_who_answer_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    await parked(world, deploys, deploys)
    [asked] = await world.plugin.inbox()
    told = await asyncio.gather(
        world.plugin.approve(asked.id, by="ann"), world.plugin.deny(asked.id, by="bob"), return_exceptions=True
    )
    [lost] = [one for one in told if isinstance(one, BaseException)]
    assert isinstance(lost, ConflictError)
    assert f"{asked.id} was " in str(lost)
    [kept] = await world.plugin.inbox(closed=True)
    assert kept.answered_by in str(lost)
    await world.quiet()
    assert len(world.factory.contexts) == 2


@pytest.mark.parametrize(
    ("policy", "status", "reason", "result"),
    [
        ({}, _E.FAILURE, "expired", ""),
        ({"on_expiry": "deny"}, _E.SUCCESS, None, "took None"),
        ({"on_expiry": "answer", "default_answer": "left"}, _E.SUCCESS, None, "took left"),
    ],
)
async def test_what_nobody_answers_expires_as_the_job_says(
    world: World, policy: dict[str, Any], status: ExecutionStatus, reason: str | None, result: str
) -> None:
    job_id = await parked(world, asks, asks, input_timeout="30s", overlap="skip", **policy)
    [asked] = await world.plugin.inbox()
    await world.advance(29)
    assert (await world.runs(job_id))[0].status is _E.AWAITING_INPUT
    await world.clock.advance(asked.expires_at - world.clock.now())
    if reason is not None:
        with pytest.raises(ConflictError, match=f"{asked.id} expired at "):
            await world.plugin.answer(asked.id, "left")
    await world.advance(7)
    run = (await world.runs(job_id))[0]
    assert (run.status, run.reason, run.result) == (status, reason, result)
    if reason is None:
        assert (await world.plugin.inbox(closed=True))[0].answered_by == NOBODY
        with pytest.raises(ConflictError, match="when its time was over"):
            await world.plugin.answer(asked.id, "left")
    else:
        assert run.error == "nobody answered within 30s"
        with pytest.raises(ConflictError, match="its run ended as FAILURE"):
            await world.plugin.answer(asked.id, "left")


async def test_no_clock_ever_approves_anything() -> None:
    async with create_test_environment() as env:
        env.agent_factory.then(deploys, deploys)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job(
            "job", "every 1m", "p", max_runs=1, input_timeout="30s", on_expiry="answer", default_answer="yes"
        )
        await env.advance(100)
        [run] = await env.runs(job_id)
        assert run.result == "left alone"


async def test_an_expiry_is_found_by_the_next_start() -> None:
    async with create_test_environment() as env:
        env.agent_factory.then(asks)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "every 1m", "p", max_runs=1, input_timeout="1m")
        await env.advance(60)
        await env.plugin.stop_background_execution()
        await env.advance(62)
        await env.plugin.start_background_execution()
        await env.advance(6)
        [run] = await env.runs(job_id)
        assert (run.status, run.reason) == (_E.FAILURE, "expired")


@pytest.mark.parametrize(
    ("overlap", "after"),
    [
        ("skip", [_E.AWAITING_INPUT, _E.SKIPPED, _E.SKIPPED]),
        ("buffer_one", [_E.AWAITING_INPUT, _E.SUCCESS, _E.SUCCESS]),
        ("buffer_all", [_E.AWAITING_INPUT, _E.SUCCESS, _E.SUCCESS]),
        ("allow_all", [_E.AWAITING_INPUT, _E.SUCCESS, _E.SUCCESS]),
        ("cancel_other", [_E.INCOMPLETE, _E.SUCCESS, _E.SUCCESS]),
    ],
)
async def test_the_next_slots_do_not_pile_up(overlap: str, after: list[ExecutionStatus]) -> None:
    async with create_test_environment() as env:
        env.agent_factory.then(asks)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "every 1m", "p", overlap=overlap)
        await env.advance(180)
        assert [run.status for run in await env.runs(job_id, include_skipped=True)] == after
        assert len(await env.plugin.inbox()) == (overlap != "cancel_other")


async def test_the_run_behind_a_parked_one_starts_at_once() -> None:
    async with create_test_environment() as env:

        async def asks_late(prompt: str, context: RunContext) -> str:
            await env.clock.sleep_until(env.clock.now().replace(second=30))
            return await asks(prompt, context)

        env.agent_factory.then(asks_late)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "*/10 * * * * *", "p", overlap="buffer_all")
        # Three slots wait behind the first, which asks 20 s after its beginning.
        await env.advance(31)
        statuses = [run.status for run in await env.runs(job_id)]
        assert statuses == [_E.AWAITING_INPUT, _E.SUCCESS, _E.SUCCESS]


@pytest.mark.parametrize("how", ["cancel_job", "delete_job", "cancel_execution"])
async def test_a_parked_run_ends_when_it_is_canceled(world: World, how: str) -> None:
    job_id = await parked(world, asks)
    [run] = await world.runs(job_id)
    [asked] = await world.plugin.inbox()
    assert await getattr(world.plugin, how)(run.id if how == "cancel_execution" else job_id)
    assert await world.plugin.inbox() == []
    if how == "delete_job":
        with pytest.raises(NotFoundError, match="is unknown"):
            await world.plugin.answer(asked.id, "left")
        return
    [run] = await world.runs(job_id)
    assert (run.status, run.reason) == (_E.INCOMPLETE, "canceled")
    with pytest.raises(ConflictError, match="its run ended as INCOMPLETE"):
        await world.plugin.answer(asked.id, "left")


async def test_the_time_that_it_is_parked_is_no_running_time() -> None:
    async with create_test_environment() as env:

        async def slow(prompt: str, context: RunContext) -> str:
            await env.clock.sleep_until(env.clock.now().replace(second=20))
            said = await asks(prompt, context)
            await env.clock.sleep_until(env.clock.now().replace(second=40))
            return said

        env.agent_factory.then(slow, slow)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "at 2026-01-01T00:01", "p", timeout="1m")
        await env.advance(60 + 180)
        [asked] = await env.plugin.inbox()
        await env.plugin.answer(asked.id, "left")
        await env.advance(50)
        [run] = await env.runs(job_id)
        assert (run.status, run.result) == (_E.SUCCESS, "took left")
        assert run.duration is not None
        assert run.duration.total_seconds() < 60


async def test_what_a_run_asks_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with create_test_environment() as env:
        env.agent_factory.then(deploys)
        await env.plugin.start_background_execution()
        with caplog.at_level(logging.WARNING):
            await env.plugin.create_job("job", "at 2026-01-01T00:00:10", "p")
            await env.advance(70)
        [asked] = await env.plugin.inbox()
        [line] = [line for line in caplog.messages if "asks" in line]
        assert f"AWAITING_INPUT until 2026-01-02T00:00:10+00:00: asks {asked.id}: Deploy to production; " in line


async def test_why_tells_of_a_parked_slot(world: World) -> None:
    job_id = await parked(world, asks)
    told = (await world.plugin.explain(job_id, world.clock.now())).sentence
    assert "is parked until a person answers, at the latest 2026-01-02T00:01:00+00:00 (agentcron inbox)" in told


async def test_an_answer_must_fit_what_is_asked(world: World) -> None:
    await parked(world, asks_for_two)
    approval, question = await world.plugin.inbox()
    with pytest.raises(InvalidAnswerError, match=f"agentcron approve {approval.id}"):
        await world.plugin.answer(approval.id, "yes")
    with pytest.raises(InvalidAnswerError, match=f"agentcron answer {question.id} TEXT"):
        await world.plugin.approve(question.id)
    with pytest.raises(InvalidAnswerError, match="is empty"):
        await world.plugin.answer(question.id, "  ")
    with pytest.raises(InvalidAnswerError, match="is longer than 65536 bytes"):
        await world.plugin.answer(question.id, "x" * 70_000)
    with pytest.raises(NotFoundError, match="'agentcron inbox' shows"):
        await world.plugin.approve("zzz")
    assert len(await world.plugin.inbox()) == 2


async def test_one_of_the_options_must_be_chosen(world: World) -> None:
    await parked(world, asks)
    [asked] = await world.plugin.inbox()
    with pytest.raises(InvalidAnswerError, match=r"'up' is no answer to .*; choose one of: left, right"):
        await world.plugin.answer(asked.id, "up")


async def test_an_agent_that_always_asks_comes_to_an_end() -> None:
    async with create_test_environment() as env:
        count = 0

        async def asks_on(prompt: str, context: RunContext) -> str:
            nonlocal count
            count += 1
            return str(context.ask(f"And {count}?"))

        env.agent_factory.then(*[asks_on] * 102)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "at 2026-01-01T00:00:01", "p", input_timeout="1s", on_expiry="deny")
        await env.advance(520)
        [run] = await env.runs(job_id)
        assert (run.status, run.reason, run.error) == (_E.FAILURE, "asking", "it asked 100 times and asks again")


async def test_a_retry_begins_afresh_and_asks_again(world: World) -> None:
    async def fails_with_the_answer(prompt: str, context: RunContext) -> str:
        from agentcron.errors import AgentError

        raise AgentError(f"no {context.ask('Which one?')}", kind="network", retryable=True)

    job_id = await parked(
        world,
        fails_with_the_answer,
        fails_with_the_answer,
        asks,
        retry="attempts=2,backoff=1s,jitter=0",
        overlap="skip",
    )
    [asked] = await world.plugin.inbox()
    await world.plugin.answer(asked.id, "left")
    await world.advance(3)
    [run] = await world.runs(job_id)
    assert (run.status, run.attempt, run.retries) == (_E.AWAITING_INPUT, 2, 1)
    assert len(await world.plugin.inbox(closed=True)) == 2


async def test_a_plain_function_may_ask_from_its_thread(tmp_path: Path) -> None:
    def choose(prompt: str, context: RunContext) -> str:
        try:
            answer = context.ask("Which one?")
        except Exception:
            return "went on without an answer"
        return f"took {answer}"

    from agentcron import AgentFactoryPlugin

    factory = AgentFactoryPlugin({"it": {"kind": "python", "callable": choose}}, default_definition="it")
    async with BackgroundJobsPlugin(storage_plugin=f"sqlite:///{tmp_path}/s.sqlite", agent_factory=factory) as plugin:
        await plugin.create_job("job", "0 0 1 1 *", "p")
        [job] = await plugin.get_jobs()
        execution_id = await plugin.run_job_now(job.id)
        async with asyncio.timeout(20):
            while not (found := await plugin.inbox()):
                await asyncio.sleep(0.01)
            await plugin.answer(found[0].id, "this one")
            run = await plugin.wait_for_execution(execution_id)
        assert (run.status, run.result) == (_E.SUCCESS, "took this one")


async def test_an_answer_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-canary-123456789012345")
    async with create_test_environment(agent_factory=FakeAgentFactory()) as env:
        env.agent_factory.then(asks_for_two)
        await env.plugin.start_background_execution()
        await env.plugin.create_job("job", "every 1m", "p")
        await env.advance(60)
        _, question = await env.plugin.inbox()
        told = await env.plugin.answer(question.id, "use sk-canary-123456789012345")
        assert "canary" not in (told.answer or "")
