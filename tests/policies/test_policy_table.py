"""Each combination of the policy table, through the planner alone and through the plugin with its store."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import AgentError, Execution, Job, RetryPolicy, SqliteStorage
from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.planner import plan
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.policies import Overlap
from agentcron.domain.spec_fields import read_spec
from agentcron.ports import JobStore
from agentcron.testing import Environment, Gate, create_mock_agent_factory, create_test_environment
from tests.policies.cases import Case, Fate, Limit, Look, Situation, cases

CASES = tuple(cases())
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLOTS = tuple(NOON + n * HOUR for n in (1, 2, 3))
LOOKS = {Look.LATE: NOON + 3.5 * HOUR, Look.MIXED: SLOTS[2] + timedelta(seconds=30)}
# After both looks, before the slot of 16:00.
RETRY_AT = NOON + 3 * HOUR + timedelta(minutes=50)
OPEN = (Situation.RUNNING, Situation.RETRYING, Situation.PARKED)

# Final rows of one job told slot by slot.
_FATES = {
    ("SKIPPED", "overlap"): Fate.OVERLAP,
    ("SKIPPED", "limit"): Fate.LIMIT,
    ("SKIPPED", "paused"): Fate.PAUSED,
    ("MISSED", "coalesced"): Fate.COALESCED,
    ("MISSED", "too_late"): Fate.TOO_LATE,
}


def fields(case: Case) -> dict[str, Any]:
    """The job's fields besides its schedule, by what ``max_runs`` is to leave beside the 12:00 run, if there is one."""
    earlier = 0 if case.situation is Situation.IDLE else 1
    left = {Limit.NONE: None, Limit.ONE_LEFT: earlier + 1, Limit.SPENT: earlier}[case.limit]
    return {
        "overlap": case.overlap,
        "catch_up": case.catch_up,
        "max_runs": left,
        "timeout": timedelta(days=2),
        "retry": RetryPolicy(attempts=2, backoff=RETRY_AT - NOON, max_backoff=RETRY_AT - NOON, jitter=0),
    }


def hourly(case: Case) -> Job:
    """The job with 12:00 accounted for and nothing planned since."""
    spec = read_spec({"name": "hourly", "schedule": "0 * * * *", "prompt": "work", **fields(case)})
    created = changes.create(spec, "job", NOON - timedelta(minutes=1)).job_after
    assert created is not None
    held = case.situation is Situation.PAUSED or case.limit is Limit.SPENT
    return created.evolve(next_slot=SLOTS[0], next_run=None if held else SLOTS[0])


def covered(row: Execution) -> list[datetime]:
    """The slots of the table that the row stands for."""
    found = [slot for slot in SLOTS if row.at <= slot <= (row.last_at or row.at)]
    assert len(found) == row.slots or row.at < SLOTS[0] or (row.last_at or row.at) > SLOTS[-1]
    return found


# --- the planner alone --------------------------------------------------------------------------------------------


def planned_fates(case: Case, made: Plan) -> dict[datetime, Fate]:
    """What a plan says of each slot. A lane is busy from the first row in it on."""
    told: dict[datetime, Fate] = {}
    in_lane = case.situation in (Situation.RUNNING, Situation.RETRYING) and case.overlap is not Overlap.ALLOW_ALL
    busy = in_lane and made.to_cancel is ToCancel.NONE
    for row in made.rows:
        if row.final:
            fate = _FATES[row.status.value, row.reason or ""]
        else:
            fate = Fate.WAITS if row.lane and busy else Fate.RUNS
            busy = busy or row.lane is not None
        for slot in covered(row):
            assert slot not in told, "a slot with two rows"
            told[slot] = fate
    return told


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_planner_judges_the_slots_as_the_table_says(case: Case) -> None:
    numbers = itertools.count()
    now, job = LOOKS[case.look], hourly(case)
    match case.situation:
        case Situation.IDLE:
            pass
        case Situation.PAUSED:
            job = job.evolve(state=JobState.PAUSED, state_reason="person", runs=1)
        case _:
            job = job.evolve(open=1, running=int(case.situation is Situation.RUNNING))
    told: dict[datetime, Fate] = {}
    made = None
    if case.situation is Situation.PAUSED:
        made = changes.resume(job, now, lambda: f"id-{next(numbers)}")
    elif job.next_run is not None:
        made = plan(job, now, lambda: f"id-{next(numbers)}")
    if made is not None:
        assert made.job_after is not None
        told = planned_fates(case, made)
        assert (made.to_cancel is ToCancel.EARLIER) == case.cancels
        opened = sum(not row.final for row in made.rows)
        job = made.job_after.evolve(open=job.open + opened)
    # Everything open ends, having begun; a store then asks for a look at a job that has no next run.
    job = job.evolve(open=0, running=0, runs=job.runs + job.open, next_run=job.next_run or now)
    later = plan(job, now, lambda: f"id-{next(numbers)}") if job.next_run is not None and job.next_run <= now else None
    if later is not None:
        assert later.job_after is not None
        more = planned_fates(case, later)
        assert not told.keys() & more.keys()
        told |= more
        job = later.job_after
    assert tuple(told[slot] for slot in SLOTS) == case.fates
    assert (job.state is JobState.COMPLETED) == case.completes


