"""What runs ask of people, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentcron import AgentFactoryPlugin, RunContext
from agentcron.http.events import EventRing
from tests.http.conftest import Service, serving

API = "/api/v1/inbox"


async def ask(prompt: str, context: RunContext) -> str:
    return f"took {context.ask('Which one?', ['left', 'right'])}"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as found:
        found.plugin.agent_factory = AgentFactoryPlugin({"asker": {"kind": "python", "callable": ask}})
        yield found


async def parked(service: Service) -> dict[str, Any]:
    """What a run of a new job asks, as the list shows it."""
    job_id = await service.plugin.create_job("report", "0 9 * * *", "p", agent="asker")
    await service.plugin.run_here(await service.plugin.run_job_now(job_id))
    async with service.client("read") as client:
        [one] = (await client.get(API, params={"job": "report"})).json()
    return dict(one)


async def test_a_token_that_may_run_may_answer_once(service: Service) -> None:
    asked = await parked(service)
    assert (asked["question"], asked["options"], asked["waiting"]) == ("Which one?", ["left", "right"], True)
    place, answer = f"{API}/{asked['id']}", {"decision": "answer", "answer": "left"}
    async with service.client("read") as reader:
        assert (await reader.get(place)).json() == asked
        assert (await reader.post(place, json=answer)).status_code == 403
    async with service.client("run") as runner:
        given = await runner.post(place, json=answer)
        assert (given.status_code, given.json()["answered_by"]) == (200, "run")
        late = await runner.post(place, json={"decision": "deny"})
        assert late.status_code == 409
        assert "was answered by run at " in late.json()["detail"]
        assert (await runner.get(API)).json() == []
        assert len((await runner.get(API, params={"closed": "true"})).json()) == 1


async def test_an_answer_that_does_not_fit_is_a_problem(service: Service) -> None:
    asked = await parked(service)
    async with service.client("run") as client:
        for sent, status, told in (
            ({"decision": "yes"}, 422, "decision: one of approve, deny, answer is needed"),
            ({"decision": "answer", "answer": 1}, 422, "answer: a text is needed"),
            ({"decision": "answer", "answer": "up"}, 422, "choose one of: left, right"),
            ({"decision": "approve"}, 422, "is a question"),
            ({"decision": "deny", "why": "x"}, 422, "why: is not a field of an answer"),
        ):
            found = await client.post(f"{API}/{asked['id']}", json=sent)
            assert (found.status_code, told in found.json()["detail"]) == (status, True)
        assert (await client.get(f"{API}/zz")).status_code == 404


async def test_what_is_asked_is_an_event_once(service: Service) -> None:
    ring: EventRing = service.app.state.service.events
    stream = ring.stream(None)
    assert "hello" in [await anext(stream), await anext(stream)][1]
    asked = await parked(service)
    told = (await anext(stream)).split("\n\n")
    [event] = [one for one in told if "event: awaiting_input" in one]
    assert asked["id"] in event
    await stream.aclose()
