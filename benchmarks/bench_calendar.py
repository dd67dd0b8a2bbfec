"""How fast is the calendar? Next fires a second and parsing, beside cronsim, round by round.

Run: python benchmarks/bench_calendar.py
The engines take turns inside each round, so that other work on the machine slows both; read the ratios first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from agentcron.schedule import CronSchedule
from agentcron.schedule.fields import parse_fields

EXPRESSIONS = (
    "* * * * *", "*/5 * * * *", "*/15 9-17 * * MON-FRI", "0 * * * *", "0 */2 * * *", "30 4 * * *",
    "0 9 * * MON-FRI", "15 14 1 * *", "0 22 * * 1-5", "23 0-20/2 * * *", "5 4 * * SUN", "0 0 1,15 * 3",
    "0 0 1 1 *", "0 12 * * 1", "45 23 28-31 * *", "10 6 * 6-9 *", "0 0 L * *", "0 9 * * 1#1", "30 2 * * *",
    "*/7 * * * *",
)  # fmt: skip
ZONES = ("UTC", "America/New_York", "Europe/Berlin")
STARTS = tuple(datetime(2026, month, 7, 3, 14, 15, tzinfo=UTC) for month in range(1, 13, 2))
ROUNDS = 7


def _seconds(work: Callable[[], int]) -> float:
    """Seconds for one of the things that ``work`` did."""
    begin = time.perf_counter()
    done = work()
    return (time.perf_counter() - begin) / done


def _ours_us(zone: str) -> Callable[[], int]:
    schedules = [CronSchedule(text, zone) for text in EXPRESSIONS]
    starts = [int(start.timestamp()) * 1_000_000 for start in STARTS]

    def work() -> int:
        done = 0
        for schedule in schedules:
            step = schedule.next_us
            for start in starts:
                at: int | None = start
                for _ in range(10):
                    assert at is not None
                    at = step(at)
                done += 10
        return done

    return work


def _ours_datetime(zone: str) -> Callable[[], int]:
    schedules = [CronSchedule(text, zone) for text in EXPRESSIONS]

    def work() -> int:
        done = 0
        for schedule in schedules:
            for start in STARTS:
                at: datetime | None = start
                for _ in range(10):
                    assert at is not None
                    at = schedule.next_after(at)
                done += 10
        return done

    return work


def _cronsim(zone: str) -> Callable[[], int]:
    starts = [start.astimezone(ZoneInfo(zone)) for start in STARTS]

    def work() -> int:
        done = 0
        for text in EXPRESSIONS:
            for start in starts:
                fires = CronSim(text, start)
                for _ in range(10):
                    next(fires)
                done += 10
        return done

    return work


def _parse_ours() -> int:
    for text in EXPRESSIONS:
        parse_fields(text)
    return len(EXPRESSIONS)


def _parse_cronsim() -> int:
    for text in EXPRESSIONS:
        CronSim(text, STARTS[0])
    return len(EXPRESSIONS)


def _cached() -> int:
    for text in EXPRESSIONS:
        CronSchedule(text, "Europe/Berlin")
    return len(EXPRESSIONS)


def _year_of_seconds() -> int:
    schedule = CronSchedule("* * * * * *", "America/New_York")
    schedule.count(STARTS[0], STARTS[0] + timedelta(days=366))
    return 1


def _compare(name: str, ours: Callable[[], int], theirs: Callable[[], int]) -> None:
    ours(), theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(ROUNDS)]
    fast = statistics.median(each for each, _ in pairs)
    ratio = statistics.median(other / each for each, other in pairs)
    print(f"{name:<38} {fast * 1e6:8.2f} us {1 / fast:12,.0f} /s   cronsim takes {ratio:5.1f} x as long")


def main() -> None:
    for zone in ZONES:
        _compare(f"next_us     {zone}", _ours_us(zone), _cronsim(zone))
        _compare(f"next_after  {zone}", _ours_datetime(zone), _cronsim(zone))
    _compare("parse (uncached)", _parse_ours, _parse_cronsim)
    for name, work in (("construct, cached", _cached), ("count, each second of a year", _year_of_seconds)):
        work()
        each = statistics.median(_seconds(work) for _ in range(ROUNDS))
        print(f"{name:<38} {each * 1e6:8.2f} us {1 / each:12,.0f} /s")


if __name__ == "__main__":
    main()
