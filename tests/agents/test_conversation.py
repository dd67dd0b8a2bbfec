"""Conversations as people read them, from each form that is kept."""

from __future__ import annotations

from typing import Any

from agentcron.agents.conversation import Message, readable
from agentcron.domain.outcomes import Conversation


def of(form: str, native: Any) -> list[Message]:
    return readable(Conversation(kind="x", format=form, format_version=1, native=native))


def test_a_conversation_with_tools_reads_in_order() -> None:
    native = {
        "messages": [
            {
                "kind": "request",
                "instructions": "Be brief.",
                "parts": [
                    {"part_kind": "system-prompt", "content": "You are a clerk."},
                    {"part_kind": "user-prompt", "content": ["Look:", {"kind": "image-url", "url": "http://x/y.png"}]},
                ],
            },
            {
                "kind": "response",
                "parts": [
                    {"part_kind": "thinking", "content": "hm"},
                    {"part_kind": "tool-call", "tool_name": "find", "args": '{"name": "y"}', "tool_call_id": "1"},
                    {"part_kind": "tool-call", "tool_name": "odd", "args": "{not json"},
                ],
            },
            {
                "kind": "request",
                "instructions": "Be brief.",
                "parts": [
                    {"part_kind": "tool-return", "tool_name": "find", "content": {"found": 3}},
                    {"part_kind": "retry-prompt", "tool_name": "odd", "content": "not json"},
                ],
            },
            {"kind": "response", "parts": [{"part_kind": "text", "content": "Three."}]},
        ]
    }
    assert of("pydantic-ai", native) == [
        Message(role="system", text="Be brief."),
        Message(role="system", text="You are a clerk."),
        Message(role="user", text="Look:\nhttp://x/y.png"),
        Message(role="assistant", tool="find", args={"name": "y"}),
        Message(role="assistant", tool="odd", args="{not json"),
        Message(role="tool", tool="find", result={"found": 3}),
        Message(role="tool", tool="odd", result="not json"),
        Message(role="assistant", text="Three."),
    ]


def test_the_bare_list_of_messages_reads_as_well() -> None:
    assert of("pydantic-ai", [{"kind": "response", "parts": [{"part_kind": "text", "content": "x"}]}]) == [
        Message(role="assistant", text="x")
    ]


def test_parts_of_a_newer_release_show_and_never_fail() -> None:
    native = [{"kind": "response", "parts": [{"part_kind": "hologram", "content": {"a": 1}}, 7, None]}, "odd", None]
    assert of("pydantic-ai", native) == [Message(role="assistant", text='{"a": 1}')]
    assert of("pydantic-ai", None) == []


def test_plain_messages_and_unknown_forms_read() -> None:
    assert of("messages", [{"role": "user", "text": "a"}, {"role": "odd", "text": None}, "b"]) == [
        Message(role="user", text="a"),
        Message(role="assistant", text=""),
        Message(role="assistant", text="b"),
    ]
    assert of("of-tomorrow", {"x": 1}) == [Message(role="assistant", text='{"x": 1}')]
