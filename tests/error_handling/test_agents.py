"""Agents and factories that fail in every way: the run is told as what it was, the job stays scheduled."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import (
    AgentError,
    AgentFactoryPlugin,
    AgentManagerPlugin,
    AgentOutcome,
    Conversation,
    Execution,
    RunContext,
    SqliteStorage,
    StorageFsPlugin,
)
from agentcron.testing import Environment, FakeAgentFactory, create_mock_agent_factory, create_test_environment


async def runs_of(env: Environment, seconds: float = 25, **fields: Any) -> list[Execution]:
    """What becomes of a job each ten seconds."""
    job_id = await env.plugin.create_job("job", "every 10s", "work", **fields)
    await env.plugin.start_background_execution()
    await env.advance(seconds)
    job = await env.plugin.get_job(job_id)
    assert job is not None
    assert job.status == "WAITING"
    assert job.next_run is not None
    assert job.next_run > env.clock.now()
    return await env.runs(job_id)


# --- creation -----------------------------------------------------------------------------------------------------


async def test_creating_the_agent_is_tried_again_with_growing_waits_until_it_works() -> None:
    factory = create_mock_agent_factory(creation_failures=[OSError("no memory"), AgentError("no place")])
    async with create_test_environment(agent_factory=factory) as env:
        first, *_ = await runs_of(env)
        assert (first.status, first.attempt, first.result) == ("SUCCESS", 1, "done")
        # One second after the first failure, two after the second.
        assert first.start_time is not None
        assert first.end_time is not None
        assert first.end_time - first.start_time == timedelta(seconds=3)


async def test_an_agent_that_is_never_created_is_an_error_and_the_next_slot_runs() -> None:
    factory = create_mock_agent_factory(creation_failures=[OSError("no memory")] * 3)
    async with create_test_environment(agent_factory=factory) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason, first.agent_id) == ("ERROR", "creation", None)
        assert first.error == "the agent 'fake' could not be created (3 attempts): no memory"
        assert second.status == "SUCCESS"


async def test_how_often_creation_is_tried_is_the_jobs_choice() -> None:
    factory = create_mock_agent_factory(creation_failures=[OSError("no memory")])
    async with create_test_environment(agent_factory=factory) as env:
        first, second = await runs_of(env, retry={"creation_attempts": 1})
        assert (first.status, first.reason, second.status) == ("ERROR", "creation", "SUCCESS")


class Garbage(FakeAgentFactory):
    """Hands out something that is no agent, so many times."""

    def __init__(self, thing: Any, times: int = 3) -> None:
        super().__init__()
        self._things = [thing] * times

    async def create(self, definition: str, context: RunContext) -> Any:
        return self._things.pop() if self._things else await super().create(definition, context)


@pytest.mark.parametrize(
    "thing", [None, "honestly", 7, {"run": print}, object()], ids=lambda thing: type(thing).__name__
)
@pytest.mark.parametrize("managed", [False, True], ids=["alone", "with a manager"])
async def test_a_factory_that_answers_with_no_agent_is_an_error_that_says_so(thing: Any, managed: bool) -> None:
    manager = AgentManagerPlugin() if managed else None
    async with create_test_environment(agent_factory=Garbage(thing), agent_manager=manager) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason) == ("ERROR", "creation")
        assert first.error is not None
        assert f"the factory answered with {type(thing).__name__}, which is no agent" in first.error
        assert second.status == "SUCCESS"


# --- running ------------------------------------------------------------------------------------------------------


class Odd:
    """An agent of somebody's own, one part of which does not work."""

    agent_id = "odd-1"

    def __init__(self, **parts: Callable[..., Any]) -> None:
        self._parts = parts

    async def run(self, prompt: str) -> Any:
        return self._parts["run"]() if "run" in self._parts else AgentOutcome(output="fine")

    def so_far(self) -> Any:
        return self._parts["so_far"]() if "so_far" in self._parts else None

    async def close(self) -> None:
        if "close" in self._parts:
            self._parts["close"]()


def given(agent: Any) -> FakeAgentFactory:
    """A factory whose first agent is this one."""
    return Garbage(agent, times=1)


def fail(error: BaseException) -> Callable[[], Any]:
    def raises() -> Any:
        raise error

    return raises


@pytest.mark.parametrize("answer", ["only a text", None, 42, {"output": "x"}], ids=repr)
async def test_an_agent_that_answers_with_no_outcome_is_an_error_that_says_so(answer: Any) -> None:
    async with create_test_environment(agent_factory=given(Odd(run=lambda: answer))) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason, first.agent_id) == ("ERROR", "answer", "odd-1")
        assert first.error == f"the agent answered with {type(answer).__name__}; it must return an AgentOutcome"
        assert second.status == "SUCCESS"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("boom"), "RuntimeError: boom"),
        (MemoryError(), "MemoryError: "),
        (SystemExit(3), "SystemExit: 3"),
        (TimeoutError("their own"), "TimeoutError: their own"),
        (RecursionError("too deep"), "RecursionError: too deep"),
    ],
    ids=repr,
)
async def test_whatever_an_agent_raises_ends_its_run_alone(error: BaseException, told: str) -> None:
    factory = create_mock_agent_factory(error)
    async with create_test_environment(agent_factory=factory) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason, first.error) == ("ERROR", "exception", told)
        assert second.status == "SUCCESS"
        assert factory.live == 0


