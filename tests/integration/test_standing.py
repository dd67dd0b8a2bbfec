"""While nobody can tell whether a run belongs to its process, its model is asked nothing and no tool is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentcron import AgentFactoryPlugin, Execution, ExecutionStatus, MemoryStorage, StoreUnavailable
from agentcron.engine import standing
from agentcron.testing import create_test_environment


class Leased(MemoryStorage):
    """A store whose node has a lease, which runs out when it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.over = False
        self.held = asyncio.Event()
        self.answer: Callable[[Execution | None], Execution | None] = lambda row: row
        self._ran_out = self._looks = 0

    @property
    def lapses(self) -> int | None:
        self._looks += self.over
        if self._looks == 3:
            self.held.set()
        return None if self.over else self._ran_out

    def run_out(self) -> None:
        self.over, self._ran_out = True, self._ran_out + 1

    async def get_execution(self, execution_id: str) -> Execution | None:
        return self.answer(await super().get_execution(execution_id))


class Talk:
    """A model that has a tool called twice and answers then. The lease runs out amid its first request."""

    def __init__(self, store: Leased) -> None:
        self.calls: list[str] = []
        self._store = store
        self.definition = {"kind": "pydantic-ai", "model": FunctionModel(self._answer), "tools": [self.work]}

    async def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        number = sum(isinstance(one, ModelResponse) for one in messages)
        self.calls.append("model")
        if number == 0:
            self._store.run_out()
        return ModelResponse(parts=[ToolCallPart("work", {}) if number < 2 else TextPart("done")])

    async def work(self) -> str:
        """Work."""
        self.calls.append("tool")
        return "worked"


@pytest.mark.parametrize("on_interrupt", ["record", "resume"])
@pytest.mark.parametrize("taken", [False, True])
async def test_a_run_waits_while_its_lease_is_over_and_goes_on_only_where_it_is_still_its_own(
    monkeypatch: pytest.MonkeyPatch, on_interrupt: str, taken: bool
) -> None:
    monkeypatch.setattr(standing, "ASK_AGAIN", 0.0)
    store = Leased()
    talk = Talk(store)
    factory = AgentFactoryPlugin({"talk": talk.definition})
    async with create_test_environment(storage_plugin=store, agent_factory=factory) as env:
        await env.plugin.start_background_execution()
        job = await env.plugin.create_job("job", "every 1d", "p", agent="talk", on_interrupt=on_interrupt)
        run = await env.plugin.run_job_now(job)
        await store.held.wait()
        assert talk.calls == ["model"]
        away = 2

        def answer(row: Execution | None) -> Execution | None:
            nonlocal away
            if away:
                away -= 1
                raise StoreUnavailable("the server is away")
            return row.evolve(fence=row.fence + 1) if taken and row is not None else row

        store.answer, store.over = answer, False
        while (row := await MemoryStorage.get_execution(store, run)) is None or not row.final:
            await asyncio.sleep(0)
    if taken:
        assert talk.calls == ["model"]
        assert "belongs to another scheduler" in (row.error or "")
    else:
        assert talk.calls == ["model", "tool", "model", "tool", "model"]
        assert row.status is ExecutionStatus.SUCCESS
