"""A coding agent that prints what the real one prints: tests write it to a file and name that as ``executable``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.agents.helpers import context, factory_of

KINDS = ("claude-code", "codex", "gemini-cli", "opencode")

_SCRIPT = """#!{python} -IS
import json, os, sys
lines, code, ready = json.loads({given!r})
with open({told!r}, "a") as file:
    file.write(json.dumps({{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": sys.stdin.read()}}) + "\\n")
for line in lines:
    print(line, flush=True)
{then}
sys.exit(code)
"""


class FakeCoder:
    """Writes the program; ``calls`` are what it was called with."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.path = folder / "coder"
        self._told = folder / "calls"
        self._folder = folder
        self.kind = kind

    def prints(self, *events: Any, code: int = 0, then: str = "") -> None:
        lines = [one if isinstance(one, str) else json.dumps(one) for one in events]
        given = json.dumps([lines, code, None])
        self.path.write_text(_SCRIPT.format(python=sys.executable, given=given, told=str(self._told), then=then))
        self.path.chmod(0o755)

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._told.read_text().splitlines()]

    def definition(self, **more: Any) -> dict[str, Any]:
        return {"kind": self.kind, "executable": str(self.path), "home": str(self._folder / "home"), **more}

    async def ask(self, prompt: str = "-do it", job: str = "JOB", **more: Any) -> Any:
        agent = await factory_of(self.definition(**more)).create("it", context(job_id=job))
        try:
            return await agent.run(prompt)
        finally:
            await agent.close()


def answer(kind: str, text: str = "done", *, session: str = "s-1", total: int = 1, denied: bool = False) -> list[Any]:
    """What the program prints; its figures over a session are those of ``total`` calls."""
    match kind:
        case "claude-code":
            denials = [{"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "rm x"}}] if denied else []
            return [
                {
                    "type": "result",
                    "subtype": "success",
                    "is_error": False,
                    "num_turns": 2,
                    "result": text,
                    "session_id": session,
                    "total_cost_usd": round(0.02 * total, 4),
                    "usage": {
                        "input_tokens": 10,
                        "cache_creation_input_tokens": 20,
                        "cache_read_input_tokens": 70,
                        "output_tokens": 5,
                    },
                    "permission_denials": denials,
                }
            ]
        case "codex":
            declined = {"id": "item_0", "type": "command_execution", "command": "rm x", "status": "declined"}
            used = {"input_tokens": 100 * total, "cached_input_tokens": 70 * total, "output_tokens": 5 * total}
            return [
                {"type": "thread.started", "thread_id": session},
                {"type": "turn.started"},
                *([{"type": "item.completed", "item": declined}] if denied else []),
                {"type": "item.completed", "item": {"id": "item_1", "type": "agent_message", "text": text}},
                {"type": "turn.completed", "usage": used},
            ]
        case "gemini-cli":
            tokens = {
                "total_tokens": 105,
                "input_tokens": 100,
                "output_tokens": 3,
                "cached": 70,
                "tool_calls": int(denied),
            }
            stats = {**tokens, "models": {"gemini-2.5-pro": tokens}}
            error = {"type": "tool_not_registered", "message": 'Tool "run_shell_command" not found.'}
            tool = {"tool_id": "t", "tool_name": "run_shell_command", "parameters": {"command": "rm x"}}
            used = [
                {"type": "tool_use", **tool},
                {"type": "tool_result", "tool_id": "t", "status": "error", "error": error},
            ]
            return [
                "Loaded cached credentials.",
                {"type": "init", "session_id": session, "model": "auto"},
                {"type": "message", "role": "user", "content": "do it"},
                *(used if denied else []),
                *(
                    {"type": "message", "role": "assistant", "content": word, "delta": True}
                    for word in (text[:2], text[2:])
                ),
                {"type": "result", "status": "success", "stats": stats},
            ]
        case _:
            asked = {"tool": "bash", "error": "Model tried to call unavailable tool 'bash'. Available tools: read."}
            state = {"status": "completed", "input": asked, "output": "The arguments provided to the tool are invalid"}
            tokens = {"input": 30, "output": 3, "reasoning": 2, "cache": {"read": 70, "write": 0}}
            finish = {"type": "step-finish", "reason": "stop", "cost": 0.02, "tokens": tokens}
            return [
                {"type": "step_start", "sessionID": session, "part": {"type": "step-start"}},
                *([{"type": "tool_use", "sessionID": session, "part": {"tool": "invalid", "state": state}}] * denied),
                {"type": "text", "sessionID": session, "part": {"type": "text", "text": text}},
                {"type": "step_finish", "sessionID": session, "part": finish},
            ]


def refusal(kind: str, status: int) -> list[Any]:
    """What the program prints when its provider refused for good."""
    words = f"API Error: {status} refused"
    match kind:
        case "claude-code":
            return [
                {"type": "result", "subtype": "success", "is_error": True, "result": words, "session_id": "s-1"},
            ]
        case "codex":
            return [
                {"type": "thread.started", "thread_id": "s-1"},
                {"type": "error", "message": f"Reconnecting... 1/5 ({words})"},
                {"type": "turn.failed", "error": {"message": words}},
            ]
        case "gemini-cli":
            error = {"type": "unknown", "message": f"[API Error: {status}]"}
            return [{"type": "result", "status": "error", "error": error, "stats": {"models": {}}}]
        case _:
            data = {"message": "refused", "statusCode": status}
            return [{"type": "error", "sessionID": "s-1", "error": {"name": "APIError", "data": data}}]


def limit(kind: str) -> tuple[list[Any], int]:
    """What is printed, and the exit code, when a limit of turns was hit; nothing where the program has none."""
    if kind == "claude-code":
        return [{"type": "result", "subtype": "error_max_turns", "is_error": True, "num_turns": 3}], 1
    if kind == "gemini-cli":
        return [json.dumps({"error": {"type": "FatalTurnLimitedError", "message": "reached max", "code": 53}})], 53
    return [], 0
