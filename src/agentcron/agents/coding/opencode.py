"""The kind ``opencode``: opencode, called as ``opencode run --format json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import Reading, money, objects, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.domain.outcomes import Usage

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


def parse(output: str) -> Reading:
    """One event per line; cost and tokens come per step and are of this call."""
    events = objects(output)
    session = error = None
    said: list[str] = []
    last: list[str] = []
    denied = []
    cost = Decimal(0)
    counts: dict[str, int] = dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens"), 0)
    steps = calls = 0
    complete = False
    for one in events:
        session = one.get("sessionID", session)
        part = table(one, "part")
        match one.get("type"):
            case "step_start":
                last = []
            case "text":
                last.append(str(part.get("text", "")))
                said = last
            case "tool_use":
                calls += 1
                state = table(part, "state")
                if any(word in str(state.get("error", "")).lower() for word in _DENIALS):
                    denied.append(str(part.get("tool", "a tool")))
            case "step_finish":
                steps += 1
                cost += money(part.get("cost")) or 0
                tokens, cache = table(part, "tokens"), table(part, "tokens", "cache")
                read = whole(cache.get("read"))
                counts["input_tokens"] += whole(tokens.get("input")) + read + whole(cache.get("write"))
                counts["output_tokens"] += whole(tokens.get("output")) + whole(tokens.get("reasoning"))
                counts["cached_tokens"] += read
                complete = part.get("reason") != "tool-calls"
            case "error":
                error = _error(table(one, "error"))
                complete = True
    return Reading(
        text="".join(said),
        session=session if isinstance(session, str) else None,
        turns=steps,
        usage=Usage(**counts, requests=steps, tool_calls=calls) if steps else None,
        # A model without a known price counts as 0.
        cost_usd=cost or None,
        denied=tuple(denied),
        error=error,
        complete=complete,
        events=events,
    )


def _error(error: Mapping[str, Any]) -> str:
    data = table(error, "data")
    message = str(data.get("message") or error.get("message") or error.get("name") or "an error without words")
    status = data.get("statusCode")
    return message if status is None or str(status) in message else f"{status}: {message}"


CLI: Final = Cli(kind="opencode", program="opencode", arguments=arguments, environ=environ, parse=parse)
read = reader(CLI)
