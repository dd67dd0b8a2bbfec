"""The kind ``claude-code``: Claude Code, called as ``claude -p --output-format json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import Reading, money, objects, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.domain.outcomes import Usage

_MODES: Final = {"read": "dontAsk", "edit": "acceptEdits", "all": "bypassPermissions"}
_LIMITS: Final = {"error_max_turns": "turns", "error_max_budget_usd": "cost_usd"}


def arguments(call: Call) -> list[str]:
    found = ["-p", "--output-format", "json", "--permission-mode", _MODES[call.permissions]]
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


def parse(output: str) -> Reading:
    """One object of the type ``result``. ``usage`` is of this call, ``total_cost_usd`` of the whole session."""
    events = objects(output)
    result = next((one for one in reversed(events) if one.get("type") == "result"), None)
    if result is None:
        return Reading(events=events)
    subtype = str(result.get("subtype", ""))
    text = result.get("result")
    text = text if isinstance(text, str) else ""
    error = failed = None
    if (limit := _LIMITS.get(subtype)) is not None:
        at = f"{whole(result.get('num_turns'))} turns" if limit == "turns" else f"{result.get('total_cost_usd')} USD"
        failed = f"limit: {limit}, at {at}"
    elif result.get("is_error") is True or subtype.startswith("error"):
        told = result.get("errors")
        error = text or ("; ".join(map(str, told)) if isinstance(told, list) else "") or subtype
        if (status := result.get("api_error_status")) is not None and str(status) not in error:
            error = f"{status}: {error}"
    cost = money(result.get("total_cost_usd"))
    return Reading(
        text=text if error is None else "",
        session=_text(result.get("session_id")),
        turns=whole(result.get("num_turns")),
        usage=_usage(result),
        cost_usd=cost,
        denied=tuple(_denied(result.get("permission_denials"))),
        failed=failed,
        error=error,
        complete=True,
        totals=None if cost is None else {"cost_usd": str(cost)},
        events=events,
    )


def _usage(result: Mapping[str, Any]) -> Usage:
    used = table(result, "usage")
    cached = whole(used.get("cache_read_input_tokens"))
    return Usage(
        input_tokens=whole(used.get("input_tokens")) + whole(used.get("cache_creation_input_tokens")) + cached,
        output_tokens=whole(used.get("output_tokens")),
        cached_tokens=cached,
        requests=whole(result.get("num_turns")),
    )


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
    parse=parse,
    native_limits=("turns", "cost_usd"),
    chooses_session=True,
    provider="anthropic",
)
read = reader(CLI)
