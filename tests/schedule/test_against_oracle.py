"""Ten thousand random expressions in twenty zones, answered as the slow second opinion answers them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import CronSchedule
from agentcron.schedule.transitions import clock_of

from .oracle import ZONES, Line, Window, transitions
from .randoms import expression

SECOND = 1_000_000
WINDOWS = 12
PER_WINDOW = 42
MINUTES = 24 * 1440
SECONDS = 4 * 3600
FROM = int(datetime(1965, 1, 1, tzinfo=UTC).timestamp())


def draw(random: Random, zone: str, six: bool) -> tuple[CronSchedule, Line]:
    """A random schedule that can fire; those refused are checked to have deserved it."""
    while True:
        text = expression(random, six=six)
        try:
            return CronSchedule(text, zone), Line(text)
        except InvalidScheduleError as error:
            if error.kind != "never_fires":
                raise
            line = Line(text)
            # Twenty-eight years hold every pairing of date and weekday that any year has.
            days = (date(1996, 1, 1) + timedelta(days=n) for n in range(28 * 366))
            if error.field != "hour" and any(line.on(day) for day in days):
                raise


@pytest.mark.parametrize("zone", ZONES)
def test_next_previous_and_count_agree_with_the_walk_of_real_minutes(zone: str) -> None:
    random = Random(f"calendar {zone}")
    jumps = [at for at, before, after in transitions(zone) if at >= FROM and before % 60 == 0 and after % 60 == 0]
    inside = asked = 0
    for number in range(WINDOWS):
        tick = 1 if number >= WINDOWS - 2 else 60
        ticks = SECONDS if tick == 1 else MINUTES
        near = number % 2 == 0 and bool(jumps)
        at = random.choice(jumps) if near else random.randrange(0, 2_200_000_000) // 60 * 60
        window = Window(zone, at - ticks // 2 * tick, ticks, tick)
        begin, end = window.start, window.start + ticks * tick
        for _ in range(PER_WINDOW):
            schedule, line = draw(random, zone, six=tick == 1)
            fires = window.fires(line)
            if near:
                start = at + random.randint(-3 * 3600, 3 * 3600)
                start = min(max(start, begin + 1), end - 1)
            else:
                start = random.randrange(begin + 1, end)
            what = f"{schedule.expression} in {zone} at {datetime.fromtimestamp(start, UTC)}"
            expected = window.first_after(fires, start)
            answer = schedule.next_us(start * SECOND)
            if expected is None:
                assert answer is None or answer >= end * SECOND, what
            else:
                assert answer == expected * SECOND, what
            before = window.last_before(fires, start)
            answer = schedule.previous_us(start * SECOND)
            if before is None:
                assert answer is None or answer < begin * SECOND, what
            else:
                assert answer == before * SECOND, what
            asked += 2
            inside += (expected is not None) + (before is not None)
            # The first tick is left out: whether it stands right after a gap cannot be seen from inside.
            whole = (fires >> 1).bit_count()
            assert schedule.count_us((begin + tick) * SECOND, end * SECOND) == whole, what
    assert inside / asked > 0.5, "too many questions were answered outside the window"


@pytest.mark.parametrize("seed", range(4))
def test_the_days_of_random_expressions_agree_with_a_walk_of_eight_years(seed: int) -> None:
    random = Random(f"days {seed}")
    start = date(2023 + seed, 1, 1)
    days = [start + timedelta(days=n) for n in range(8 * 365)]
    for _ in range(15):
        text = expression(random).split(" ", 2)[2]
        line = Line(f"0 12 {text}")
        expected = [day for day in days if line.on(day)]
        if not expected:
            continue
        schedule = CronSchedule(f"0 12 {text}")
        found = []
        at: datetime | None = datetime(start.year, 1, 1, tzinfo=UTC)
        while True:
            at = schedule.next_after(at)
            if at is None or at.date() > days[-1]:
                break
            found.append(at.date())
        assert found == expected, text


@pytest.mark.parametrize("zone", ZONES)
def test_every_jump_in_the_zones_data_is_found_and_no_other(zone: str) -> None:
    clock = clock_of(zone)
    listed = [each for each in transitions(zone) if FROM <= each[0] < 2_145_000_000]
    found = []
    at = FROM
    while at < 2_145_000_000:
        stretch = clock.at(at)
        assert stretch is not None
        after = clock.at(stretch.end)
        assert after is not None
        if after.offset != stretch.offset and stretch.end < 2_145_000_000:
            found.append((stretch.end, stretch.offset, after.offset))
        at = stretch.end
    if listed:
        found = [each for each in found if each[0] <= listed[-1][0]]
    assert found == listed
