"""What a schedule means before a job is made of it: words, next times, and what daylight saving does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agentcron.plugin import next_slots
from agentcron.schedule import CronSchedule, EverySchedule, Schedule, parse_schedule
from agentcron.schedule.transitions import Stretch, clock_of

COUNT: Final = 5
_AHEAD: Final = timedelta(days=370)
_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What to show of a schedule. ``slots`` are aware, UTC."""

    sentence: str
    timezone: str
    slots: Sequence[datetime]
    notes: Sequence[str]


def preview(text: str, timezone: str, now: datetime, count: int = COUNT) -> Preview:
    """Raises ``InvalidScheduleError``."""
    schedule: Schedule = parse_schedule(text, timezone)
    if isinstance(schedule, EverySchedule) and schedule.anchor is None:
        schedule = schedule.anchored(now)
    sentence, *notes = schedule.describe().split("; note: ")
    if isinstance(schedule, CronSchedule):
        notes += daylight_notes(schedule, now)
    return Preview(sentence=sentence, timezone=timezone, slots=next_slots(schedule, now, count), notes=notes)


def daylight_notes(schedule: CronSchedule, now: datetime) -> list[str]:
    """What becomes of fixed times that the next change of the clock leaves out, or brings twice."""
    notes = []
    for before, after in _changes(schedule.timezone, now):
        jump = after.offset - before.offset
        note = _gap(schedule, before, after) if after.gap else _fold(schedule, before, after) if jump < 0 else None
        if note is not None:
            notes.append(note)
    return notes


def _changes(timezone: str, now: datetime) -> list[tuple[Stretch, Stretch]]:
    clock, found = clock_of(timezone), []
    stretch = clock.at(int(now.timestamp()))
    while stretch is not None and stretch.end < (now + _AHEAD).timestamp():
        after = clock.at(stretch.end)
        if after is not None and after.offset != stretch.offset:
            found.append((stretch, after))
        stretch = after
    return found


def _gap(schedule: CronSchedule, before: Stretch, after: Stretch) -> str | None:
    change = datetime.fromtimestamp(after.start, UTC)
    if schedule.next_after(change - _LEAST) != change:
        return None
    local = change.astimezone(ZoneInfo(schedule.timezone))
    # On a clock that never changes the schedule would have a slot at this wall time only if it names it.
    wall, plain = local.replace(tzinfo=UTC), CronSchedule(schedule.expression, "UTC")
    if plain.next_after(wall - _LEAST) == wall:
        return None
    skipped = plain.next_after(wall - timedelta(seconds=after.gap) - _LEAST)
    if skipped is None or skipped >= wall:
        return None
    return (
        f"On {local:%a} {local.day} {local:%b %Y} the clock goes forward and {skipped:%H:%M} does not exist: "
        f"it runs at {local:%H:%M} instead, once."
    )


def _fold(schedule: CronSchedule, before: Stretch, after: Stretch) -> str | None:
    change, length = datetime.fromtimestamp(after.start, UTC), timedelta(seconds=before.offset - after.offset)
    wall = change.astimezone(ZoneInfo(schedule.timezone)).replace(tzinfo=UTC, fold=0)
    twice = CronSchedule(schedule.expression, "UTC").next_after(wall - _LEAST)
    # A schedule that follows real time has slots in the second pass too, and nothing to warn of.
    if twice is None or twice >= wall + length or schedule.count(change, change + length):
        return None
    return (
        f"On {wall:%a} {wall.day} {wall:%b %Y} the clock goes back and {twice:%H:%M} comes twice: "
        "it runs the first time only."
    )
