"""The table of clock changes: each kind of schedule, in six zones, both ways."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agentcron.schedule import Schedule
from tests.schedule.daylight_cases import BACK, FORWARD, Change, Kind, forwards


def backwards(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    found, at = [], schedule.previous_before(end)
    while at is not None and at >= start:
        found.append(at)
        at = schedule.previous_before(at)
    return found[::-1]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("change", FORWARD + BACK, ids=lambda change: f"{change.zone}, {change.wall}")
def test_every_kind_of_schedule_goes_by_the_rule_when_the_clock_changes(change: Change, kind: Kind) -> None:
    schedule, (start, end), (_, expected) = change.schedule(kind), change.window(kind), change.asked[kind]
    found = forwards(schedule, start, end)
    assert [f"{slot:%m-%d %H:%M}" for slot in found] == expected
    assert backwards(schedule, start, end) == found
    assert schedule.count(start, end) == len(found)


@pytest.mark.parametrize("change", FORWARD + BACK, ids=lambda change: f"{change.zone}, {change.wall}")
def test_the_clock_does_change_there(change: Change) -> None:
    zone = ZoneInfo(change.zone)
    before, after = (change.at + sign * timedelta(seconds=1) for sign in (-1, 1))
    jump = after.astimezone(zone).utcoffset() - before.astimezone(zone).utcoffset()  # type: ignore[operator]
    assert (jump > timedelta(0)) == (change in FORWARD)
    assert abs(jump) == timedelta(minutes={"Australia/Lord_Howe": 30, "Antarctica/Troll": 120}.get(change.zone, 60))


def test_six_zones_are_asked_both_ways() -> None:
    assert {change.zone for change in FORWARD} == {change.zone for change in BACK}
    assert len(FORWARD) == len(BACK) == 6
