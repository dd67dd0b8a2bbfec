"""What each sign of the dialect means, and how it is said in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentcron.schedule import CronSchedule


def days(text: str, start: str, count: int) -> list[str]:
    at: datetime | None = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = []
    for _ in range(count):
        at = CronSchedule(text).next_after(at)
        found.append(f"{at:%Y-%m-%d}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("0 0 15W * *", ["2026-01-15", "2026-02-16", "2026-03-16"]),
        ("0 0 1W * *", ["2026-01-01", "2026-02-02", "2026-03-02"]),
        ("0 0 31W * *", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("0 0 L-3 * *", ["2026-01-28", "2026-02-25", "2026-03-28"]),
        ("0 0 * * FRIL", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 * * 7L", ["2026-01-25", "2026-02-22", "2026-03-29"]),
        ("0 0 * * MON#1", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("0 0 * * 1#5", ["2026-03-30", "2026-06-29", "2026-08-31"]),
        ("0 0 * * 0", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("0 0 * * 7", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("0 0 * * sun", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("0 0 * * 5-7", ["2026-01-02", "2026-01-03", "2026-01-04"]),
        ("0 0 * * 1/2", ["2026-01-02", "2026-01-04", "2026-01-05"]),
        ("0 0 * Feb-apr MON", ["2026-02-02", "2026-02-09", "2026-02-16"]),
        ("0 0 10/10 * ?", ["2026-01-10", "2026-01-20", "2026-01-30"]),
        ("0 0 13 * FRI", ["2026-01-02", "2026-01-09", "2026-01-13"]),
        ("0 0 1-7 * */7", ["2026-01-04", "2026-02-01", "2026-03-01"]),
        ("0 0 */2 * MON", ["2026-01-05", "2026-01-19", "2026-02-09"]),
        ("0 0 ? * WED", ["2026-01-07", "2026-01-14", "2026-01-21"]),
        ("0 0 13 * ?", ["2026-01-13", "2026-02-13", "2026-03-13"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 */28 2 MON#5", ["2044-02-29", "2072-02-29", "2112-02-29"]),
        ("0 0 1,L * *", ["2026-01-01", "2026-01-31", "2026-02-01"]),
    ],
)
def test_days(text: str, expected: list[str]) -> None:
    assert days(text, "2025-12-31T23:59", 3) == expected


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@Daily", "0 0 * * *"),
        ("0 0 * * 7", "0 0 * * SUN"),
        (" \t0  9\t* * * ", "0 9 * * *"),
        ("0 0 9 * * *", "0 9 * * *"),
        ("00 09 * * *", "0 9 * * *"),
        ("5/15 0 * * *", "5,20,35,50 0 * * *"),
    ],
)
def test_two_ways_to_say_the_same_are_equal(alias: str, text: str) -> None:
    assert CronSchedule(alias) == CronSchedule(text)
    assert hash(CronSchedule(alias)) == hash(CronSchedule(text))
    assert CronSchedule(alias).text == alias.strip(" \t")
    assert CronSchedule(alias) != CronSchedule(text, "Europe/Berlin")


@pytest.mark.parametrize(
    ("one", "other"),
    [("* 2 * * *", "0-59 2 * * *"), ("0 0 1 * MON", "0 0 1 * */1"), ("0 0 1 * *", "0 0 2 * *")],
)
def test_what_fires_differently_is_not_equal(one: str, other: str) -> None:
    assert CronSchedule(one) != CronSchedule(other)


def test_six_fields_begin_with_seconds() -> None:
    at = datetime(2026, 1, 1, 8, 59, 59, 500_000, tzinfo=UTC)
    schedule = CronSchedule("*/20 0 9 * * *")
    assert schedule.next_after(at) == datetime(2026, 1, 1, 9, 0, 0, tzinfo=UTC)
    assert schedule.next_after(at.replace(hour=9, minute=0, second=0)) == datetime(2026, 1, 1, 9, 0, 20, tzinfo=UTC)
    assert schedule.previous_before(at) == datetime(2025, 12, 31, 9, 0, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("*/70 * * * *", "matches only 0"),
        ("*/60 * * * *", "matches only 0"),
        ("59/15 * * * *", "matches only 59"),
        ("0 1-5/9 * * *", "matches only 1"),
        ("0 0 1-7 * */7", "must match both day of month 1-7 and day of week */7"),
        ("0 0 */2 * MON", "must match both"),
    ],
)
def test_what_may_not_be_meant_is_warned_of_and_described(text: str, part: str) -> None:
    schedule = CronSchedule(text)
    assert len(schedule.warnings) == 1
    assert part in schedule.warnings[0]
    assert schedule.warnings[0] in schedule.describe()


@pytest.mark.parametrize(
    "text", ["* * * * *", "0 0 1 * MON", "0 0 1 * ?", "*/30 * * * *", "0 0 ? * MON", "0 0 * * */7"]
)
def test_ordinary_expressions_have_no_warning(text: str) -> None:
    assert CronSchedule(text).warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 past every hour"),
        ("@hourly", "every hour, on the hour"),
        ("0 */2 * * *", "every 2 hours, on the hour"),
        ("0 8-18 * * *", "on the hour, at hours 8 to 18, every day"),
        ("0 9 * * *", "at 09:00, every day"),
        ("0 9,17 * * 1-5", "at 09:00 and 17:00, Monday to Friday"),
        ("*/15 9-17 * * MON-FRI", "every 15 minutes of hours 9 to 17, Monday to Friday"),
        ("0 0 1 1 *", "at 00:00, on day 1 of the month, in January"),
        ("0 0 13 * FRI", "at 00:00, on day 13 of the month or on Friday (either is enough)"),
        ("0 0 LW 1-3 ?", "at 00:00, on the last weekday (Monday to Friday) of the month, in January to March"),
        ("0 0 ? * MON#1,FRIL", "at 00:00, on the first Monday of the month and the last Friday of the month"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("5 * * * * *", "at second 5 of every minute"),
        ("30 0 9 * * *", "at 09:00:30, every day"),
        ("* 30 * * * *", "every second of minute 30 past every hour"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert CronSchedule(text).describe() == f"{words} (UTC)"
    assert CronSchedule(text, "Europe/Berlin").describe().startswith(f"{words} (Europe/Berlin)")


def test_a_schedule_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        CronSchedule("* * * * *").timezone = "Europe/Berlin"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("* * * * * *", 1), ("*/7 * * * * *", 4), ("* * * * *", 60), ("*/7 * * * *", 240), ("0 9,17 * * *", 8 * 3600),
     ("0 9 * * *", 86_400), ("0 9 * * 1", 7 * 86_400), ("0 9 1 * *", 28 * 86_400), ("59 23 L * *", 28 * 86_400),
     ("30,0 0 0 * * *", 30), ("0 0 1 1 *", 365 * 86_400)],
)  # fmt: skip
def test_the_period_is_the_shortest_distance(text: str, seconds: int) -> None:
    assert CronSchedule(text).period_us() == seconds * 1_000_000


def test_a_year_of_seconds_is_counted_not_walked() -> None:
    schedule = CronSchedule("* * * * * *", "America/New_York")
    start = datetime(2025, 1, 1, tzinfo=UTC)
    assert schedule.count(start, datetime(2026, 1, 1, tzinfo=UTC)) == 365 * 86_400


def test_the_ends_of_the_calendar_are_answered_without_an_error() -> None:
    schedule = CronSchedule("0 9 * * *", "America/New_York")
    last, first = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert schedule.next_after(last) is None
    assert schedule.previous_before(first) is None
    assert schedule.previous_before(last) is not None
    assert schedule.next_after(first) is not None
    assert schedule.count(last, last) == 0
    century = schedule.count(first, first + timedelta(days=36_500))
    assert 36_490 < century <= 36_500
    assert schedule.next_us(10**30) is None
    assert schedule.previous_us(-(10**30)) is None
