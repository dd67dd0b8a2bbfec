"""An agent of the Agent Client Protocol that does as it is told: tests write it to a file and name that as command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.agents.helpers import context, factory_of

_SCRIPT = """#!{python} -IS
import json, os, sys, time
def say(**message):
    print(json.dumps({{"jsonrpc": "2.0", **message}}), flush=True)
def update(**what):
    say(method="session/update", params={{"sessionId": session, "update": what}})
def text(words, **more):
    update(sessionUpdate="agent_message_chunk", content={{"type": "text", "text": words}}, **more)
def tool(number, title="look", kind="read", **more):
    update(sessionUpdate="tool_call", toolCallId=str(number), title=title, kind=kind, status="pending", **more)
def tool_ended(number, result="nothing"):
    content = [{{"type": "content", "content": {{"type": "text", "text": result}}}}]
    update(sessionUpdate="tool_call_update", toolCallId=str(number), status="completed", content=content)
def heard():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    with open(told, "a") as file:
        file.write(line)
    return json.loads(line)
def may(number, title="rm x", kind="execute", options=("allow_once", "reject_once")):
    call = {{"toolCallId": str(number), "title": title, "kind": kind}}
    say(id=900 + number, method="session/request_permission", params={{"sessionId": session, "toolCall": call,
        "options": [{{"optionId": "id-" + kind, "name": kind, "kind": kind}} for kind in options]}})
    return heard()["result"]["outcome"]
def answer(reason="end_turn", **more):
    say(id=asked, result={{"stopReason": reason, **more}})
told, session, capabilities = {told!r}, "s-1", {capabilities!r}
with open(told, "a") as file:
    file.write(json.dumps({{"env": dict(os.environ)}}) + "\\n")
print("Welcome, this line is no message", flush=True)
while True:
    message = heard()
    asked, method = message.get("id"), message["method"]
    if method == "initialize":
        say(id=asked, result={{"protocolVersion": {version}, "agentCapabilities": capabilities}})
    elif method == "session/new":
        say(id=asked, result={{"sessionId": session}})
    elif method in ("session/load", "session/resume") and message["params"]["sessionId"] != "s-1":
        say(id=asked, error={{"code": -32002, "message": "Resource not found"}})
    elif method in ("session/load", "session/resume"):
        text("said before")
        say(id=asked, result=None)
    elif method == "session/prompt":
{work}
    elif asked is not None:
        say(id=asked, result={{}})
"""


class FakeAcp:
    """Writes the program; ``work`` are the Python statements that answer the prompt."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "acp-agent"
        self._told = folder / "told"
        self._folder = folder
        self.works('text("done"); answer()')

    def works(self, work: str, *, capabilities: dict[str, Any] | None = None, version: int = 1) -> None:
        lines = "\n".join(f"        {line}" for line in work.splitlines())
        given = {"told": str(self._told), "capabilities": capabilities or {}, "version": version}
        self.path.write_text(_SCRIPT.format(python=sys.executable, work=lines, **given))
        self.path.chmod(0o755)

    def told(self, method: str | None = None) -> list[dict[str, Any]]:
        """What it was sent; of one method only what was said with it."""
        found = [json.loads(line) for line in self._told.read_text().splitlines()]
        return [one["params"] for one in found if one.get("method") == method] if method else found

    def definition(self, **more: Any) -> dict[str, Any]:
        return {"kind": "acp", "command": [str(self.path)], "home": str(self._folder / "home"), **more}

    async def ask(self, prompt: str = "-do it", given: Any = None, **more: Any) -> Any:
        agent = await factory_of(self.definition(**more)).create("it", given or context())
        try:
            return await agent.run(prompt)
        finally:
            await agent.close()
