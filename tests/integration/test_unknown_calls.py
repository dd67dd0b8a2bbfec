"""A call that was under way when its scheduler died is made again only by a person's word, and that is good for one."""

from __future__ import annotations

import asyncio

import pytest

from agentcron import ExecutionStatus, InputKind, RunContext
from agentcron.testing import create_test_environment
from agentcron.testing.environment import Environment

_E = ExecutionStatus


class Till:
    """Takes money through the steps of its run, and dies in the midst of it while ``stuck``."""

    def __init__(self) -> None:
        self.stuck = True
        self.taken = 0

    async def __call__(self, prompt: str, context: RunContext) -> str:
        assert context.steps is not None
        return f"paid: {await context.steps.step('tool:pay', self._take, repeatable=False)}"

    async def _take(self) -> str:
        self.taken += 1
        if self.stuck:
            await asyncio.Event().wait()
        return f"receipt {self.taken}"


async def interrupted(env: Environment) -> None:
    """Stop in the midst of the call, start again, and let the run come to the call."""
    await env.plugin.stop_background_execution()
    await env.plugin.start_background_execution()
    await env.advance(2)


async def asking(env: Environment, till: Till) -> str:
    env.agent_factory.then(*[till] * 9)
    await env.plugin.start_background_execution()
    job_id = await env.plugin.create_job("job", "at 2026-01-01T00:00:05", "p", on_interrupt="resume")
    await env.advance(6)
    await interrupted(env)
    return job_id


async def test_a_yes_is_good_for_one_call() -> None:
    async with create_test_environment() as env:
        till = Till()
        job_id = await asking(env, till)
        [first] = await env.plugin.inbox()
        assert (first.kind, first.tool, till.taken) == (InputKind.UNKNOWN_CALL, "pay", 1)
        await env.plugin.approve(first.id)
        await env.advance(1)
        assert till.taken == 2
        # It dies again in the midst of the call that was approved: nobody knows of this one either.
        await interrupted(env)
        [second] = await env.plugin.inbox()
        assert (second.id != first.id, till.taken) == (True, 2)
        till.stuck = False
        await env.plugin.approve(second.id)
        await env.advance(1)
        [run] = await env.runs(job_id)
        assert (run.status, run.result, run.attempt, run.retries) == (_E.SUCCESS, "paid: receipt 3", 1, 0)


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("receipt 1 is in the drawer", "paid: receipt 1 is in the drawer"),
        (None, "paid: What came of this call is unknown, and it is not made again (it is late)."),
    ],
)
async def test_a_person_says_what_came_of_it(word: str | None, result: str) -> None:
    async with create_test_environment() as env:
        till = Till()
        job_id = await asking(env, till)
        [asked] = await env.plugin.inbox()
        await (env.plugin.answer(asked.id, word) if word else env.plugin.deny(asked.id, "it is late"))
        await env.advance(1)
        [run] = await env.runs(job_id)
        assert (run.status, run.result, till.taken) == (_E.SUCCESS, result, 1)


async def test_what_stands_before_a_question_is_not_repeated_where_it_went_through_steps() -> None:
    async with create_test_environment() as env:
        till = Till()
        till.stuck = False

        async def pays_and_asks(prompt: str, context: RunContext) -> str:
            return f"{await till(prompt, context)}, {context.ask('Which one?')}"

        env.agent_factory.then(pays_and_asks, pays_and_asks)
        await env.plugin.start_background_execution()
        job_id = await env.plugin.create_job("job", "at 2026-01-01T00:00:05", "p", on_interrupt="resume")
        await env.advance(6)
        [asked] = await env.plugin.inbox()
        await env.plugin.answer(asked.id, "left")
        await env.advance(1)
        [run] = await env.runs(job_id)
        assert (run.result, till.taken) == ("paid: receipt 1, left", 1)
