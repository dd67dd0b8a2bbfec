"""A model as an agent: what is asked and kept, and what each fault becomes. The server is real, the model is not."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.conversation import Message, readable
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.outcomes import AgentOutcome, CostBasis, Usage
from agentcron.errors import AgentDefinitionError, AgentError
from tests.agents.fake_openai import FakeOpenAI, fake_openai
from tests.agents.helpers import CONTEXT, answer_of, context, factory_of


def model(fake: FakeOpenAI, **more: Any) -> dict[str, Any]:
    return {"kind": "pydantic-ai", "model": "openai:fake", "base_url": fake.base_url, **more}


async def error_of(definition: Any, **more: Any) -> AgentError:
    with pytest.raises(AgentError) as error:
        await answer_of(definition, **more)
    assert "\n" not in str(error.value)
    return error.value


async def test_the_answer_its_use_and_the_conversation_are_kept(fake: FakeOpenAI) -> None:
    answer = await answer_of(model(fake, instructions="Be brief."), "How is it?")
    assert answer.output == "All is well."
    assert answer.usage == Usage(input_tokens=11, output_tokens=7, cached_tokens=4, requests=1)
    assert (answer.cost_usd, answer.cost_basis) == (None, CostBasis.UNKNOWN)
    kept = answer.conversation
    assert kept is not None
    assert (kept.kind, kept.format, kept.format_version) == ("pydantic-ai", "pydantic-ai", 1)
    assert readable(kept) == [
        Message(role="system", text="Be brief."),
        Message(role="user", text="How is it?"),
        Message(role="assistant", text="All is well."),
    ]


async def test_the_conversation_can_be_read_back_by_pydantic_ai(fake: FakeOpenAI) -> None:
    from pydantic_ai import ConversationTypeAdapter

    kept = (await answer_of(model(fake))).conversation
    assert kept is not None
    again = ConversationTypeAdapter.validate_python(kept.native)
    assert again.conversation_id == kept.session
    assert again.usage.input_tokens == 11


async def test_settings_and_name_reach_the_server_and_an_own_key_is_optional(fake: FakeOpenAI) -> None:
    await answer_of(model(fake, settings={"temperature": 0.5, "max_tokens": 9}))
    (request,) = fake.requests
    assert (request["model"], request["temperature"]) == ("fake", 0.5)
    assert 9 in (request.get("max_tokens"), request.get("max_completion_tokens"))
    assert not request.get("stream")
    assert fake.keys == ["none"]


async def test_the_key_comes_from_where_it_is_kept(fake: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key-from-a-file\n")
    factory = factory_of(model(fake, api_key="file:key"), base_dir=tmp_path, environ={})
    agent = await factory.create("it", CONTEXT)
    await agent.run("p")
    await agent.close()
    assert fake.keys == ["key-from-a-file"]
    assert "key-from-a-file" not in factory.redactor.text("it said key-from-a-file")


async def test_the_key_of_openai_is_never_sent_to_another_server(fake: FakeOpenAI, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    await answer_of(model(fake))
    assert fake.keys == ["none"]


async def test_known_prices_give_an_estimate(fake: FakeOpenAI) -> None:
    answer = await answer_of("openai-chat:gpt-4o", environ={"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": fake.base_url})
    assert fake.keys == ["sk-x"]
    if answer.cost_usd is not None:
        assert (answer.cost_usd > Decimal(0), answer.cost_basis) == (True, CostBasis.ESTIMATED)


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "said"),
    [
        ("401", "auth", False, "refused the key (401); check MY_KEY: as the test wished"),
        ("403", "auth", False, "refused the key (403); check MY_KEY"),
        ("404", "model_not_found", False, "there is no fake at 127.0.0.1:"),
        ("400", "request", False, "refused the request (400): as the test wished"),
        ("422", "request", False, "refused the request (422)"),
        ("402", "quota", False, "is used up (402)"),
        ("408", "provider", True, "refused the request (408)"),
        ("429", "rate_limit", True, "asks to wait (429): as the test wished"),
        ("500", "provider", True, "failed (500): as the test wished"),
        ("503", "provider", True, "failed (503)"),
        ("529", "provider", True, "failed (529)"),
    ],
)
async def test_each_status_becomes_an_error_to_act_on_and_is_asked_once(
    fake: FakeOpenAI, status: str, kind: str, retryable: bool, said: str
) -> None:
    fake.mode = status
    error = await error_of(model(fake, api_key="env:MY_KEY"), environ={"MY_KEY": "k" * 9})
    assert (error.kind, error.retryable) == (kind, retryable)
    assert said in str(error)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_the_wait_that_was_asked_for_is_passed_on(
    fake: FakeOpenAI, headers: dict[str, str], seconds: float | None
) -> None:
    fake.mode, fake.headers = "429", headers
    error = await error_of(model(fake))
    assert error.retry_after == (None if seconds is None else timedelta(seconds=seconds))


async def test_a_used_up_account_is_not_taken_for_a_rate_limit(fake: FakeOpenAI) -> None:
    fake.mode, fake.code = "429", "insufficient_quota"
    error = await error_of(model(fake))
    assert (error.kind, error.retryable) == ("quota", False)


async def test_a_server_that_is_down_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await error_of({"kind": "pydantic-ai", "model": "x", "base_url": f"http://127.0.0.1:{port}/v1"})
    assert (error.kind, error.retryable) == ("network", True)
    assert f"127.0.0.1:{port} cannot be reached" in str(error)


async def test_a_name_that_does_not_exist_is_a_network_error() -> None:
    error = await error_of({"kind": "pydantic-ai", "model": "x", "base_url": "http://no-such-host.invalid/v1"})
    assert (error.kind, error.retryable) == ("network", True)
    assert "no-such-host.invalid" in str(error)


async def test_a_request_that_takes_too_long_is_a_timeout(fake: FakeOpenAI) -> None:
    fake.mode = "hang"
    error = await error_of(model(fake, request_timeout="100ms"))
    assert (error.kind, error.retryable) == ("timeout", True)
    assert len(fake.requests) == 1


async def test_an_answer_that_is_none_is_the_models_fault(fake: FakeOpenAI) -> None:
    fake.mode = "garbage"
    assert (await error_of(model(fake))).kind == "model"


async def test_a_limit_that_is_hit_is_a_failure_with_all_that_was_said(fake: FakeOpenAI) -> None:
    fake.mode = "loop"
    answer = await answer_of(model(fake, limits={"requests": 1}), "Go round.")
    assert answer.failed is not None
    assert answer.failed.startswith("limit: ")
    assert "http" not in answer.failed
    assert answer.usage == Usage(input_tokens=11, output_tokens=7, cached_tokens=4, requests=1)
    assert answer.conversation is not None
    said = readable(answer.conversation)
    assert said[0] == Message(role="user", text="Go round.")
    assert Message(role="assistant", tool="nothing", args={"a": 1}) in said


async def test_a_limit_of_tokens_is_a_failure(fake: FakeOpenAI) -> None:
    answer = await answer_of(model(fake, limits={"total_tokens": 10}))
    assert answer.failed is not None
    assert "total_tokens" in answer.failed


async def test_a_cancel_closes_the_request_and_what_was_used_is_known(fake: FakeOpenAI) -> None:
    fake.mode = "hang"
    agent = await factory_of(model(fake)).create("it", CONTEXT)
    run = asyncio.create_task(agent.run("Hello?"))
    await fake.asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.wait_for(fake.left.wait(), 5)
    so_far: AgentOutcome | None = agent.so_far()  # type: ignore[attr-defined]
    await agent.close()
    assert so_far is not None
    assert so_far.conversation is not None
    assert readable(so_far.conversation) == [Message(role="user", text="Hello?")]


async def test_what_was_said_before_an_error_is_known(fake: FakeOpenAI) -> None:
    fake.mode = "500"
    agent = await factory_of(model(fake)).create("it", CONTEXT)
    with pytest.raises(AgentError):
        await agent.run("Hello?")
    assert agent.so_far() is not None  # type: ignore[attr-defined]
    await agent.close()


async def test_runs_of_one_definition_share_a_client_and_leave_no_connection(fake: FakeOpenAI) -> None:
    factory = factory_of(model(fake), max_concurrent_agents=8)

    async def one() -> str:
        agent = await factory.create("it", CONTEXT)
        try:
            return (await agent.run("p")).output
        finally:
            await agent.close()

    assert await asyncio.gather(*(one() for _ in range(8))) == ["All is well."] * 8
    await asyncio.wait_for(fake.left.wait(), 5)
    assert await one() == "All is well."


def test_one_factory_serves_one_event_loop_after_another() -> None:
    factory = AgentFactoryPlugin()

    async def once() -> str:
        async with fake_openai() as fake:
            factory.register("it", model(fake))
            again = ""
            for _ in range(2):
                agent = await factory.create("it", CONTEXT)
                again = (await agent.run("p")).output
                await agent.close()
            return again

    factory_of({"kind": "echo"})
    assert [asyncio.run(once()), asyncio.run(once())] == ["All is well."] * 2


async def test_the_default_definition_uses_the_model_that_the_environment_names(fake: FakeOpenAI) -> None:
    environ = {"AGENTCRON_MODEL": "openai-chat:m", "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": fake.base_url}
    factory = AgentFactoryPlugin(environ=environ)
    factory.check("background-job")
    agent = await factory.create("background-job", context())
    assert (await agent.run("p")).output == "All is well."
    await agent.close()
    assert fake.requests[0]["model"] == "m"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("openai:gpt-5-mini", "openai:gpt-5-mini needs a key: set OPENAI_API_KEY"),
        ("anthropic:claude-haiku-4-5", "set ANTHROPIC_API_KEY"),
        ("google:gemini-3.8-flash", "set GOOGLE_API_KEY"),
        ("opnai:gpt-5-mini", "Unknown model: opnai:gpt-5-mini"),
        ({"kind": "pydantic-ai", "model": "opnai:x", "api_key": "env:K"}, "Unknown model: opnai:x"),
        ({"kind": "pydantic-ai", "model": "openai:x", "api_key": "env:NO"}, "the variable NO is not set"),
        ({"kind": "pydantic-ai", "model": "openai:x", "api_key": "file:/no/such"}, "/no/such cannot be read"),
    ],
)
def test_what_is_missing_is_said_when_the_definition_is_checked(definition: Any, said: str) -> None:
    with pytest.raises(AgentDefinitionError) as refused:
        factory_of(definition, environ={"K": "k" * 9}).check("it")
    assert said in str(refused.value)


def test_without_the_extra_the_remedy_is_named(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    with pytest.raises(AgentDefinitionError, match=r"pip install 'agentcron\[ai\]'"):
        factory_of("openai:x", environ={"OPENAI_API_KEY": "sk-x"}).check("it")


async def test_a_run_goes_on_with_the_kept_conversation_and_not_with_one_of_another_kind(fake: FakeOpenAI) -> None:
    first = await answer_of(model(fake), "One.")
    assert first.conversation is not None
    second = await answer_of(model(fake), "Two.", context(conversation=first.conversation))
    asked = [[message["content"] for message in request["messages"]] for request in fake.requests]
    assert asked == [["One."], ["One.", "All is well.", "Two."]]
    assert second.conversation is not None
    assert second.conversation.session == first.conversation.session
    other = replace(first.conversation, format="messages", native=[{"role": "user", "text": "One."}])
    await answer_of(model(fake), "Three.", context(conversation=other))
    assert [message["content"] for message in fake.requests[-1]["messages"]] == ["Three."]
