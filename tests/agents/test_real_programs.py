"""The real coding programs, asking a server of made-up answers: ``make test-agents``. No provider is reached."""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.processes import end_tree
from agentcron.errors import AgentError
from tests.agents.helpers import context, factory_of
from tests.agents.real_programs import (
    FOLDER,
    PROGRAMS,
    FakeProvider,
    Program,
    calls,
    fails,
    fresh_folder,
    says,
    silent_provider,
)

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the coding programs are not installed: make test-agents"),
    pytest.mark.timeout(300),
]
Say = Callable[[str, object], None]


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    server = FakeProvider()
    yield server
    server.close()


class Asked:
    """A program, with the provider that it asks and a folder of its own."""

    def __init__(self, name: str, program: Program, provider: FakeProvider) -> None:
        self.name = name
        self.program = program
        self.provider = provider
        self.folder: Path = fresh_folder()
        self.seconds = 0.0

    async def agent(self, base: str | None = None, **more: Any) -> Any:
        definition = self.program.definition(base or self.provider.base, self.folder, **more)
        return await factory_of(definition).create("it", context(execution_id=f"real-{uuid.uuid4().hex}"))

    async def ask(self, **more: Any) -> Any:
        agent = await self.agent(**more)
        began = time.monotonic()
        try:
            async with asyncio.timeout(100):
                return await agent.run("Say what you did.")
        finally:
            await agent.close()
            self.seconds = time.monotonic() - began


@pytest.fixture(params=PROGRAMS)
def asked(request: pytest.FixtureRequest, provider: FakeProvider) -> Iterator[Asked]:
    found = Asked(request.param, PROGRAMS[request.param], provider)
    yield found
    shutil.rmtree(found.folder, ignore_errors=True)


async def test_it_answers_with_tokens_and_goes_on_with_its_session(asked: Asked, record_property: Say) -> None:
    asked.provider.plays(says("it is done"))
    first = await asked.ask(resume="last")
    assert (first.output, first.failed) == ("it is done", None)
    assert first.conversation.session
    assert first.usage.input_tokens > 0
    assert first.usage.output_tokens > 0
    took, requests = asked.seconds, asked.provider.requests()
    told = (
        f"{asked.name}: answer in {took:.1f} s, {requests} requests, {first.usage.input_tokens} tokens in, "
        f"{first.usage.output_tokens} out, {first.cost_usd} USD {first.cost_basis}"
    )
    if not asked.program.resumes:
        record_property("figures", told)
        return
    second = await asked.ask(resume="last")
    assert second.output == "it is done"
    assert second.conversation.session == first.conversation.session
    # What the whole session used would be about twice as much.
    assert first.usage.input_tokens <= second.usage.input_tokens < 1.8 * first.usage.input_tokens
    record_property("figures", f"{told}; resumed in {asked.seconds:.1f} s, {second.usage.input_tokens} in")


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limit")])
async def test_what_the_provider_refuses_is_told_apart_before_long(
    asked: Asked, status: int, kind: str, record_property: Say
) -> None:
    asked.provider.plays(fails(status))
    with pytest.raises(AgentError) as error:
        await asked.ask()
    record_property(
        "figures",
        f"{asked.name}: {status} after {asked.seconds:.1f} s, {asked.provider.requests()} requests: {error.value}",
    )
    assert error.value.kind == kind


async def test_what_it_may_not_do_is_recorded_and_fails_the_run_where_strict(
    asked: Asked, record_property: Say
) -> None:
    asked.provider.plays(calls(asked.program.forbidden), says("it is done"))
    found = await asked.ask(denied_actions="strict")
    record_property("figures", f"{asked.name}: denied {found.conversation.native['denied']}")
    assert found.failed is not None
    assert found.failed.startswith("denied: ")


async def test_a_loop_is_stopped_at_the_limit(asked: Asked, record_property: Say) -> None:
    asked.provider.plays(calls(asked.program.allowed, times=None), says("it is done"))
    found = await asked.ask(limits={"tool_calls": 2}, grace="1s")
    record_property("figures", f"{asked.name}: {found.failed}; {asked.provider.requests()} requests")
    assert found.failed == "limit: tool_calls: 3 used, at most 2 allowed"


async def test_a_cancel_ends_it_and_all_that_it_started(asked: Asked, record_property: Say) -> None:
    async with silent_provider() as (base, was_asked):
        agent = await asked.agent(base)
        run = asyncio.create_task(agent.run("p"))
        asking = asyncio.create_task(was_asked.wait())
        await asyncio.wait((run, asking), return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert not run.done()
        began = time.monotonic()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        took = time.monotonic() - began
        await agent.close()
        asking.cancel()
    left = await asyncio.to_thread(end_tree, 1, 0.0, agent.agent_id.removeprefix("it-").removesuffix("-1"))
    record_property("figures", f"{asked.name}: canceled in {took:.1f} s, {left} processes left")
    assert left == 0
