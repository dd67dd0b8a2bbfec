"""When does a zone's clock jump? Stretches of one UTC offset, found once for a stretch of time and kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from agentcron.errors import InvalidScheduleError

# A jump this long is a correction of the calendar, such as crossing the date line, not a change of season.
CORRECTION: Final = 3 * 3600
_DAY: Final = 86_400
_BLOCK_BITS: Final = 25  # a stretch of 388 days
_MOST_BLOCKS: Final = 512
# The shortest change that is undone again lasts six days and 23 hours (Recife 2000); a wider step misses it.
_STEP: Final = 4 * _DAY
_NAME: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
# Files of a zone folder that are no place: the machine's own settings, and copies that count leap seconds.
_NOT_PLACES: Final = ("localtime", "posixrules", "factory", "right/", "posix/")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = -62_135_596_800 + 3 * _DAY
LATEST: Final = 253_402_300_799 - 3 * _DAY


class Stretch(NamedTuple):
    """Seconds ``start <= t < end`` (since the epoch, UTC) of one offset, and how the clock came into it.

    ``gap`` is the length of a forward jump at ``start``; ``fresh`` is the first second whose wall time is new
    after a backward one. Corrections have neither: ``gap`` is 0 and ``fresh`` is ``start``.
    """

    start: int
    end: int
    offset: int
    fresh: int
    gap: int


class ZoneClock:
    """The stretches of one zone."""

    __slots__ = ("_blocks", "last", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._blocks: dict[int, tuple[Stretch, ...]] = {}
        self.last = Stretch(0, 0, 0, 0, 0)
        if zone.key in ("UTC", "Etc/UTC"):
            self.last = Stretch(EARLIEST, LATEST + 1, 0, EARLIEST, 0)

    def at(self, second: int) -> Stretch | None:
        """The stretch that holds ``second``; None outside the years 1 to 9999."""
        last = self.last
        if last.start <= second < last.end:
            return last
        if not EARLIEST <= second <= LATEST:
            return None
        number = second >> _BLOCK_BITS
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= _MOST_BLOCKS:
                # A count over thousands of years would otherwise stay in memory for ever.
                self._blocks.clear()
            block = self._blocks[number] = self._find(number << _BLOCK_BITS, (number + 1) << _BLOCK_BITS)
        for stretch in block:
            if second < stretch.end:
                # One assignment of a whole tuple: threads that share the zone never see half a stretch.
                self.last = stretch
                return stretch
        return None

    def offset(self, second: int) -> int:
        """Seconds that the wall clock is ahead of UTC."""
        moment = _EPOCH + timedelta(seconds=min(max(second, EARLIEST), LATEST))
        delta = moment.astimezone(self.zone).utcoffset()
        return 0 if delta is None else delta.days * _DAY + delta.seconds

    def _find(self, low: int, high: int) -> tuple[Stretch, ...]:
        found: list[Stretch] = []
        # One day early: a fold that begins before the block and reaches into it must be known there.
        start = fresh = max(low - _DAY, EARLIEST)
        high = min(high, LATEST + 1)
        gap = 0
        offset = self.offset(start)
        probe = start
        while probe < high - 1:
            after = min(probe + _STEP, high - 1)
            if self.offset(after) != offset:
                start_next = self._bisect(probe, after, offset)
                found.append(Stretch(start, start_next, offset, fresh, gap))
                jump = self.offset(start_next) - offset
                start = fresh = start_next
                gap = 0
                if 0 < jump < CORRECTION:
                    gap = jump
                elif -CORRECTION < jump < 0:
                    fresh = start - jump
                offset += jump
                after = start_next
            probe = after
        found.append(Stretch(start, high, offset, fresh, gap))
        return tuple(stretch for stretch in found if stretch.end > low)

    def _bisect(self, low: int, high: int, offset: int) -> int:
        while high - low > 1:
            middle = (low + high) // 2
            if self.offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as Europe/Berlin; anything else is refused with the nearest name."""
    return clock_of(name).zone


def clock_of(name: str) -> ZoneClock:
    """The shared stretches of a zone, by its IANA name."""
    if not isinstance(name, str):
        raise InvalidScheduleError(
            f"timezone: a name such as Europe/Berlin is needed, not {type(name).__name__}",
            kind="bad_timezone",
            field="timezone",
        )
    return _clock_of(name)


@lru_cache(maxsize=1024)
def _clock_of(name: str) -> ZoneClock:
    if not name.strip():
        _refuse("it is empty; write an IANA name such as Europe/Berlin, or UTC")
    if len(name) > 100 or not _NAME.fullmatch(name) or name.lower().startswith(_NOT_PLACES):
        _refuse(f"{name[:100]!a} is not an IANA name; write one such as Europe/Berlin, or UTC")
    try:
        return ZoneClock(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        pass
    import difflib  # only who is refused something pays for it

    known = available_timezones()
    lower = {each.lower(): each for each in known}
    near = [lower[name.lower()]] if name.lower() in lower else difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "write an IANA name such as Europe/Berlin, or UTC"
    return _refuse(f"{name} is unknown; {hint}")


def _refuse(problem: str) -> ZoneClock:
    raise InvalidScheduleError(f"timezone: {problem}", kind="bad_timezone", field="timezone")
