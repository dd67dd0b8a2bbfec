"""What would somebody's own jobs do in the time to come? Their real rules, lived through ahead of time."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.ports import SystemClock
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.simulation.clock_changes import ClockChange, clock_changes
from agentcron.testing.simulation.ground import MemoryGround
from agentcron.testing.simulation.processes import Process
from agentcron.testing.simulation.scenario import Scenario
from agentcron.testing.simulation.virtual_time import run_virtually
from agentcron.testing.simulation.world import SECOND, World

ASSUMED: Final = timedelta(minutes=5)
# One run in so many takes as long as the slowest twentieth of the runs so far.
_SLOW_ONE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one run of a job is expected to take: ``mean`` and ``p95`` of its duration, tokens and cost, from so many
    ``runs`` of its history; with none of them, what was assumed."""

    mean: timedelta = ASSUMED
    p95: timedelta | None = None
    tokens: float = 0.0
    cost_usd: Decimal = Decimal(0)
    runs: int = 0

    @classmethod
    def of(cls, history: Sequence[Execution], assumed: timedelta = ASSUMED) -> Expected:
        """From the executions of a job, those that were not interrupted."""
        told = (ExecutionStatus.SUCCESS, ExecutionStatus.FAILURE)
        ran = [row for row in history if row.status in told and row.duration is not None]
        if not ran:
            return cls(mean=assumed)
        lengths = sorted(row.duration or timedelta(0) for row in ran)
        cost = sum((row.cost_usd or Decimal(0) for row in ran), Decimal(0))
        return cls(
            mean=sum(lengths, timedelta(0)) / len(ran),
            p95=lengths[min(len(lengths) * 95 // 100, len(lengths) - 1)],
            tokens=sum(row.usage.tokens if row.usage is not None else 0 for row in ran) / len(ran),
            cost_usd=cost / len(ran),
            runs=len(ran),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One run: the slot it is for, when its agent begins, and when it is expected to end."""

    job: str
    slot: datetime
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobForecast:
    """What becomes of one job's slots. ``skipped`` and ``missed`` count slots by reason; ``late`` are runs that begin
    later than they were due, because they wait for a run before or for a free place."""

    job: Job
    expected: Expected
    runs: int
    late: int
    skipped: Mapping[str, int]
    missed: Mapping[str, int]
    first_skipped: datetime | None
    first_missed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The time from ``start`` to ``end``. ``firings`` are all runs in the order of their beginning; ``busiest`` is when
    most agents run at once, ``most`` how many that are, of ``places``."""

    start: datetime
    end: datetime
    places: int
    jobs: Sequence[JobForecast]
    firings: Sequence[Firing]
    clock_changes: Sequence[ClockChange]
    busiest: datetime | None
    most: int
    rows: Sequence[Execution] = field(repr=False)

    def of(self, name: str) -> JobForecast:
        """The forecast of the job of this name. Raises ``KeyError``."""
        for one in self.jobs:
            if one.job.name == name:
                return one
        raise KeyError(name)


def simulate(
    jobs: Sequence[Job | JobSpec | Mapping[str, Any]],
    *,
    days: float = 30,
    start: datetime | None = None,
    expected: Mapping[str, Expected] | None = None,
    assume_duration: timedelta = ASSUMED,
    places: int = 10,
    down: Sequence[tuple[datetime, datetime]] = (),
) -> Forecast:
    """Live through the next ``days`` of these jobs, in seconds, and tell what happens.

    A job is a stored ``Job`` (it goes on where it stands), a ``JobSpec``, or a mapping of its fields. ``expected`` says
    by a job's name what a run takes, ``assume_duration`` what it takes otherwise; every agent succeeds, every gate is
    open. ``places`` is how many agents may run at once, ``down`` are stretches without a scheduler. ``start`` is now
    unless it is given. Nothing is stored, no agent is called, and no file, address or program is looked at. Not
    to be called where an event loop runs: use ``asyncio.to_thread``.
    Raises ``InvalidJobError`` and ``InvalidScheduleError`` as creating the jobs does.
    """
    begin = start or SystemClock().now()
    stored = [_job(number, job, begin) for number, job in enumerate(jobs)]
    known = expected or {}
    scenario = Scenario(
        seed=0, jobs=tuple(job.spec for job in stored), natures=(), start=begin, days=days, places=places
    )
    expectations = {job.id: known.get(job.name, Expected(mean=assume_duration)) for job in stored}
    world = _FairWeather(scenario, expectations)
    rows = run_virtually(_live(world, stored, sorted(down)), world.loop)
    return _forecast(world, stored, expectations, rows)


class _FairWeather(World):
    """A world without faults, in which each agent takes as long as is expected of it."""

    def __init__(self, scenario: Scenario, expected: Mapping[str, Expected]) -> None:
        super().__init__(scenario, MemoryGround(MemoryStorage()))
        self._expected = expected
        self._runs: Counter[str] = Counter()

    def act_of(self, job_id: str) -> tuple[str, float]:
        expected = self._expected[job_id]
        self._runs[job_id] += 1
        slow = expected.p95 is not None and self._runs[job_id] % _SLOW_ONE == 0
        length = expected.p95 if slow and expected.p95 is not None else expected.mean
        return "", length / SECOND

    def hesitation(self) -> float | None:
        return None


def _job(number: int, given: Job | JobSpec | Mapping[str, Any], now: datetime) -> Job:
    if isinstance(given, Job):
        return given.evolve(spec=_unwatched(given.spec))
    spec = given if isinstance(given, JobSpec) else read_spec({"prompt": "simulated", **given})
    made = changes.create(_unwatched(spec), f"{number:016x}", now).job_after
    assert made is not None
    return made


def _unwatched(spec: JobSpec) -> JobSpec:
    """Without gate and checks: a month in seconds must not ask a server a thousand times, or run programs."""
    return replace(spec, when_changed=(), expect=()) if spec.when_changed or spec.expect else spec


async def _live(world: _FairWeather, jobs: Sequence[Job], down: Sequence[tuple[datetime, datetime]]) -> list[Execution]:
    store = await world.ground.connect()
    await store.restore(jobs, [])
    end = world.scenario.end
    up = world.clock.now()
    for number, (begin, until) in enumerate([*down, (end, end)]):
        if begin > up:
            await _up_until(world, f"node-{number}", min(begin, end))
        await world.clock.sleep_until(min(max(until, up), end))
        up = world.clock.now()
    return await world.ground.rows()


async def _up_until(world: _FairWeather, name: str, end: datetime) -> None:
    process = Process(world, name, await world.ground.connect())
    world.processes.append(process)
    process.start()
    await world.clock.sleep_until(end)
    process.die()
    await world.ground.die(name, process.store.store, end)
    await asyncio.sleep(0)


def _forecast(
    world: _FairWeather, jobs: Sequence[Job], expected: Mapping[str, Expected], rows: Sequence[Execution]
) -> Forecast:
    names = {job.id: job.name for job in jobs}
    jobs_of = {row.id: row.job_id for row in rows}
    # By job once: of thousands of jobs none looks through the rows of all the others.
    rows_of, firings_of = defaultdict[str, list[Execution]](list), defaultdict[str, list[Firing]](list)
    for row in rows:
        rows_of[row.job_id].append(row)
    firings = []
    for start in world.trace.starts:
        job_id = jobs_of[start.execution_id]
        assert start.row is not None
        length = timedelta(microseconds=(start.ended_us or world.loop.elapsed_us) - start.begun_us)
        firings.append(Firing(job=names[job_id], slot=start.row.at, starts=start.at, ends=start.at + length))
        firings_of[job_id].append(firings[-1])
    busiest, most = _busiest(firings)
    return Forecast(
        start=world.scenario.start,
        end=world.scenario.end,
        places=world.scenario.places,
        jobs=[_forecast_of(job, expected[job.id], rows_of[job.id], firings_of[job.id]) for job in jobs],
        firings=firings,
        clock_changes=clock_changes(jobs, world.scenario.start, world.scenario.end),
        busiest=busiest,
        most=most,
        rows=rows,
    )


def _forecast_of(job: Job, expected: Expected, rows: Sequence[Execution], runs: Sequence[Firing]) -> JobForecast:
    counts: dict[ExecutionStatus, Counter[str]] = {
        ExecutionStatus.SKIPPED: Counter(),
        ExecutionStatus.MISSED: Counter(),
    }
    firsts: dict[ExecutionStatus, datetime] = {}
    for row in rows:
        if row.status in counts:
            counts[row.status][row.reason or ""] += row.slots
            firsts.setdefault(row.status, row.at)
    return JobForecast(
        job=job,
        expected=expected,
        runs=len(runs),
        late=sum(firing.starts - firing.slot > job.jitter + SECOND for firing in runs),
        skipped=counts[ExecutionStatus.SKIPPED],
        missed=counts[ExecutionStatus.MISSED],
        first_skipped=firsts.get(ExecutionStatus.SKIPPED),
        first_missed=firsts.get(ExecutionStatus.MISSED),
    )


def _busiest(firings: Sequence[Firing]) -> tuple[datetime | None, int]:
    """When most runs are under way, the first such moment, and how many they are."""
    changes_at = sorted([(one.starts, 1) for one in firings] + [(one.ends, -1) for one in firings])
    running, most, when = 0, 0, None
    for at, change in changes_at:
        running += change
        if running > most:
            most, when = running, at
    return when, most
