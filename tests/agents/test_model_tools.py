"""What a model may use: functions from the allow-list, real MCP servers over both transports, a form to answer in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentcron.agents.conversation import readable
from agentcron.agents.processes import MARK, UNNAMED
from agentcron.errors import AgentDefinitionError, AgentError
from tests.agents import mcp_tools
from tests.agents.helpers import answer_of, factory_of
from tests.agents.model_doubles import double

SERVER = str(Path(mcp_tools.__file__))


def calling(tool: str, **args: Any) -> FunctionModel:
    """Calls the tool once, and answers with what came back."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if told:
            return ModelResponse(parts=[TextPart(str(told[0].content))])
        return ModelResponse(parts=[ToolCallPart(tool, args)])

    return FunctionModel(answer)


def definition(model: FunctionModel, **more: Any) -> dict[str, Any]:
    return {"kind": "pydantic-ai", "model": model, **more}


# --- functions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", ["tests.agents.model_doubles:double", "tests.agents.model_doubles:*"])
async def test_a_function_is_called_by_its_path_where_it_is_allowed(allowed: str) -> None:
    given = definition(calling("double", number=21), tools=["tests.agents.model_doubles:double"])
    answer = await answer_of(given, allowed_tools=[allowed])
    assert answer.output == "42"
    assert answer.conversation is not None
    assert [(one.tool, one.args, one.result) for one in readable(answer.conversation) if one.tool] == [
        ("double", {"number": 21}, None),
        ("double", None, 42),
    ]


@pytest.mark.parametrize("allowed", [[], ["tests.agents.model_doubles:look"], ["os:*"]])
def test_a_function_that_is_not_allowed_is_refused_when_it_is_read(allowed: list[str]) -> None:
    with pytest.raises(AgentDefinitionError, match=r"double is not allowed; add it to allow in \[tools\]"):
        factory_of(definition(calling("double"), tools=["tests.agents.model_doubles:double"]), allowed_tools=allowed)


@pytest.mark.parametrize(
    ("path", "said"),
    [("tests.agents.model_doubles:treble", "treble"), ("nowhere.at.all:tool", "there is no module nowhere")],
)
def test_a_function_that_is_not_there_is_told_when_the_definition_is_checked(path: str, said: str) -> None:
    factory = factory_of(definition(calling("x"), tools=[path]), allowed_tools=["*"])
    with pytest.raises(AgentDefinitionError, match=said):
        factory.check("it")


async def test_a_function_in_python_needs_no_permission_and_its_failure_ends_the_run() -> None:
    def broken() -> str:
        raise OSError("the disk is gone")

    assert (await answer_of(definition(calling("double", number=2), tools=[double]))).output == "4"
    with pytest.raises((AgentError, OSError), match="the disk is gone"):
        await answer_of(definition(calling("broken"), tools=[broken]))


# --- MCP servers --------------------------------------------------------------------------------------------------


async def test_an_mcp_program_is_started_used_and_gets_only_what_it_is_given(tmp_path: Path) -> None:
    servers = {"numbers": {"command": [sys.executable, SERVER], "cwd": str(tmp_path), "env": {"GIVEN": "env:OUTER"}}}
    around = {"PATH": "/usr/bin:/bin", "OUTER": "a value", "OPENAI_API_KEY": "sk-not-for-it"}
    calls = [ToolCallPart("add", {"left": 40, "right": 2})]
    calls += [ToolCallPart("variable", {"name": name}) for name in ("GIVEN", "OPENAI_API_KEY", MARK)]

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told = [str(part.content) for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        return ModelResponse(parts=[TextPart(", ".join(told))] if told else calls)

    answer = await answer_of(definition(FunctionModel(model), mcp_servers=servers), environ=around)
    assert answer.output == f"42, a value, nothing, {UNNAMED}"
    assert answer.usage is not None
    assert answer.usage.tool_calls == 4


async def test_an_mcp_program_that_does_not_start_is_an_error() -> None:
    servers = {"numbers": {"command": [sys.executable, "-c", "raise SystemExit(3)"]}}
    with pytest.raises(AgentError):
        await answer_of(definition(calling("add"), mcp_servers=servers))


class Heard:
    """The application, with the headers of what came in."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.authorizations: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.authorizations += [value for name, value in scope["headers"] if name == b"authorization"]
        await self._app(scope, receive, send)


@contextlib.contextmanager
def _port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
async def http_server() -> AsyncIterator[tuple[str, Heard]]:
    app = Heard(mcp_tools.server.streamable_http_app(stateless_http=True, json_response=True))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    with _port() as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", app
        server.should_exit = True
        await task


async def test_an_mcp_server_is_used_over_http_with_its_secret(http_server: tuple[str, Heard]) -> None:
    url, heard = http_server
    servers = {"numbers": {"url": url, "headers": {"Authorization": "env:TICKET"}}}
    environ = {"TICKET": "Bearer of-the-tickets"}
    answer = await answer_of(definition(calling("add", left=40, right=2), mcp_servers=servers), environ=environ)
    assert answer.output == "42"
    assert set(heard.authorizations) == {b"Bearer of-the-tickets"}
    failed = await answer_of(definition(calling("fail"), mcp_servers=servers), environ=environ)
    assert failed.conversation is not None
    assert "the file is locked" in str(readable(failed.conversation))


async def test_a_limit_of_tool_calls_holds_for_mcp_too(http_server: tuple[str, Heard]) -> None:
    def again(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[ToolCallPart("add", {"left": 1, "right": 1})])

    servers = {"numbers": {"url": http_server[0]}}
    answer = await answer_of(definition(FunctionModel(again), mcp_servers=servers, limits={"tool_calls": 2}))
    assert answer.failed == "limit: tool_calls: 3 wanted, at most 2 allowed"


async def test_an_mcp_server_that_is_down_is_an_error_that_says_so() -> None:
    with _port() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    with pytest.raises(AgentError) as error:
        await answer_of(definition(calling("add"), mcp_servers={"numbers": {"url": url}}))
    assert "\n" not in str(error.value)


# --- the form of the answer ---------------------------------------------------------------------------------------

FORM = {"type": "object", "properties": {"sent": {"type": "integer", "maximum": 9}}, "required": ["sent"]}


def forming(*answers: dict[str, Any]) -> FunctionModel:
    """Gives these answers one after another, the last one again and again."""
    left = list(answers)

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        given = left.pop(0) if len(left) > 1 else left[0]
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, given)])

    return FunctionModel(answer)


async def test_an_answer_in_a_form_is_json_of_it_and_one_that_is_not_is_sent_back() -> None:
    answer = await answer_of(definition(forming({"sent": 10}, {"sent": 3}), output_schema=FORM))
    assert answer.output == '{"sent":3}'
    assert answer.usage is not None
    assert answer.usage.requests == 2


async def test_a_model_that_never_keeps_to_the_form_is_an_error_of_the_model() -> None:
    with pytest.raises(AgentError) as error:
        await answer_of(definition(forming({"sent": "many"}), output_schema=FORM))
    assert (error.value.kind, error.value.retryable) == ("model", False)
