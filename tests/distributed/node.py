"""A node in a process of its own: run with a JSON object of settings, it says ``ready`` and runs until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage
from agentcron.current_run import CURRENT


async def main(settings: dict[str, Any]) -> None:
    log = Path(settings["log"])

    def note(*words: object) -> None:
        # One short write at the end of a file is whole, whoever else writes there.
        with log.open("a") as file:
            file.write(" ".join(map(str, (*words, time.time(), os.getpid()))) + "\n")

    async def work(prompt: str, context: Any) -> str:
        """``STEPS SECONDS``: so many calls, each of that long."""
        steps, seconds = prompt.split()
        note("begin", context.execution_id)
        for number in range(int(steps)):

            async def call(number: int = number) -> str:
                note("call", context.execution_id, number)
                await asyncio.sleep(float(seconds))
                return "done"

            if context.steps is not None:
                await context.steps.step("call", call, repeatable=True)
            else:
                await call()
        note("end", context.execution_id)
        return "done"

    definitions: dict[str, dict[str, Any]] = {"work": {"kind": "python", "callable": work}}
    if settings["model"]:
        definitions["model"] = modelled(note)
    plugin = BackgroundJobsPlugin(
        storage_plugin=PostgresStorage(settings["url"], lease=settings["lease"], locks_dir=settings["locks"]),
        agent_factory=AgentFactoryPlugin(definitions=definitions, max_concurrent_agents=settings["places"]),
        engine=settings["engine"],
        max_concurrent_everywhere=settings["everywhere"],
        max_starts_everywhere=settings["rate"],
        queues=settings["queues"],
        stop_grace=timedelta(seconds=settings["grace"]),
        retention=None,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await plugin.start_background_execution()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    await plugin.close()


def modelled(note: Callable[..., None]) -> dict[str, Any]:
    """An agent of pydantic-ai. By a prompt ``CALLS SECONDS`` its model is asked so often, for that long each time, and
    has its tool called after each but the last."""
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    def said(what: str, number: int) -> None:
        run = CURRENT.get()
        assert run is not None
        note("call", run.id, f"{what}-{number}")

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        calls, seconds = str(messages[0].parts[0].content).split()
        number = sum(isinstance(one, ModelResponse) for one in messages)
        said("model", number)
        await asyncio.sleep(float(seconds))
        if number + 1 < int(calls):
            return ModelResponse(parts=[ToolCallPart("work", {"number": number})])
        return ModelResponse(parts=[TextPart("done")])

    async def work(number: int) -> str:
        """Do one more piece."""
        said("tool", number)
        return f"{number} is done"

    return {"kind": "pydantic-ai", "model": FunctionModel(answer), "tools": [{"call": work, "safe_to_repeat": True}]}


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(process)d %(message)s")
    asyncio.run(main(json.loads(sys.argv[1])))
