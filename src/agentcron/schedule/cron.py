"""When does a cron expression fire in a zone? One rule for next, previous and count.

A *wildcard* schedule (its minute, hour or seconds field begins with ``*``) follows real time: it fires at
every real second whose wall time matches, so nothing is caught up after a gap and both passes of a repeated
hour count. Every other schedule is *fixed-time*: wall times that the clock jumped over fire once, at the
first instant after the gap, and a wall time that comes twice fires on its first pass. A jump of three hours
or more, in either direction, is a correction: the clock is read as it is, nothing made up or held back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from agentcron.errors import InvalidScheduleError
from agentcron.schedule.describe import describe_cron
from agentcron.schedule.fields import Parsed, parse_fields
from agentcron.schedule.instants import from_us, to_us
from agentcron.schedule.transitions import EARLIEST, LATEST, ZoneClock, clock_of
from agentcron.schedule.walls import Walls

_SECOND: Final = 1_000_000
_set: Final = object.__setattr__
# Every combination of date and weekday returns within 40 years; past that, the zone keeps it from firing.
_HORIZON: Final = 48 * 366 * 86_400
_PRESENT: Final = 1_767_225_600  # 2026-01-01: zones are judged by the rules in force, not by those of the past


class _Plan:
    """A parsed expression in a zone: the part that equal schedules share. Times are whole seconds, UTC."""

    __slots__ = ("_fixed", "answered", "clock", "key", "parsed", "text", "walls")

    def __init__(self, text: str, parsed: Parsed, clock: ZoneClock) -> None:
        self.text = text.strip(" \t")
        self.parsed = parsed
        self.walls = Walls(parsed.fields)
        self.clock = clock
        self.key = (parsed.fields, clock.zone.key)
        self._fixed = not parsed.fields.wildcard
        # The last question and its answer: jobs of one expression come due together and ask the same.
        self.answered: tuple[datetime | None, datetime | None] = (None, None)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Plan) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def next(self, second: int) -> int | None:
        """The first slot at or after ``second``."""
        start, end, offset, fresh, gap = self.clock.last
        if fresh < second < end:
            # Nearly every question is about the stretch that the zone was last asked about.
            wall = self.walls.next(second + offset)
            if wall is None:
                return None
            if wall - offset < end:
                return wall - offset
            second = end
        second = max(second, EARLIEST)
        limit = second + _HORIZON
        stretch = self.clock.at(second)
        while stretch is not None and second < limit:
            start, end, offset, fresh, gap = stretch
            if self._fixed:
                if gap and second == start and self._skipped(start, offset, gap):
                    return second
                if second < fresh:
                    second = fresh
            wall = self.walls.next(second + offset)
            if wall is None:
                return None
            if wall - offset < end:
                return wall - offset
            second = end
            stretch = self.clock.at(second)
        return None

    def previous(self, second: int) -> int | None:
        """The last slot at or before ``second``."""
        second = min(second, LATEST)
        stretch = self.clock.at(second)
        limit = second - _HORIZON
        while stretch is not None and second > limit:
            start, _, offset, fresh, gap = stretch
            low = fresh if self._fixed else start
            if second >= low:
                wall = self.walls.previous(second + offset)
                if wall is None:
                    return None
                if wall - offset >= low:
                    return wall - offset
            if gap and self._fixed and self._skipped(start, offset, gap):
                return start
            second = start - 1
            stretch = self.clock.at(second)
        return None

    def count(self, low: int, high: int) -> int:
        """How many slots lie in low <= slot < high."""
        total = 0
        low, high = max(low, EARLIEST), min(high, LATEST + 1)
        while low < high:
            stretch = self.clock.at(low)
            if stretch is None:
                break
            start, end, offset, fresh, gap = stretch
            stop = min(end, high)
            first = low
            if self._fixed:
                first = max(low, fresh)
                if gap and low == start and self._skipped(start, offset, gap):
                    # The made-up slot and a normal one at the same instant are one slot.
                    total += not self.walls.any_between(start + offset, start + offset + 1)
            total += self.walls.count(first + offset, stop + offset)
            low = stop
        return total

    def _skipped(self, start: int, offset: int, gap: int) -> bool:
        return self.walls.any_between(start + offset - gap, start + offset)


@lru_cache(maxsize=8192)
def _plan(expression: str, timezone: str) -> _Plan:
    parsed = parse_fields(expression)
    clock = clock_of(timezone)
    plan = _Plan(expression, parsed, clock)
    # A wildcard schedule whose few wall times all fall into the yearly gap would wait for ever.
    if parsed.fields.wildcard and plan.next(_PRESENT) is None:
        raise InvalidScheduleError(
            f"hour: {parsed.texts[2]} on these days is always skipped by the clock of {timezone}, "
            "so the schedule would never fire; choose another hour or day",
            kind="never_fires",
            field="hour",
        )
    return plan


@dataclass(frozen=True, slots=True, init=False)
class CronSchedule:
    """A cron expression in a zone: 5 fields, or 6 with seconds first. Equal are those that mean the same in one zone.

    The dialect is Vixie cron's with ``L``, ``W``, ``#``, ``?`` and aliases; the rule when the clock jumps is that of
    Debian's cron(8), "Notes". Raises ``InvalidScheduleError`` that names the field, the value and what is allowed.

    Instants are aware; answers are in UTC. The ``_us`` methods do the same on microseconds since the epoch.
    """

    expression: str = field(compare=False)
    timezone: str = field(default="UTC", compare=False)
    _plan: _Plan = field(init=False, repr=False)

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        try:
            plan = _plan(expression, timezone)
        except TypeError:
            # Values that cannot be hashed never reach the parser, whose message is the useful one.
            plan = _Plan(expression, parse_fields(expression), clock_of(timezone))
        # Stores make one for each job they read: what is to be worked out is in the plan.
        _set(self, "_plan", plan)
        _set(self, "expression", plan.text)
        _set(self, "timezone", timezone)

    def __reduce__(self) -> tuple[type[CronSchedule], tuple[str, str]]:
        return CronSchedule, (self.expression, self.timezone)

    @property
    def text(self) -> str:
        """What ``parse_schedule`` reads back, given the same zone."""
        return self.expression

    @property
    def wildcard(self) -> bool:
        """Whether it follows real time through gaps and repeated hours."""
        return self._plan.parsed.fields.wildcard

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the expression says and its writer may not have meant."""
        return self._plan.parsed.warnings

    def next_us(self, us: int) -> int | None:
        """The first slot strictly after ``us``."""
        slot = self._plan.next(us // _SECOND + 1)
        return None if slot is None else slot * _SECOND

    def previous_us(self, us: int) -> int | None:
        """The last slot strictly before ``us``."""
        slot = self._plan.previous((us - 1) // _SECOND)
        return None if slot is None else slot * _SECOND

    def count_us(self, a: int, b: int) -> int:
        """How many slots lie in a <= slot < b."""
        return self._plan.count(-(-a // _SECOND), -(-b // _SECOND))

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot strictly after ``instant``; None when there is none."""
        asked, answer = self._plan.answered
        if asked is None or asked != instant:
            answer = from_us(self.next_us(to_us(instant)))
            self._plan.answered = (instant, answer)
        return answer

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last slot strictly before ``instant``; None when there is none."""
        return from_us(self.previous_us(to_us(instant)))

    def count(self, a: datetime, b: datetime) -> int:
        """How many slots lie in a <= slot < b."""
        return self.count_us(to_us(a), to_us(b))

    def period_us(self) -> int | None:
        """The shortest distance between two neighbouring slots while the clock does not jump.

        Exact, but where days return only after a year or more: there it may be lower, and is about a year.
        """
        return self._plan.walls.period() * _SECOND

    def describe(self) -> str:
        """The schedule in plain words, with its zone."""
        return describe_cron(self._plan.parsed, self.timezone)
