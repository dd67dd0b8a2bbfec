"""What was said in a conversation, whatever kind of agent had it; read without that agent's library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agentcron.domain.outcomes import Conversation

# Below the cap of a stored text, with room for what stands around it.
MAX_BYTES: Final = 3 << 20
_ROLES: Final = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing said. The assistant calls a ``tool`` with ``args``; the tool answers with a ``result``."""

    role: str
    text: str = ""
    tool: str | None = None
    args: Any = None
    result: Any = None


def capped(conversation: Conversation) -> Conversation:
    """The conversation; one that is larger than what a store keeps of a text becomes text that says so. Cut in the
    middle of its JSON nobody could read any of it."""
    written = json.dumps(conversation.native, ensure_ascii=False, default=str)
    size = len(written.encode("utf-8", "replace"))
    if size <= MAX_BYTES:
        return conversation
    # As a text inside JSON its quotes take two bytes each.
    kept = written.encode("utf-8", "replace")[: MAX_BYTES // 2].decode("utf-8", "ignore")
    told = f"[cut by agentcron: {size} bytes, the first {MAX_BYTES // 2} kept]"
    return replace(conversation, format="cut", native=f"{kept}\n{told}")


def readable(conversation: Conversation) -> list[Message]:
    """The messages in order. Parts of an unknown form show as text, never as an error."""
    if conversation.format == "pydantic-ai":
        return list(_of_pydantic_ai(conversation.native))
    if conversation.format == "messages":
        return list(_of_messages(conversation.native))
    if conversation.format == "coding-agent":
        return list(_of_coding_agent(conversation.native))
    if conversation.format == "acp":
        return list(_of_acp(conversation.native))
    return [Message(role="assistant", text=_text(conversation.native))]


def _of_acp(native: Any) -> Iterator[Message]:
    kept = native if isinstance(native, Mapping) else {}
    yield Message(role="user", text=_text(kept.get("prompt")))
    for denied in kept.get("denied") or []:
        yield Message(role="tool", tool=_text(denied), text="denied")
    for part in kept.get("parts") or []:
        one = part if isinstance(part, Mapping) else {}
        if one.get("role") == "tool":
            yield Message(role="assistant", tool=_text(one.get("tool")), args=one.get("args"))
            yield Message(role="tool", tool=_text(one.get("tool")), result=one.get("result"))
        elif one.get("role") == "assistant":
            yield Message(role="assistant", text=_text(one.get("text")))


def _of_coding_agent(native: Any) -> Iterator[Message]:
    kept = native if isinstance(native, Mapping) else {}
    yield Message(role="user", text=_text(kept.get("prompt")))
    for denied in kept.get("denied") or []:
        yield Message(role="tool", tool=_text(denied), text="denied")
    yield Message(role="assistant", text=_text(kept.get("answer")))


def _of_messages(native: Any) -> Iterator[Message]:
    for item in native if isinstance(native, list) else [native]:
        if isinstance(item, Mapping):
            role = item.get("role")
            yield Message(role=role if role in _ROLES else "assistant", text=_text(item.get("text", "")))
        else:
            yield Message(role="assistant", text=_text(item))


def _of_pydantic_ai(native: Any) -> Iterator[Message]:
    messages = native.get("messages", []) if isinstance(native, Mapping) else native
    instructions = None
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, Mapping):
            continue
        # They are repeated in every request; once is enough to read, until they change.
        if message.get("instructions") not in (None, "", instructions):
            instructions = message["instructions"]
            yield Message(role="system", text=_text(instructions))
        for part in message.get("parts") or []:
            if isinstance(part, Mapping):
                yield from _of_part(part, message.get("kind"))


def _of_part(part: Mapping[str, Any], kind: Any) -> Iterator[Message]:
    what = part.get("part_kind", "")
    content = part.get("content")
    if what == "system-prompt":
        yield Message(role="system", text=_text(content))
    elif what == "user-prompt":
        yield Message(role="user", text=_text(content))
    elif what == "text":
        yield Message(role="assistant", text=_text(content))
    elif what.endswith("tool-call"):
        yield Message(role="assistant", tool=part.get("tool_name"), args=_parsed(part.get("args")))
    elif what.endswith("tool-return") or (what == "retry-prompt" and part.get("tool_name")):
        yield Message(role="tool", tool=part.get("tool_name"), result=content)
    elif what == "thinking":
        # The model's own notes: no part of what it said to anyone.
        return
    elif content not in (None, ""):
        yield Message(role="assistant" if kind == "response" else "user", text=_text(content))


def _parsed(args: Any) -> Any:
    if isinstance(args, str):
        try:
            return json.loads(args)
        except ValueError:
            return args
    return args


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        inner = value.get("text", value.get("content", value.get("url")))
        if isinstance(inner, str) and value.get("kind") != "binary":
            return inner
        if value.get("kind") == "binary":
            return f"[{value.get('media_type', 'data')}]"
    return json.dumps(value, ensure_ascii=False, default=str)
