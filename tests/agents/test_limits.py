"""A run stops at whichever limit comes first, says which and at what, and what was said and paid until then is kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.usage import RequestUsage

from agentcron.agents.conversation import Message, readable
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import AgentOutcome, CostBasis, Usage
from agentcron.errors import AgentDefinitionError, InvalidJobError
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import RunContext
from agentcron.storage.memory import MemoryStorage
from tests.agents.helpers import answer_of, context, factory_of, sh
from tests.agents.model_doubles import costing, loop, looping


@pytest.mark.parametrize(
    ("limits", "said", "requests", "tool_calls"),
    [
        ({"requests": 3}, "limit: requests: 4 wanted, at most 3 allowed", 3, 3),
        ({"turns": 2}, "limit: turns: 3 wanted, at most 2 allowed", 2, 2),
        ({"tool_calls": 2}, "limit: tool_calls: 3 wanted, at most 2 allowed", 3, 2),
        ({"input_tokens": 250}, "limit: input_tokens: 300 used, at most 250 allowed", 3, 2),
        ({"output_tokens": 15}, "limit: output_tokens: 20 used, at most 15 allowed", 2, 1),
        ({"total_tokens": 109}, "limit: total_tokens: 110 used, at most 109 allowed", 1, 0),
        ({"output_bytes": 30}, "limit: output_bytes: 36 used, at most 30 allowed", 3, 2),
        ({}, "limit: requests: 51 wanted, at most 50 allowed", 50, 50),
    ],
)
@pytest.mark.parametrize("where", ["job", "definition"])
async def test_a_looping_model_stops_at_the_limit(
    where: str, limits: dict[str, Any], said: str, requests: int, tool_calls: int
) -> None:
    if where == "job":
        answer = await answer_of(loop(), given=context(limits=Limits(**limits)))
    else:
        answer = await answer_of(loop(limits=limits))
    assert answer.failed == said
    assert answer.usage is not None
    assert (answer.usage.requests, answer.usage.tool_calls) == (requests, tool_calls)
    assert answer.conversation is not None
    kept = readable(answer.conversation)
    assert kept[0] == Message(role="user", text="the prompt")
    assert sum(message.role == "assistant" and message.tool is None for message in kept) == requests


async def test_a_looping_model_stops_at_its_money() -> None:
    model = looping(usage=costing("0.01"), name="gpt-4o")
    answer = await answer_of(loop(model), given=context(limits=Limits(cost_usd=Decimal("0.025"))))
    assert answer.failed == "limit: cost_usd: 0.03 used, at most 0.025 allowed"
    assert (answer.cost_usd, answer.cost_basis) == (Decimal("0.03"), CostBasis.ESTIMATED)
    assert answer.usage is not None
    assert answer.usage.requests == 3


async def test_answers_are_priced_by_the_list() -> None:
    model = looping(name="gpt-4o")
    answer = await answer_of(loop(model, limits={"cost_usd": 0.0005}))
    assert answer.failed == "limit: cost_usd: 0.0007 used, at most 0.0005 allowed"


async def test_an_answer_whose_price_is_unknown_ends_a_run_with_a_limit_of_money() -> None:
    answer = await answer_of(loop(), given=context(limits=Limits(cost_usd=Decimal(1))))
    assert answer.failed == "limit: cost_usd: the price of an answer is unknown, at most 1 allowed"


async def test_of_two_limits_the_tighter_one_holds() -> None:
    answer = await answer_of(loop(limits={"requests": 2}), given=context(limits=Limits(requests=9, tool_calls=4)))
    assert answer.failed == "limit: requests: 3 wanted, at most 2 allowed"
    answer = await answer_of(loop(limits={"requests": 9}), given=context(limits=Limits(requests=8, tool_calls=4)))
    assert answer.failed == "limit: tool_calls: 5 wanted, at most 4 allowed"


async def test_a_model_that_does_not_say_what_it_used_cannot_pass_a_limit_of_tokens() -> None:
    silent = looping(usage=RequestUsage(unmeasured_requests=1))
    answer = await answer_of(loop(silent, limits={"total_tokens": 1000}))
    assert answer.failed == "limit: total_tokens: the model does not say how many it used, at most 1000 allowed"


async def test_a_program_that_writes_without_end_is_ended_at_the_limit() -> None:
    answer = await answer_of(sh("while :; do echo 0123456789; done", limits={"output_bytes": 100}))
    assert answer.failed is not None
    assert answer.failed.startswith("limit: output_bytes: ")
    assert answer.output == ("0123456789\n" * 10)[:100]
    assert answer.conversation is not None


async def test_a_program_within_its_limit_succeeds() -> None:
    answer = await answer_of(sh("echo 0123456789", limits={"output_bytes": 11}))
    assert (answer.failed, answer.output) == (None, "0123456789\n")


async def test_a_function_is_stopped_when_it_reports_too_much() -> None:
    went_on = False

    async def work(prompt: str, context: RunContext) -> str:
        nonlocal went_on
        context.report(Usage(requests=1, input_tokens=10), cost_usd=Decimal("0.02"))
        context.report(Usage(requests=2, input_tokens=20), cost_usd=Decimal("0.04"))
        went_on = True
        return "done"

    run = await _ran({"kind": "python", "callable": work}, limits="cost_usd=0.03")
    assert (run.status, run.reason) == (ExecutionStatus.FAILURE, "limit")
    assert run.error == "limit: cost_usd: 0.04 used, at most 0.03 allowed"
    assert (run.cost_usd, run.cost_basis) == (Decimal("0.04"), CostBasis.REPORTED)
    assert run.usage == Usage(requests=2, input_tokens=20)
    assert not went_on


async def test_what_a_function_reported_is_kept_where_its_answer_does_not_say() -> None:
    def work(prompt: str, context: RunContext) -> str:
        context.report(Usage(requests=1, input_tokens=10))
        return "done"

    run = await _ran({"kind": "python", "callable": work}, limits={"requests": 1})
    assert (run.status, run.usage) == (ExecutionStatus.SUCCESS, Usage(requests=1, input_tokens=10))


@pytest.mark.parametrize(
    ("answer", "limits", "said"),
    [
        ("x" * 11, "output_bytes=10", "limit: output_bytes: 11 used, at most 10 allowed"),
        (AgentOutcome(output="x", usage=Usage(tool_calls=3)), "tool_calls=2", "limit: tool_calls: 3 used, at most 2"),
        (AgentOutcome(output="x", cost_usd=Decimal("0.2")), "cost_usd=0.1", "limit: cost_usd: 0.2 used, at most 0.1"),
    ],
)
async def test_an_answer_that_used_too_much_is_a_failure(answer: Any, limits: str, said: str) -> None:
    run = await _ran({"kind": "python", "callable": lambda prompt: answer}, limits=limits)
    assert (run.status, run.reason) == (ExecutionStatus.FAILURE, "limit")
    assert said in (run.error or "")
    assert len(run.result or "") <= 10


async def test_a_limit_that_cannot_be_kept_is_refused_when_the_job_is_made() -> None:
    definitions = {
        "local": loop(),
        "elsewhere": {"kind": "pydantic-ai", "model": "gpt-4o", "base_url": "http://127.0.0.1:1/v1"},
        "shell": sh("true"),
        "priced": loop(looping(name="gpt-4o")),
    }
    async with _plugin(definitions) as plugin:
        for agent, limits, said in (
            ("local", "cost_usd=1", "the price of function:"),
            ("elsewhere", "cost_usd=1", "the price of gpt-4o is unknown; limit total_tokens or requests instead"),
            ("shell", "requests=1", "requests is unknown to agents of this kind; it can be held to output_bytes"),
        ):
            with pytest.raises(AgentDefinitionError, match=said):
                await plugin.create_job("j", "0 9 * * *", "p", agent=agent, limits=limits)
        job_id = await plugin.create_job("j", "0 9 * * *", "p", agent="priced", limits="cost_usd=1")
        with pytest.raises(AgentDefinitionError, match="price"):
            await plugin.update_job(job_id, agent="local")


def test_a_definition_with_a_limit_that_it_cannot_keep_is_told() -> None:
    with pytest.raises(AgentDefinitionError, match="cost_usd is unknown to agents of this kind"):
        factory_of(sh("true", limits={"cost_usd": 1})).check("it")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("request=1", "limits.request: is not known; did you mean requests?"),
        ({"requests": 0}, "limits.requests: a whole number of at least 1 is needed, not 0"),
        ("cost_usd=free", "limits.cost_usd: an amount of more than 0 US dollars such as 0.25 is needed"),
        (7, "limits: a table is needed, not 7; write requests=5,cost_usd=0.10"),
    ],
)
async def test_limits_that_cannot_be_read_are_refused(limits: Any, said: str) -> None:
    async with _plugin({"it": loop()}) as plugin:
        with pytest.raises(InvalidJobError, match=said.replace("?", r"\?")):
            await plugin.create_job("j", "0 9 * * *", "p", agent="it", limits=limits)


async def test_limits_of_a_job_are_kept_edited_and_taken_back() -> None:
    async with _plugin({"it": loop(looping(name="gpt-4o"))}) as plugin:
        job_id = await plugin.create_job("j", "0 9 * * *", "p", agent="it", limits="requests=5,cost_usd=0.10")
        job = await plugin.get_job(job_id)
        assert job is not None
        assert job.limits == Limits(requests=5, cost_usd=Decimal("0.10"))
        await plugin.update_job(job_id, limits="none")
        job = await plugin.get_job(job_id)
        assert job is not None
        assert job.limits == Limits()


def _plugin(definitions: dict[str, Any]) -> BackgroundJobsPlugin:
    factory = AgentFactoryPlugin(definitions, default_definition=next(iter(definitions)))
    return BackgroundJobsPlugin(storage_plugin=MemoryStorage(), agent_factory=factory)


async def _ran(definition: dict[str, Any], **job: Any) -> Any:
    async with _plugin({"it": definition}) as plugin:
        await plugin.start_background_execution()
        job_id = await plugin.create_job("j", "0 9 * * *", "p", **job)
        return await plugin.wait_for_execution((await plugin.run_job_now(job_id)) or "")