# --- the plugin, its store and its engine -------------------------------------------------------------------------


class Play:
    """One case with a plugin: brought to its situation, looked at, and run to its end."""

    def __init__(self, case: Case, storage: JobStore | None) -> None:
        self.case = case
        self.noon = Gate()
        self.gates = [Gate() for _ in range(4)]
        self.env: Environment = create_test_environment(
            storage_plugin=storage, agent_factory=create_mock_agent_factory(), start=NOON - timedelta(seconds=2)
        )
        self.job_id = "job"

    async def begin(self) -> None:
        """Bring the 12:00 slot to the case's situation. A paused job was paused while it ran, and its run ended."""
        env, situation = self.env, self.case.situation
        factory, plugin = env.agent_factory, env.plugin
        if situation is Situation.IDLE:
            env.clock.set(NOON + HOUR / 2)
            self.job_id = await plugin.create_job("hourly", "0 * * * *", "work", agent="fake", **fields(self.case))
        elif situation is Situation.PARKED:
            await self._park()
        else:
            busy = AgentError("busy", kind="network", retryable=True)
            factory.then(busy if situation is Situation.RETRYING else self.noon)
            self.job_id = await plugin.create_job("hourly", "0 * * * *", "work", agent="fake", **fields(self.case))
            await plugin.start_background_execution()
            await env.advance(3)
            if situation is Situation.PAUSED:
                assert await plugin.pause_job(self.job_id)
                self.noon.opened.set()
        factory.then(*self.gates)

    async def _park(self) -> None:
        """Nothing can park a run yet, so its row is put into the store as it will be."""
        spec = read_spec({"name": "hourly", "schedule": "0 * * * *", "prompt": "work", **fields(self.case)})
        assert hourly(self.case).spec == spec
        parked = Execution(
            id="parked", job_id=self.job_id, version=1, at=NOON, status=ExecutionStatus.AWAITING_INPUT,
            wake_at=NOON + 48 * HOUR, lane=self.job_id, begun=True, attempt=1, fence=1, start_time=NOON, agent="fake",
        )  # fmt: skip
        await self.env.storage.open()
        assert await self.env.storage.restore([hourly(self.case)], [parked]) == 1

    async def look(self) -> None:
        """The clock jumps, as of a machine that slept, and somebody looks."""
        self.env.clock.set(LOOKS[self.case.look])
        if self.case.situation in (Situation.IDLE, Situation.PARKED):
            await self.env.plugin.start_background_execution()
        if self.case.situation is Situation.PAUSED:
            assert await self.env.plugin.resume_job(self.job_id)
        await self.env.advance(2)

    async def end(self) -> None:
        """Let everything that is open end, in its turn."""
        for gate in (self.noon, *self.gates):
            gate.opened.set()
        if self.case.situation is Situation.RETRYING:
            self.env.clock.set(RETRY_AT)
        if self.case.situation is Situation.PARKED and not self.case.cancels:
            assert await self.env.plugin.cancel_execution("parked")
        await self.env.advance(6)

    async def rows(self) -> dict[datetime, Execution]:
        """Slot by slot, with the row of 12:00 where there is one."""
        told: dict[datetime, Execution] = {}
        for row in await self.env.runs(self.job_id, include_skipped=True):
            for slot in [NOON] if row.at == NOON else covered(row):
                assert slot not in told, "a slot with two rows"
                told[slot] = row
        return told


async def played(case: Case, storage: JobStore | None = None) -> None:
    play = Play(case, storage)
    async with play.env:
        await play.begin()
        await play.look()
        seen = await play.rows()
        canceled = NOON in seen and (seen[NOON].status, seen[NOON].reason) == ("INCOMPLETE", "canceled")
        assert canceled == case.cancels
        open_still = case.situation in OPEN and not case.cancels
        assert open_still == (NOON in seen and not seen[NOON].final)
        await play.end()
        ended = await play.rows()
        assert tuple(_fate(seen.get(slot), ended[slot]) for slot in SLOTS) == case.fates
        job = await play.env.plugin.get_job(play.job_id)
        assert job is not None
        assert (job.status == "COMPLETED") == case.completes
        assert job.open == 0


def _fate(seen: Execution | None, ended: Execution) -> Fate:
    if not ended.ran:
        return _FATES[ended.status.value, ended.reason or ""]
    assert (ended.status, ended.attempt) == ("SUCCESS", 1)
    assert seen is not None
    return {"RUNNING": Fate.RUNS, "PENDING": Fate.WAITS}[seen.status]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_plugin_does_as_the_table_says(case: Case) -> None:
    await played(case)


@pytest.mark.parametrize("case", [case for case in CASES if case.look is Look.MIXED][::7], ids=str)
async def test_the_sqlite_file_does_as_the_table_says(case: Case, tmp_path: Path) -> None:
    await played(case, SqliteStorage(tmp_path / "store.sqlite"))


def test_the_table_holds_every_combination_once() -> None:
    found = Counter((case.situation, case.look, case.overlap, case.catch_up, case.limit) for case in CASES)
    assert set(found.values()) == {1}
    assert len(found) == 4 * 2 * 5 * 3 * 3 + 1 * 2 * 5 * 3 * 2
