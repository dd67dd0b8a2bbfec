"""Intervals, single times, durations, and reading any schedule from text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from agentcron.errors import InvalidScheduleError
from agentcron.schedule import (
    CronSchedule,
    EverySchedule,
    OnceSchedule,
    Schedule,
    format_duration,
    parse_duration,
    parse_instant,
    parse_schedule,
)

ANCHOR = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_first_slot_of_an_interval_is_one_interval_after_its_anchor() -> None:
    every = EverySchedule(timedelta(minutes=90)).anchored(ANCHOR)
    assert every.next_after(ANCHOR - timedelta(days=9)) == ANCHOR + timedelta(minutes=90)
    assert every.next_after(ANCHOR + timedelta(minutes=90)) == ANCHOR + timedelta(minutes=180)
    assert every.previous_before(ANCHOR + timedelta(minutes=90)) is None
    assert every.previous_before(ANCHOR + timedelta(minutes=91)) == ANCHOR + timedelta(minutes=90)
    assert every.count(ANCHOR - timedelta(days=1), ANCHOR + timedelta(minutes=180)) == 1
    assert every.count(ANCHOR, ANCHOR + timedelta(minutes=181)) == 2
    assert every.count(ANCHOR + timedelta(days=1), ANCHOR) == 0
    assert every.period_us() == 5_400_000_000
    assert every.describe() == "every 1 hour 30 minutes"
    assert every.timezone == "UTC"
    assert every.warnings == ()


def test_an_interval_without_an_anchor_says_what_is_missing() -> None:
    every = parse_schedule("every 10s")
    assert every == EverySchedule(timedelta(seconds=10))
    assert every.text == "every 10s"
    assert every.period_us() == 10_000_000
    for question in (every.next_after, every.previous_before):
        with pytest.raises(InvalidScheduleError, match="no anchor"):
            question(ANCHOR)
    with pytest.raises(InvalidScheduleError, match="no anchor"):
        every.count(ANCHOR, ANCHOR)


@pytest.mark.parametrize(
    "interval", [timedelta(0), timedelta(milliseconds=999), -timedelta(1), timedelta(days=4000), 10]
)
def test_an_interval_out_of_range_is_refused(interval: timedelta) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        EverySchedule(interval)
    assert refusal.value.kind == "bad_interval"


def test_a_single_time_has_one_slot() -> None:
    once = OnceSchedule(datetime(2026, 12, 1, 10, tzinfo=timezone(timedelta(hours=1))))
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert once.at == at
    assert once.next_after(at) is None
    assert once.next_after(ANCHOR) == at
    assert once.previous_before(at) is None
    assert once.previous_before(at + timedelta(microseconds=1)) == at
    assert (once.count(ANCHOR, at), once.count(at, at + timedelta(microseconds=1))) == (0, 1)
    assert once.period_us() is None
    assert once.text == "at 2026-12-01T09:00:00+00:00"
    assert once.describe() == "once, at 2026-12-01 09:00 UTC"
    berlin = OnceSchedule(at, timezone="Europe/Berlin")
    assert berlin.describe() == "once, at 2026-12-01 10:00 Europe/Berlin (UTC+0100)"
    assert berlin.timezone == "Europe/Berlin"


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), date(2026, 1, 1), None, "2026-01-01", 5])
def test_an_instant_without_a_zone_is_refused_everywhere(moment: datetime) -> None:
    schedule: Schedule = CronSchedule("* * * * *")
    for use in (OnceSchedule, EverySchedule(timedelta(1)).anchored, schedule.next_after, schedule.previous_before):
        if moment is None and getattr(use, "__name__", "") == "anchored":
            continue
        with pytest.raises(InvalidScheduleError) as refusal:
            use(moment)  # type: ignore[operator]
        assert refusal.value.kind == "bad_instant"
        assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("0 9 * * *", CronSchedule("0 9 * * *", "Europe/Berlin")),
        ("0 0 9 * * *", CronSchedule("0 9 * * *", "Europe/Berlin")),
        ("@daily", CronSchedule("@daily", "Europe/Berlin")),
        ("every 10s", EverySchedule(timedelta(seconds=10), timezone="Europe/Berlin")),
        ("Every 1h30m", EverySchedule(timedelta(minutes=90), timezone="Europe/Berlin")),
        ("every 2 hours", EverySchedule(timedelta(hours=2), timezone="Europe/Berlin")),
        ("every  2 hours 30 minutes", EverySchedule(timedelta(minutes=150), timezone="Europe/Berlin")),
        ("every 1h from 2026-01-01T13:00", EverySchedule(timedelta(hours=1), ANCHOR, "Europe/Berlin")),
        ("at 2026-01-01T13:00", OnceSchedule(ANCHOR, "Europe/Berlin")),
        ("at 2026-01-01 13:00", OnceSchedule(ANCHOR, "Europe/Berlin")),
        ("at 2026-01-01T12:00Z", OnceSchedule(ANCHOR, "Europe/Berlin")),
        ("AT 2026-12-01", OnceSchedule(datetime(2026, 11, 30, 23, tzinfo=UTC), "Europe/Berlin")),
    ],
)
def test_texts_of_schedules(text: str, schedule: Schedule) -> None:
    assert parse_schedule(text, "Europe/Berlin") == schedule


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("30m", 'say "every 30m" to repeat'),
        ("2 hours", 'say "every 2 hours" to repeat'),
        ("2026-12-01T09:00", 'say "at 2026-12-01T09:00" to run once'),
        ("daily", "say @daily"),
        ("in 5 minutes", 'say "at" and a time'),
        ("tomorrow morning", 'write a cron expression such as "0 9 * * *"'),
        ("every", "duration: it is empty"),
        ("every day", "@daily"),
        ("every 5", "has no unit"),
        ("every 500ms", "out of range"),
        ("every 20y", "has no fixed length"),
        ("every 5000d", "out of range"),
        ("at", "instant: it is empty"),
        ("at noon", "noon is not a time"),
        ("at 2026-13-01", "is not a time"),
        ("", "five"),
        ("60 * * * *", "minute: 60 is out of range (0-59)"),
    ],
)
def test_any_other_text_gets_a_hint_in_one_line(text: str, hint: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        parse_schedule(text)
    assert hint in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("text", ["every 5m", "at 2026-01-01"])
def test_a_wrong_zone_is_refused_for_every_kind(text: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        parse_schedule(text, "Mars/Olympus")
    assert refusal.value.kind == "bad_timezone"


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("3s", timedelta(seconds=3)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1w", timedelta(weeks=1)),
        ("250ms", timedelta(milliseconds=250)),
        ("7us", timedelta(microseconds=7)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("0.1s", timedelta(milliseconds=100)),
        ("0s", timedelta(0)),
        ("1 hour and 30 minutes", timedelta(minutes=90)),
        ("1 day, 2 hrs", timedelta(hours=26)),
        (" 10 SEC ", timedelta(seconds=10)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "1.5", "-5m", "m", "5x", "5 5", "1h1h", "1h,", "h1", "1..5h", "1e3s",
     "５m", "1mo", "1y", "0.0000001s",
     "99999999999999999w", "5m\n", "1h;2m", "9" * 400 + "s", None, 5],
)  # fmt: skip
def test_what_is_no_duration_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        parse_duration(text)
    assert refusal.value.kind == "bad_interval"
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=1, hours=12), "1d12h"),
        (timedelta(seconds=1.5), "1s500ms"),
        (timedelta(weeks=1), "7d"),
        (timedelta(0), "0s"),
        (-timedelta(minutes=5), "-5m"),
    ],
)
def test_durations_are_written_short(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-02-30", "09:00", "２026-01-01", "0001-01-01T00:00+05:00", "2026-01-01\n"]
)
def test_what_is_no_instant_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidScheduleError) as refusal:
        parse_instant(text)
    assert refusal.value.kind == "bad_instant"
    assert str(refusal.value).isprintable()


def test_an_instant_beyond_the_last_year_is_refused_in_one_line() -> None:
    beyond = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))
    for make in (lambda: OnceSchedule(beyond), lambda: EverySchedule(timedelta(hours=1), beyond)):
        with pytest.raises(InvalidScheduleError, match="outside the years 1 to 9999"):
            make()


def test_a_single_time_that_its_zone_cannot_show_is_described_in_utc() -> None:
    once = OnceSchedule(datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Asia/Tokyo")
    assert once.describe() == "once, at 9999-12-31 23:59 UTC"
    once = OnceSchedule(datetime(1, 1, 1, tzinfo=UTC), "America/New_York")
    assert once.describe().endswith("00:00 UTC")
