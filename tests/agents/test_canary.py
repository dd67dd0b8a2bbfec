"""A secret that an agent of any kind comes across is in no byte of the store, the log or the JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelAuthenticationError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, Execution
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.sqlite import SqliteStorage
from agentcron.wire import execution_object
from tests.agents.fake_acp import FakeAcp
from tests.agents.fake_coder import FakeCoder

CANARY = "canary-71c2a6f4-never-on-disk"
_HALVES = (CANARY[:9], CANARY[9:])
# What each program prints that read the variable, with a tool, in its answer, and in what it was kept from.
_TOLD: dict[str, list[Any]] = {
    "claude-code": [
        {"type": "user", "message": {"content": [{"type": "tool_result", "content": f"KEY={CANARY}"}]}},
        {"type": "assistant", "message": {"id": "1", "content": [{"type": "text", "text": f"It is {CANARY}"}]}},
        {"type": "result", "subtype": "success", "result": f"It is {CANARY}", "session_id": CANARY, "num_turns": 1,
         "permission_denials": [{"tool_name": "Bash", "tool_input": {"command": f"echo {CANARY}"}}]},
    ],
    "codex": [
        {"type": "thread.started", "thread_id": CANARY},
        {"type": "item.completed", "item": {"type": "command_execution", "command": f"echo {CANARY}",
                                            "aggregated_output": CANARY, "status": "declined"}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": CANARY}},
        {"type": "turn.completed", "usage": {}},
    ],
    "gemini-cli": [
        {"type": "tool_use", "tool_id": "1", "tool_name": "shell", "parameters": {"command": CANARY}},
        {"type": "tool_result", "tool_id": "1", "status": "success", "output": CANARY},
        *({"type": "message", "role": "assistant", "content": half, "delta": True} for half in _HALVES),
        {"type": "result", "status": "success", "session_id": CANARY, "stats": {}},
    ],
    "opencode": [
        {"type": "step_start", "sessionID": CANARY, "part": {}},
        {"type": "tool_use", "part": {"tool": "bash", "state": {"output": CANARY, "error": "permission denied"}}},
        {"type": "text", "part": {"text": CANARY}},
        {"type": "step_finish", "part": {"reason": "stop", "tokens": {}}},
    ],
}  # fmt: skip
_ERRORS: dict[str, Any] = {
    "claude-code": {"type": "result", "subtype": "success", "is_error": True, "result": f"401 {CANARY}"},
    "codex": {"type": "turn.failed", "error": {"message": f"401 {CANARY}"}},
    "gemini-cli": {"type": "result", "status": "error", "error": {"message": f"401 {CANARY}"}},
    "opencode": {"type": "error", "error": {"data": {"message": CANARY, "statusCode": 401}}},
}
_ACP = (
    f'tool(1, rawInput={{"command": {CANARY!r}}}); tool_ended(1, {CANARY!r}); may(2, {CANARY!r})\n'
    f"text({_HALVES[0]!r}); text({_HALVES[1]!r}); answer()"
)


def definitions(folder: Path) -> dict[str, dict[str, Any]]:
    """Per kind one agent that tells the secret, and one that fails with it."""
    found: dict[str, dict[str, Any]] = {}
    given = {"env": ["CANARY_API_KEY"], "denied_actions": "strict"}

    def place(name: str) -> Path:
        (folder / name).mkdir(parents=True)
        return folder / name

    for kind, events in _TOLD.items():
        for name, what in ((kind, events), (f"{kind} fails", [_ERRORS[kind]])):
            coder = FakeCoder(place(name), kind)
            coder.prints(*what)
            found[name] = coder.definition(**given)
    coder = FakeCoder(place("codex dies"), "codex")
    coder.prints(then="print(os.environ['CANARY_API_KEY'], file=sys.stderr); sys.exit(3)")
    found["codex dies"] = coder.definition(**given)
    acps = {
        "acp": _ACP,
        "acp fails": f'say(id=asked, error={{"code": -32603, "message": {CANARY!r}, "data": [{CANARY!r}]}})',
        "acp dies": "print(os.environ['CANARY_API_KEY'], file=sys.stderr); sys.exit(3)",
    }
    for name, work in acps.items():
        agent = FakeAcp(place(name))
        agent.works(work)
        found[name] = agent.definition(**given)

    def leak() -> str:
        """Tell what is secret."""
        return f"KEY={CANARY}"

    def says(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart("leak", {})])
        return ModelResponse(parts=[TextPart(f"It is {CANARY}")])

    def fails(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ModelAuthenticationError(401, "m", {"message": f"no such key: {CANARY}"})

    found["model"] = {"kind": "pydantic-ai", "model": FunctionModel(says), "tools": [leak]}
    found["model fails"] = {"kind": "pydantic-ai", "model": FunctionModel(fails)}
    tells = "import os, sys; print(os.environ['CANARY_API_KEY']); print(os.environ['CANARY_API_KEY'], file=sys.stderr)"
    for name, code in (("command", ""), ("command fails", "; sys.exit(3)")):
        command = [sys.executable, "-ISc", tells + code]
        found[name] = {"kind": "command", "command": command, "env": ["CANARY_API_KEY"]}
    return found


@pytest.mark.parametrize("kind", ["sqlite", "json folder"])
async def test_what_agents_tell_of_a_secret_is_never_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CANARY_API_KEY", CANARY)
    caplog.set_level(logging.DEBUG, "agentcron")
    place = tmp_path / "store"
    place.mkdir()

    def opened() -> JobStore:
        return SqliteStorage(place / "s.sqlite") if kind == "sqlite" else StorageFsPlugin(place)

    agents = definitions(tmp_path / "agents")
    factory = AgentFactoryPlugin(agents, default_definition="model")
    async with BackgroundJobsPlugin(storage_plugin=opened(), agent_factory=factory) as plugin:

        async def ran(name: str) -> Execution:
            job = await plugin.create_job(name, "0 0 1 1 *", f"Use {CANARY}.", agent=name)
            return await plugin.wait_for_execution(await plugin.run_job_now(job))

        runs = dict(zip(agents, await asyncio.gather(*map(ran, agents)), strict=True))
    for name, run in runs.items():
        ended = "ERROR" if name.endswith(("fails", "dies")) else run.status
        assert run.status == ended, (name, run.error)
        assert "[redacted:CANARY_API_KEY]" in repr(run), name
        assert CANARY not in json.dumps(execution_object(run, "job"), default=str)
    assert CANARY not in caplog.text
    for path in [path for path in place.rglob("*") if path.is_file()]:
        assert CANARY.encode() not in path.read_bytes(), path
    # Texts are compressed: their bytes alone would hide it.
    again = opened()
    await again.open()
    for name, run in runs.items():
        kept = await again.get_execution(run.id)
        assert kept is not None
        assert CANARY not in repr(kept), name
        assert not any(half in repr(kept.conversation) for half in _HALVES), name
    await again.close()
