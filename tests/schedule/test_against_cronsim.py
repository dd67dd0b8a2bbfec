"""A second library, where the dialects agree: every difference is of a class that docs/schedules.md explains."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import CronSchedule

from .oracle import ZONES, transitions
from .randoms import expression

# In St. John's the clock went back at one minute past midnight; asked there, cronsim may never answer at all.
COMPARED = tuple(zone for zone in ZONES if zone != "America/St_Johns")
DAY = 86_400
THREE_HOURS = 3 * 3600


def difference_class(text: str, zone: str, start: int, ours: int | None, theirs: int | None) -> str:
    if re.search(r"(?<![0-9])([0-9]+)-\1/", text):
        return "step after a range of one value"
    wildcard = CronSchedule(text, zone).wildcard
    last = max(start, ours or start, theirs or start)
    jumps = [after - before for at, before, after in transitions(zone) if start - DAY <= at <= last]
    if any(abs(jump) >= THREE_HOURS for jump in jumps):
        return "correction of three hours or more"
    if len(text.split()) == 6 and not wildcard and jumps:
        return "six fields, fixed time"
    if any(jump < 0 for jump in jumps):
        return "repeated hour"
    if wildcard and any(jump > 0 for jump in jumps):
        return "skipped hour, wildcard"
    return "unknown"


@pytest.mark.parametrize("seed", range(4))
def test_each_difference_from_cronsim_is_of_a_known_class(seed: int) -> None:
    random = Random(f"cronsim {seed}")
    classes: Counter[str] = Counter()
    for number in range(500):
        zone = random.choice(COMPARED)
        text = expression(random, plain=True, six=random.random() < 0.2)
        if number % 2:
            at = random.choice([at for at, _, _ in transitions(zone) if at > 0])
            start = at + random.randint(-THREE_HOURS, THREE_HOURS)
        else:
            start = random.randrange(0, 2_000_000_000)
        theirs = their_next(text, zone, start)
        schedule = our_schedule(text, zone)
        if schedule is None:
            assert theirs is None, text
            classes["refused by both"] += 1
            continue
        after = schedule.next_us(start * 1_000_000)
        ours = None if after is None else after // 1_000_000
        if ours == theirs:
            classes["same"] += 1
            continue
        kind = difference_class(text, zone, start, ours, theirs)
        assert kind != "unknown", f"{text} {zone} {datetime.fromtimestamp(start, UTC)}: {ours} and {theirs}"
        classes[kind] += 1
    assert classes["same"] >= 450, classes


def our_schedule(text: str, zone: str) -> CronSchedule | None:
    try:
        return CronSchedule(text, zone)
    except InvalidScheduleError:
        return None


def their_next(text: str, zone: str, start: int) -> int | None:
    try:
        found = next(CronSim(text, datetime.fromtimestamp(start, UTC).astimezone(ZoneInfo(zone))))
    except (CronSimError, StopIteration):
        return None
    return int(found.timestamp())


@pytest.mark.parametrize(
    ("text", "zone", "start", "ours", "theirs", "kind"),
    [
        ("0 5-5/3 * * *", "UTC", "2026-01-01T06:00Z", "2026-01-02T05:00Z", "2026-01-01T08:00Z",
         "step after a range of one value"),
        ("2-48/7 14 * * *", "Pacific/Kwajalein", "1993-08-21T10:13Z", "1993-08-22T02:02Z", "1993-08-21T12:00Z",
         "correction of three hours or more"),
        ("30 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z", "2026-03-30T00:30:30Z",
         "six fields, fixed time"),
        ("*/41 */14 * * *", "Asia/Pyongyang", "2015-08-14T14:58Z", "2015-08-14T15:30Z", "2015-08-14T16:11Z",
         "repeated hour"),
        ("*/13 0 * * *", "Asia/Pyongyang", "2018-05-04T14:40Z", "2018-05-04T15:00Z", "2018-05-04T15:39Z",
         "skipped hour, wildcard"),
    ],
)  # fmt: skip
def test_one_example_of_each_class(text: str, zone: str, start: str, ours: str, theirs: str, kind: str) -> None:
    begin = int(datetime.fromisoformat(start).timestamp())
    after = CronSchedule(text, zone).next_after(datetime.fromisoformat(start))
    assert after == datetime.fromisoformat(ours)
    other = their_next(text, zone, begin)
    assert other is not None
    assert datetime.fromtimestamp(other, UTC) == datetime.fromisoformat(theirs)
    assert difference_class(text, zone, begin, int(after.timestamp()), other) == kind
