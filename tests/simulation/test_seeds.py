"""Fifty months of twenty jobs each, with crashes, faults and people, and no promise broken.

``AGENTCRON_SIMULATIONS=N`` lives through N months instead of fifty; ``make deep`` does ten thousand on all cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.testing.simulation import (
    FAULT_POINTS,
    Figures,
    Happening,
    Nature,
    Scenario,
    Variant,
    check,
    draw,
    judge,
    live,
    points,
)

MONTHS = int(os.environ.get("AGENTCRON_SIMULATIONS", "50"))
# Seeds that once showed a bug, of this software or of the checker.
REGRESSIONS = {
    Variant.MONTH: (77, 155, 388, 639, 1253, 3676, 5136, 5577, 8377, 8405),
    Variant.LOOPS: (1, 183),
    Variant.SQLITE: (1,),
}


def assert_kept(figures: Figures) -> None:
    assert not figures.violations, "\n\n".join(["", *map(str, figures.violations[:5])])


# One test and not one a seed: whether every fault fired can be told of all of them together alone.
@pytest.mark.timeout(1200)
def test_every_promise_is_kept_for_months_and_every_named_fault_fires(
    record_property: Callable[[str, object], None],
) -> None:
    total = Figures()
    for seed in range(MONTHS):
        total += judge(seed)
    record_property("figures", f"simulated: {total.told()}")
    assert_kept(total)
    assert [point for point in FAULT_POINTS if not total.fired[point]] == []
    assert (total.seeds, total.jobs, total.days) == (MONTHS, MONTHS * 20, MONTHS * 30)
    assert total.slots / total.days >= 15


@pytest.mark.parametrize("seed", REGRESSIONS[Variant.MONTH])
def test_a_month_that_was_broken_once_keeps_every_promise(seed: int) -> None:
    assert_kept(judge(seed))


@pytest.mark.parametrize("seed", [*REGRESSIONS[Variant.LOOPS], 4])
def test_the_schedulers_own_loops_keep_every_promise(seed: int) -> None:
    assert_kept(judge(seed, Variant.LOOPS))


@pytest.mark.parametrize("seed", [*REGRESSIONS[Variant.SQLITE], 0])
def test_days_on_a_sqlite_file_keep_every_promise(seed: int) -> None:
    assert_kept(judge(seed, Variant.SQLITE))


def test_the_same_seed_is_the_same_story() -> None:
    assert live(draw(3, days=10)).digest == live(draw(3, days=10)).digest


def test_another_seed_is_another_story() -> None:
    assert live(draw(3, days=3)).digest != live(draw(4, days=3)).digest


def test_every_kind_of_job_from_each_minute_to_each_month_is_in_a_scenario() -> None:
    jobs = draw(0).jobs
    assert len(jobs) == 20
    periods = [period(job) for job in jobs]
    assert min(periods) <= timedelta(minutes=1)
    assert max(periods) >= timedelta(days=28)


def period(job: JobSpec) -> timedelta:
    """The shortest time between two slots, zero for a single one."""
    microseconds = job.schedule.period_us()
    return timedelta(microseconds=microseconds or 0)


def test_a_run_that_a_step_of_the_clock_leaves_behind_goes_on_alone() -> None:
    spec = {"name": "hangs", "prompt": "p", "schedule": "every 10m", "agent": "simulated", "timeout": "15m"}
    stepped = Scenario(
        seed=0,
        jobs=(read_spec(spec),),
        natures=(Nature(faults={points.HANGING_AGENT: 1.0}),),
        days=0.1,
        happenings=(Happening(at=timedelta(minutes=11), what=points.SUSPEND, length=timedelta(minutes=30)),),
    )
    assert check(live(stepped)) == []


def test_the_slots_of_a_job_that_was_canceled_while_it_was_paused_have_their_cause() -> None:
    spec = {"name": "paused", "prompt": "p", "schedule": "every 10m", "agent": "simulated", "pause_after_failures": 0}
    canceled = Scenario(
        seed=0,
        jobs=(read_spec(spec),),
        natures=(Nature(),),
        days=0.1,
        happenings=(
            Happening(at=timedelta(minutes=15), what=points.PAUSE),
            Happening(at=timedelta(minutes=45), what=points.CANCEL),
        ),
    )
    trace = live(canceled)
    assert [(row.status, row.reason, row.slots) for row in trace.rows] == [
        ("SUCCESS", None, 1),
        ("SKIPPED", "paused", 3),
    ]
    assert check(trace) == []


def test_a_slot_that_comes_while_the_only_scheduler_is_stopping_may_be_missed() -> None:
    stubborn = {"name": "stubborn", "prompt": "p", "schedule": "every 1h", "agent": "simulated", "timeout": "2h"}
    frequent = {
        "name": "frequent",
        "prompt": "p",
        "schedule": "every 1m",
        "agent": "simulated",
        "catch_up": "skip",
        "misfire_grace": "1s",
    }
    stopped = Scenario(
        seed=1,
        jobs=(read_spec(stubborn), read_spec(frequent)),
        natures=(Nature(faults={points.STUBBORN_AGENT: 1.0}), Nature(seconds=1)),
        days=0.1,
        happenings=(Happening(at=timedelta(minutes=90, seconds=59), what=points.STOP),),
    )
    trace = live(stopped)
    assert ("MISSED", "too_late") in {(row.status, row.reason) for row in trace.rows}
    assert check(trace) == []
