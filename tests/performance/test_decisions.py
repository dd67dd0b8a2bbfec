"""What deciding and asking cost, in figures that no machine changes: calls of functions and of the store."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from agentcron.domain import changes
from agentcron.domain.planner import plan
from agentcron.domain.spec_fields import read_spec
from agentcron.testing import MockStorage, create_mock_agent_factory, create_test_environment

Say = Callable[[str], None]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def calls(work: Callable[[], Any]) -> int:
    """How many Python functions the work calls."""
    counts: Counter[str] = Counter()

    def count(frame: Any, event: str, argument: Any) -> None:
        counts[event] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counts["call"]


@pytest.mark.parametrize("catch_up", ["skip", "latest", "all"])
@pytest.mark.parametrize("schedule", ["every 1s", "* * * * * *", "*/5 * * * *", "0 9 * * MON-FRI"])
def test_a_year_without_a_scheduler_is_planned_by_arithmetic(schedule: str, catch_up: str, say: Say) -> None:
    zone = {} if schedule.startswith("every") else {"timezone": "Europe/Berlin"}
    spec = read_spec({"name": "j", "prompt": "p", "schedule": schedule, "catch_up": catch_up, **zone})
    job = changes.create(spec, "job", NOW).job_after
    assert job is not None
    told = {}
    for gap in (timedelta(days=7), timedelta(days=366)):
        look = partial(plan, job, NOW + gap, lambda: "id")
        look()  # the zone's transitions are found once
        told[gap.days] = calls(look)
    say(f"planning {schedule}, catch_up={catch_up}: {told[7]:,} calls after a week, {told[366]:,} after a year")
    # Days on which the clock changes and the days of a month are gone through, slots are not.
    assert told[366] < told[7] + 200


async def test_an_idle_scheduler_asks_the_store_a_fixed_number_of_questions_a_second(say: Say) -> None:
    told = {}
    for jobs in (1, 500):
        store = MockStorage()
        async with create_test_environment(storage_plugin=store) as env:
            for number in range(jobs):
                await env.plugin.create_job(f"job {number}", "0 9 1 6 *", "p")
            await env.plugin.start_background_execution()
            await env.advance(1)
            store.calls.clear()
            await env.advance(20)
            told[jobs] = len(store.calls)
    say(f"calls of the store in 20 idle seconds: {told[1]} with one job, {told[500]} with 500")
    assert told[500] == told[1]
    assert told[1] <= 20 * 8


async def test_a_burst_asks_the_store_a_few_questions_a_run(say: Say) -> None:
    store, jobs = MockStorage(), 300
    factory = create_mock_agent_factory(max_concurrent_agents=25)
    start = datetime(2026, 3, 1, 11, 59, 50, tzinfo=UTC)
    async with create_test_environment(storage_plugin=store, agent_factory=factory, start=start) as env:
        for number in range(jobs):
            await env.plugin.create_job(f"job {number}", "0 12 * * *", "p")
        await env.plugin.start_background_execution()
        await env.advance(5)
        store.calls.clear()
        await env.advance(20)
        assert (await env.plugin.get_statistics()).total_executions == jobs
    asked = Counter(store.calls)
    say(f"calls of the store for {jobs} runs due at once: {dict(asked.most_common(6))}")
    # One plan for all of them, which begins the first; claims and outcomes by the handful.
    assert asked["commit"] + asked["commit_and_claim"] <= 3
    assert asked["claim"] <= jobs / 20
    assert asked["settle"] <= jobs / 20
    assert asked["list_jobs"] == asked["list_executions"] == asked["get_job"] == 0
