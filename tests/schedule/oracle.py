"""When should a schedule fire? A slow second opinion that shares no code with the calendar.

It lists the real minutes (or seconds) of a window one by one, asks ``zoneinfo`` what the clock on the wall
showed at each, and then applies the daylight saving rule of cron(8) where the list jumps. Sets of instants
are integers with one bit for each tick of the window, so ten thousand expressions take seconds.
"""

from __future__ import annotations

import calendar
import struct
import zoneinfo
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
ZONES = (
    "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca",
    "Europe/Dublin", "America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Africa/Cairo",
    "Pacific/Apia", "Asia/Pyongyang", "America/Caracas", "Pacific/Kwajalein", "Antarctica/Casey",
    "Asia/Gaza", "America/St_Johns", "Pacific/Chatham", "Asia/Tehran", "America/Santiago",
)  # fmt: skip


class Line:
    """One valid expression, as sets of numbers and a question about dates."""

    def __init__(self, text: str) -> None:
        words = text.upper().split()
        six = len(words) == 6
        second, minute, hour, self.dom, month, self.dow = words if six else ["0", *words]
        self.seconds = numbers(second, 0, 59)
        self.minutes = numbers(minute, 0, 59)
        self.hours = numbers(hour, 0, 23)
        self.months = numbers(month, 1, 12, MONTHS, 1)
        self.wildcard = minute[0] == "*" or hour[0] == "*" or (six and second[0] == "*")
        self.both = self.dom[0] in "*?" or self.dow[0] in "*?"

    def on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = any(self._dom(item, day) for item in self.dom.split(","))
        in_week = any(self._dow(item, day) for item in self.dow.split(","))
        return (in_month and in_week) if self.both else (in_month or in_week)

    def at(self, wall: datetime) -> bool:
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and self.on(wall.date())
        )

    @staticmethod
    def _dom(item: str, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        if item == "L":
            return day.day == length
        if item.startswith("L-"):
            return day.day == length - int(item[2:])
        if item.endswith("W"):
            target = length if item == "LW" else int(item[:-1])
            return target <= length and day.day == working_day(day.year, day.month, target)
        return day.day in numbers(item, 1, 31)

    @staticmethod
    def _dow(item: str, day: date) -> bool:
        today = day.isoweekday() % 7
        if "#" in item:
            name, nth = item.split("#")
            return today in weekdays(name) and (day.day + 6) // 7 == int(nth)
        if len(item) > 1 and item.endswith("L"):
            return today in weekdays(item[:-1]) and (day + timedelta(days=7)).month != day.month
        return today in weekdays(item)


@lru_cache(maxsize=4096)
def working_day(year: int, month: int, target: int) -> int:
    """Saturday goes to Friday and Sunday to Monday, and the other way round at the month's edges."""
    length = calendar.monthrange(year, month)[1]
    working = [n for n in range(1, length + 1) if date(year, month, n).weekday() < 5]
    return min(working, key=lambda n: (abs(n - target), n))


@lru_cache(maxsize=4096)
def weekdays(item: str) -> frozenset[int]:
    return frozenset(n % 7 for n in numbers(item, 0, 7, DAYS, 0))


@lru_cache(maxsize=4096)
def _numbers(text: str, low: int, high: int, names: tuple[str, ...], base: int) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        ends = [names.index(end) + base if end in names else end for end in span.split("-")]
        if ends[0] in ("*", "?"):
            first, last = low, high
        elif len(ends) == 2:
            first, last = int(ends[0]), int(ends[1])
        else:
            first = int(ends[0])
            last = high if step else first
        found.update(n for n in range(first, last + 1) if (n - first) % int(step or 1) == 0)
    return frozenset(found)


def numbers(text: str, low: int, high: int, names: list[str] | None = None, base: int = 0) -> frozenset[int]:
    return _numbers(text, low, high, tuple(names or ()), base)


def _bits(values: Iterable[int]) -> dict[int, int]:
    """The places of each value, one bit each."""
    backwards = bytes(values)[::-1]
    return {value: int(backwards.translate(b"0" * value + b"1" + b"0" * (255 - value)), 2) for value in set(backwards)}


class Window:
    """Every tick of a stretch of real time, with what the clock on the wall showed at each."""

    def __init__(self, zone: str, start: int, ticks: int, tick: int = 60) -> None:
        self.start, self.ticks, self.tick = start, ticks, tick
        place = ZoneInfo(zone)
        # In one zone, differences and sums are those of the clock on the wall.
        walls = [datetime.fromtimestamp(start + n * tick, place) for n in range(ticks)]
        first = min(walls[0], walls[-1]).toordinal() - 1
        days = _bits(wall.toordinal() - first for wall in walls)
        self._bits: dict[str, dict[Any, int]] = {
            "second": _bits(wall.second for wall in walls) if tick == 1 else {},
            "minute": _bits(wall.minute for wall in walls),
            "hour": _bits(wall.hour for wall in walls),
            "day": {date.fromordinal(first + day): bits for day, bits in days.items()},
        }
        step = timedelta(seconds=tick)
        self.jumps = [
            (n, before + step, (wall - before - step) // step)
            for n, (before, wall) in enumerate(pairwise(walls), 1)
            if wall - before != step
        ]

    def fires(self, line: Line) -> int:
        """The ticks at which ``line`` should fire, one bit each."""
        found = self._any("minute", line.minutes) & self._any("hour", line.hours)
        if self.tick == 1:
            found &= self._any("second", line.seconds)
        found &= self._any("day", {day for day in self._bits["day"] if line.on(day)})
        if line.wildcard:
            return found
        three_hours = 3 * 3600 // self.tick
        for n, expected, jump in self.jumps:
            if -three_hours < jump < 0:
                found &= ~(((1 << -jump) - 1) << n)
            elif 0 < jump < three_hours:
                step = timedelta(seconds=self.tick)
                if any(line.at(expected + k * step) for k in range(jump)):
                    found |= 1 << n
        return found

    def _any(self, kind: str, values: Iterable[Any]) -> int:
        bits = self._bits[kind]
        total = 0
        for value in values:
            total |= bits.get(value, 0)
        return total

    def first_after(self, fires: int, second: int) -> int | None:
        ahead = fires >> (index := (second - self.start) // self.tick + 1)
        return self.start + (index + (ahead & -ahead).bit_length() - 1) * self.tick if ahead else None

    def last_before(self, fires: int, second: int) -> int | None:
        behind = fires & ((1 << -(-(second - self.start) // self.tick)) - 1)
        return self.start + (behind.bit_length() - 1) * self.tick if behind else None


@lru_cache(maxsize=64)
def transitions(zone: str) -> tuple[tuple[int, int, int], ...]:
    """(instant, offset before, offset after) of each jump of the wall clock that the zone's file lists."""
    data = _file(zone)
    counts = struct.unpack(">6l", data[20:44])
    second_part = data[44 + _body(counts, 4) :]
    counts = struct.unpack(">6l", second_part[20:44])
    times, types = counts[3], counts[4]
    place = 44
    at = struct.unpack(f">{times}q", second_part[place : place + 8 * times])
    kinds = second_part[place + 8 * times : place + 9 * times]
    place += 9 * times
    offsets = [struct.unpack(">l", second_part[place + 6 * n : place + 6 * n + 4])[0] for n in range(types)]
    found = []
    before = offsets[0]
    for instant, kind in zip(at, kinds, strict=True):
        if offsets[kind] != before:
            found.append((instant, before, offsets[kind]))
            before = offsets[kind]
    return tuple(found)


def _body(counts: tuple[int, ...], width: int) -> int:
    isut, isstd, leaps, times, types, chars = counts
    return times * (width + 1) + types * 6 + chars + leaps * (width + 4) + isstd + isut


def _file(zone: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, zone)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
