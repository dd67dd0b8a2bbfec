"""Agents of the Agent Client Protocol: asked, heard, refused what they may not do, gone on with, ended."""

from __future__ import annotations

import asyncio
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.conversation import Message, readable
from agentcron.agents.processes import end_tree
from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.errors import AgentDefinitionError, AgentError
from tests.agents.fake_acp import FakeAcp
from tests.agents.helpers import answer_of, context, factory_of, lives, pid_in, until

USED = '{"inputTokens": 30, "outputTokens": 5, "cachedReadTokens": 70, "totalTokens": 105}'


@pytest.fixture
def fake(tmp_path: Path) -> FakeAcp:
    return FakeAcp(tmp_path)


async def test_text_tools_tokens_cost_and_session_are_read(fake: FakeAcp) -> None:
    fake.works(
        'text("let me "); text("look"); tool(1, rawInput={"path": "a"}); tool_ended(1, "found it")\n'
        'update(sessionUpdate="agent_thought_chunk", content={"type": "text", "text": "hm"})\n'
        'text("it is "); text("done")\n'
        'update(sessionUpdate="usage_update", used=9, size=99, cost={"amount": 0.02, "currency": "USD"})\n'
        f"answer(usage={USED})"
    )
    found = await fake.ask()
    assert (found.output, found.failed) == ("it is done", None)
    assert found.usage == Usage(input_tokens=100, output_tokens=5, cached_tokens=70, requests=2, tool_calls=1)
    assert (found.cost_usd, found.cost_basis) == (Decimal("0.02"), CostBasis.REPORTED)
    assert (found.conversation.session, found.conversation.kind) == ("s-1", "acp")
    assert readable(found.conversation) == [
        Message(role="user", text="-do it"),
        Message(role="assistant", text="let me look"),
        Message(role="assistant", tool="look", args={"path": "a"}),
        Message(role="tool", tool="look", result=["found it"]),
        Message(role="assistant", text="it is done"),
    ]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ('usage={"inputTokens": 100, "outputTokens": 5, "cachedReadTokens": 70, "totalTokens": 105}', (100, 5, 70)),
        ('usage={"inputTokens": 30, "outputTokens": 3, "thoughtTokens": 2, "totalTokens": 35}', (30, 5, 0)),
        ('_meta={"quota": {"token_count": {"input_tokens": 100, "output_tokens": 5}}}', (100, 5, 0)),
    ],
)
async def test_tokens_are_read_however_they_are_told(fake: FakeAcp, told: str, read: tuple[int, ...]) -> None:
    fake.works(f'text("done"); answer(**dict({told}))')
    used = (await fake.ask()).usage
    assert (used.input_tokens, used.output_tokens, used.cached_tokens) == read


async def test_it_gets_a_home_of_its_own_the_prompt_and_no_files_or_terminal(fake: FakeAcp, tmp_path: Path) -> None:
    await fake.ask(cwd=str(tmp_path), instructions="Be brief.", mode="plan", auth="key")
    assert fake.told()[0]["env"]["HOME"] == str(tmp_path / "home")
    [greeting] = fake.told("initialize")
    assert greeting["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
    }
    assert fake.told("session/new") == [{"cwd": str(tmp_path), "mcpServers": []}]
    assert fake.told("authenticate") == [{"methodId": "key"}]
    assert fake.told("session/set_mode") == [{"sessionId": "s-1", "modeId": "plan"}]
    [asked] = fake.told("session/prompt")
    assert asked["prompt"] == [{"type": "text", "text": "Be brief.\n\n-do it"}]


async def test_what_is_not_offered_is_refused_and_holds_nothing_up(fake: FakeAcp) -> None:
    fake.works(
        'say(id=5, method="fs/read_text_file", params={"sessionId": session, "path": "/etc/passwd"})\n'
        'text(str(heard()["error"]["code"])); answer()'
    )
    assert (await fake.ask()).output == "-32601"


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [("read", ["read"]), ("edit", ["read", "edit"]), ("all", ["read", "edit", "execute", "other"])],
)
async def test_permission_is_given_by_the_definition_and_what_is_denied_is_kept(
    fake: FakeAcp, permissions: str, allowed: list[str]
) -> None:
    fake.works(
        'kinds = ("read", "edit", "execute", "other")\n'
        'given = [may(number, "do " + kind, kind) for number, kind in enumerate(kinds)]\n'
        'text(" ".join(one["optionId"] for one in given)); answer()'
    )
    found = await fake.ask(permissions=permissions)
    said = dict(zip(("read", "edit", "execute", "other"), found.output.split(), strict=True))
    assert [kind for kind, option in said.items() if option == "id-allow_once"] == allowed
    denied = [f"{kind}(do {kind})" for kind in said if kind not in allowed]
    assert (found.conversation.native["denied"], found.failed) == (denied, None)
    strict = await fake.ask(permissions=permissions, denied_actions="strict")
    assert strict.failed == (f"denied: {', '.join(denied)}" if denied else None)


