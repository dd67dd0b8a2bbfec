"""Coding agents as kinds: called so that they cannot ask, read, judged by their output, gone on with, ended."""

from __future__ import annotations

import asyncio
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.coding.claude import take
from agentcron.agents.coding.reading import error_of
from agentcron.agents.coding.tally import Tally
from agentcron.agents.conversation import readable
from agentcron.agents.processes import end_tree
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.errors import AgentDefinitionError, AgentError
from tests.agents.fake_coder import KINDS, FakeCoder, answer, limit, refusal
from tests.agents.helpers import context, factory_of, lives, pid_in, until


@pytest.fixture(params=KINDS)
def coder(request: pytest.FixtureRequest, tmp_path: Path) -> FakeCoder:
    return FakeCoder(tmp_path, request.param)


BASIS = {
    "claude-code": (Decimal("0.02"), CostBasis.REPORTED),
    "codex": (None, CostBasis.UNKNOWN),
    "opencode": (Decimal("0.02"), CostBasis.REPORTED),
}


async def test_the_answer_is_read_with_tokens_cost_and_session(coder: FakeCoder) -> None:
    coder.prints(*answer(coder.kind, "it is done"))
    found = await coder.ask()
    assert (found.output, found.failed, found.conversation.session) == ("it is done", None, "s-1")
    assert (found.usage.input_tokens, found.usage.cached_tokens, found.usage.output_tokens) == (100, 70, 5)
    if coder.kind == "gemini-cli":
        assert found.cost_basis is CostBasis.ESTIMATED
        assert found.cost_usd > 0
    else:
        assert (found.cost_usd, found.cost_basis) == BASIS[coder.kind]
    assert [one.text for one in readable(found.conversation)] == ["-do it", "it is done"]


async def test_it_is_called_with_a_home_of_its_own_and_nothing_to_read(coder: FakeCoder, tmp_path: Path) -> None:
    coder.prints(*answer(coder.kind))
    await coder.ask(args=["--extra"], model="m-1")
    (call,) = coder.calls()
    assert (call["env"]["HOME"], call["stdin"]) == (str(tmp_path / "home"), "")
    assert {"--extra", "m-1"} <= set(call["argv"])
    assert call["argv"][-1] in ("-do it", "--prompt=-do it")


@pytest.mark.parametrize(
    ("permissions", "told"),
    [
        ("read", ("dontAsk", 'sandbox_mode="read-only"', "default", '"bash": "deny"')),
        ("edit", ("acceptEdits", 'sandbox_mode="workspace-write"', "auto_edit", '"edit": "allow", "bash": "deny"')),
        ("all", ("bypassPermissions", 'sandbox_mode="danger-full-access"', "yolo", '"bash": "allow"')),
    ],
)
async def test_permissions_are_told_so_that_nothing_can_be_asked(
    coder: FakeCoder, permissions: str, told: tuple[str, ...]
) -> None:
    coder.prints(*answer(coder.kind))
    await coder.ask(permissions=permissions)
    (call,) = coder.calls()
    where = call["env"]["OPENCODE_PERMISSION"] if coder.kind == "opencode" else " ".join(call["argv"])
    assert told[KINDS.index(coder.kind)] in where
    if coder.kind == "codex":
        assert 'approval_policy="never"' in call["argv"]
    if coder.kind == "opencode":
        assert '"ask"' not in where


async def test_going_on_with_a_session_pays_for_its_own_call_only(coder: FakeCoder) -> None:
    for total in (1, 2, 3):
        coder.prints(*answer(coder.kind, total=total))
        found = await coder.ask(resume="last")
        assert found.usage.input_tokens == 100
        if found.cost_basis is CostBasis.REPORTED:
            assert found.cost_usd == Decimal("0.02")
    first, second, third = (call["argv"] for call in coder.calls())
    assert "s-1" not in first
    assert "s-1" in second
    assert "s-1" in third


async def test_a_job_that_continues_goes_on_with_the_session_of_its_conversation(coder: FakeCoder) -> None:
    def talk(kind: str) -> Conversation:
        return Conversation(kind=kind, format="coding-agent", format_version=1, native=None, session="s-1")

    for total, kept in ((1, None), (2, talk(coder.kind)), (1, talk("pydantic-ai"))):
        coder.prints(*answer(coder.kind, total=total))
        agent = await factory_of(coder.definition()).create("it", context(conversation=kept))
        found = await agent.run("p")
        await agent.close()
        assert found.usage is not None
        assert found.usage.input_tokens == 100
    assert ["s-1" in call["argv"] for call in coder.calls()] == [False, True, False]


async def test_a_session_that_is_gone_fails_one_run_and_no_later_one(coder: FakeCoder) -> None:
    coder.prints(*answer(coder.kind))
    await coder.ask(resume="last")
    coder.prints("no such session", code=42)
    with pytest.raises(AgentError, match="exit code 42"):
        await coder.ask(resume="last")
    coder.prints(*answer(coder.kind))
    await coder.ask(resume="last")
    assert ["s-1" in call["argv"] for call in coder.calls()] == [False, True, False]


