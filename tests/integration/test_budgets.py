"""Budgets across runs: what is reserved before a run, what is spent after it, and what follows when it is used up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron import (
    AgentDefinitionError,
    AgentError,
    AgentFactoryPlugin,
    AgentOutcome,
    BackgroundJobsPlugin,
    InvalidJobError,
    Usage,
)
from agentcron.domain.model import Execution
from agentcron.ports import JobStore, RunContext
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeClock

STORES = ["memory", "sqlite", "json folder"]


class Agents:
    """Two definitions that use 100 tokens and 10 cents a run; runs of ``slow`` wait for ``go``."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.go = asyncio.Event()
        self.go.set()

    async def dear(self, prompt: str) -> AgentOutcome:
        self.called.append("dear")
        await self.go.wait()
        return AgentOutcome(output="done", usage=Usage(input_tokens=60, output_tokens=40), cost_usd=Decimal("0.10"))

    async def cheap(self, prompt: str) -> str:
        self.called.append("cheap")
        return "cheap"

    async def broken(self, prompt: str, context: RunContext) -> str:
        context.report(Usage(input_tokens=100))
        raise AgentError("no route to host", kind="network", retryable=True)

    def factory(self) -> AgentFactoryPlugin:
        names = ("dear", "cheap", "broken")
        definitions = {name: {"kind": "python", "callable": getattr(self, name)} for name in names}
        return AgentFactoryPlugin(definitions=definitions, default_definition="dear")


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
def make(
    request: pytest.FixtureRequest, tmp_path: Path, agents: Agents, clock: FakeClock
) -> Callable[..., BackgroundJobsPlugin]:
    shared: dict[str, JobStore] = {"memory": MemoryStorage(), "json folder": StorageFsPlugin(tmp_path)}

    def plugin(**options: Any) -> BackgroundJobsPlugin:
        store = shared.get(request.param) or SqliteStorage(tmp_path / "store.sqlite")
        log = logging.getLogger("test")
        return BackgroundJobsPlugin(
            storage_plugin=store, agent_factory=agents.factory(), clock=clock, logger=log, **options
        )

    return plugin


async def run(plugin: BackgroundJobsPlugin, job_id: str) -> Execution:
    return await plugin.run_here(await plugin.run_job_now(job_id))


def told(run: Execution) -> tuple[str, str | None]:
    return run.status.value, run.reason


async def test_a_job_beyond_its_tokens_is_skipped_and_why_tells_the_figures(
    make: Callable[..., BackgroundJobsPlugin], agents: Agents, clock: FakeClock
) -> None:
    plugin = make()
    job = await plugin.create_job("j", "every 1h", "p", budgets="tokens=250,window=1d")
    runs = [await run(plugin, job) for _ in range(3)]
    assert [told(one) for one in runs] == [("SUCCESS", None), ("SUCCESS", None), ("SKIPPED", "budget")]
    assert len(agents.called) == 2
    assert runs[2].error is not None
    assert "250 tokens in 1d: 200 tokens spent, 0 tokens reserved, 100 tokens expected" in runs[2].error
    await clock.advance(timedelta(hours=1))
    await plugin.force_evaluation()
    [slot] = [one for one in await plugin.get_executions(job, include_skipped=True) if not one.manual]
    sentence = (await plugin.explain(job, slot.at)).sentence
    assert "was skipped: a budget was used up: budget job:" in sentence
    await clock.advance(timedelta(days=1, hours=1))
    assert told(await run(plugin, job)) == ("SUCCESS", None)
    await plugin.close()


