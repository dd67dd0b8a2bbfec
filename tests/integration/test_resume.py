"""A scheduler is killed in the middle of a model's run and started again: nothing that was finished is paid for twice.

The scheduler is a real process, the model a server on this machine that counts what it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentcron.domain.inputs import Decision, Given, InputKind
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.queries import ExecutionFilters
from agentcron.storage.urls import open_storage

MODEL_CALLS, TOOL_CALLS = 9, 8


class Model:
    """Asks for the tool until it was answered eight times; hangs at request number ``hang_at``, once."""

    def __init__(self) -> None:
        self.requests = 0
        self.hang_at: int | None = None
        self.hangs = asyncio.Event()
        self.base_url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-len"))
                asked = json.loads(await reader.readexactly(length))
                self.requests += 1
                if self.requests == self.hang_at:
                    self.hangs.set()
                    await reader.read()
                    return
                body = json.dumps(self._answer(sum(part["role"] == "tool" for part in asked["messages"]))).encode()
                lines = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}"]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, done: int) -> dict[str, Any]:
        said: dict[str, Any] = {"role": "assistant", "content": "All eight are noted."}
        if done < TOOL_CALLS:
            call = {"name": "note", "arguments": json.dumps({"number": done})}
            said = {"role": "assistant", "content": None, "tool_calls": [
                {"id": f"call-{done}", "type": "function", "function": call}]}  # fmt: skip
        return {
            "id": "x", "object": "chat.completion", "created": 1_790_000_000, "model": "fake",
            "choices": [{"index": 0, "finish_reason": "stop", "message": said}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
        }  # fmt: skip


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    found = Model()
    server = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield found
    server.close()


class Place:
    """A store, the notes that the tool writes, and schedulers on it."""

    def __init__(self, folder: Path, kind: str, model: Model) -> None:
        self._folder = folder
        self._model = model
        self.store = f"sqlite:///{folder}/jobs.sqlite" if kind == "sqlite" else f"fs:{folder}/jobs"

    async def start(self, *, safe: bool = False, stuck_at: int = -1) -> asyncio.subprocess.Process:
        environ = {**os.environ, "NOTES": str(self._folder / "notes"), "STUCK_AT": str(stuck_at)}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.resuming_scheduler", self.store, self._model.base_url,
            "safe" if safe else "once", env=environ, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def finish(self, **how: Any) -> Execution:
        """Start again, let it run to its end, and read the execution."""
        process = await self.start(**how)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        store = open_storage(self.store)
        await store.open()
        try:
            [run] = (await store.list_executions(ExecutionFilters(), 5)).items
            assert await store.load_steps(run.id, 1) == []
            whole = await store.get_execution(run.id)
            assert whole is not None
            return whole
        finally:
            await store.close()

    @property
    def notes(self) -> list[int]:
        return [int(line) for line in (self._folder / "notes").read_text().split()]

    def asks(self) -> bool:
        """Whether a run waits for a person, read from beside the scheduler."""
        with contextlib.closing(sqlite3.connect(self.store.removeprefix("sqlite:///"))) as connection:
            found: int = connection.execute("SELECT count(*) FROM inputs").fetchone()[0]
            return found > 0

    async def stuck(self) -> None:
        await until((self._folder / "stuck").exists)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", "folder"])
async def test_after_a_kill_only_the_call_in_flight_is_paid_for_again(tmp_path: Path, model: Model, kind: str) -> None:
    place = Place(tmp_path, kind, model)
    model.hang_at = 6
    process = await place.start()
    await asyncio.wait_for(model.hangs.wait(), 60)
    process.kill()
    await process.wait()
    assert place.notes == [0, 1, 2, 3, 4]
    run = await place.finish()
    assert (run.status, run.result, run.attempt) == (ExecutionStatus.SUCCESS, "All eight are noted.", 1)
    assert model.requests == MODEL_CALLS + 1
    assert place.notes == list(range(TOOL_CALLS))
    assert run.usage is not None
    # What was paid before the kill is in the sum, once.
    assert (run.usage.requests, run.usage.tool_calls, run.usage.input_tokens) == (MODEL_CALLS, TOOL_CALLS, 90)


async def test_a_tool_whose_outcome_is_unknown_waits_for_a_person(tmp_path: Path, model: Model) -> None:
    place = Place(tmp_path, "sqlite", model)
    process = await place.start(stuck_at=3)
    await place.stuck()
    process.kill()
    await process.wait()
    process = await place.start()
    await until(place.asks)
    process.kill()
    await process.wait()
    assert place.notes == [0, 1, 2, 3]
    assert model.requests == 4
    store = open_storage(place.store)
    await store.open()
    [asked] = await store.list_inputs()
    assert (asked.kind, asked.tool) == (InputKind.UNKNOWN_CALL, "note")
    assert asked.question.startswith("note had been called when the scheduler died")
    assert await store.answer_input(
        asked.id, Given(decision=Decision.ANSWERED, answer="3 is in the book"), datetime.now(UTC)
    )
    await store.close()
    run = await place.finish()
    assert (run.status, run.attempt, run.retries) == (ExecutionStatus.SUCCESS, 1, 0)
    assert place.notes == list(range(TOOL_CALLS))
    assert model.requests == MODEL_CALLS
    assert run.usage is not None
    assert run.usage.requests == MODEL_CALLS
    assert "3 is in the book" in json.dumps(run.conversation.native if run.conversation is not None else None)


async def test_a_tool_that_is_safe_to_repeat_is_called_again(tmp_path: Path, model: Model) -> None:
    place = Place(tmp_path, "sqlite", model)
    process = await place.start(safe=True, stuck_at=3)
    await place.stuck()
    process.kill()
    await process.wait()
    run = await place.finish(safe=True)
    assert run.status is ExecutionStatus.SUCCESS
    assert place.notes == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    assert model.requests == MODEL_CALLS
