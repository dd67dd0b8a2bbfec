"""Bugs that the simulation found and that are not mended yet, each with the smallest scenario that shows it.

While one shows, what it causes is left out of the judgement of the seeds; once it is mended, nothing is left out.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from agentcron.domain.spec_fields import read_spec
from agentcron.testing.simulation import Happening, Nature, Rule, Scenario, Violation, check, live, points

# The clock is set forward past the deadline of a run whose agent hangs: the row is given up and its lane is free.
OUTRUN = Scenario(
    seed=0,
    jobs=(
        read_spec({"name": "hangs", "prompt": "p", "schedule": "every 10m", "agent": "simulated", "timeout": "15m"}),
    ),
    natures=(Nature(faults={points.HANGING_AGENT: 1.0}),),
    days=0.1,
    happenings=(Happening(at=timedelta(minutes=11), what=points.SUSPEND, length=timedelta(minutes=30)),),
)


@cache
def outrun() -> tuple[Violation, ...]:
    """What the scenario shows: an agent that was never told to end runs on beside the next one of its job."""
    return tuple(check(live(OUTRUN)))


def unknown(violations: tuple[Violation, ...]) -> list[Violation]:
    """Those that none of the open findings explains."""
    consequences = {Rule.OVERLAPPED, Rule.TOO_MANY} if outrun() else set()
    return [one for one in violations if one.rule not in consequences]
