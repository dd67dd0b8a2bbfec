"""Whatever a program prints, reading it ends in figures: other people's programs change without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentcron.agents.acp.work import Work
from agentcron.agents.coding import claude, codex, gemini, opencode
from agentcron.agents.coding.agent import Cli
from agentcron.agents.coding.reading import event_in, money, whole
from agentcron.agents.coding.tally import Tally
from tests.agents.fake_coder import KINDS, answer, refusal

CLIS = {cli.kind: cli for cli in (claude.CLI, codex.CLI, gemini.CLI, opencode.CLI)}
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4), st.just("error")
)


def strange(example: Any) -> st.SearchStrategy[Any]:
    """The example, with anything in the place of any part of it."""
    if isinstance(example, dict):
        whole: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={k: strange(v) for k, v in example.items()})
    elif isinstance(example, list):
        whole = st.lists(st.one_of([strange(one) for one in example] or [_SCALARS]), max_size=3)
    else:
        whole = st.just(example)
    return st.one_of(whole, whole, whole, _SCALARS)


def _events(kind: str) -> list[Any]:
    printed = [*answer(kind, denied=True), *refusal(kind, 401)]
    return [one for one in printed if isinstance(one, dict)]


@pytest.mark.parametrize("odd", [float("inf"), float("nan"), -1, -0.5, 2**64, 1e300, True, "7", None, [1]])
def test_what_is_no_count_counts_for_nothing(odd: Any) -> None:
    assert (whole(odd), money(odd)) == (0, None)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_event_of_a_coding_agent_breaks_its_reading(kind: str, data: st.DataObject) -> None:
    cli: Cli = CLIS[kind]
    tally = Tally(cumulative=cli.cumulative)
    for example in data.draw(st.lists(st.sampled_from(_events(kind)), max_size=4)):
        event = event_in(json.dumps(data.draw(strange(example))))
        if event is not None:
            tally.keep(event, 1)
            cli.take(tally, event)
    reading = tally.reading()
    assert reading.usage is None or 0 <= reading.usage.tokens < 2**60
    assert reading.cost_usd is None or reading.cost_usd.is_finite()
    json.dumps(reading.events)


_TEXT = {"type": "text", "text": "x"}
UPDATES = [
    {"sessionUpdate": "agent_message_chunk", "content": _TEXT, "messageId": "1"},
    {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "t", "kind": "read", "rawInput": {}},
    {"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed", "content": [{"content": _TEXT}]},
    {"sessionUpdate": "usage_update", "cost": {"amount": 1, "currency": "USD"}},
]
ASKED = {"toolCall": {"toolCallId": "1", "kind": "edit"}, "options": [{"kind": "allow_once", "optionId": "a"}]}
ENDS = {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "_meta": {"quota": {"token_count": {}}}}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_message_of_the_protocol_breaks_the_work(data: st.DataObject) -> None:
    work = Work()

    def drawn(example: Any) -> Any:
        value = json.loads(json.dumps(data.draw(strange(example))))
        return value if isinstance(value, dict) else {}

    for example in data.draw(st.lists(st.sampled_from(UPDATES), max_size=5)):
        work.take(drawn(example))
    work.permit(drawn(ASKED), "edit")
    work.count(drawn(ENDS))
    assert isinstance(work.text, str)
    assert 0 <= work.usage.tokens < 2**60
    assert all(isinstance(one, str) for one in work.denied)
    json.dumps(work.told)
