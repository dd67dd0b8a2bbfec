"""What six zones' clock changes mean for each kind of schedule: slots in UTC, worked out by hand from the rule.

The rule is Debian's cron(8): see ``docs/schedules.md``. The tests ask the calendar for these slots, and
``docs/daylight-saving.md`` is printed from what it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agentcron.schedule import CronSchedule, EverySchedule, OnceSchedule, Schedule, parse_instant


class Kind(StrEnum):
    """How a schedule reads the clock."""

    FIXED = "fixed time"
    EACH_HOUR = "wildcard, every hour"
    ONE_HOUR = "wildcard, one hour"
    INTERVAL = "interval"
    ONCE = "once"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a zone's clock, at ``at`` (UTC). ``wall`` is what people see.

    ``slots`` are the expected ones as ``MM-DD HH:MM`` in UTC: of what names a single time, within twelve hours of the
    change; of what goes on all day, from one hour before the change to two hours after it.
    """

    zone: str
    at: datetime
    wall: str
    asked: dict[Kind, tuple[str, list[str]]]

    def window(self, kind: Kind) -> tuple[datetime, datetime]:
        """From when (included) to when (excluded) slots are listed."""
        if kind in (Kind.EACH_HOUR, Kind.INTERVAL):
            return self.at - timedelta(hours=1), self.at + timedelta(hours=2)
        return self.at - timedelta(hours=12), self.at + timedelta(hours=12)

    def schedule(self, kind: Kind) -> Schedule:
        """The schedule that is asked. The interval's anchor is where its window begins."""
        text, _ = self.asked[kind]
        match kind:
            case Kind.INTERVAL:
                return EverySchedule(timedelta(minutes=int(text.removeprefix("every ").removesuffix("m")))).anchored(
                    self.window(kind)[0]
                )
            case Kind.ONCE:
                return OnceSchedule(parse_instant(text.removeprefix("at "), self.zone), self.zone)
            case _:
                return CronSchedule(text, self.zone)


