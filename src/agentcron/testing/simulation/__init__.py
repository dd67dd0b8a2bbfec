"""Months of scheduling in a second: the real planner, store, engine and upkeep under a virtual clock, with faults.

``simulate(jobs, days=30)`` tells what jobs of one's own would do. ``draw(seed)`` makes a scenario of a number, ``live``
lives through it, ``check`` judges what happened.
"""

from agentcron.testing.simulation import points
from agentcron.testing.simulation.checker import check
from agentcron.testing.simulation.course import live
from agentcron.testing.simulation.figures import Figures, judge
from agentcron.testing.simulation.forecast import Expected, Firing, Forecast, JobForecast, simulate
from agentcron.testing.simulation.ground import Ground, MemoryGround, SqliteGround
from agentcron.testing.simulation.points import ALL as FAULT_POINTS
from agentcron.testing.simulation.scenario import Happening, Nature, Scenario, Variant, draw
from agentcron.testing.simulation.trace import Trace
from agentcron.testing.simulation.violations import Rule, Violation

__all__ = [
    "FAULT_POINTS",
    "Expected",
    "Figures",
    "Firing",
    "Forecast",
    "Ground",
    "Happening",
    "JobForecast",
    "MemoryGround",
    "Nature",
    "Rule",
    "Scenario",
    "SqliteGround",
    "Trace",
    "Variant",
    "Violation",
    "check",
    "draw",
    "judge",
    "live",
    "points",
    "simulate",
]
