"""An agent that loops stops at whichever limit comes first, whatever its kind, and what it did until then is kept.

Each loops for ever: a further answer of ten bytes, a tool, 100 tokens read, 10 written, a cent. Models are in
test_limits.py.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.conversation import readable
from agentcron.domain.limits import Limits
from tests.agents.fake_acp import FakeAcp
from tests.agents.fake_coder import FakeCoder
from tests.agents.helpers import answer_of, context

_WORDS = "once more,"
_MESSAGE = {"type": "text", "text": _WORDS}
# Per kind: what is printed first, and what again and again; "N" is a fresh number each time.
LOOPS: dict[str, tuple[list[Any], list[Any]]] = {
    "claude-code": (
        [{"type": "system", "subtype": "init", "session_id": "s-1"}],
        [
            {
                "type": "assistant",
                "message": {
                    "id": "N",
                    "usage": {"input_tokens": 100, "output_tokens": 10},
                    "content": [_MESSAGE, {"type": "tool_use", "name": "Read", "input": {}}],
                },
            },
            {"type": "user", "message": {"content": [{"type": "tool_result"}]}},
        ],
    ),
    "codex": (
        [{"type": "thread.started", "thread_id": "s-1"}, {"type": "turn.started"}],
        [
            {"type": "item.completed", "item": {"type": "agent_message", "text": _WORDS}},
            {"type": "item.started", "item": {"type": "command_execution", "command": "ls"}},
            {"type": "item.completed", "item": {"type": "command_execution", "command": "ls", "status": "completed"}},
        ],
    ),
    "gemini-cli": (
        [{"type": "init", "session_id": "s-1"}],
        [
            {"type": "message", "role": "assistant", "content": _WORDS, "delta": True},
            {"type": "tool_use", "tool_id": "N", "tool_name": "read_file"},
            {"type": "tool_result", "tool_id": "N", "status": "success"},
        ],
    ),
    "opencode": (
        [],
        [
            {"type": "step_start", "sessionID": "s-1", "part": {}},
            {"type": "text", "sessionID": "s-1", "part": _MESSAGE},
            {"type": "tool_use", "sessionID": "s-1", "part": {"tool": "read", "state": {"status": "completed"}}},
            {
                "type": "step_finish",
                "sessionID": "s-1",
                "part": {"reason": "tool-calls", "cost": 0.01, "tokens": {"input": 100, "output": 10}},
            },
        ],
    ),
}
ACP = """import select
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    number += 1
    text("once more,"); tool(number); tool_ended(number)
    update(sessionUpdate="usage_update", used=1, size=2, cost={"amount": number / 100, "currency": "USD"})
heard(); answer("cancelled")
"""
HITS = {
    "requests": (3, "limit: requests: 4 used, at most 3 allowed"),
    "turns": (2, "limit: turns: 3 used, at most 2 allowed"),
    "tool_calls": (2, "limit: tool_calls: 3 used, at most 2 allowed"),
    "input_tokens": (250, "limit: input_tokens: 300 used, at most 250 allowed"),
    "output_tokens": (15, "limit: output_tokens: 20 used, at most 15 allowed"),
    "total_tokens": (109, "limit: total_tokens: 110 used, at most 109 allowed"),
    "cost_usd": (Decimal("0.025"), "limit: cost_usd: 0.03 used, at most 0.025 allowed"),
    "output_bytes": (35, "limit: output_bytes: 40 used, at most 35 allowed"),
}
# What these tell only at the end is judged there, or kept by the program itself.
UNSEEN = [("claude-code", "cost_usd"), ("codex", "input_tokens"), ("codex", "cost_usd"), ("gemini-cli", "total_tokens"),
          ("gemini-cli", "cost_usd"), ("acp", "output_tokens")]  # fmt: skip
CASES = [
    *(("opencode", name) for name in HITS),
    *(("acp", name) for name in HITS if not name.endswith("_tokens")),
    *((kind, "tool_calls") for kind in ("claude-code", "codex", "gemini-cli")),
    ("claude-code", "total_tokens"),
]


def looping(kind: str, folder: Path) -> dict[str, Any]:
    if kind == "acp":
        agent = FakeAcp(folder)
        agent.works(ACP)
        return agent.definition(grace="200ms")
    first, again = LOOPS[kind]
    coder = FakeCoder(folder, kind)
    lines = "\n".join(json.dumps(one) for one in again)
    coder.prints(
        *first, then=f"n = 0\nwhile True:\n    n += 1\n    print({lines!r}.replace('\"N\"', str(n)), flush=True)"
    )
    return coder.definition(grace="200ms")


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_it_stops_at_the_limit_and_what_was_said_is_kept(kind: str, name: str, tmp_path: Path) -> None:
    most, said = HITS[name]
    # By turns for the definition and for the job.
    definition = looping(kind, tmp_path)
    by_job = list(HITS).index(name) % 2 == 0
    if by_job:
        answer = await answer_of(definition, given=context(limits=Limits(**{name: most})))
    else:
        answer = await answer_of({**definition, "limits": {name: most}})
    assert answer.failed == said
    assert answer.conversation is not None
    assert answer.conversation.session == "s-1"
    assert answer.output.startswith(_WORDS[: most if name == "output_bytes" else None])
    assert answer.usage is not None
    assert answer.usage.requests > 0
    assert "once more," in "".join(one.text for one in readable(answer.conversation))


async def test_of_two_limits_the_tighter_one_stops_it(tmp_path: Path) -> None:
    definition = looping("opencode", tmp_path)
    answer = await answer_of({**definition, "limits": {"tool_calls": 10_000}}, given=context(limits=Limits(turns=2)))
    assert answer.failed is not None
    assert answer.failed.startswith("limit: turns: ")


@pytest.mark.parametrize(("kind", "name"), UNSEEN)
async def test_what_is_told_at_the_end_is_judged_there(kind: str, name: str, tmp_path: Path) -> None:
    used = {"input_tokens": 100, "output_tokens": 10}
    most = {"input_tokens": 50, "output_tokens": 5, "total_tokens": 50, "cost_usd": "0.000001"}[name]
    if kind == "acp":
        agent = FakeAcp(tmp_path)
        agent.works('text("done"); answer(usage={"inputTokens": 100, "outputTokens": 10, "totalTokens": 110})')
        definition = agent.definition()
    else:
        coder = FakeCoder(tmp_path, kind)
        ends = {
            "claude-code": {"type": "result", "subtype": "success", "result": "done", "total_cost_usd": 0.02},
            "codex": {"type": "turn.completed", "usage": used},
            "gemini-cli": {"type": "result", "status": "success", "stats": {**used, "total_tokens": 110}},
        }
        coder.prints(*LOOPS[kind][0], ends[kind])
        models = {"codex": {"model": "gpt-5-codex"}, "gemini-cli": {"model": "gemini-2.5-pro"}}
        definition = coder.definition(**models.get(kind, {}))
    answer = await answer_of(
        definition, given=context(limits=Limits(**{name: Decimal(most) if name == "cost_usd" else most}))
    )  # type: ignore[arg-type]
    assert answer.failed is not None
    assert answer.failed.startswith(f"limit: {name}: ")