@pytest.mark.parametrize("resume", ["last", "never"])
async def test_a_session_that_claude_does_not_find_fails_one_run_and_no_later_one(tmp_path: Path, resume: str) -> None:
    coder = FakeCoder(tmp_path, "claude-code")
    error = {"type": "result", "subtype": "error_during_execution", "is_error": True, "num_turns": 0}
    error |= {"session_id": "s-1", "total_cost_usd": 0, "errors": ["No conversation found with session ID: s-1"]}
    talk = Conversation(kind=coder.kind, format="coding-agent", format_version=1, native=None, session="s-1")

    async def ask() -> None:
        # What the job says of its conversation stays as it is while runs fail: only one that succeeds is gone on with.
        given = context(conversation=talk if resume == "never" else None)
        agent = await factory_of(coder.definition(resume=resume)).create("it", given)
        try:
            await agent.run("p")
        finally:
            await agent.close()

    if resume == "last":
        coder.prints(*answer(coder.kind))
        await ask()
    coder.prints(error, code=1)
    with pytest.raises(AgentError, match="No conversation found"):
        await ask()
    coder.prints(*answer(coder.kind, session="s-2"))
    await ask()
    assert ["s-1" in call["argv"] for call in coder.calls()][-2:] == [True, False]


async def test_a_lost_session_of_a_conversation_fails_one_run_and_no_later_one(coder: FakeCoder) -> None:
    talk = Conversation(kind=coder.kind, format="coding-agent", format_version=1, native=None, session="s-1")
    factory = factory_of(coder.definition())
    coder.prints("no such session", code=42)
    agent = await factory.create("it", context(conversation=talk))
    with pytest.raises(AgentError, match="exit code 42"):
        await agent.run("p")
    await agent.close()
    coder.prints(*answer(coder.kind))
    agent = await factory.create("it", context(conversation=talk))
    await agent.run("p")
    await agent.close()
    assert ["s-1" in call["argv"] for call in coder.calls()] == [True, False]


async def test_a_call_that_the_provider_refused_is_not_gone_on_with(coder: FakeCoder) -> None:
    coder.prints(*refusal(coder.kind, 401))
    with pytest.raises(AgentError):
        await coder.ask(resume="last")
    coder.prints(*answer(coder.kind))
    await coder.ask(resume="last")
    assert "s-1" not in coder.calls()[1]["argv"]


async def test_another_job_has_a_session_of_its_own(coder: FakeCoder) -> None:
    coder.prints(*answer(coder.kind))
    await coder.ask(resume="last", job="one")
    await coder.ask(resume="last", job="other")
    assert "s-1" not in coder.calls()[1]["argv"]


async def test_a_denied_action_is_recorded_and_fails_the_run_where_strict(coder: FakeCoder) -> None:
    coder.prints(*answer(coder.kind, denied=True))
    found = await coder.ask()
    assert (found.failed, len(found.conversation.native["denied"])) == (None, 1)
    assert "denied" in [one.text for one in readable(found.conversation)]
    strict = await coder.ask(denied_actions="strict")
    assert strict.failed == f"denied: {found.conversation.native['denied'][0]}"
    assert strict.output == "done"


@pytest.mark.parametrize(("status", "kind", "retryable"), [(401, "auth", False), (429, "rate_limit", True)])
async def test_what_the_provider_refused_is_told_apart(
    coder: FakeCoder, status: int, kind: str, retryable: bool
) -> None:
    for code in (0, 1):
        coder.prints(*refusal(coder.kind, status), code=code)
        with pytest.raises(AgentError) as error:
            await coder.ask()
        assert (error.value.kind, error.value.retryable, str(status) in str(error.value)) == (kind, retryable, True)


def test_too_many_requests_are_told_apart_from_a_key_that_is_refused() -> None:
    told = "[API Error: Rate limit exceeded.]\nPlease wait and try again later, or switch to another /auth method"
    assert error_of(told).kind == "rate_limit"


@pytest.mark.parametrize("kind", ["claude-code", "gemini-cli"])
async def test_a_limit_that_was_hit_is_a_failure_whatever_the_exit_code(kind: str, tmp_path: Path) -> None:
    coder = FakeCoder(tmp_path, kind)
    events, code = limit(kind)
    coder.prints(*events, code=code)
    found = await coder.ask(limits={"turns": 3})
    assert found.failed.startswith("limit: turns")
    (call,) = coder.calls()
    if kind == "claude-code":
        assert call["argv"][call["argv"].index("--max-turns") + 1] == "3"
    else:
        assert '"maxSessionTurns": 3' in Path(call["env"]["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"]).read_text()


