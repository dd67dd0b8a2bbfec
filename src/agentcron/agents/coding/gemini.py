"""The kind ``gemini-cli``: Gemini CLI, called as ``gemini --output-format stream-json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.agents.coding.tally import Tally

_MODES: Final = {"read": "default", "edit": "auto_edit", "all": "yolo"}
_TURN_LIMIT: Final = 53
# A tool that its approval mode keeps from it is not there for it.
_DENIALS: Final = ("tool_not_registered", "policy_violation", "denied")


def arguments(call: Call) -> list[str]:
    found = ["--output-format", "stream-json", "--approval-mode", _MODES[call.permissions]]
    if call.session is not None:
        found += ["--resume", call.session]
    else:
        found += ["--session-id", call.fresh_session]
    if call.model is not None:
        found += ["--model", call.model]
    # With "=", a prompt that begins with a dash is no option.
    return [*found, *call.more, f"--prompt={call.prompt}"]


def environ(call: Call) -> Mapping[str, str]:
    return {
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GEMINI_CLI_NO_RELAUNCH": "true",
        # Defaults, which the machine's own settings and those in the home go over.
        "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": f"{call.home}/{_settings_of(call)}",
    }


def files(call: Call) -> Mapping[str, Any]:
    """What no option tells. Left to itself it goes on for minutes after a provider said that it is too much."""
    settings: dict[str, Any] = {"general": {"maxAttempts": 3}}
    if call.max_turns is not None:
        settings["model"] = {"maxSessionTurns": call.max_turns}
    return {_settings_of(call): settings}


def _settings_of(call: Call) -> str:
    # A name for each content: runs of other limits work in the same home at the same time.
    return f"agentcron-gemini{'' if call.max_turns is None else f'-{call.max_turns}'}.json"


def take(tally: Tally, event: Mapping[str, Any]) -> None:
    """Words and tools come as they happen, figures with the result, all of this call."""
    session = event.get("session_id")
    tally.session = session if isinstance(session, str) and session else tally.session
    match event.get("type"):
        case "message" if event.get("role") == "assistant":
            tally.goes_on()
            tally.say(str(event.get("content", "")))
        case "tool_use":
            tally.goes_on()
            tally.seen[str(event.get("tool_id"))] = str(event.get("tool_name", "a tool"))
        case "tool_result":
            _take_tool(tally, event)
        case "result":
            _take_figures(tally, table(event, "stats"))
        case "error" if "loop detected" in (words := str(event.get("message", ""))).lower():
            # It says of itself that this was a success.
            tally.failed = f"the agent stopped itself: {words}"
    if event.get("type") in ("result", None):
        problem = table(event, "error")
        if problem:
            _take_problem(tally, problem)
        tally.complete |= event.get("type") == "result" or bool(problem)


def _take_tool(tally: Tally, event: Mapping[str, Any]) -> None:
    tally.used_tool()
    problem = table(event, "error")
    told = f"{problem.get('type', '')} {problem.get('message', '')} {event.get('output', '')}".lower()
    if event.get("status") == "error" and any(word in told for word in _DENIALS):
        tally.denied.append(tally.seen.get(str(event.get("tool_id")), "a tool"))


def _take_figures(tally: Tally, stats: Mapping[str, Any]) -> None:
    if not stats:
        return
    read, written = whole(stats.get("input_tokens")), whole(stats.get("output_tokens"))
    thought = max(whole(stats.get("total_tokens")) - read - written, 0)
    tally.tokens = None
    tally.add_tokens(read=read, written=written + thought, cached=whole(stats.get("cached")))
    tally.tool_calls = max(tally.tool_calls, whole(stats.get("tool_calls")))
    models = table(stats, "models")
    tally.model = next(iter(models)) if len(models) == 1 else None


def _take_problem(tally: Tally, problem: Mapping[str, Any]) -> None:
    code, words = problem.get("code"), str(problem.get("message", "an error without words"))
    if code == _TURN_LIMIT or "turnlimited" in str(problem.get("type", "")).lower():
        tally.failed = f"limit: turns, at {tally.turns} turns"
    else:
        tally.error = words if code is None or str(code) in words else f"{code}: {words}"


CLI: Final = Cli(
    kind="gemini-cli",
    program="gemini",
    arguments=arguments,
    environ=environ,
    take=take,
    files=files,
    chooses_session=True,
    provider="google",
    exit_limits={_TURN_LIMIT: "turns"},
)
read = reader(CLI)