async def test_a_retry_without_room_ends_as_the_failure_that_it_was(
    make: Callable[..., BackgroundJobsPlugin], clock: FakeClock
) -> None:
    plugin = make()
    job = await plugin.create_job(
        "j", "every 1h", "p", agent="broken", budgets="tokens=105,window=1d", retry={"attempts": 5}
    )
    ended = await run(plugin, job)
    assert told(ended) == ("PENDING", "network")
    await clock.advance(timedelta(minutes=10))
    ended = await plugin.run_here(ended.id)
    assert told(ended) == ("ERROR", "network")
    assert ended.error is not None
    assert ended.error.startswith("no route to host; not tried again: budget job:")
    found = await plugin.get_job(job)
    assert found is not None
    assert found.streak == 0
    await plugin.close()


async def test_the_budget_of_all_jobs_and_of_a_tag_hold_for_jobs_without_their_own(
    make: Callable[..., BackgroundJobsPlugin],
) -> None:
    plugin = make(budgets={"all": "runs=3,window=7d", "tag:x": {"cost_usd": 0.1, "window": "1h"}})
    tagged = await plugin.create_job("tagged", "0 9 * * *", "p", tags=["x"])
    other = await plugin.create_job("other", "0 9 * * *", "p")
    ended = [await run(plugin, job) for job in (tagged, tagged, other, other, other)]
    assert [told(one)[0] for one in ended] == ["SUCCESS", "SKIPPED", "SUCCESS", "SUCCESS", "SKIPPED"]
    assert ended[1].error is not None
    assert ended[4].error is not None
    assert ended[1].error.startswith("budget tag:x, $0.1 in 1h")
    assert ended[4].error.startswith("budget all, 3 runs in 7d")
    await plugin.close()


