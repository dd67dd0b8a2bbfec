"""A loopback server that speaks as much of OpenAI's chat interface as the tests need, and fails on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class FakeOpenAI:
    """``mode``: ``ok``, ``hang``, ``loop`` (calls a tool that nobody offered), ``garbage``, or a status code."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.text = "All is well."
        self.headers: dict[str, str] = {}
        self.message = "as the test wished"
        self.code: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left.set()
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.requests.append(json.loads(body))
        self.keys.append(fields.get("authorization", "").removeprefix("Bearer "))
        self.asked.set()
        if self.mode == "hang":
            await reader.read()
            return False
        status, answer = self._answer()
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        lines = [f"HTTP/1.1 {status} Whatever", "content-type: application/json", f"content-length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        await writer.drain()
        return True

    def _answer(self) -> tuple[int, Any]:
        if self.mode.isdigit():
            return int(self.mode), {"error": {"message": self.message, "type": "x", "code": self.code}}
        if self.mode == "garbage":
            return 200, b'{"this is": "no answer"}'
        said: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.mode == "loop":
            call = {"id": "c1", "type": "function", "function": {"name": "nothing", "arguments": '{"a": 1}'}}
            said = {"role": "assistant", "content": None, "tool_calls": [call]}
        return 200, {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": "fake",
            "choices": [{"index": 0, "finish_reason": "stop", "message": said}],
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": 7,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        }


@asynccontextmanager
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    """The server, at a port of its own, until the end of the block."""
    fake = FakeOpenAI()
    server = await asyncio.start_server(fake.handle, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        await server.wait_closed()
