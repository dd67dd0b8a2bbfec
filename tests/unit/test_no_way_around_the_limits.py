"""Whatever agents ask for, in whatever order: no more tools, money or runs than their maker had."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentcron import SchedulingLimits
from agentcron.agent_scheduling import AgentScheduling
from agentcron.domain.lifecycle import JobState
from agentcron.domain.makers import maker_of
from agentcron.domain.model import Job
from agentcron.errors import AgentcronError
from agentcron.ports import RunContext
from agentcron.testing import Environment, create_test_environment
from agentcron.testing.agents import FakeAgent, FakeAgentFactory
from agentcron.testing.clock import settle_loop

MINUTE = timedelta(minutes=1)
PERIOD = 3 * MINUTE
STEP = timedelta(seconds=10)

NAMES = st.sampled_from(["red", "pink", "maker", "precious"])
# A number is a single time, so many seconds ahead.
SCHEDULES = st.sampled_from(
    [10, 10, 40, 70, 200, "every 1s", "every 1m", "every 3m", "* * * * *", "*/3 * * * *", "*/5 * * * * *"]
)
CREATE = st.tuples(
    st.just("create"), st.sampled_from(["red", "pink"]), SCHEDULES,
    st.fixed_dictionaries(
        {}, optional={
            "max_runs": st.integers(0, 9), "key": st.sampled_from("xy"), "agent": st.sampled_from(["narrow", "wide"]),
        },
    ),
)  # fmt: skip
UPDATE = st.tuples(
    st.just("update"), NAMES,
    st.fixed_dictionaries(
        {}, optional={
            "schedule": SCHEDULES, "prompt": st.just("other"), "agent": st.sampled_from(["narrow", "wide"]),
            "timezone": st.just("Asia/Kathmandu"),
        },
    ),
)  # fmt: skip
CHANGE = st.tuples(st.sampled_from(["pause", "resume", "cancel", "delete", "run_now", "run_now"]), NAMES)
ASKED = st.one_of(CREATE, UPDATE, CHANGE)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("inside"), ASKED),
        st.tuples(st.just("outside"), ASKED),
        st.tuples(st.just("wait"), st.sampled_from([1, 2, 6, 20])),
    ),
    max_size=20,
)

# Ways that were open once, or would be without one of the judgements.
KNOWN: dict[str, list[Any]] = {
    "again once it is over": [("create", "red", 10, {}), 2, ("create", "pink", 10, {}), 2],
    "again once it is deleted": [("create", "red", 10, {}), 2, ("delete", "red"), ("create", "pink", 10, {}), 2],
    "by hand, twice": [("create", "red", "every 3m", {}), ("run_now", "red"), 1, ("run_now", "red"), 1],
    "by hand, beyond max_runs": [("create", "red", "every 3m", {}), ("run_now", "red"), 80],
    "too often": [("create", "red", "every 1s", {})],
    "sooner by an edit": [1, ("create", "red", "every 1m", {}), 7, ("update", "red", {"schedule": "* * * * *"}), 10],
    "sooner by an edit to an interval": [
        1, ("create", "red", "every 1m", {}), 7, ("update", "red", {"schedule": "* * * * *"}), 10,
        ("update", "red", {"schedule": "every 1m"}), 10,
    ],
    "oftener than its job": [("inside", "create", "red", "every 1m", {})],
    "as many as are left, and more": [54, ("inside", "create", "red", "every 3m", {"max_runs": 4}), 60],
    "a job of a job of a job": [("inside", "create", "red", "every 3m", {"max_runs": 2}), 60],
    "a job that is not its own": [("inside", "update", "precious", {"prompt": "other"}), ("inside", "pause", "maker")],
    "a wider definition": [("inside", "create", "red", "every 3m", {"agent": "wide"}),
                           ("create", "pink", "every 3m", {"agent": "wide"})],
    "a wider definition by an edit": [("create", "red", "every 3m", {}), ("update", "red", {"agent": "wide"})],
    "without consent": [("create", "red", "every 3m", {}), ("resume", "red"), ("run_now", "red"), 1],
}  # fmt: skip


def in_steps(known: list[Any]) -> list[Any]:
    """A known way in the form of what is drawn."""
    return [
        ("wait", one) if isinstance(one, int) else ("inside", one[1:]) if one[0] == "inside" else ("outside", one)
        for one in known
    ]


class Watched(FakeAgentFactory):
    """Notes each run with its maker; runs of ``maker`` do what was asked of them, all others try to schedule too."""

    env: Environment

    def __init__(self) -> None:
        super().__init__()
        self.begun: dict[str | None, list[datetime]] = {}
        self.asked: deque[tuple[Any, ...]] = deque()
        self.made_by_made: list[Job] = []

    async def create(self, definition: str, context: RunContext) -> FakeAgent:
        job = await self.env.plugin.get_job(context.job_id)
        assert job is not None
        at = context.scheduled_for or self.env.clock.now()
        self.begun.setdefault(maker_of(job.made_by) or job.name, []).append(at)
        assert definition == "narrow"
        self.then(self._ask if job.name == "maker" and job.made_by is None else self._try)
        return await super().create(definition, context)

    async def _ask(self, prompt: str, context: RunContext) -> str:
        for _ in range(3):
            if self.asked:
                await ask(AgentScheduling(self.env.plugin, "ada"), self.asked.popleft(), self.env.clock.now())
        return "done"

    async def _try(self, prompt: str, context: RunContext) -> str:
        with contextlib.suppress(AgentcronError):
            self.made_by_made.append(await AgentScheduling(self.env.plugin).create("c", "every 5m", "x", max_runs=1))
        return "done"


async def ask(may: AgentScheduling, asked: tuple[Any, ...], now: datetime) -> None:
    what, *given_ = asked
    with contextlib.suppress(AgentcronError):
        if what == "create":
            name, schedule, options = given_
            await may.create(name, written(schedule, now), "x", **options)
        elif what == "update":
            name, changes = given_
            schedule = changes.get("schedule")
            await may.update(name, {**changes, **({"schedule": written(schedule, now)} if schedule else {})})
        else:
            await getattr(may, what)(*given_)


def written(schedule: str | int, now: datetime) -> str:
    return schedule if isinstance(schedule, str) else f"at {(now + timedelta(seconds=schedule)).isoformat()}"


@pytest.mark.parametrize(("own_runs", "approval"), [(None, False), (6, False), (None, True)])
@given(STEPS, st.integers(1, 2))
@settings(max_examples=int(os.environ.get("AGENTCRON_EXAMPLES", "8")), deadline=None)
def test_no_sequence_of_calls_gets_more_than_the_maker_had(
    own_runs: int | None, approval: bool, steps: list[Any], jobs: int
) -> None:
    asyncio.run(_sequence(steps, own_runs, approval, jobs))


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("own_runs", "approval"), [(None, False), (6, False), (None, True)])
async def test_a_known_way_is_closed(name: str, own_runs: int | None, approval: bool) -> None:
    await _sequence(in_steps(KNOWN[name]), own_runs, approval, 1)


async def _sequence(steps: list[Any], own_runs: int | None, approval: bool, jobs: int) -> None:
    limits = SchedulingLimits(
        jobs=jobs, min_interval=MINUTE, lifetime=20 * MINUTE, max_runs=4, agents=("narrow",), approval=approval
    )
    factory = Watched()
    async with create_test_environment(agent_factory=factory, scheduling=limits) as env:
        factory.env = env
        common: dict[str, Any] = {"agent": "narrow", "timeout": "50s", "limits": {"requests": 3}, "tags": ["bills"]}
        maker = await env.plugin.create_job(
            "maker", "every 3m", "go", may_schedule=True, max_runs=own_runs, end_at="2026-01-01T00:30Z", **common
        )
        await env.plugin.create_job("precious", "0 9 * * *", "keep", agent="wide")
        before = {job.name: job.spec for job in await env.plugin.get_jobs()}
        await env.plugin.start_background_execution()
        for who, what in [*steps, ("wait", 40)]:
            if who == "wait":
                for _ in range(what):
                    await env.clock.advance(STEP)
                    await settle_loop(30)
            elif who == "inside":
                factory.asked.append(what)
            elif what[1] not in ("maker", "precious"):
                # A person's own jobs are changed by whom that person gave the tools outside of runs.
                await ask(AgentScheduling(env.plugin, "ada"), what, env.clock.now())
            _check(await env.plugin.get_jobs(), limits, before["maker"])
        assert factory.made_by_made == []
        for who_made, times in factory.begun.items():
            closest = MINUTE if who_made == "agent:ada" else PERIOD
            if who_made != "maker":
                assert not approval
                _check_pace(sorted(times), limits.jobs, closest)
        if own_runs is not None:
            family = factory.begun.get("maker", []) + factory.begun.get(f"job:{maker}", [])
            assert len(family) <= own_runs


def _check(jobs: list[Job], limits: SchedulingLimits, maker: Any) -> None:
    alive: dict[str, int] = {}
    for job in jobs:
        who = maker_of(job.made_by)
        if who is None:
            assert job.name in ("maker", "precious")
            assert job.prompt in ("go", "keep")
            assert job.state is not JobState.PAUSED
            continue
        alive[who] = alive.get(who, 0) + (job.state in (JobState.ACTIVE, JobState.PAUSED))
        assert alive[who] <= limits.jobs
        assert (job.agent, job.may_schedule) == ("narrow", False)
        assert job.runs <= limits.max_runs
        assert job.totals.executions <= limits.max_runs
        assert job.spec.end_at is not None
        assert job.spec.end_at <= job.created + limits.lifetime
        if limits.approval:
            assert job.state_reason in ("approval", "person", None)
            assert job.state is not JobState.ACTIVE
        if who.startswith("job:"):
            assert job.spec.end_at <= maker.end_at
            assert (job.timeout, job.spec.limits, job.tags) == (maker.timeout, maker.limits, maker.tags)


def _check_pace(times: list[datetime], many: int, closest: timedelta) -> None:
    for first, later in zip(times, times[many:], strict=False):
        assert later - first >= closest, times