def forwards(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """The schedule's slots in start <= slot < end."""
    found, at = [], schedule.next_after(start - timedelta(microseconds=1))
    while at is not None and at < end:
        found.append(at)
        at = schedule.next_after(at)
    return found


def _change(at: str, wall: str, text: str) -> Change:
    zone = text.split(None, 1)[0]
    lines = [line.split("|") for line in text.strip().splitlines()[1:]]
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    asked = {}
    for kind, (schedule, slots) in zip(Kind, lines, strict=True):
        days = [instant - timedelta(days=1), instant]
        told: list[str] = []
        for word in slots.split():
            # "-1/" in front: on the day before the change's, in UTC.
            early = word.startswith("-1/")
            told.append(f"{days[not early]:%m-%d} {word.removeprefix('-1/')}")
        asked[kind] = schedule.strip(), told
    return Change(zone=zone, at=instant, wall=wall, asked=asked)


FORWARD = (
    _change(
        "2026-03-29T01:00",
        "29 March 2026, 02:00 becomes 03:00",
        """Europe/Berlin
        30 2 * * *          | 01:00
        30 * * * *          | 00:30 01:30 02:30
        */30 2 * * *        |
        every 40m           | 00:40 01:20 02:00 02:40
        at 2026-03-29T02:30 | 01:00
        """,
    ),
    _change(
        "2026-03-08T07:00",
        "8 March 2026, 02:00 becomes 03:00",
        """America/New_York
        30 2 * * *          | 07:00
        30 * * * *          | 06:30 07:30 08:30
        */30 2 * * *        |
        every 40m           | 06:40 07:20 08:00 08:40
        at 2026-03-08T02:30 | 07:00
        """,
    ),
    _change(
        "2026-10-03T15:30",
        "4 October 2026, 02:00 becomes 02:30",
        """Australia/Lord_Howe
        15 2 * * *          | 15:30
        15 * * * *          | 14:45 16:15 17:15
        */15 2 * * *        | 15:30 15:45
        every 40m           | 15:10 15:50 16:30 17:10
        at 2026-10-04T02:15 | 15:30
        """,
    ),
    _change(
        "2026-03-29T01:00",
        "29 March 2026, 01:00 becomes 03:00",
        """Antarctica/Troll
        30 1 * * *          | 01:00
        30 * * * *          | 00:30 01:30 02:30
        */30 1 * * *        |
        every 40m           | 00:40 01:20 02:00 02:40
        at 2026-03-29T01:30 | 01:00
        """,
    ),
    _change(
        "2026-03-08T05:00",
        "8 March 2026, 00:00 becomes 01:00",
        """America/Havana
        30 0 * * *          | 05:00
        30 * * * *          | 04:30 05:30 06:30
        */30 0 * * *        |
        every 40m           | 04:40 05:20 06:00 06:40
        at 2026-03-08T00:30 | 05:00
        """,
    ),
    _change(
        "2026-03-28T22:00",
        "29 March 2026, 00:00 becomes 01:00",
        """Asia/Beirut
        30 0 * * *          | 22:00
        30 * * * *          | 21:30 22:30 23:30
        */30 0 * * *        |
        every 40m           | 21:40 22:20 23:00 23:40
        at 2026-03-29T00:30 | 22:00
        """,
    ),
)

BACK = (
    _change(
        "2026-10-25T01:00",
        "25 October 2026, 03:00 becomes 02:00",
        """Europe/Berlin
        30 2 * * *          | 00:30
        30 * * * *          | 00:30 01:30 02:30
        */30 2 * * *        | 00:00 00:30 01:00 01:30
        every 40m           | 00:40 01:20 02:00 02:40
        at 2026-10-25T02:30 | 00:30
        """,
    ),
    _change(
        "2026-11-01T06:00",
        "1 November 2026, 02:00 becomes 01:00",
        """America/New_York
        30 1 * * *          | 05:30
        30 * * * *          | 05:30 06:30 07:30
        */30 1 * * *        | 05:00 05:30 06:00 06:30
        every 40m           | 05:40 06:20 07:00 07:40
        at 2026-11-01T01:30 | 05:30
        """,
    ),
    _change(
        "2026-04-04T15:00",
        "5 April 2026, 02:00 becomes 01:30",
        """Australia/Lord_Howe
        45 1 * * *          | 14:45
        45 * * * *          | 14:45 15:15 16:15
        */15 1 * * *        | 14:00 14:15 14:30 14:45 15:00 15:15
        every 40m           | 14:40 15:20 16:00 16:40
        at 2026-04-05T01:45 | 14:45
        """,
    ),
    _change(
        "2026-10-25T01:00",
        "25 October 2026, 03:00 becomes 01:00",
        """Antarctica/Troll
        30 1 * * *          | -1/23:30
        30 * * * *          | 00:30 01:30 02:30
        */30 1 * * *        | -1/23:00 -1/23:30 01:00 01:30
        every 40m           | 00:40 01:20 02:00 02:40
        at 2026-10-25T01:30 | -1/23:30
        """,
    ),
    _change(
        "2026-11-01T05:00",
        "1 November 2026, 01:00 becomes 00:00",
        """America/Havana
        30 0 * * *          | 04:30
        30 * * * *          | 04:30 05:30 06:30
        */30 0 * * *        | 04:00 04:30 05:00 05:30
        every 40m           | 04:40 05:20 06:00 06:40
        at 2026-11-01T00:30 | 04:30
        """,
    ),
    _change(
        "2026-10-24T21:00",
        "24 October 2026, 24:00 becomes 23:00",
        """Asia/Beirut
        30 23 * * *         | 20:30
        30 * * * *          | 20:30 21:30 22:30
        */30 23 * * *       | 20:00 20:30 21:00 21:30
        every 40m           | 20:40 21:20 22:00 22:40
        at 2026-10-24T23:30 | 20:30
        """,
    ),
)
