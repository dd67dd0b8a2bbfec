"""Which times on the wall clock match the fields? Next, previous and number of them, knowing no zone.

A wall time is a count of seconds since 1970-01-01 00:00 as the clock on the wall shows it.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from agentcron.schedule.days import Fields, days_of, year_mask

DAY: Final = 86_400
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_LAST_ORDINAL: Final = date.max.toordinal()
_RARE: Final = 366


class Walls:
    """The matching wall times of one expression. Caches are filled as years are met; threads may share it."""

    __slots__ = (
        "_days",
        "_first",
        "_first_second",
        "_last",
        "_masks",
        "_minutes",
        "_per_day",
        "_period",
        "_seconds",
        "_year",
    )

    def __init__(self, fields: Fields) -> None:
        self._days = days_of(fields)
        minutes = 0
        hours, hour = fields.hours, 0
        while hours:
            if hours & 1:
                minutes |= fields.minutes << hour
            hours >>= 1
            hour += 60
        self._minutes = minutes
        self._seconds = fields.seconds
        self._first_second = _lowest(fields.seconds)
        self._first = _lowest(minutes) * 60 + self._first_second
        self._last = (minutes.bit_length() - 1) * 60 + fields.seconds.bit_length() - 1
        self._per_day = minutes.bit_count() * fields.seconds.bit_count()
        self._masks: dict[tuple[int, bool], int] = {}
        self._year = (0, 0, 0)
        self._period: int | None = None

    def next(self, wall: int) -> int | None:
        """The first match at or after ``wall``; None when there is none up to the year 9999."""
        day, rest = divmod(wall, DAY)
        first, end, mask = self._year
        if not first <= day < end:
            found = self._load(day)
            if found is None:
                return None
            first, end, mask = found
        if mask >> (day - first) & 1:
            minute, second = divmod(rest, 60)
            ahead = self._minutes >> minute
            if ahead & 1:
                seconds = self._seconds >> second
                if seconds:
                    return wall + (seconds & -seconds).bit_length() - 1
                ahead -= 1
            if ahead:
                minute += (ahead & -ahead).bit_length() - 1
                return day * DAY + minute * 60 + self._first_second
        day += 1
        days = mask >> (day - first)
        while not days:
            day = end
            found = self._load(day)
            if found is None:
                return None
            first, end, days = found
        day += (days & -days).bit_length() - 1
        return day * DAY + self._first

    def previous(self, wall: int) -> int | None:
        """The last match at or before ``wall``; None when there is none from the year 1 on."""
        day, rest = divmod(wall, DAY)
        first, end, mask = self._year
        if not first <= day < end:
            found = self._load(day)
            if found is None:
                return None
            first, end, mask = found
        if mask >> (day - first) & 1:
            minute, second = divmod(rest, 60)
            if self._minutes >> minute & 1:
                seconds = self._seconds & ((2 << second) - 1)
                if seconds:
                    return wall - second + seconds.bit_length() - 1
            behind = self._minutes & ((1 << minute) - 1)
            if behind:
                return day * DAY + (behind.bit_length() - 1) * 60 + self._seconds.bit_length() - 1
        days = mask & ((1 << (day - first)) - 1)
        while not days:
            found = self._load(first - 1)
            if found is None:
                return None
            first, end, days = found
        return (first + days.bit_length() - 1) * DAY + self._last

    def any_between(self, low: int, high: int) -> bool:
        """Whether a match lies in low <= wall < high."""
        wall = self.next(low)
        return wall is not None and wall < high

    def count(self, low: int, high: int) -> int:
        """How many matches lie in low <= wall < high: matching days times matches a day, without walking."""
        if high <= low:
            return 0
        low_day, low_rest = divmod(low, DAY)
        high_day, high_rest = divmod(high, DAY)
        days = 0
        day = low_day
        while day < high_day:
            found = self._load(day)
            if found is None:
                break
            first, end, mask = found
            stop = min(end, high_day)
            days += (mask >> (day - first) & ((1 << (stop - day)) - 1)).bit_count()
            day = stop
        total = days * self._per_day
        if low_rest and self._matches_day(low_day):
            total -= self._before(low_rest)
        if high_rest and self._matches_day(high_day):
            total += self._before(high_rest)
        return total

    def period(self) -> int:
        """Seconds between the two nearest matches; a lower bound where days return only after a year."""
        if self._period is None:
            spans = [_closest(self._seconds, 60)]
            minutes = _closest(self._minutes, 1440)
            if minutes is not None:
                spans.append(minutes * 60 - self._seconds.bit_length() + 1 + self._first_second)
            spans.append(self._closest_days() * DAY - self._last + self._first)
            self._period = min(span for span in spans if span is not None)
        return self._period

    def _before(self, rest: int) -> int:
        minute, second = divmod(rest, 60)
        count = (self._minutes & ((1 << minute) - 1)).bit_count() * self._seconds.bit_count()
        if self._minutes >> minute & 1:
            count += (self._seconds & ((1 << second) - 1)).bit_count()
        return count

    def _matches_day(self, day: int) -> bool:
        found = self._load(day)
        return found is not None and bool(found[2] >> (day - found[0]) & 1)

    def _load(self, day: int) -> tuple[int, int, int] | None:
        """The year around ``day``: its first day, the first day of the next, its matching days as bits."""
        known = self._year
        if known[0] <= day < known[1]:
            return known
        ordinal = day + _EPOCH_ORDINAL
        if not 1 <= ordinal <= _LAST_ORDINAL:
            return None
        first, end, weekday, leap = _year(date.fromordinal(ordinal).year)
        found = (first, end, self._mask(weekday, leap))
        # One assignment of a whole tuple: threads that share the schedule never see half of a year.
        self._year = found
        return found

    def _mask(self, weekday: int, leap: bool) -> int:
        mask = self._masks.get((weekday, leap))
        if mask is None:
            mask = self._masks[weekday, leap] = year_mask(self._days, weekday, leap)
        return mask

    def _closest_days(self) -> int:
        if self._mask(0, False) & 3 == 3:
            return 1
        best = _RARE
        for leap in (False, True):
            for weekday in range(7):
                mask = self._mask(weekday, leap)
                if not mask:
                    continue
                best = min(best, _closest(mask, best) or best)
                length = 365 + leap
                for following in (False, True):
                    after = self._mask((weekday + length) % 7, following)
                    if after:
                        across = length - mask.bit_length() + (after & -after).bit_length()
                        best = min(best, across)
        return best


@lru_cache(maxsize=256)
def _year(year: int) -> tuple[int, int, int, bool]:
    """Its first day, the first day of the next, the weekday of the first (0 = Sunday), whether it is a leap year."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    first = date(year, 1, 1).toordinal() - _EPOCH_ORDINAL
    return first, first + 365 + leap, (first + 4) % 7, leap


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _closest(mask: int, limit: int) -> int | None:
    """The smallest distance between two set bits, where it is below ``limit``."""
    return next((distance for distance in range(1, limit) if mask & mask >> distance), None)
