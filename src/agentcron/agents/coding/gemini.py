"""The kind ``gemini-cli``: Gemini CLI, called as ``gemini --output-format json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import Reading, objects, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.domain.outcomes import Usage

_MODES: Final = {"read": "default", "edit": "auto_edit", "all": "yolo"}
_TURN_LIMIT: Final = 53


def arguments(call: Call) -> list[str]:
    found = ["--output-format", "json", "--approval-mode", _MODES[call.permissions]]
    if call.session is not None:
        found += ["--resume", call.session]
    else:
        found += ["--session-id", call.fresh_session]
    if call.model is not None:
        found += ["--model", call.model]
    # With "=", a prompt that begins with a dash is no option.
    return [*found, *call.more, f"--prompt={call.prompt}"]


def environ(call: Call) -> Mapping[str, str]:
    own = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"}
    if call.max_turns is not None:
        own["GEMINI_CLI_SYSTEM_SETTINGS_PATH"] = f"{call.home}/{_SETTINGS}"
    return own


def files(call: Call) -> Mapping[str, Any]:
    """The limit of turns has no option; only a file of settings tells it."""
    return {} if call.max_turns is None else {_SETTINGS: {"model": {"maxSessionTurns": call.max_turns}}}


_SETTINGS: Final = "agentcron-gemini.json"


def parse(output: str) -> Reading:
    """One object with the answer and figures per model, all of this call."""
    events = objects(output)
    result = next((one for one in reversed(events) if "response" in one or "error" in one), None)
    if result is None:
        return Reading(events=events)
    stats = table(result, "stats")
    counts: dict[str, int] = dict.fromkeys(("requests", "input_tokens", "output_tokens", "cached_tokens"), 0)
    models = table(stats, "models")
    for one in models.values():
        tokens = table(one, "tokens")
        counts["requests"] += whole(table(one, "api").get("totalRequests"))
        counts["input_tokens"] += whole(tokens.get("prompt", tokens.get("input")))
        counts["output_tokens"] += whole(tokens.get("candidates")) + whole(tokens.get("thoughts"))
        counts["cached_tokens"] += whole(tokens.get("cached"))
    error = failed = None
    if problem := table(result, "error"):
        error = str(problem.get("message", "an error without words"))
        if problem.get("code") == _TURN_LIMIT:
            error, failed = None, f"limit: turns, at {counts['requests']} turns"
        elif str(problem.get("code", "")) not in error:
            error = f"{problem['code']}: {error}"
    text = result.get("response")
    session = result.get("session_id")
    return Reading(
        text=text if isinstance(text, str) else "",
        session=session if isinstance(session, str) and session else None,
        turns=counts["requests"],
        usage=Usage(**counts, tool_calls=whole(table(stats, "tools").get("totalCalls"))) if models else None,
        model=next(iter(models)) if len(models) == 1 else None,
        denied=tuple(_denied(table(stats, "tools", "byName"))),
        failed=failed,
        error=error,
        complete=True,
        events=events,
    )


def _denied(tools: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} ({rejected} times)" if rejected > 1 else name
        for name, one in tools.items()
        if (rejected := whole(table(one, "decisions").get("reject")))
    ]


CLI: Final = Cli(
    kind="gemini-cli",
    program="gemini",
    arguments=arguments,
    environ=environ,
    parse=parse,
    files=files,
    native_limits=("turns",),
    chooses_session=True,
    provider="google",
    exit_limits={_TURN_LIMIT: "turns"},
)
read = reader(CLI)
