"""The kind ``claude-code``: Claude Code, called as ``claude -p --output-format stream-json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import money, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.agents.coding.tally import Tally

_MODES: Final = {"read": "dontAsk", "edit": "acceptEdits", "all": "bypassPermissions"}
# Said in a result like any other error, not by an exit without one.
_NO_SESSION: Final = "No conversation found"
_LIMITS: Final = {"error_max_turns": "turns", "error_max_budget_usd": "cost_usd"}


def arguments(call: Call) -> list[str]:
    # As a stream: what goes beyond a limit is seen while there is something to stop.
    found = ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", _MODES[call.permissions]]
    if call.session is not None:
        found += ["--resume", call.session]
    else:
        found += ["--session-id", call.fresh_session]
    if call.model is not None:
        found += ["--model", call.model]
    if call.max_turns is not None:
        found += ["--max-turns", str(call.max_turns)]
    if call.max_cost is not None:
        found += ["--max-budget-usd", str(call.max_cost)]
    if call.instructions is not None:
        found += ["--append-system-prompt", call.instructions]
    return [*found, *call.more, "--", call.prompt]


def environ(call: Call) -> Mapping[str, str]:
    # Left to itself it goes on for minutes after a key was refused, with growing pauses.
    return {"CLAUDE_CODE_MAX_RETRIES": "2", "DISABLE_AUTOUPDATER": "1"}


def take(tally: Tally, event: Mapping[str, Any]) -> None:
    """``usage`` of the result is of this call, ``total_cost_usd`` of the whole session."""
    tally.session = _text(event.get("session_id")) or tally.session
    match event.get("type"):
        case "assistant":
            _take_message(tally, table(event, "message"))
        case "result":
            _take_result(tally, event)


def _take_message(tally: Tally, message: Mapping[str, Any]) -> None:
    """One answer of the model comes in several events, each with a part of it."""
    answer = str(message.get("id"))
    if answer not in tally.seen:
        tally.seen[answer] = None
        tally.begins()
        used = table(message, "usage")
        if used:
            tally.add_tokens(**_tokens(used))
    content = message.get("content")
    for one in map(table, content if isinstance(content, list) else []):
        if one.get("type") == "text":
            tally.say(str(one.get("text", "")))
        elif one.get("type") == "tool_use":
            tally.tool_calls += 1


def _take_result(tally: Tally, result: Mapping[str, Any]) -> None:
    subtype = str(result.get("subtype", ""))
    tally.turns = tally.requests = whole(result.get("num_turns")) or tally.turns
    if (limit := _LIMITS.get(subtype)) is not None:
        at = f"{tally.turns} turns" if limit == "turns" else f"{result.get('total_cost_usd')} USD"
        tally.failed = f"limit: {limit}, at {at}"
    elif result.get("is_error") is True or subtype.startswith("error"):
        told = result.get("errors")
        words = _text(result.get("result")) or ("; ".join(map(str, told)) if isinstance(told, list) else "") or subtype
        status = result.get("api_error_status")
        tally.error = words if status is None or str(status) in words else f"{status}: {words}"
        tally.lost = _NO_SESSION in words
    elif (text := result.get("result")) is not None:
        said = tally.written
        tally.speaks()
        tally.say(str(text))
        tally.written = said or tally.written  # it repeats what came before
    tally.cost_usd = money(result.get("total_cost_usd"))
    if used := table(result, "usage"):
        tally.tokens = None
        tally.add_tokens(**_tokens(used))
    tally.denied += _denied(result.get("permission_denials"))
    tally.complete = True


def _tokens(used: Mapping[str, Any]) -> dict[str, int]:
    cached = whole(used.get("cache_read_input_tokens"))
    read = whole(used.get("input_tokens")) + whole(used.get("cache_creation_input_tokens")) + cached
    return {"read": read, "written": whole(used.get("output_tokens")), "cached": cached}


def _denied(denials: Any) -> list[str]:
    found = []
    for one in denials if isinstance(denials, list) else []:
        given = table(one, "tool_input")
        what = next((str(given[key]) for key in ("command", "file_path", "url", "path") if key in given), "")
        found.append(f"{table(one).get('tool_name', 'a tool')}({what[:200]})")
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


CLI: Final = Cli(
    kind="claude-code",
    program="claude",
    arguments=arguments,
    environ=environ,
    take=take,
    cumulative=("cost_usd",),
    tells_cost=True,
    chooses_session=True,
    provider="anthropic",
)
read = reader(CLI)
