"""The daylight saving tables as a page: the calendar's answers to the questions that the tests ask it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tests.schedule.daylight_cases import BACK, FORWARD, Change, Kind, forwards

_INTRO: Final = """# Daylight saving

What each kind of schedule does when a zone's clock jumps, on real dates. The slots in these tables are answers of the
calendar; tests hold them to values worked out by hand (`tests/schedule/daylight_cases.py`). The page is generated.

The rule is that of Debian's cron, stated in cron(8), for jumps of less than three hours:

| kind | the clock goes forward | the clock goes back |
| --- | --- | --- |
| fixed time | skipped times run once, at the first instant after the gap | the first pass only |
| wildcard (minute or hour begins with `*`) | real time: what was skipped is not made up | real time: both passes |
| interval | real time | real time |
| once | a skipped time means the first instant after the gap | the first pass |

A wildcard line for one hour (`*/30 2 * * *`) has no slot where that hour is skipped, and twice as many where it is
repeated. If such a job must run on every day, and at none of its times twice, name them: `0,30 2 * * *`.

Lines that name one time are listed for half a day around the change. `30 * * * *` and the interval, which go on all
day, are listed from one hour before the change to two hours after it; the interval's anchor is an hour before it.

[Schedules](schedules.md) has more: jumps of three hours and more, and how other libraries differ.
"""


def pages() -> dict[str, str]:
    """The one page."""
    parts = [_INTRO]
    for title, changes in (("The clock goes forward", FORWARD), ("The clock goes back", BACK)):
        parts.append(f"## {title}\n")
        parts.extend(_table(change) for change in changes)
    return {"daylight-saving.md": "\n".join(parts)}


def _table(change: Change) -> str:
    lines = [
        f"### {change.zone}: {change.wall}\n",
        "| kind | schedule | slots, UTC | on the wall |",
        "| --- | --- | --- | --- |",
    ]
    zone = ZoneInfo(change.zone)
    for kind in Kind:
        slots = forwards(change.schedule(kind), *change.window(kind))
        walls = [slot.astimezone(zone) for slot in slots]
        lines.append(f"| {kind} | `{change.asked[kind][0]}` | {_times(slots)} | {_times(walls)} |")
    return "\n".join(lines) + "\n"


def _times(instants: list[datetime]) -> str:
    """The times of day, each date before the first time on it."""
    told, day = [], None
    for instant in instants:
        told.append(f"{instant:%H:%M}" if instant.date() == day else f"{instant:%m-%d %H:%M}")
        day = instant.date()
    return ", ".join(told) or "none"
