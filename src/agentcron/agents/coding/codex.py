"""The kind ``codex``: OpenAI's Codex, called as ``codex exec --json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.agents.coding.agent import Call, Cli
from agentcron.agents.coding.reading import table, whole
from agentcron.agents.coding.recipe import reader
from agentcron.agents.coding.tally import Tally

_SANDBOXES: Final = {"read": "read-only", "edit": "workspace-write", "all": "danger-full-access"}
_TOOLS: Final = ("command_execution", "file_change", "mcp_tool_call", "web_search")
_KEPT_OUT: Final = ("read-only file system", "operation not permitted")


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


def take(tally: Tally, event: Mapping[str, Any]) -> None:
    """The tokens of ``turn.completed`` are those of the whole session; its turns are prompts, not answers."""
    match event.get("type"):
        case "thread.started":
            session = event.get("thread_id")
            tally.session = session if isinstance(session, str) else None
        case "item.started":
            tally.goes_on()
        case "item.completed":
            _take_item(tally, table(event, "item"))
        case "turn.completed":
            used = table(event, "usage")
            tally.tokens = None
            tally.add_tokens(
                read=whole(used.get("input_tokens")),
                written=whole(used.get("output_tokens")),
                cached=whole(used.get("cached_input_tokens")),
            )
            tally.complete, tally.error = True, None
        case "turn.failed":
            tally.complete, tally.error = True, str(table(event, "error").get("message", "the turn failed"))
        case "error" if not tally.complete:
            # It tries again by itself; only the last one counts, and only where no turn ended after it.
            tally.error = str(event.get("message", "an error without words"))


def _take_item(tally: Tally, item: Mapping[str, Any]) -> None:
    tally.goes_on()
    kind = item.get("type")
    if kind == "agent_message":
        tally.speaks()
        tally.say(str(item.get("text", "")))
    elif kind in _TOOLS:
        tally.used_tool()
        told = str(item.get("aggregated_output", "")).lower()
        # Without anybody to ask, what its sandbox keeps from it is told as a failure of the command.
        kept_out = item.get("status") == "failed" and any(word in told for word in _KEPT_OUT)
        if kept_out or item.get("status") == "declined":
            tally.denied.append(f"{kind}({str(item.get('command', ''))[:200]})")


CLI: Final = Cli(
    kind="codex",
    program="codex",
    arguments=arguments,
    environ=environ,
    take=take,
    cumulative=("input_tokens", "output_tokens", "cached_tokens"),
    provider="openai",
)
read = reader(CLI)
