"""What holds for every schedule and every instant."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import (
    CronSchedule,
    EverySchedule,
    OnceSchedule,
    Schedule,
    format_duration,
    parse_duration,
    parse_schedule,
)

from .oracle import ZONES, transitions
from .randoms import expression

SECOND = 1_000_000
US = timedelta(microseconds=1)
calm = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def crons(draw: st.DrawFn) -> CronSchedule:
    random = Random(draw(st.integers(0, 10**9)))
    zone = draw(st.sampled_from(("UTC", *ZONES)))
    try:
        return CronSchedule(expression(random, six=random.random() < 0.3), zone)
    except InvalidScheduleError:
        assume(False)
        raise


instants = st.integers(0, 2_100_000_000 * SECOND)
intervals = st.integers(SECOND, 10 * 365 * 86_400 * SECOND).map(lambda us: timedelta(microseconds=us))
moments = st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
schedules: st.SearchStrategy[Schedule] = st.one_of(
    crons(),
    st.builds(EverySchedule, intervals, moments),
    st.builds(OnceSchedule, moments, timezone=st.sampled_from(ZONES)),
)


@calm
@given(schedules, instants)
def test_next_is_later_previous_is_earlier_and_nothing_lies_between(schedule: Schedule, us: int) -> None:
    after, before = schedule.next_us(us), schedule.previous_us(us)
    assert after is None or after > us
    assert before is None or before < us
    if before is not None:
        back = schedule.next_us(before)
        here = us if schedule.count_us(us, us + 1) else after
        assert back == here
    if after is not None:
        assert schedule.previous_us(after) == (us if schedule.count_us(us, us + 1) else before)
        assert schedule.count_us(us + 1, after) == 0
        assert schedule.count_us(after, after + 1) == 1


@calm
@given(schedules, instants, st.integers(1, 40))
def test_count_says_what_walking_finds(schedule: Schedule, us: int, steps: int) -> None:
    at: int | None = us - 1
    found = 0
    end = us
    for _ in range(steps):
        at = schedule.next_us(at)
        if at is None:
            break
        found += 1
        end = at + 1
    assert schedule.count_us(us, end) == found
    assert schedule.count_us(end, us) == (0 if end > us else schedule.count_us(us, end))
    middle = (us + end) // 2
    assert schedule.count_us(us, middle) + schedule.count_us(middle, end) == found


@calm
@given(schedules)
def test_the_text_reads_back_to_an_equal_schedule(schedule: Schedule) -> None:
    again = parse_schedule(schedule.text, schedule.timezone)
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert again.text == schedule.text
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert copy.deepcopy(schedule) == schedule
    assert isinstance(schedule, Schedule)
    assert "\n" not in schedule.describe()


@calm
@given(schedules, moments)
def test_datetimes_and_microseconds_give_the_same_answers(schedule: Schedule, moment: datetime) -> None:
    us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // US
    after, before = schedule.next_after(moment), schedule.previous_before(moment)
    assert (None if after is None else (after - datetime(1970, 1, 1, tzinfo=UTC)) // US) == schedule.next_us(us)
    assert (None if before is None else (before - datetime(1970, 1, 1, tzinfo=UTC)) // US) == schedule.previous_us(us)
    assert after is None or after.tzinfo is UTC
    assert before is None or before.tzinfo is UTC


@calm
@given(crons(), instants)
def test_no_two_slots_are_closer_than_the_period_unless_the_clock_jumps(schedule: CronSchedule, us: int) -> None:
    period = schedule.period_us()
    assert period is not None
    assert period >= SECOND
    jumps = [at * SECOND for at, _, _ in transitions(schedule.timezone)] if schedule.timezone != "UTC" else []
    at = schedule.next_us(us)
    for _ in range(30):
        if at is None:
            break
        after = schedule.next_us(at)
        if after is None or after > 2_145_000_000 * SECOND:
            break
        # A jump moves the wall time of what follows, also for a slot that waited out the repeated hour.
        if not any(at - 3 * 3600 * SECOND <= jump <= after for jump in jumps):
            assert after - at >= period
        at = after


@calm
@given(st.integers(0, 10**17).map(lambda us: timedelta(microseconds=us)))
def test_a_duration_reads_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