async def test_a_run_keeps_its_limit_of_turns_beside_a_run_of_another_one(tmp_path: Path) -> None:
    coder = FakeCoder(tmp_path, "gemini-cli")
    coder.prints(*answer(coder.kind))
    for limits in ({"turns": 3}, {"turns": 4}, {}):
        await coder.ask(limits=limits)
    # The program may read its settings at any time while it works.
    settings = [json.loads(Path(call["env"]["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"]).read_text()) for call in coder.calls()]
    assert [one.get("model") for one in settings] == [{"maxSessionTurns": 3}, {"maxSessionTurns": 4}, None]


async def test_settings_that_cannot_be_written_are_told_with_the_folder(tmp_path: Path) -> None:
    coder = FakeCoder(tmp_path, "gemini-cli")
    coder.prints(*answer(coder.kind))
    (tmp_path / "home" / "agentcron-gemini.json").mkdir(parents=True)
    with pytest.raises(AgentError, match=r"home: .*agentcron-gemini\.json cannot be written"):
        await coder.ask()


async def test_no_result_is_never_a_success(coder: FakeCoder) -> None:
    coder.prints("nothing of use")
    with pytest.raises(AgentError, match="its output holds no result"):
        await coder.ask()
    coder.prints("nothing of use", code=7)
    with pytest.raises(AgentError, match="ended with exit code 7"):
        await coder.ask()
    coder.prints(*answer(coder.kind)[:-1], then="print('x' * 300_000)")
    with pytest.raises(AgentError, match="more than max_output_bytes = 100000"):
        await coder.ask(max_output_bytes=100_000)


async def test_a_run_that_is_cancelled_is_ended_with_its_processes_and_what_it_said_is_known(tmp_path: Path) -> None:
    coder = FakeCoder(tmp_path, "claude-code")
    ready = tmp_path / "pid"
    coder.prints(then=f"open({str(ready)!r}, 'w').write(f'{{os.getpid()}}\\n')\nimport time; time.sleep(1000)")
    # Not after tmp_path: two workers have folders of one name, and each would end the other's agents.
    execution_id = f"bad-{uuid.uuid4().hex}"
    agent = await factory_of(coder.definition(grace="200ms")).create("it", context(execution_id=execution_id))
    run = asyncio.create_task(agent.run("p"))
    await until(lambda: pid_in(ready) or run.done(), "it works")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    so_far = agent.so_far()
    await agent.close()
    assert not lives(pid_in(ready))
    assert so_far is not None
    assert so_far.conversation is not None
    assert so_far.conversation.session is not None
    assert await asyncio.to_thread(end_tree, 1, 0.0, execution_id) == 0


def test_a_definition_that_asks_for_what_the_program_lacks_is_refused() -> None:
    for values, said in [
        ({"kind": "opencode", "permissions": "write"}, "permissions: there is no 'write'"),
        ({"kind": "gemini-cli", "resume": "always"}, "resume: there is no 'always'"),
        ({"kind": "claude-code", "limits": {"turns": 0}}, "limits.turns"),
        ({"kind": "claude-code", "args": "--x"}, "args: a list of texts is needed"),
    ]:
        with pytest.raises(AgentDefinitionError) as refused:
            factory_of(values)
        assert said in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "more", "refused"),
    [
        ("codex", {}, True),
        ("codex", {"model": "no-such-model"}, True),
        ("codex", {"model": "gpt-5-codex", "env": {"OPENAI_BASE_URL": "http://x"}}, True),
        ("codex", {"model": "gpt-5-codex"}, False),
        ("gemini-cli", {}, True),
        ("gemini-cli", {"model": "gemini-2.5-pro"}, False),
        ("claude-code", {}, False),
        ("opencode", {}, False),
    ],
)
def test_a_limit_of_money_is_refused_where_no_price_is_known(kind: str, more: dict[str, Any], refused: bool) -> None:
    factory = factory_of({"kind": kind, "executable": "true", "limits": {"cost_usd": 1}, **more})
    if refused:
        with pytest.raises(AgentDefinitionError, match="limits: cost_usd: the price is not known"):
            factory.check("it")
    else:
        factory.check("it")


async def test_a_loop_that_the_program_noticed_itself_is_no_success(tmp_path: Path) -> None:
    coder = FakeCoder(tmp_path, "gemini-cli")
    noticed = {"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"}
    coder.prints(noticed, {"type": "result", "status": "success", "stats": {}})
    assert (await coder.ask()).failed == "the agent stopped itself: Loop detected, stopping execution"


def test_a_program_that_is_missing_is_found_before_the_run() -> None:
    with pytest.raises(AgentDefinitionError, match="executable: codex is not on PATH"):
        factory_of({"kind": "codex"}, environ={"PATH": "/nowhere"}).check("it")


def test_a_result_without_its_messages_tells_how_many_requests_there_were() -> None:
    tally = Tally()
    take(tally, {"type": "result", "subtype": "success", "num_turns": 4, "result": "x", "usage": {"output_tokens": 2}})
    assert tally.reading().usage == Usage(output_tokens=2, requests=4)
