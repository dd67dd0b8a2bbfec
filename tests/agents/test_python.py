"""A function as an agent: what it may take, what it may return, and what becomes of its errors."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from agentcron.domain.outcomes import AgentOutcome, Conversation
from agentcron.errors import AgentDefinitionError, AgentError
from agentcron.ports import RunContext
from tests.agents.helpers import CONTEXT, answer_of, factory_of


def python(call: Any) -> dict[str, Any]:
    return {"kind": "python", "callable": call}


async def plain(prompt: str) -> str:
    return f"heard {prompt}"


async def with_context(prompt: str, context: RunContext) -> str:
    return f"{prompt} for {context.job_id}"


async def with_more(prompt: str, limit: int = 3) -> str:
    return f"{prompt} {limit}"


async def with_named_context(prompt: str, context: RunContext | None = None) -> str:
    return f"{prompt} {context is not None}"


def sync(prompt: str) -> str:
    return f"{prompt} {threading.current_thread() is threading.main_thread()}"


class Answering:
    async def __call__(self, prompt: str) -> str:
        return f"object {prompt}"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (plain, "heard p"),
        (with_context, "p for JOB"),
        (with_more, "p 3"),
        (with_named_context, "p True"),
        (sync, "p False"),
        (lambda prompt: plain(prompt), "heard p"),
        (lambda *all_of_it: all_of_it[0], "p"),
        (Answering(), "object p"),
        (functools.partial(with_context, context=CONTEXT), "p for JOB"),
    ],
)
async def test_a_function_is_called_as_it_asks_to_be(call: Any, said: str) -> None:
    assert (await answer_of(python(call), "p")).output == said


async def test_text_is_the_answer_and_stands_for_the_conversation() -> None:
    answer = await answer_of(python(plain), "p")
    assert (answer.output, answer.conversation) == ("heard p", None)


async def test_nothing_is_an_empty_answer() -> None:
    async def silent(prompt: str) -> None: ...

    assert (await answer_of(python(silent))).output == ""


async def test_an_outcome_is_passed_on_as_it_is() -> None:
    mine = AgentOutcome(
        output="x",
        failed="would not",
        conversation=Conversation(kind="python", format="messages", format_version=1, native=[]),
    )

    async def outcome(prompt: str) -> AgentOutcome:
        return mine

    assert await answer_of(python(outcome)) is mine


async def test_any_other_answer_is_an_error_that_says_what_is_allowed() -> None:
    async def number(prompt: str) -> Any:
        return 7

    with pytest.raises(AgentError, match="answered with int; it must return text, an AgentOutcome or None"):
        await answer_of(python(number))


@pytest.mark.parametrize("raised", [ValueError("bad"), SystemExit(3), ExceptionGroup("many", [KeyError("k")])])
async def test_whatever_it_raises_becomes_an_error_of_the_run(raised: BaseException) -> None:
    async def fails(prompt: str) -> None:
        raise raised

    with pytest.raises(AgentError) as error:
        await answer_of(python(fails))
    assert str(error.value) == f"{type(raised).__name__}: {raised}"
    assert (error.value.kind, error.value.retryable) == ("exception", False)
    assert error.value.__cause__ is raised


async def test_an_agent_error_passes_as_it_is() -> None:
    mine = AgentError("later", kind="network", retryable=True)

    async def fails(prompt: str) -> None:
        raise mine

    with pytest.raises(AgentError) as error:
        await answer_of(python(fails))
    assert error.value is mine


async def test_a_cancel_from_outside_passes_and_one_from_inside_is_an_error() -> None:
    begun = asyncio.Event()

    async def waits(prompt: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    run = asyncio.create_task(answer_of(python(waits)))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    async def cancels_itself(prompt: str) -> None:
        raise asyncio.CancelledError

    with pytest.raises(AgentError, match="cancelled from within"):
        await answer_of(python(cancels_itself))


async def test_an_import_string_is_imported_when_it_is_checked(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "of_a_test.py").write_text(
        "class Deep:\n    @staticmethod\n    async def answer(prompt):\n        return prompt * 2\nnumber = 3\n"
    )
    (tmp_path / "broken_of_a_test.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    factory = factory_of(python("of_a_test:Deep.answer"))
    assert "of_a_test" not in sys.modules
    factory.check("it")
    assert "of_a_test" in sys.modules
    assert (await answer_of(python("of_a_test:Deep.answer"), "x")).output == "xx"
    for target, said in [
        ("of_a_test:missing", "the module of_a_test has no missing"),
        ("of_a_test:number", "of_a_test:number is no function, it is int"),
        ("no_such_of_a_test:f", "there is no module no_such_of_a_test; install it"),
        ("broken_of_a_test:f", "importing broken_of_a_test failed: ZeroDivisionError"),
    ]:
        with pytest.raises(AgentDefinitionError, match=said):
            factory_of(python(target)).check("it")
