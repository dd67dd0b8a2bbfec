"""The coding programs themselves, and the server of made-up answers that they ask instead of a provider."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where ``make test-agents`` installed them.
FOLDER = Path(os.environ.get("AGENTCRON_AGENTS", "/nonexistent"))
_BIN = FOLDER / "node_modules" / ".bin"
# Whatever else they would like to reach: nobody listens there.
_NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}


class FakeProvider:
    """llmock in a process of its own; ``base`` is its address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        program = str(FOLDER / "venv" / "bin" / "llmock")
        command = [program, "serve", "--port", str(port), "--tool-mode", "off", "--log-level", "error"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while True:
            try:
                self.requests()
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until, "llmock does not start"
                time.sleep(0.1)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def plays(self, *behaviors: Mapping[str, Any]) -> None:
        """Forget what was asked, and answer so from here on."""
        self._post("reset", {})
        self._post("scenario", {"behaviors": list(behaviors)})

    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.base}/_llmock/requests", timeout=5) as answer:
            return int(json.load(answer)["count"])

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.base}/_llmock/{path}", data, {"content-type": "application/json"}, method="POST"
        )
        urllib.request.urlopen(request, timeout=5).close()


@asynccontextmanager
async def silent_provider() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """One that takes every request and answers none; the event is set once it was asked."""
    asked = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            asked.set()
            while await reader.read(65536):
                pass
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def says(text: str) -> dict[str, Any]:
    return {"type": "reply", "text": text, "times": None}


def calls(tool: tuple[str, Mapping[str, Any]], times: int | None = 2) -> dict[str, Any]:
    """Twice, because a program may ask for something of its own first."""
    name, arguments = tool
    call = {"name": name, "arguments": arguments}
    # What offers no tools is a question beside the work, such as one for a title; codex has its own form of offering.
    match = {} if name == "exec_command" else {"match": {"tools": True}}
    return {"type": "reply", "tool_calls": [call], "times": times, **match}


def fails(status: int) -> dict[str, Any]:
    return {"type": "fail", "status": status, "times": None}


@dataclass(frozen=True)
class Program:
    """One of them: which tool it may not use when it may only read, and which it may."""

    kind: str
    name: str
    forbidden: tuple[str, Mapping[str, Any]]
    allowed: tuple[str, Mapping[str, Any]]
    acp: tuple[str, ...] = ()
    resumes: bool = True

    def definition(self, base: str, folder: Path, **more: Any) -> dict[str, Any]:
        """An agent that asks the fake provider, from a home that nobody has used."""
        home, work = folder / "home", folder / "work"
        for one in (home, work):
            one.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {"home": str(home), "cwd": str(work), "env": dict(_NOWHERE)}
        path = str(_BIN / self.name)
        if self.acp:
            given |= {"kind": "acp", "command": [path, *self.acp]}
        else:
            given |= {"kind": self.kind, "executable": path}
        getattr(self, f"_set_up_{self.name}")(base, home, given)
        return {**given, **more}

    def _set_up_claude(self, base: str, home: Path, given: dict[str, Any]) -> None:
        given["env"] |= {"ANTHROPIC_BASE_URL": f"{base}/anthropic", "ANTHROPIC_API_KEY": "k"}
        given["env"]["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"

    def _set_up_codex(self, base: str, home: Path, given: dict[str, Any]) -> None:
        (home / ".codex").mkdir(exist_ok=True)
        provider = f'name = "fake"\nbase_url = "{base}/v1"\nwire_api = "responses"\nenv_key = "FAKE_KEY"\n'
        (home / ".codex" / "config.toml").write_text(f'model_provider = "fake"\n[model_providers.fake]\n{provider}')
        given["env"]["FAKE_KEY"] = "k"

    def _set_up_gemini(self, base: str, home: Path, given: dict[str, Any]) -> None:
        (home / ".gemini").mkdir(exist_ok=True)
        settings: dict[str, Any] = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        if self.acp:
            settings["general"] = {"maxAttempts": 2}
        (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
        given["env"] |= {"GOOGLE_GEMINI_BASE_URL": f"{base}/gemini", "GEMINI_API_KEY": "k"}
        given["env"]["GEMINI_CLI_TRUST_WORKSPACE"] = "true"
        if not self.acp:
            given["model"] = "gemini-2.5-flash"

    def _set_up_opencode(self, base: str, home: Path, given: dict[str, Any]) -> None:
        options = {"baseURL": f"{base}/v1", "apiKey": "k"}
        models = {"m": {"cost": {"input": 1, "output": 2}}}
        fake = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": models}
        settings: dict[str, Any] = {"provider": {"fake": fake}, "small_model": "fake/m", "autoupdate": False}
        if self.acp:
            settings |= {"model": "fake/m", "permission": {"bash": "ask"}}
        else:
            given["model"] = "fake/m"
        (home / ".config" / "opencode").mkdir(parents=True, exist_ok=True)
        (home / ".config" / "opencode" / "opencode.json").write_text(json.dumps(settings))


def fresh_folder() -> Path:
    """Below no folder that others may write to: gemini-cli reads no settings there."""
    folder = FOLDER / "runs" / uuid.uuid4().hex[:12]
    folder.mkdir(parents=True)
    return folder


_READ = {"filePath": "missing.txt"}
PROGRAMS = {
    "claude-code": Program(
        "claude-code", "claude", ("Bash", {"command": "rm x", "description": "d"}), ("Read", {"file_path": "/missing"})
    ),
    "codex": Program("codex", "codex", ("exec_command", {"cmd": "touch x"}), ("exec_command", {"cmd": "true"})),
    "gemini-cli": Program(
        "gemini-cli",
        "gemini",
        ("run_shell_command", {"command": "rm x", "description": "d"}),
        ("read_file", {"file_path": "missing.txt"}),
    ),
    "opencode": Program("opencode", "opencode", ("bash", {"command": "rm x", "description": "d"}), ("read", _READ)),
    "acp opencode": Program(
        "acp", "opencode", ("bash", {"command": "rm x", "description": "d"}), ("read", _READ), ("acp",)
    ),
    "acp gemini": Program(
        "acp",
        "gemini",
        ("run_shell_command", {"command": "rm x", "description": "d"}),
        ("read_file", {"file_path": "missing.txt"}),
        ("--acp", "--model", "gemini-2.5-flash"),
        # What it is to load it empties first, where that was begun in the same minute.
        resumes=False,
    ),
}
