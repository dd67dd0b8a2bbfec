"""A node for `benchmarks.durable`: `WAY URL FOLDER STUCK`. STUCK, such as `model 6`, is a call that never returns."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage

QUEUE = "durable"
SECRET = "hunter2-secret"
# Runs of ours; the others are workflows of DBOS and nothing else.
OURS = ("journal", "durability in a run")


class Notes:
    """Writes each call down before it is made, and stays in the one that is named."""

    def __init__(self, folder: Path, stuck: str) -> None:
        self._file = os.open(folder / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._stuck = stuck

    async def call(self, what: str) -> None:
        os.write(self._file, f"{what} {time.time()}\n".encode())
        if what == self._stuck:
            await asyncio.sleep(3600)


def model(notes: Notes) -> FunctionModel:
    """Asks for the tool as often as the prompt says, less one, and answers then."""

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        asked = int(str(messages[0].parts[0].content).split()[-1])  # type: ignore[union-attr]
        number = sum(isinstance(one, ModelResponse) for one in messages)
        await notes.call(f"model {number}")
        if number + 1 < asked:
            said = TextPart(f"the key is api_key={SECRET}")
            return ModelResponse(parts=[said, ToolCallPart("work", {"number": number})])
        return ModelResponse(parts=[TextPart("done")])

    return FunctionModel(answer)


def tool(notes: Notes) -> Callable[[int], Awaitable[str]]:
    async def work(number: int) -> str:
        await notes.call(f"tool {number}")
        return f"{number} is done"

    return work


def plugin(url: str, folder: Path, stuck: str, *, own: bool = False, asking: bool = False) -> BackgroundJobsPlugin:
    """A node of ours on `dbos`, or a plugin that only asks. ``own``: its agent is a function that has an agent of its
    own with DBOSDurability."""
    notes = Notes(folder, stuck)
    definition: dict[str, object] = {"kind": "pydantic-ai", "model": model(notes), "tools": [tool(notes)]}
    if own:
        agent = Agent(model(notes), name="work", tools=[tool(notes)], capabilities=[DBOSDurability()])

        async def answer(prompt: str) -> str:
            return (await agent.run(prompt)).output

        definition = {"kind": "python", "callable": answer}
    host = "asking" if asking else f"host-{os.getpid()}"
    return BackgroundJobsPlugin(
        storage_plugin=PostgresStorage(url, lease=3.0, locks_dir=folder / host),
        agent_factory=AgentFactoryPlugin(definitions={"work": definition}),
        engine="dbos",
        retention=None,
    )


def config(url: str) -> DBOSConfig:
    return {
        "name": "durable", "system_database_url": url, "application_version": "1", "log_level": "CRITICAL",
        "executor_id": f"node-{os.getpid()}", "enable_otlp": False,
    }  # fmt: skip


def enqueue(url: str, calls: int, wait: bool) -> str:
    """Ask for a run of DBOS's way."""
    client = DBOSClient(system_database_url=url)
    try:
        handle: Any = client.enqueue({"queue_name": QUEUE, "workflow_name": "work", "app_version": "1"}, str(calls))
        return str(_ended(client, handle.workflow_id)) if wait else str(handle.workflow_id)
    finally:
        client.destroy()


def resume(url: str, workflow_id: str) -> str:
    """Let another node go on with it, as a lease would; answers how it ended."""
    client = DBOSClient(system_database_url=url)
    try:
        client.resume_workflows([workflow_id], queue_name=QUEUE)
        return _ended(client, workflow_id)
    finally:
        client.destroy()


def _ended(client: DBOSClient, workflow_id: str) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        [found] = client.list_workflows(workflow_ids=[workflow_id])
        if found.status not in ("PENDING", "ENQUEUED"):
            return found.status
        time.sleep(0.25)
    raise TimeoutError(workflow_id)


async def serve_dbos(url: str, folder: Path, stuck: str, steps: bool) -> None:
    DBOS(config=config(url))
    notes = Notes(folder, stuck)
    work = DBOS.step(name="tool work")(tool(notes)) if steps else tool(notes)
    agent = Agent(model(notes), name="work", tools=[work], capabilities=[DBOSDurability()])

    @DBOS.workflow(name="work")
    async def run(prompt: str) -> str:
        return (await agent.run(prompt)).output

    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, polling_interval_sec=0.1)
    await forever()


async def forever() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(3600)


async def main(way: str, url: str, folder: Path, stuck: str) -> None:
    if way in OURS:
        async with plugin(url, folder, stuck, own=way != "journal"):
            await forever()
    else:
        await serve_dbos(url, folder, stuck, way.endswith("+steps"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
