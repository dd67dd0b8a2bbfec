"""The kind ``codex``: OpenAI's Codex, called as ``codex exec --json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import Reading, objects, table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.domain.outcomes import Usage

_SANDBOXES: Final = {"read": "read-only", "edit": "workspace-write", "all": "danger-full-access"}
_TOOLS: Final = ("command_execution", "file_change", "mcp_tool_call", "web_search")


def arguments(call: Call) -> list[str]:
    found = ["exec", "--json", "--skip-git-repo-check"]
    # As overrides, not options: `exec resume` knows no --sandbox.
    found += ["-c", 'approval_policy="never"', "-c", f'sandbox_mode="{_SANDBOXES[call.permissions]}"']
    if call.model is not None:
        found += ["-m", call.model]
    found += call.more
    if call.session is not None:
        found += ["resume", call.session]
    return [*found, "--", call.prompt]


def environ(call: Call) -> Mapping[str, str]:
    return {"CODEX_HOME": f"{call.home}/.codex"}


def parse(output: str) -> Reading:
    """One event per line. The tokens of ``turn.completed`` are those of the whole session."""
    events = objects(output)
    text = ""
    session = error = None
    used: Mapping[str, Any] = {}
    turns = calls = 0
    denied = []
    complete = False
    for one in events:
        match one.get("type"):
            case "thread.started":
                session = one.get("thread_id")
            case "item.completed":
                item = table(one, "item")
                if item.get("type") == "agent_message":
                    text = str(item.get("text", ""))
                elif item.get("type") in _TOOLS:
                    calls += 1
                    if item.get("status") == "declined":
                        denied.append(f"{item['type']}({str(item.get('command', ''))[:200]})")
            case "turn.completed":
                turns += 1
                used, complete, error = table(one, "usage"), True, None
            case "turn.failed":
                turns += 1
                complete, error = True, str(table(one, "error").get("message", "the turn failed"))
            case "error" if not complete:
                # It tries again by itself; only the last one counts, and only where no turn ended after it.
                error = str(one.get("message", "an error without words"))
    usage = totals = None
    if used:
        figures = {
            "input_tokens": whole(used.get("input_tokens")),
            "output_tokens": whole(used.get("output_tokens")),
            "cached_tokens": whole(used.get("cached_input_tokens")),
        }
        usage = Usage(**figures, tool_calls=calls)
        totals = {key: str(value) for key, value in figures.items()}
    return Reading(
        text=text,
        session=session if isinstance(session, str) else None,
        turns=turns,
        usage=usage,
        denied=tuple(denied),
        error=error,
        complete=complete,
        totals=totals,
        events=events,
    )


CLI: Final = Cli(kind="codex", program="codex", arguments=arguments, environ=environ, parse=parse, provider="openai")
read = reader(CLI)