async def test_an_agent_that_offers_no_way_to_deny_is_told_that_it_is_cancelled(fake: FakeAcp) -> None:
    fake.works('text(may(1, options=("allow_always",))["outcome"]); answer()')
    found = await fake.ask()
    assert (found.output, found.conversation.native["denied"]) == ("cancelled", ["execute(rm x)"])


@pytest.mark.parametrize("offered", [{"loadSession": True}, {"sessionCapabilities": {"resume": {}}}])
async def test_a_job_goes_on_with_its_session_and_pays_for_its_own_run(fake: FakeAcp, offered: Any) -> None:
    for total in (1, 2):
        cost = f'{{"amount": {0.02 * total}, "currency": "USD"}}'
        used = '{"inputTokens": 100, "outputTokens": 5, "totalTokens": 105}'
        fake.works(
            f'update(sessionUpdate="usage_update", used=1, size=2, cost={cost}); text("done"); answer(usage={used})',
            capabilities=offered,
        )
        found = await fake.ask(resume="last")
        assert (found.output, found.cost_usd, found.usage.tokens) == ("done", Decimal("0.02"), 105)
        assert "said before" not in str(found.conversation.native)
    assert len(fake.told("session/new")) == 1
    way = "session/load" if "loadSession" in offered else "session/resume"
    assert [one["sessionId"] for one in fake.told(way)] == ["s-1"]


async def test_a_job_that_continues_goes_on_with_the_session_of_its_conversation(fake: FakeAcp) -> None:
    fake.works('text("done"); answer()', capabilities={"loadSession": True})
    talk = Conversation(kind="acp", format="acp", format_version=1, native=None, session="s-1")
    assert (await fake.ask(given=context(conversation=talk))).output == "done"
    assert [one["sessionId"] for one in fake.told("session/load")] == ["s-1"]


async def test_a_session_that_is_gone_fails_one_run_and_no_later_one(fake: FakeAcp) -> None:
    fake.works('session = "s-2"; text("done"); answer()', capabilities={"loadSession": True})
    fake.path.write_text(fake.path.read_text().replace('"s-1", {\'load', '"s-2", {\'load'))
    await fake.ask(resume="last")
    with pytest.raises(AgentError, match="Resource not found"):
        await fake.ask(resume="last")
    assert (await fake.ask(resume="last")).output == "done"


async def test_an_agent_that_cannot_go_on_says_so_at_once(fake: FakeAcp) -> None:
    with pytest.raises(AgentError, match='leave resume = "last" out'):
        await fake.ask(resume="last")


async def test_a_lost_session_of_a_conversation_fails_one_run_and_no_later_one(fake: FakeAcp) -> None:
    fake.works('text("done"); answer()', capabilities={"loadSession": True})
    talk = Conversation(kind="acp", format="acp", format_version=1, native=None, session="s-gone")
    with pytest.raises(AgentError, match="Resource not found"):
        await fake.ask(given=context(conversation=talk))
    assert (await fake.ask(given=context(conversation=talk))).output == "done"


@pytest.mark.parametrize(
    ("reason", "failed"),
    [
        ("max_tokens", "limit: output_tokens: the agent's own was reached"),
        ("max_turn_requests", "limit: turns: the agent's own was reached"),
        ("refusal", "the agent refused"),
    ],
)
async def test_why_it_stopped_is_told(fake: FakeAcp, reason: str, failed: str) -> None:
    fake.works(f'text("so far"); answer({reason!r})')
    found = await fake.ask()
    assert (found.output, found.failed) == ("so far", failed)


@pytest.mark.parametrize(
    ("work", "kind", "said"),
    [
        ('say(id=asked, error={"code": -32000, "message": "Authentication required"})', "auth", "give its key by env"),
        ('say(id=asked, error={"code": -32603, "message": "Internal error", "data": {"details": "HTTP 429"}})',
         "rate_limit", "HTTP 429"),
        ('say(id=asked, error={"code": -32603, "message": "401 invalid key"})', "auth", "401 invalid key"),
        ('print("no key", file=sys.stderr); sys.exit(3)', "exit", "ended with exit code 3: no key"),
        ("sys.exit(0)", "exit", "ended before it answered"),
        ('answer("cancelled")', "agent", "somebody else stopped it"),
    ],
)  # fmt: skip
async def test_what_went_wrong_is_told_apart(fake: FakeAcp, work: str, kind: str, said: str) -> None:
    fake.works(work)
    with pytest.raises(AgentError) as error:
        await fake.ask()
    assert error.value.kind == kind
    assert said in str(error.value)


