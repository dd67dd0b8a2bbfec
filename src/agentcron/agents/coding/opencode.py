"""The kind ``opencode``: opencode, called as ``opencode run --format json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import money, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.agents.coding.tally import Tally

# What is not allowed is denied, never asked: nobody is there.
_RULES: Final[Mapping[str, Any]] = {
    "read": {"edit": "deny", "bash": "deny", "webfetch": "deny", "external_directory": "deny", "doom_loop": "deny"},
    "edit": {"edit": "allow", "bash": "deny", "webfetch": "deny", "external_directory": "deny", "doom_loop": "deny"},
    "all": {"edit": "allow", "bash": "allow", "webfetch": "allow", "external_directory": "allow", "doom_loop": "deny"},
}
_DENIALS: Final = ("rejected permission", "permission denied", "prevents you from using", "is denied")


def arguments(call: Call) -> list[str]:
    found = ["run", "--format", "json"]
    if call.session is not None:
        found += ["-s", call.session]
    if call.model is not None:
        found += ["-m", call.model]
    return [*found, *call.more, "--", call.prompt]


def environ(call: Call) -> Mapping[str, str]:
    return {
        "OPENCODE_PERMISSION": json.dumps(_RULES[call.permissions]),
        "OPENCODE_DISABLE_AUTOUPDATE": "true",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "true",
    }


def take(tally: Tally, event: Mapping[str, Any]) -> None:
    """Cost and tokens come per step and are of this call."""
    session = event.get("sessionID")
    tally.session = session if isinstance(session, str) else tally.session
    part = table(event, "part")
    match event.get("type"):
        case "step_start":
            tally.begins()
        case "text":
            tally.say(str(part.get("text", "")))
        case "tool_use":
            tally.tool_calls += 1
            _take_tool(tally, str(part.get("tool", "a tool")), table(part, "state"))
        case "step_finish":
            tokens, cache = table(part, "tokens"), table(part, "tokens", "cache")
            cached = whole(cache.get("read"))
            tally.add_tokens(
                read=whole(tokens.get("input")) + cached + whole(cache.get("write")),
                written=whole(tokens.get("output")) + whole(tokens.get("reasoning")),
                cached=cached,
            )
            # A model without a known price counts as 0.
            if cost := money(part.get("cost")):
                tally.cost_usd = (tally.cost_usd or Decimal(0)) + cost
            tally.complete = part.get("reason") != "tool-calls"
        case "error":
            tally.error, tally.complete = _error(table(event, "error")), True


def _take_tool(tally: Tally, name: str, state: Mapping[str, Any]) -> None:
    given = table(state, "input")
    if name == "invalid" and "unavailable tool" in str(given.get("error", "")):
        # Tools that are denied altogether are not offered to the model; this is what it asked for all the same.
        tally.denied.append(str(given.get("tool", "a tool")))
    elif any(word in str(state.get("error", "")).lower() for word in _DENIALS):
        tally.denied.append(name)


def _error(error: Mapping[str, Any]) -> str:
    data = table(error, "data")
    message = str(data.get("message") or error.get("message") or error.get("name") or "an error without words")
    status = data.get("statusCode")
    return message if status is None or str(status) in message else f"{status}: {message}"


CLI: Final = Cli(kind="opencode", program="opencode", arguments=arguments, environ=environ, take=take, tells_cost=True)
read = reader(CLI)
