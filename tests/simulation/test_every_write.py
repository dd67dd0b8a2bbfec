"""A scheduler dies before and after each single write of a small story, and every promise is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.testing.simulation import Happening, Nature, Scenario, check, live, points


def job(name: str, schedule: str, **fields: object) -> JobSpec:
    values = {"prompt": "p", "agent": "simulated", "notify": ["ops: success, failure, missed", "boss: failure"]}
    return read_spec({**values, "name": name, "schedule": schedule, **fields})


STORY = Scenario(
    seed=0,
    jobs=(
        job("retries", "every 2m", retry="attempts=3,backoff=10s", on_interrupt="retry"),
        job("resumes", "every 3m", overlap="buffer_all", on_interrupt="resume", catch_up="all"),
        job("once", "at 2026-03-16T00:05:00", max_runs=1),
        job("other", "every 4m", overlap="cancel_other", timeout="5m", max_runs=3),
        job("asks", "at 2026-03-16T00:01:00", input_timeout="2m", on_expiry="deny", on_interrupt="retry"),
        job("is answered", "at 2026-03-16T00:02:30", input_timeout="5m", on_interrupt="resume"),
    ),
    natures=(
        Nature(seconds=30, faults={points.BUSY_AGENT: 0.4}),
        Nature(seconds=170, faults={points.REFUSING_AGENT: 0.2}),
        Nature(seconds=30),
        Nature(seconds=300),
        Nature(seconds=5, faults={points.ASKING_AGENT: 1.0}),
        Nature(seconds=5, faults={points.ASKING_AGENT: 1.0}),
    ),
    days=12 / 1440,
    happenings=(
        Happening(at=timedelta(minutes=4), what=points.ANSWER, job=5),
        Happening(at=timedelta(minutes=4, seconds=10), what=points.PAUSE, job=1),
        Happening(at=timedelta(minutes=7), what=points.RESUME, job=1),
        Happening(at=timedelta(minutes=8), what=points.RUN_NOW, job=0),
        Happening(at=timedelta(minutes=8, seconds=30), what=points.STOP),
        Happening(at=timedelta(minutes=11), what=points.CANCEL, job=3),
    ),
    places=3,
)


@pytest.mark.parametrize(("when", "schedulers"), [("before", 1), ("after", 2)])
def test_a_death_at_any_write_breaks_no_promise(when: str, schedulers: int) -> None:
    story = replace(STORY, schedulers=schedulers)
    fair = live(story)
    assert check(fair) == []
    assert fair.crashes == 0
    died = 0
    for number in range(1, fair.writes + 1):
        trace = live(replace(story, crash_at=(number, when)))
        violations = check(trace)
        assert not violations, f"write {number} of {fair.writes}:\n{violations[0]}"
        died += trace.crashes
    # What people write is among the writes, and they do not die of it.
    assert died > fair.writes * 0.6
