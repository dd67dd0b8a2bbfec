"""What an agent tells of its work in the updates of a session: text, tools, what it used; and what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from agentcron.agents.coding.reading import money, table, whole
from agentcron.domain.outcomes import Usage

# By the kind that the agent gives its tool; one without a kind may be anything.
_LOOKS: Final = ("read", "search", "think")
_EDITS: Final = (*_LOOKS, "edit", "delete", "move")
_ALLOWED: Final[Mapping[str, tuple[str, ...] | None]] = {"read": _LOOKS, "edit": _EDITS, "all": None}
_ENDED: Final = ("completed", "failed")
_OF_USAGE: Final = ("input_tokens", "output_tokens", "cached_tokens")


@dataclass
class Work:
    """What was said and done since the prompt was sent; texts come a word at a time.

    ``turns`` are answers of the model as far as they can be told apart: what follows on ended tools is a further one.
    """

    parts: list[dict[str, Any]] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    turns: int = 0
    written: int = 0
    counts: dict[str, int] | None = None
    cost_usd: Decimal | None = None
    _tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    _between: bool = True

    @property
    def text(self) -> str:
        """The answer: what was said last."""
        return next(("".join(part["text"]) for part in reversed(self.parts) if part["role"] == "assistant"), "")

    @property
    def told(self) -> list[dict[str, Any]]:
        """What was said and done in order, as JSON."""
        return [{**part, "text": "".join(part["text"])} if "text" in part else dict(part) for part in self.parts]

    @property
    def tool_calls(self) -> int:
        return len(self._tools)

    @property
    def totals(self) -> dict[str, str]:
        """What the agent counts over the whole session. Tokens are told to be, and opencode tells those of the call."""
        return {} if self.cost_usd is None else {"cost_usd": str(self.cost_usd)}

    @property
    def usage(self) -> Usage:
        return Usage(**(self.counts or {}), requests=self.turns, tool_calls=self.tool_calls)

    def take(self, update: Mapping[str, Any]) -> None:
        """One update of the session."""
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                self._say("assistant", update)
            case "agent_thought_chunk":
                self._say("thought", update)
            case "tool_call" | "tool_call_update":
                self._tool(update)
            case "usage_update":
                cost = table(update, "cost")
                if cost.get("currency") == "USD":
                    self.cost_usd = money(cost.get("amount"))

    def count(self, answer: Mapping[str, Any]) -> None:
        """The tokens that the answer to the prompt tells of."""
        told = table(answer, "usage")
        if told:
            self.counts = _counts(told)
        elif told := table(answer, "_meta", "quota", "token_count"):
            self.counts = dict(zip(_OF_USAGE, (whole(told.get(key)) for key in _OF_USAGE), strict=True))

    def permit(self, params: Mapping[str, Any], permissions: str) -> Mapping[str, Any]:
        """The answer to a request for permission; what is denied is kept."""
        asked = table(params, "toolCall")
        known = {**self._tools.get(str(asked.get("toolCallId")), {}), **_plain(asked)}
        allowed = _ALLOWED[permissions]
        grants = allowed is None or known.get("kind") in allowed
        wanted = ("allow_once", "allow_always") if grants else ("reject_once", "reject_always")
        given = params.get("options")
        options = [table(one) for one in given] if isinstance(given, list) else []
        option = next((one for kind in wanted for one in options if one.get("kind") == kind), None)
        if not grants or option is None:
            self.denied.append(f"{known.get('kind') or 'other'}({str(known.get('tool') or 'a tool')[:200]})")
        if option is None:
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": option.get("optionId")}}

    def _say(self, role: str, update: Mapping[str, Any]) -> None:
        content = table(update, "content")
        text = content.get("text")
        text = text if isinstance(text, str) else f"[{content.get('type', 'data')}]"
        self._answered()
        self.written += len(text.encode("utf-8", "surrogatepass"))
        message = update.get("messageId")
        last = self.parts[-1] if self.parts else {}
        if last.get("role") == role and last.get("id") == message:
            last["text"].append(text)
        else:
            self.parts.append({"role": role, "id": message, "text": [text]})

    def _tool(self, update: Mapping[str, Any]) -> None:
        key = str(update.get("toolCallId"))
        tool = self._tools.get(key)
        if tool is None:
            self._answered()
            tool = self._tools[key] = {"role": "tool"}
            self.parts.append(tool)
        tool |= _plain(update)
        if update.get("status") in _ENDED:
            self._between = True

    def _answered(self) -> None:
        if self._between:
            self.turns += 1
            self._between = False


def _plain(update: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a tool, in our words; updates tell what changed."""
    names = {"title": "tool", "kind": "kind", "status": "status", "rawInput": "args", "rawOutput": "result"}
    known = {ours: update[theirs] for theirs, ours in names.items() if update.get(theirs) is not None}
    content = update.get("content")
    if "result" not in known and isinstance(content, list) and content:
        known["result"] = [table(one, "content").get("text", one) for one in content if isinstance(one, Mapping)]
    return known


def _counts(told: Mapping[str, Any]) -> dict[str, int]:
    read, written = whole(told.get("inputTokens")), whole(told.get("outputTokens"))
    cached, thought = whole(told.get("cachedReadTokens")), whole(told.get("thoughtTokens"))
    made = whole(told.get("cachedWriteTokens"))
    # Some count what was cached, and thoughts, apart from what was read and written: then the sum tells.
    apart = whole(told.get("totalTokens")) - read - written
    if apart >= cached + made:
        read, apart = read + cached + made, apart - cached - made
    if apart >= thought:
        written += thought
    return {"input_tokens": read, "output_tokens": written, "cached_tokens": cached}
