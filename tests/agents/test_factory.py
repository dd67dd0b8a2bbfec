"""Which agents there are, what is refused and how it is said, and how many may live."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.errors import AgentDefinitionError, AgentError
from agentcron.ports import AgentFactory
from tests.agents.helpers import answer_of, context, factory_of


async def yes(prompt: str) -> str:
    return f"yes to {prompt}"


PYTHON = {"kind": "python", "callable": yes}
MODEL = {"kind": "pydantic-ai", "model": "openai:x"}


def test_it_is_an_agent_factory() -> None:
    factory: AgentFactory = AgentFactoryPlugin()
    assert factory.default_definition == "background-job"
    assert factory.max_concurrent_agents == 10


def test_the_built_ins_are_there_and_say_what_they_are() -> None:
    named = AgentFactoryPlugin(environ={}).definitions
    assert {name: (one.kind, one.source) for name, one in named.items()} == {
        "background-job": ("pydantic-ai", "built-in"),
        "echo": ("echo", "built-in"),
    }
    assert "calls no model" in named["echo"].description


def test_definitions_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        AgentFactoryPlugin().definitions["x"] = None  # type: ignore[index]


def test_a_configured_definition_replaces_a_built_in() -> None:
    factory = AgentFactoryPlugin({"background-job": PYTHON})
    assert factory.definitions["background-job"].source == "configured"
    factory.check("background-job")


def test_without_a_model_the_default_says_what_to_do() -> None:
    factory = AgentFactoryPlugin({"report": PYTHON}, environ={})
    with pytest.raises(AgentDefinitionError) as refused:
        factory.check("background-job")
    said = str(refused.value)
    assert "AGENTCRON_MODEL=provider:model" in said
    assert "[agents.NAME] in agentcron.toml" in said
    assert "report" in said


def test_a_text_is_a_model_for_pydantic_ai() -> None:
    factory = AgentFactoryPlugin({"m": "openai:gpt-5-mini"}, environ={})
    assert factory.definitions["m"].kind == "pydantic-ai"
    with pytest.raises(AgentDefinitionError, match="OPENAI_API_KEY"):
        factory.check("m")


def test_an_unknown_agent_gets_the_nearest_name_and_all_names() -> None:
    with pytest.raises(AgentDefinitionError, match=r"did you mean report\? Known: background-job, echo, report"):
        AgentFactoryPlugin({"report": PYTHON}).check("reprot")


async def test_creating_an_unknown_agent_says_the_same() -> None:
    with pytest.raises(AgentDefinitionError, match="there is no agent 'nobody'; known:"):
        await AgentFactoryPlugin().create("nobody", context())


def test_an_unknown_default_is_refused_at_once() -> None:
    with pytest.raises(AgentDefinitionError, match="there is no agent 'nobody'"):
        AgentFactoryPlugin(default_definition="nobody")


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (
            {},
            "agent it: kind is missing; known: acp, claude-code, codex, command, echo, gemini-cli, opencode",
        ),
        ({"kind": "pyton"}, "agent it: kind: there is no pyton; did you mean python"),
        (7, "agent it: a definition is a mapping with a kind, or the name of a model, not int"),
        ({"kind": "echo", "prompt": "x"}, "agent it: prompt is not a key of it; known: kind, limits, timeout"),
        ({**PYTHON, "calable": 1}, "calable is not a key of it; did you mean callable"),
        ({**PYTHON, "timeout": "soon"}, "agent it: timeout: "),
        ({**PYTHON, "timeout": 5}, "timeout: a duration such as 10s or 5m is needed, not 5"),
        ({**PYTHON, "timeout": "0s"}, "timeout: it must be longer than nothing"),
        ({"kind": "python"}, "callable: is missing; give a function, or write package.module:function"),
        ({"kind": "python", "callable": "no colon"}, "callable: 'no colon' cannot be read; write package.module"),
        ({"kind": "python", "callable": 5}, "callable: 5 cannot be called"),
        ({"kind": "python", "callable": lambda: 1}, r"must take (prompt) or (prompt, context), it takes ()"),
        ({"kind": "python", "callable": lambda a, b, c: 1}, "must take (prompt) or (prompt, context)"),
        ({"kind": "python", "callable": lambda a, *, b: 1}, "must take (prompt) or (prompt, context)"),
        ({"kind": "command"}, 'command: a list such as ["program", "argument"] is needed, not None'),
        ({"kind": "command", "command": "ls -l"}, "a list of texts is needed"),
        ({"kind": "command", "command": []}, "command: a list such as"),
        ({"kind": "command", "command": ["ls", 1]}, "every element must be text without NUL, 1 is not"),
        ({"kind": "command", "command": ["{prompt}"]}, "the prompt cannot choose it"),
        ({"kind": "command", "command": ["ls"], "comand": 1}, "did you mean command?"),
        ({"kind": "command", "command": ["ls"], "grace": "-1s"}, "grace: "),
        ({"kind": "command", "command": ["ls"], "cwd": ""}, "cwd: a text that is not empty is needed"),
        ({"kind": "command", "command": ["ls"], "env": "PATH"}, "env: a list of names or a table"),
        ({"kind": "command", "command": ["ls"], "env": ["A=B"]}, "env: 'A=B' is not the name of a variable"),
        ({"kind": "command", "command": ["ls"], "env": {"A": 1}}, "env: A: text is needed, not 1"),
        ({"kind": "command", "command": ["ls"], "max_output_bytes": 0}, "a whole number of at least 1"),
        ({"kind": "pydantic-ai"}, "model: is missing; write provider:model"),
        ({"kind": "pydantic-ai", "model": "gpt"}, "'gpt' names no provider; write provider:model, or add base_url"),
        ({**MODEL, "api_key": "sk-123"}, "a key must not be written here; write env:NAME or file:PATH"),
        ({**MODEL, "base_url": "localhost:1"}, "base_url: begins with http:// or https://, which"),
        ({**MODEL, "limits": {"request": 1}}, "limits.request: is not known; did you mean requests?"),
        ({**MODEL, "limits": {"requests": 0}}, "limits.requests: a whole number of at least 1 is needed"),
        ({**MODEL, "limits": 3}, "limits: a table is needed, not 3"),
        ({**MODEL, "settings": {"temprature": 1}}, "did you mean temperature?"),
        ({**MODEL, "settings": {"max_retries": 1}}, "the job's retry policy decides how often"),
        ({**MODEL, "settings": {"timeout": 1}}, "write request_timeout beside the model instead"),
        ({**MODEL, "request_timeout": "0s"}, "request_timeout: it must be longer than nothing"),
        ({**MODEL, "instruction": "x"}, "did you mean instructions?"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(definition: Any, said: str) -> None:
    with pytest.raises(AgentDefinitionError) as refused:
        factory_of(definition)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_that_was_refused_is_not_repeated() -> None:
    with pytest.raises(AgentDefinitionError) as refused:
        factory_of({**MODEL, "api_key": "sk-very-secret-thing"})
    assert "secret" not in str(refused.value)


def test_names_with_blanks_around_them_are_refused() -> None:
    with pytest.raises(AgentDefinitionError, match="without blanks around it"):
        AgentFactoryPlugin({" x": PYTHON})


def test_an_agent_can_be_registered_later() -> None:
    factory = AgentFactoryPlugin()
    factory.register("late", PYTHON)
    factory.check("late")
    assert "late" in factory.definitions


async def test_echo_answers_with_the_prompt() -> None:
    answer = await answer_of({"kind": "echo"}, "say it")
    assert answer.output == "say it"


async def test_the_id_of_an_agent_names_definition_execution_and_attempt() -> None:
    agent = await factory_of(PYTHON).create("it", context(execution_id="E7", attempt=3))
    assert agent.agent_id == "it-E7-3"
    await agent.close()


async def test_no_more_agents_live_than_allowed_and_the_first_to_wait_is_the_first_to_get() -> None:
    factory = AgentFactoryPlugin({"it": PYTHON}, max_concurrent_agents=2)
    first, _second = [await factory.create("it", context()) for _ in range(2)]
    waiting = [asyncio.create_task(factory.create("it", context(attempt=n))) for n in (3, 4)]
    await asyncio.sleep(0)
    assert factory.living == 2
    await first.close()
    third = await waiting[0]
    assert third.agent_id.endswith("-3")
    assert not waiting[1].done()
    await third.close()
    await (await waiting[1]).close()
    assert factory.living == 1


async def test_one_who_gives_up_waiting_takes_no_place() -> None:
    factory = AgentFactoryPlugin({"it": PYTHON}, max_concurrent_agents=1)
    agent = await factory.create("it", context())
    impatient = asyncio.create_task(factory.create("it", context()))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    late = asyncio.create_task(factory.create("it", context()))
    await asyncio.sleep(0)
    late.cancel()  # in the same moment in which the place is handed over
    await agent.close()
    await asyncio.gather(late, return_exceptions=True)
    assert factory.living == 0
    await (await factory.create("it", context())).close()


async def test_closing_twice_gives_back_one_place() -> None:
    factory = AgentFactoryPlugin({"it": PYTHON})
    one, _other = [await factory.create("it", context()) for _ in range(2)]
    await one.close()
    await one.close()
    assert factory.living == 1


async def test_an_agent_that_cannot_be_made_gives_its_place_back() -> None:
    factory = AgentFactoryPlugin({"it": {"kind": "python", "callable": "no.such:thing"}})
    with pytest.raises(AgentDefinitionError):
        await factory.create("it", context())
    assert factory.living == 0


async def test_the_timeout_of_a_definition_ends_the_run() -> None:
    async def slow(prompt: str) -> None:
        await asyncio.Event().wait()

    with pytest.raises(AgentError, match=r"no answer within 0.02 s, the timeout of agent it") as error:
        await answer_of({"kind": "python", "callable": slow, "timeout": "20ms"})
    assert error.value.kind == "timeout"


async def test_a_timeout_error_of_the_agent_itself_is_not_taken_for_the_definitions() -> None:
    async def fails(prompt: str) -> None:
        raise TimeoutError("the mail server")

    with pytest.raises(AgentError, match="TimeoutError: the mail server"):
        await answer_of({"kind": "python", "callable": fails, "timeout": "10s"})


def test_fingerprints_differ_where_the_work_does() -> None:
    factory = AgentFactoryPlugin({"a": PYTHON, "b": {"kind": "command", "command": ["ls"]}, "c": PYTHON}, environ={})
    assert factory.fingerprint("a") == factory.fingerprint("c") != factory.fingerprint("b")
    named = AgentFactoryPlugin(environ={"AGENTCRON_MODEL": "openai:x"}).fingerprint("background-job")
    assert named != factory.fingerprint("background-job")


def test_describe_tells_what_is_wrong_with_each() -> None:
    rows = AgentFactoryPlugin({"it": PYTHON}, default_definition="it", environ={}).describe()
    assert [(row["name"], row["default"], row["problem"] is None) for row in rows] == [
        ("it", True, True),
        ("background-job", False, False),
        ("echo", False, True),
    ]


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, agentcron.agents.factory as f\n"
        "g = f.AgentFactoryPlugin({'m': {'kind': 'pydantic-ai', 'model': 'openai:x'}, "
        "'c': {'kind': 'command', 'command': ['ls']}})\n"
        "print([m for m in ('pydantic', 'pydantic_ai', 'openai', 'httpx', 'httpx2', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
