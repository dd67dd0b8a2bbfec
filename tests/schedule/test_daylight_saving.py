"""What happens when the clock jumps, zone by zone, on real dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentcron.schedule import CronSchedule, EverySchedule, parse_instant


def walls(text: str, zone: str, start: str, end: str) -> list[str]:
    """The slots between two wall times, as the instant in UTC."""
    schedule = CronSchedule(text, zone)
    at: datetime | None = parse_instant(start, zone)
    stop = parse_instant(end, zone)
    found = []
    at = schedule.next_after(at - timedelta(microseconds=1)) if at else None
    while at is not None and at < stop:
        found.append(f"{at:%m-%d %H:%M}")
        at = schedule.next_after(at)
    at = stop
    back = []
    while (at := schedule.previous_before(at)) is not None and at >= parse_instant(start, zone):
        back.append(f"{at:%m-%d %H:%M}")
    assert back[::-1] == found
    assert schedule.count(parse_instant(start, zone), stop) == len(found)
    return found


# zone, day of the gap, a fixed time inside it, its slot; a wildcard hour inside it has none
GAPS = [
    ("Europe/Berlin", "2026-03-29", "30 2", "03-29 01:00", "*/30 2"),
    ("America/New_York", "2026-03-08", "30 2", "03-08 07:00", "*/30 2"),
    ("Australia/Lord_Howe", "2026-10-04", "15 2", "10-03 15:30", "*/10 2"),
    ("Antarctica/Troll", "2026-03-29", "30 1", "03-29 01:00", "*/30 1"),
    ("America/Havana", "2026-03-08", "30 0", "03-08 05:00", "*/30 0"),
    ("Asia/Beirut", "2026-03-29", "30 0", "03-28 22:00", "*/30 0"),
]


@pytest.mark.parametrize(("zone", "day", "fixed", "slot", "wildcard"), GAPS)
def test_a_skipped_time_runs_once_at_the_first_instant_after_the_gap(
    zone: str, day: str, fixed: str, slot: str, wildcard: str
) -> None:
    end = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}"
    assert walls(f"{fixed} * * *", zone, day, end) == [slot]
    minute, hour = fixed.split()
    # Several skipped times are one run, and a normal run at the same instant is the same run.
    assert walls(f"{minute},{int(minute) + 5},{int(minute) + 10} {hour} * * *", zone, day, end)[0] == slot
    skipped = walls(f"{wildcard} * * *", zone, day, end)
    if zone != "Australia/Lord_Howe":
        assert skipped == []
    else:
        # Half an hour is skipped: 02:30, 02:40 and 02:50 remain.
        assert skipped == ["10-03 15:30", "10-03 15:40", "10-03 15:50"]


def test_a_made_up_run_merges_with_a_normal_one_at_the_same_instant() -> None:
    assert walls("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29", "2026-03-30") == ["03-29 01:00", "03-29 01:30"]


# zone, day of the fold, a time that comes twice, its first pass, both passes for a wildcard schedule
FOLDS = [
    ("Europe/Berlin", "2026-10-25", "30 2", "10-25 00:30", ["10-25 00:30", "10-25 01:30"]),
    ("America/New_York", "2026-11-01", "30 1", "11-01 05:30", ["11-01 05:30", "11-01 06:30"]),
    ("Australia/Lord_Howe", "2026-04-05", "45 1", "04-04 14:45", ["04-04 14:45", "04-04 15:15"]),
    ("Antarctica/Troll", "2026-10-25", "30 1", "10-24 23:30", ["10-24 23:30", "10-25 01:30"]),
    ("America/Havana", "2026-11-01", "30 0", "11-01 04:30", ["11-01 04:30", "11-01 05:30"]),
    ("Asia/Beirut", "2026-10-24", "30 23", "10-24 20:30", ["10-24 20:30", "10-24 21:30"]),
]


@pytest.mark.parametrize(("zone", "day", "fixed", "first", "both"), FOLDS)
def test_a_repeated_time_runs_on_the_first_pass_and_a_wildcard_on_both(
    zone: str, day: str, fixed: str, first: str, both: list[str]
) -> None:
    end = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}"
    assert walls(f"{fixed} * * *", zone, day, end) == [first]
    minute, hour = fixed.split()
    assert walls(f"*/{minute} {hour} * * *", zone, day, end)[-len(both) :] != []
    assert [slot for slot in walls(f"{minute} * * * *", zone, day, end) if slot in both] == both


def test_asked_during_the_second_pass_a_fixed_time_waits_for_the_next_day() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    schedule = CronSchedule("30 2 * * *", "Europe/Berlin")
    assert schedule.next_after(second_pass) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert schedule.previous_before(second_pass) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["* * * * *", "@hourly", "*/5 * * * *", "*,7 * * * *", "* 30 2 * * *"])
def test_a_star_in_front_follows_real_time(text: str) -> None:
    assert CronSchedule(text).wildcard


@pytest.mark.parametrize("text", ["0-59 0-23 * * *", "5,* 3 * * *", "@daily", "0 30 2 * * *", "30 2 * * *"])
def test_any_other_time_is_fixed(text: str) -> None:
    assert not CronSchedule(text).wildcard


def test_six_fields_follow_the_same_rule() -> None:
    assert walls("15 30 2 * * *", "Europe/Berlin", "2026-03-29", "2026-03-30") == ["03-29 01:00"]
    assert walls("15 30 2 * * *", "Europe/Berlin", "2026-10-25", "2026-10-26") == ["10-25 00:30"]


def test_a_day_that_the_calendar_left_out_is_not_made_up() -> None:
    assert walls("0 9 * * *", "Pacific/Apia", "2011-12-29", "2011-12-31T23:59") == ["12-29 19:00", "12-30 19:00"]


def test_after_a_backward_correction_the_clock_is_read_as_it_is() -> None:
    # On 8 March 2018 Casey went back three hours at 17:00 UTC: 02:00 came twice, and both times count.
    slots = walls("0 2 * * *", "Antarctica/Casey", "2018-03-11", "2018-03-12")
    assert slots == ["03-10 15:00", "03-10 18:00"]


@pytest.mark.parametrize("zone", ["Africa/Casablanca", "Europe/Dublin"])
def test_inverted_daylight_saving_makes_no_difference(zone: str) -> None:
    year = CronSchedule("30 2 * * *", zone)
    assert year.count(parse_instant("2026-01-01", zone), parse_instant("2027-01-01", zone)) == 365


@pytest.mark.parametrize(
    ("zone", "gap", "answer"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),
        ("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:30"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00"),
    ],
)
def test_a_single_time_in_a_gap_means_its_end_and_in_a_fold_the_first_pass(zone: str, gap: str, answer: str) -> None:
    assert parse_instant(gap, zone) == datetime.fromisoformat(answer).replace(tzinfo=UTC)


@pytest.mark.parametrize("month", [3, 10])
def test_an_interval_knows_no_daylight_saving(month: int) -> None:
    anchor = datetime(2026, month, 20, tzinfo=UTC)
    every = EverySchedule(timedelta(hours=5), anchor)
    assert every.count(anchor, anchor + timedelta(days=25)) == 119
    assert every.next_after(anchor) == anchor + timedelta(hours=5)
