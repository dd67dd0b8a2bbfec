"""The checker finds what is wrong: four schedulers with a planted bug, each found within fifty seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentcron.domain.model import Execution, Job
from agentcron.domain.news import News
from agentcron.domain.planner import plan
from agentcron.domain.plans import NewId, Plan
from agentcron.domain.settling import Settlement
from agentcron.domain.spec_fields import read_spec
from agentcron.engine import job_manager, upkeep
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.simulation import (
    Happening,
    MemoryGround,
    Nature,
    Rule,
    Scenario,
    Violation,
    check,
    draw,
    live,
    points,
)

SEEDS = range(50)


def found(make: Callable[[], MemoryStorage], rule: Rule) -> Violation:
    """The first violation of that rule."""
    for seed in SEEDS:
        for violation in check(live(draw(seed), MemoryGround(make()))):
            if violation.rule is rule:
                assert violation.seed == seed
                return violation
    raise AssertionError(f"nothing was found in {len(SEEDS)} seeds")


class WithoutCompareAndSet(MemoryStorage):
    """Applies a plan whatever became of the job since it was read."""

    def _apply(self, plan: Plan) -> bool:
        stored = self._jobs.get(plan.job_id)
        if plan.before is not None and stored is not None:
            plan = replace(plan, before=stored)
        return super()._apply(plan)


class WithoutFence(MemoryStorage):
    """Lets whoever comes last write the end of an execution."""

    def _settle(self, settlement: Settlement) -> bool:
        stored = self._executions.get(settlement.after.id)
        if stored is None:
            return False
        if stored.final:
            self._executions[stored.id] = settlement.after
            return True
        before = settlement.before.evolve(fence=stored.fence, status=stored.status)
        return super()._settle(replace(settlement, before=before))


class DropsARow(MemoryStorage):
    """Loses one row in two hundred."""

    rows = 0

    def _apply(self, plan: Plan) -> bool:
        self.rows += len(plan.rows)
        if plan.rows and self.rows % 200 == 0:
            plan = replace(plan, rows=plan.rows[1:])
        return super()._apply(plan)


def forgetful(job: Job, now: datetime, new_id: NewId, down_since: datetime | None = None) -> Plan | None:
    """A catch-up that begins with the slot that ran last."""
    slot = job.next_slot
    if slot is not None and job.last_run is not None and now - slot > timedelta(minutes=30):
        earlier = job.spec.schedule.previous_before(slot)
        made = plan(job.evolve(next_slot=earlier), now, new_id, down_since)
        return replace(made, before=job) if made is not None else None
    return plan(job, now, new_id, down_since)


def test_a_store_without_the_compare_and_set_is_found() -> None:
    assert found(WithoutCompareAndSet, Rule.TWICE)


def test_a_final_write_without_the_fence_is_found() -> None:
    assert found(WithoutFence, Rule.CHANGED)


def test_a_catch_up_that_forgets_the_last_run_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_manager, "plan", forgetful)
    assert found(MemoryStorage, Rule.TWICE)


def test_a_dropped_row_is_found() -> None:
    assert found(DropsARow, Rule.MISSING)


class SettlesInVain(MemoryStorage):
    """Says that every fiftieth outcome is kept, and forgets it."""

    outcomes = 0

    def _settle(self, settlement: Settlement) -> bool:
        self.outcomes += 1
        return True if self.outcomes % 50 == 0 else super()._settle(settlement)


class ChangesHistory(MemoryStorage):
    """Writes the end of a run anew when the next one of its job ends."""

    def _settle(self, settlement: Settlement) -> bool:
        for key in self._history[settlement.after.job_id][:-3]:
            self._executions[key] = self._executions[key].evolve(end_time=settlement.now)
        return super()._settle(settlement)


def blind(job: Job, now: datetime, new_id: NewId, down_since: datetime | None = None) -> Plan | None:
    """A planner that keeps a complete account, and gives up every second slot of the day."""
    if job.next_slot is not None and job.next_slot <= now and job.next_slot.hour % 2:
        made = plan(job.evolve(spec=replace(job.spec, misfire_grace=timedelta(0), catch_up="skip")), now, new_id)
        return replace(made, before=job) if made is not None else None
    return plan(job, now, new_id, down_since)


async def nothing_lapses(self: MemoryStorage, now: datetime, limit: int) -> list[Execution]:
    return []


class ForgetsClaims(MemoryStorage):
    """Hands every twentieth row out and leaves it in line."""

    claims = 0

    async def claim(self, *arguments: Any, **options: Any) -> list[Execution]:
        before = dict(self._executions)
        claimed = await super().claim(*arguments, **options)
        for row in claimed:
            self.claims += 1
            if self.claims % 20 == 0:
                self._executions[row.id] = before[row.id]
        return claimed


def test_an_acknowledged_outcome_that_is_not_kept_is_found() -> None:
    assert found(SettlesInVain, Rule.LOST)


def test_history_that_changes_is_found() -> None:
    assert found(ChangesHistory, Rule.CHANGED)


def test_a_planner_that_misses_slots_in_fair_weather_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_manager, "plan", blind)
    assert found(MemoryStorage, Rule.CAUSE)


def test_runs_of_a_lost_scheduler_that_nobody_looks_after_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStorage, "lapsed", nothing_lapses)
    spec = read_spec({"name": "hangs", "prompt": "p", "schedule": "every 10m", "agent": "simulated"})
    killed = Scenario(
        seed=0,
        jobs=(spec,),
        natures=(Nature(faults={points.HANGING_AGENT: 1.0}),),
        days=0.05,
        happenings=(Happening(at=timedelta(minutes=11), what=points.KILL),),
    )
    assert Rule.STUCK in {violation.rule for violation in check(live(killed))}


def test_a_parked_run_that_nobody_looks_after_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looks_away(*arguments: Any) -> bool:
        return False

    spec = read_spec(
        {"name": "asks", "prompt": "p", "schedule": "every 10m", "agent": "simulated", "input_timeout": "5m"}
    )
    parked = Scenario(seed=0, jobs=(spec,), natures=(Nature(seconds=5, faults={points.ASKING_AGENT: 1.0}),), days=0.05)
    assert check(live(parked)) == []
    monkeypatch.setattr(upkeep, "expire", looks_away)
    assert Rule.STUCK in {violation.rule for violation in check(live(parked))}


class LosesALetter(MemoryStorage):
    """Forgets to tell every fiftieth event."""

    events = 0

    def _post(self, news: Iterable[News]) -> None:
        for one in news:
            self.events += 1
            if self.events % 50:
                super()._post([one])


class TellsAgain(MemoryStorage):
    """Takes a run's end for another one at every fiftieth time, and tells both."""

    events = 0

    def _post(self, news: Iterable[News]) -> None:
        for one in news:
            self.events += 1
            super()._post([one] if self.events % 50 else [one, replace(one, occasion=f"{one.occasion} again")])


@pytest.mark.parametrize("store", [LosesALetter, TellsAgain])
def test_an_event_that_is_not_told_just_once_is_found(store: type[MemoryStorage]) -> None:
    assert found(store, Rule.UNTOLD)


def test_an_agent_that_is_started_without_a_claim_is_found() -> None:
    assert found(ForgetsClaims, Rule.UNCLAIMED)


def test_a_violation_names_job_slot_and_rule_and_how_to_see_it_again() -> None:
    violation = found(DropsARow, Rule.MISSING)
    told = str(violation)
    assert told.startswith("P1: a slot has no row\n  job job-")
    assert f"slot {violation.slot}" in told
    assert f"python -m agentcron.testing.simulation --variant month {violation.seed}" in told
    assert violation.last
    assert all(str(event) in told for event in violation.last)