async def test_a_budget_pauses_its_job_and_a_resume_clears_it(
    make: Callable[..., BackgroundJobsPlugin], caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    plugin = make()
    job = await plugin.create_job("j", "0 9 * * *", "p", budgets={"runs": 1, "window": "1h", "action": "pause"})
    assert [told(await run(plugin, job))[0] for _ in range(2)] == ["SUCCESS", "SKIPPED"]
    paused = await plugin.get_job(job)
    assert paused is not None
    assert (paused.status.value, paused.state_reason) == ("PAUSED", "budget")
    assert "j: paused, resume it once there is room: budget job:" in caplog.text
    await clock.advance(timedelta(hours=2))
    assert await plugin.resume_job(job)
    assert told(await run(plugin, job)) == ("SUCCESS", None)
    await plugin.close()


async def test_a_used_up_budget_can_mean_a_cheaper_definition(
    make: Callable[..., BackgroundJobsPlugin], agents: Agents
) -> None:
    plugin = make()
    job = await plugin.create_job("j", "0 9 * * *", "p", budgets="runs=1,action=fallback,fallback_agent=cheap")
    runs = [await run(plugin, job) for _ in range(2)]
    assert [(one.status.value, one.agent, one.result) for one in runs] == [
        ("SUCCESS", "dear", "done"),
        ("SUCCESS", "cheap", "cheap"),
    ]
    assert {line.key: line.amount.runs for line in await plugin.get_usage("agent")} == {"dear": 1, "cheap": 1}
    with pytest.raises(AgentDefinitionError):
        await plugin.create_job("k", "0 9 * * *", "p", budgets="runs=1,action=fallback,fallback_agent=nobody")
    await plugin.close()


async def test_a_warning_is_told_once_in_a_window(
    make: Callable[..., BackgroundJobsPlugin], caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    plugin = make()
    await plugin.start_background_execution()
    job = await plugin.create_job("j", "every 1m", "p", budgets="runs=5,window=1h", catch_up="all")
    for _ in range(5):
        await clock.advance(timedelta(minutes=1))
        while len([one for one in await plugin.get_executions(job) if one.final]) < _ + 1:
            await asyncio.sleep(0)
    await plugin.close()
    assert caplog.text.count("80 % are reached") == 1


@pytest.mark.parametrize("budget", ["cost_usd=0.45", "tokens=450", "runs=4"])
async def test_runs_of_several_schedulers_cannot_overrun_together(
    budget: str, agents: Agents, tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "store.sqlite"
    plugins = [
        BackgroundJobsPlugin(
            storage_plugin=SqliteStorage(path), agent_factory=agents.factory(), clock=clock, budgets={"all": budget}
        )
        for _ in range(2)
    ]
    first = plugins[0]
    jobs = [await first.create_job(f"j{number}", "0 9 * * *", "p", overlap="allow_all") for number in range(10)]
    await run(first, jobs[0])
    agents.go.clear()
    ids = [await first.run_job_now(jobs[0]) for _ in range(10)]
    for plugin in plugins:
        await plugin.start_background_execution()
    while len(agents.called) < 4 or await _waiting(first, ids):
        await asyncio.sleep(0)
    assert len(agents.called) == 4
    agents.go.set()
    for key in ids:
        while not (await first.run_here(key)).final:
            await asyncio.sleep(0)
    ended = [await first.get_execution(key) for key in ids]
    assert sorted(one.status.value for one in ended if one is not None) == ["SKIPPED"] * 7 + ["SUCCESS"] * 3
    for plugin in plugins:
        await plugin.close()


async def _waiting(plugin: BackgroundJobsPlugin, ids: list[str]) -> bool:
    rows = [await plugin.get_execution(key) for key in ids]
    return any(row is not None and not row.final and not row.begun for row in rows)


async def test_usage_is_told_by_job_model_tag_and_day(
    make: Callable[..., BackgroundJobsPlugin], clock: FakeClock
) -> None:
    plugin = make()
    dear = await plugin.create_job("a", "0 9 * * *", "p", tags=["t"])
    cheap = await plugin.create_job("b", "0 9 * * *", "p", agent="cheap")
    today = clock.now().date()
    for job in (dear, cheap, dear):
        await run(plugin, job)
    await clock.advance(timedelta(days=1))
    await run(plugin, dear)
    await plugin.close()

    async def lines(by: str, days: int = 30) -> list[tuple[str, int, int, Decimal]]:
        found = await plugin.get_usage(by, days)
        return [(line.name, line.amount.runs, line.amount.tokens, line.amount.cost_usd) for line in found]

    all_of = (3, 300, Decimal("0.30"))
    assert await lines("job") == [("a", *all_of)]
    assert await lines("model") == [("dear", *all_of), ("cheap", 1, 0, Decimal(0))]
    assert await lines("tag") == [("t", *all_of)]
    assert await lines("day") == [
        (str(today), 3, 200, Decimal("0.20")),
        (str(today + timedelta(days=1)), 1, 100, Decimal("0.10")),
    ]
    assert await lines("job", 1) == [("a", 1, 100, Decimal("0.10"))]
    with pytest.raises(ValueError, match="none of job"):
        await plugin.get_usage("moon")
    await plugin.close()


@pytest.mark.parametrize(
    ("budgets", "wrong"),
    [
        ("window=1d", "bounds nothing"),
        ("runs=1,window=2d", "window 2d is none of 1h, 1d, 7d, 30d"),
        ("runs=0", "must be more than 0"),
        ("runs=x", "runs 'x' cannot be read"),
        ("cost_usd=nan", "cannot be read"),
        ("runs=1,action=fallback", "go together"),
        ("money=1", "'money' is not one of"),
        ("nonsense", "is not a budget"),
        (7, "is not a budget"),
    ],
)
async def test_a_budget_that_cannot_be_used_is_refused_in_one_line(budgets: Any, wrong: str) -> None:
    plugin = BackgroundJobsPlugin(storage_plugin=MemoryStorage(), agent_factory=Agents().factory())
    with pytest.raises(InvalidJobError, match=wrong) as refused:
        await plugin.create_job("j", "0 9 * * *", "p", budgets=budgets)
    assert "\n" not in str(refused.value)
    with pytest.raises(InvalidJobError, match="is no scope; write all, or tag:NAME"):
        BackgroundJobsPlugin(storage_plugin=MemoryStorage(), budgets={"job:x": "runs=1"})