async def test_another_version_of_the_protocol_is_refused(fake: FakeAcp) -> None:
    fake.works("answer()", version=2)
    with pytest.raises(AgentError, match="speaks version 2 of the protocol"):
        await fake.ask()


async def test_output_without_end_is_ended(fake: FakeAcp) -> None:
    fake.works('while True: text("x" * 1000)')
    with pytest.raises(AgentError, match="more than max_output_bytes = 100000"):
        await fake.ask(max_output_bytes=100_000)
    fake.works('while True: print("x" * 100_000, end="", flush=True)')
    with pytest.raises(AgentError, match="more than max_output_bytes = 100000"):
        await fake.ask(max_output_bytes=100_000)


async def test_a_limit_of_what_the_agent_does_not_tell_is_not_passed(fake: FakeAcp) -> None:
    assert (await fake.ask(limits={"total_tokens": 9})).failed.startswith("limit: total_tokens: the agent does not")
    assert (await fake.ask(limits={"cost_usd": 1})).failed.startswith("limit: cost_usd: nobody says what it cost")


async def test_a_cancel_is_told_to_the_agent_before_its_processes_are_ended(fake: FakeAcp, tmp_path: Path) -> None:
    ready = tmp_path / "pid"
    fake.works(
        "import subprocess\n"
        "subprocess.Popen(['setsid', 'sleep', '1000'])\n"
        f'text("begun"); open({str(ready)!r}, "w").write(f"{{os.getpid()}}\\n")\n'
        'heard(); answer("cancelled"); time.sleep(1000)'
    )
    execution_id = f"acp-{uuid.uuid4().hex}"
    agent = await factory_of(fake.definition(grace="200ms")).create("it", context(execution_id=execution_id))
    run = asyncio.create_task(agent.run("p"))
    await until(lambda: pid_in(ready) or run.done(), "it works")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    so_far = agent.so_far()
    await agent.close()
    assert fake.told("session/cancel") == [{"sessionId": "s-1"}]
    assert so_far is not None
    assert so_far.output == "begun"
    assert not lives(pid_in(ready))
    assert await asyncio.to_thread(end_tree, 1, 0.0, execution_id) == 0


def test_what_is_missing_or_unknown_is_said() -> None:
    for values, said in [
        ({"kind": "acp"}, "command: a list such as"),
        ({"kind": "acp", "command": ["x"], "permissions": "write"}, "permissions: there is no 'write'"),
        ({"kind": "acp", "command": ["x"], "modes": "plan"}, "did you mean mode?"),
    ]:
        with pytest.raises(AgentDefinitionError) as refused:
            factory_of(values)
        assert said in str(refused.value)
    with pytest.raises(AgentDefinitionError, match="nowhere-to-be-found is not on PATH"):
        factory_of({"kind": "acp", "command": ["nowhere-to-be-found"]}).check("it")


OFFICIAL = """
import asyncio
from acp import PROTOCOL_VERSION, Agent, InitializeResponse, NewSessionResponse, PromptResponse, run_agent
from acp import text_block, update_agent_message
from acp.schema import PermissionOption, ToolCallUpdate


class Polite(Agent):
    def on_connect(self, conn):
        self.conn = conn

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(protocol_version=PROTOCOL_VERSION)

    async def new_session(self, cwd, **_):
        return NewSessionResponse(session_id="official")

    async def prompt(self, session_id, prompt, **_):
        options = [PermissionOption(option_id=kind, name=kind, kind=kind) for kind in ("allow_once", "reject_once")]
        call = ToolCallUpdate(tool_call_id="1", title="rm x", kind="execute")
        told = await self.conn.request_permission(session_id=session_id, tool_call=call, options=options)
        words = f"{prompt[0].text}: {told.outcome.option_id}"
        await self.conn.session_update(session_id=session_id, update=update_agent_message(text_block(words)))
        return PromptResponse(stop_reason="end_turn")


asyncio.run(run_agent(Polite()))
"""


async def test_an_agent_made_with_the_official_library_understands_us(tmp_path: Path) -> None:
    program = tmp_path / "official.py"
    program.write_text(OFFICIAL)
    definition = {"kind": "acp", "command": [sys.executable, str(program)], "home": str(tmp_path / "home")}
    found = await answer_of(definition, "hello", context(limits=Limits(turns=9)))
    assert (found.output, found.conversation.session) == ("hello: reject_once", "official")
    assert found.conversation.native["denied"] == ["execute(rm x)"]
