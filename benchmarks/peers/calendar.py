"""Next fires and parsing: ours beside cronsim and croniter, on the same expressions, zones and starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from benchmarks.measure import Figures, Used, answer

EXPRESSIONS = (
    "* * * * *", "*/5 * * * *", "*/15 9-17 * * MON-FRI", "0 * * * *", "0 */2 * * *", "30 4 * * *",
    "0 9 * * MON-FRI", "15 14 1 * *", "0 22 * * 1-5", "23 0-20/2 * * *", "5 4 * * SUN", "0 0 1,15 * 3",
    "0 0 1 1 *", "0 12 * * 1", "45 23 28-31 * *", "10 6 * 6-9 *", "0 0 L * *", "0 9 * * 1#1", "30 2 * * *",
    "*/7 * * * *",
)  # fmt: skip
STARTS = tuple(datetime(2026, month, 7, 3, 14, 15, tzinfo=UTC) for month in range(1, 13, 2))
STEPS = 10
ZONE = "America/New_York"
TURNS = 5


def ours(folder: object) -> Figures:
    from agentcron.schedule import CronSchedule
    from agentcron.schedule.fields import parse_fields

    def steps(zone: str) -> int:
        done = 0
        for text in EXPRESSIONS:
            schedule = CronSchedule(text, zone)
            for start in STARTS:
                at: int | None = int(start.timestamp()) * 1_000_000
                for _ in range(STEPS):
                    assert at is not None
                    at = schedule.next_us(at)
                done += STEPS
        return done

    def parse() -> int:
        for text in EXPRESSIONS:
            parse_fields(text)
        return len(EXPRESSIONS)

    def cached() -> int:
        for text in EXPRESSIONS:
            CronSchedule(text, ZONE)
        return len(EXPRESSIONS)

    steps("UTC"), steps(ZONE)
    return {
        "utc_per_s": _per_second(lambda: steps("UTC")),
        "dst_per_s": _per_second(lambda: steps(ZONE)),
        "parse_us": 1e6 / _per_second(parse),
        "cached_us": 1e6 / _per_second(cached),
    }


def cronsim(folder: object) -> Figures:
    from cronsim import CronSim

    def steps(zone: str) -> int:
        done = 0
        for text in EXPRESSIONS:
            for start in STARTS:
                fires = CronSim(text, start.astimezone(ZoneInfo(zone)))
                for _ in range(STEPS):
                    next(fires)
                done += STEPS
        return done

    def parse() -> int:
        for text in EXPRESSIONS:
            CronSim(text, STARTS[0])
        return len(EXPRESSIONS)

    return _others(steps, parse)


def croniter(folder: object) -> Figures:
    from croniter import croniter as iterate

    # Of the twenty it reads all but those of the last days of a month otherwise than we do; what it skips is left out.
    texts = [text for text in EXPRESSIONS if "L" not in text and "#" not in text]

    def steps(zone: str) -> int:
        done = 0
        for text in texts:
            for start in STARTS:
                fires = iterate(text, start.astimezone(ZoneInfo(zone)))
                for _ in range(STEPS):
                    fires.get_next(datetime)
                done += STEPS
        return done

    def parse() -> int:
        for text in texts:
            iterate(text, STARTS[0])
        return len(texts)

    return _others(steps, parse)


def _others(steps: Callable[[str], int], parse: Callable[[], int]) -> Figures:
    return {
        "utc_per_s": _per_second(lambda: steps("UTC")),
        "dst_per_s": _per_second(lambda: steps(ZONE)),
        "parse_us": 1e6 / _per_second(parse),
    }


def _per_second(work: Callable[[], int]) -> float:
    """Things a second of CPU; the best of some turns, for another program in between slows only some."""
    best = 0.0
    for _ in range(TURNS):
        before, done = Used.now(), 0
        while (used := Used.now() - before).cpu < 0.05:
            done += work()
        best = max(best, done / used.cpu)
    return best


if __name__ == "__main__":
    answer(ours=ours, cronsim=cronsim, croniter=croniter)
