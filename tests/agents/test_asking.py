"""A model's run that needs a person: parked at the call, gone on with after a restart, paid for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from agentcron import (
    AgentDefinitionError,
    AgentFactoryPlugin,
    BackgroundJobsPlugin,
    Decision,
    Execution,
    ExecutionStatus,
    InputKind,
)
from agentcron.agents.conversation import readable
from tests.agents.helpers import factory_of

_E = ExecutionStatus


class Desk:
    """A mail tool that needs approval, a note tool that does not, and a model that calls them once each."""

    def __init__(self, *calls: ToolCallPart) -> None:
        self.calls = calls
        self.mails: list[str] = []
        self.notes: list[str] = []
        self.requests = 0

    def mail(self, to: str) -> str:
        """Send a mail."""
        self.mails.append(to)
        return f"sent to {to}"

    def note(self, text: str) -> str:
        """Write something down."""
        self.notes.append(text)
        return "noted"

    def model(self) -> FunctionModel:
        def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            self.requests += 1
            said = [str(part.content) for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
            used = RequestUsage(input_tokens=10, output_tokens=1)
            if not any(isinstance(message, ModelResponse) for message in messages):
                return ModelResponse(parts=list(self.calls), usage=used)
            return ModelResponse(parts=[TextPart("; ".join(said))], usage=used)

        return FunctionModel(answer)

    def definition(self, **more: Any) -> dict[str, Any]:
        tools = [{"call": self.mail, "needs_approval": True}, self.note]
        return {"kind": "pydantic-ai", "model": self.model(), "tools": tools, **more}


def plugin_on(folder: Path, definition: dict[str, Any]) -> BackgroundJobsPlugin:
    """As a process that starts anew would make it."""
    factory = AgentFactoryPlugin({"it": definition}, default_definition="it")
    return BackgroundJobsPlugin(storage_plugin=f"sqlite:///{folder}/s.sqlite", agent_factory=factory)


async def parked(folder: Path, desk: Desk, definition: dict[str, Any], **fields: Any) -> str:
    """The execution of a run that was parked; its scheduler is gone."""
    plugin = plugin_on(folder, definition)
    job_id = await plugin.create_job("job", "0 0 1 1 *", "Do it.", **fields)
    run = await plugin.run_here(await plugin.run_job_now(job_id))
    assert run.status is _E.AWAITING_INPUT
    await plugin.close()
    return run.id


async def went_on(folder: Path, desk: Desk, definition: dict[str, Any], execution_id: str) -> Execution:
    plugin = plugin_on(folder, definition)
    run = await plugin.run_here(execution_id)
    await plugin.close()
    return run


@pytest.mark.parametrize("on_interrupt", ["record", "resume"])
async def test_an_approved_call_is_made_once_with_one_more_request(tmp_path: Path, on_interrupt: str) -> None:
    desk = Desk(ToolCallPart("note", {"text": "before"}, "n"), ToolCallPart("mail", {"to": "ann"}, "m"))
    execution_id = await parked(tmp_path, desk, desk.definition(), on_interrupt=on_interrupt)
    assert (desk.requests, desk.mails, desk.notes) == (1, [], ["before"])
    plugin = plugin_on(tmp_path, desk.definition())
    [asked] = await plugin.inbox()
    assert (asked.kind, asked.tool, asked.args) == (InputKind.APPROVAL, "mail", {"to": "ann"})
    talk = await plugin.get_conversation(execution_id)
    assert talk is not None
    assert "Do it." in [message.text for message in readable(talk)]
    await plugin.approve(asked.id, by="bob")
    await plugin.close()
    run = await went_on(tmp_path, desk, desk.definition(), execution_id)
    assert (run.status, run.result, run.attempt, run.retries) == (_E.SUCCESS, "noted; sent to ann", 1, 0)
    assert (desk.requests, desk.mails, desk.notes) == (2, ["ann"], ["before"])
    assert run.usage is not None
    assert (run.usage.requests, run.usage.input_tokens, run.usage.tool_calls) == (2, 20, 2)


async def test_a_denied_call_is_not_made_and_the_model_is_told_why(tmp_path: Path) -> None:
    desk = Desk(ToolCallPart("mail", {"to": "ann"}, "m"))
    execution_id = await parked(tmp_path, desk, desk.definition())
    plugin = plugin_on(tmp_path, desk.definition())
    [asked] = await plugin.inbox()
    await plugin.deny(asked.id, "not on a Friday")
    await plugin.close()
    run = await went_on(tmp_path, desk, desk.definition(), execution_id)
    assert run.status is _E.SUCCESS
    assert run.result == "A person denied this call; do not make it again. (not on a Friday)"
    assert desk.mails == []


@pytest.mark.parametrize("decision", [Decision.ANSWERED, Decision.DENIED])
async def test_a_model_asks_and_reads_the_answer(tmp_path: Path, decision: Decision) -> None:
    call = ToolCallPart("ask_person", {"question": "Which one?", "options": ["left", "right"]}, "q")
    desk = Desk(call)
    definition = desk.definition(tools=[], ask_person=True)
    execution_id = await parked(tmp_path, desk, definition)
    plugin = plugin_on(tmp_path, definition)
    [asked] = await plugin.inbox()
    assert (asked.kind, asked.question, asked.options) == (InputKind.QUESTION, "Which one?", ("left", "right"))
    if decision is Decision.ANSWERED:
        await plugin.answer(asked.id, "left")
    else:
        await plugin.deny(asked.id)
    await plugin.close()
    run = await went_on(tmp_path, desk, definition, execution_id)
    told = "Nobody answered this question; go on without an answer, or say that you cannot."
    assert (run.status, run.result) == (_E.SUCCESS, "left" if decision is Decision.ANSWERED else told)
    assert desk.requests == 2


async def test_the_limits_count_what_was_used_before(tmp_path: Path) -> None:
    desk = Desk(ToolCallPart("mail", {"to": "ann"}, "m"))
    execution_id = await parked(tmp_path, desk, desk.definition(), limits="requests=1")
    plugin = plugin_on(tmp_path, desk.definition())
    await plugin.approve((await plugin.inbox())[0].id)
    await plugin.close()
    run = await went_on(tmp_path, desk, desk.definition(), execution_id)
    assert (run.status, run.reason) == (_E.FAILURE, "limit")
    assert desk.requests == 1


async def test_an_answer_in_a_form_may_wait_for_a_person_too(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"said": {"type": "string"}}, "required": ["said"]}
    desk = Desk(ToolCallPart("mail", {"to": "ann"}, "m"))
    await parked(tmp_path, desk, desk.definition(output_schema=schema))
    assert desk.mails == []


async def test_a_conversation_that_was_not_kept_whole_is_not_begun_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentcron.agents.conversation.MAX_BYTES", 100)
    desk = Desk(ToolCallPart("mail", {"to": "ann"}, "m"))
    execution_id = await parked(tmp_path, desk, desk.definition())
    plugin = plugin_on(tmp_path, desk.definition())
    await plugin.approve((await plugin.inbox())[0].id)
    await plugin.close()
    run = await went_on(tmp_path, desk, desk.definition(), execution_id)
    assert (run.status, run.reason, desk.requests, desk.mails) == (_E.ERROR, "parked", 1, [])
    assert "was not kept whole" in (run.error or "")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ask_person": "yes"}, "ask_person: true or false is needed, not 'yes'"),
        ({"tools": [{"call": print, "needs_approval": 1}]}, "needs_approval is true or false, not 1"),
    ],
)
def test_what_is_no_choice_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(AgentDefinitionError, match=told):
        factory_of({"kind": "pydantic-ai", "model": "test", **values}).check("it")


def test_a_definition_that_asks_is_another_one() -> None:
    """The print of a definition tells whether its tools need approval: history shows by which one a run went."""
    plain, asking = ({"kind": "pydantic-ai", "model": "test", "ask_person": asks} for asks in (False, True))
    assert factory_of(plain).fingerprint("it") != factory_of(asking).fingerprint("it")