async def test_an_agent_that_cannot_be_closed_keeps_its_answer() -> None:
    async with create_test_environment(agent_factory=given(Odd(close=fail(OSError("stuck"))))) as env:
        first, second = await runs_of(env)
        assert (first.status, first.result, second.status) == ("SUCCESS", "fine", "SUCCESS")


async def test_an_agent_that_cannot_tell_what_it_used_is_the_error_that_it_raised() -> None:
    odd = Odd(run=fail(RuntimeError("boom")), so_far=fail(KeyError("lost")))
    async with create_test_environment(agent_factory=given(odd)) as env:
        first, second = await runs_of(env)
        assert (first.status, first.error, second.status) == ("ERROR", "RuntimeError: boom", "SUCCESS")


async def test_an_outcome_whose_output_is_no_text_is_an_error_that_says_so() -> None:
    answer = AgentOutcome(output=["no", "text"])  # type: ignore[arg-type]
    async with create_test_environment(agent_factory=create_mock_agent_factory(answer)) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason) == ("ERROR", "answer")
        assert first.error == "the agent's outcome has list as its output; it must be text"
        assert second.status == "SUCCESS"


@pytest.mark.parametrize("kind", ["sqlite", "json folder"])
async def test_an_answer_that_the_store_cannot_write_is_an_error_and_leaves_no_row_open(
    kind: str, tmp_path: Path
) -> None:
    storage = SqliteStorage(tmp_path / "s.sqlite") if kind == "sqlite" else StorageFsPlugin(tmp_path)
    no_json = Conversation(kind="k", format="f", format_version=1, native={1, 2})
    factory = create_mock_agent_factory(AgentOutcome(output="x", conversation=no_json))
    async with create_test_environment(agent_factory=factory, storage_plugin=storage) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason) == ("ERROR", "answer")
        assert (first.error or "").startswith("what the agent answered cannot be kept: TypeError: ")
        assert second.status == "SUCCESS"
        assert factory.live == 0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (AgentOutcome(output="x", usage="many"), "AttributeError: "),  # type: ignore[arg-type]
        (AgentOutcome(output="x", cost_usd="a few cents"), "InvalidOperation: "),  # type: ignore[arg-type]
    ],
    ids=["usage", "cost"],
)
async def test_an_answer_that_cannot_be_counted_is_an_error_and_leaves_no_row_open(
    answer: AgentOutcome, told: str
) -> None:
    factory = create_mock_agent_factory(answer)
    async with create_test_environment(agent_factory=factory) as env:
        first, second = await runs_of(env)
        assert (first.status, first.reason) == ("ERROR", "answer")
        assert (first.error or "").startswith(f"what the agent answered cannot be kept: {told}")
        assert second.status == "SUCCESS"
        assert factory.live == 0


# --- functions and programs ---------------------------------------------------------------------------------------


def returns_a_number(prompt: str) -> Any:
    return 42


def raises(prompt: str) -> Any:
    raise ValueError("no such customer")


CRASHES = [sys.executable, "-c", "import os, signal; print('so far', flush=True); os.kill(os.getpid(), signal.SIGKILL)"]
FAILS = [sys.executable, "-c", "import sys; sys.stderr.write('no such file\\n'); sys.exit(3)"]


@pytest.mark.parametrize(
    ("definition", "reason", "told"),
    [
        ({"kind": "python", "callable": returns_a_number}, "answer", r"answered with int; it must return text"),
        ({"kind": "python", "callable": raises}, "exception", r"ValueError: no such customer"),
        ({"kind": "command", "command": CRASHES}, "exit", r"SIGKILL|signal 9|killed"),
        ({"kind": "command", "command": FAILS}, "exit", r"3.*no such file"),
    ],
    ids=["a number", "an exception", "a killed program", "a failed program"],
)
async def test_a_function_or_program_that_fails_is_an_error_with_its_last_words(
    definition: dict[str, Any], reason: str, told: str
) -> None:
    factory: Any = AgentFactoryPlugin({"work": definition}, default_definition="work")
    async with create_test_environment(agent_factory=factory) as env:
        job_id = await env.plugin.create_job("job", "every 1h", "work")
        run = await env.plugin.run_here(await env.plugin.run_job_now(job_id))
        assert (run.status, run.reason) == ("ERROR", reason)
        assert run.error is not None
        assert "\n" not in run.error
        assert re.search(told, run.error), run.error
        job = await env.plugin.get_job(job_id)
        assert job is not None
        assert (job.status, job.streak) == ("WAITING", 1)
