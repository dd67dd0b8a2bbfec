"""What kinds of schedule are there? The contract of all, intervals, single times, reading any from text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from agentcron.errors import InvalidScheduleError
from agentcron.schedule.cron import CronSchedule
from agentcron.schedule.durations import duration_us, format_duration, parse_duration, say_duration
from agentcron.schedule.instants import LATEST_US, check_on_clock, from_us, on_clock, parse_instant, to_us
from agentcron.schedule.transitions import clock_of

_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(days=3653)


@runtime_checkable
class Schedule(Protocol):
    """A set of slots in time. Instants are aware, answers in UTC; ``_us`` is microseconds since the epoch."""

    @property
    def timezone(self) -> str:
        """IANA name of the zone that the schedule is read in."""
        ...

    @property
    def text(self) -> str:
        """What ``parse_schedule`` reads back to an equal schedule, given the same zone."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the schedule says and its writer may not have meant."""
        ...

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot strictly after ``instant``; None when there is none."""
        ...

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last slot strictly before ``instant``; None when there is none."""
        ...

    def count(self, a: datetime, b: datetime) -> int:
        """How many slots lie in a <= slot < b, by arithmetic."""
        ...

    def next_us(self, us: int) -> int | None:
        """As ``next_after``."""
        ...

    def previous_us(self, us: int) -> int | None:
        """As ``previous_before``."""
        ...

    def count_us(self, a: int, b: int) -> int:
        """As ``count``."""
        ...

    def period_us(self) -> int | None:
        """No two slots are closer than this, unless the clock jumps between them; None for a single slot."""
        ...

    def describe(self) -> str:
        """The schedule in plain words."""
        ...


class _OnDatetimes:
    """The datetime methods, for kinds that are written on microseconds."""

    __slots__ = ()

    def next_us(self, us: int) -> int | None:
        raise NotImplementedError

    def previous_us(self, us: int) -> int | None:
        raise NotImplementedError

    def count_us(self, a: int, b: int) -> int:
        raise NotImplementedError

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing to warn of."""
        return ()

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot strictly after ``instant``; None when there is none."""
        return from_us(self.next_us(to_us(instant)))

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last slot strictly before ``instant``; None when there is none."""
        return from_us(self.previous_us(to_us(instant)))

    def count(self, a: datetime, b: datetime) -> int:
        """How many slots lie in a <= slot < b."""
        return self.count_us(to_us(a), to_us(b))


@dataclass(frozen=True, slots=True)
class EverySchedule(_OnDatetimes):
    """Every ``interval`` of real time after ``anchor``: the first slot is one interval later, none drifts.

    An interval is 1 s to 3653 days. Without an anchor it is a rule without slots; ``anchored`` gives it one: a job
    takes its ``start_at``, else its creation. ``timezone`` is the zone it is shown in; slots follow real time in any.
    Raises ``InvalidScheduleError``.
    """

    interval: timedelta
    anchor: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        clock_of(self.timezone)
        if not isinstance(self.interval, timedelta):
            raise InvalidScheduleError(
                f"interval: a timedelta is needed, not {type(self.interval).__name__}", kind="bad_interval"
            )
        if not _SHORTEST <= self.interval <= _LONGEST:
            raise InvalidScheduleError(
                f"interval: {format_duration(self.interval)} is out of range (1s to 3653d, about ten years)",
                kind="bad_interval",
            )
        if self.anchor is not None:
            object.__setattr__(self, "anchor", _in_utc(self.anchor))

    def anchored(self, anchor: datetime) -> EverySchedule:
        """The same interval, counted from ``anchor``."""
        return EverySchedule(self.interval, anchor, self.timezone)

    @property
    def text(self) -> str:
        """``every 1h30m``, with `` from ANCHOR`` once it has one."""
        start = "" if self.anchor is None else f" from {self.anchor.isoformat()}"
        return f"every {format_duration(self.interval)}{start}"

    def next_us(self, us: int) -> int | None:
        """The first slot strictly after ``us``."""
        anchor, step = self._numbers()
        slot = anchor + max((us - anchor) // step + 1, 1) * step
        return slot if slot <= LATEST_US else None

    def previous_us(self, us: int) -> int | None:
        """The last slot strictly before ``us``."""
        anchor, step = self._numbers()
        number = (min(us, LATEST_US + 1) - anchor - 1) // step
        return anchor + number * step if number >= 1 else None

    def count_us(self, a: int, b: int) -> int:
        """How many slots lie in a <= slot < b."""
        anchor, step = self._numbers()
        before_a = max((a - anchor - 1) // step, 0)
        before_b = max((min(b, LATEST_US + 1) - anchor - 1) // step, 0)
        return max(before_b - before_a, 0)

    def period_us(self) -> int | None:
        """The interval, exactly."""
        return duration_us(self.interval)

    def describe(self) -> str:
        """``every 2 hours 30 minutes``."""
        return f"every {say_duration(self.interval)}"

    def _numbers(self) -> tuple[int, int]:
        if self.anchor is None:
            raise InvalidScheduleError(
                f"interval: {self.text} has no anchor yet, so it has no slots; call anchored(start) first",
                kind="bad_interval",
            )
        return to_us(self.anchor), duration_us(self.interval)


@dataclass(frozen=True, slots=True)
class OnceSchedule(_OnDatetimes):
    """One slot, at ``at`` (aware). ``timezone`` is the zone it is shown in. Raises ``InvalidScheduleError``."""

    at: datetime
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        clock_of(self.timezone)
        object.__setattr__(self, "at", _in_utc(self.at))

    @property
    def text(self) -> str:
        """``at`` and the instant in UTC."""
        return f"at {self.at.isoformat()}"

    def next_us(self, us: int) -> int | None:
        """The slot, if it is strictly after ``us``."""
        slot = to_us(self.at)
        return slot if slot > us else None

    def previous_us(self, us: int) -> int | None:
        """The slot, if it is strictly before ``us``."""
        slot = to_us(self.at)
        return slot if slot < us else None

    def count_us(self, a: int, b: int) -> int:
        """1 if the slot lies in a <= slot < b, else 0."""
        return int(a <= to_us(self.at) < b)

    def period_us(self) -> int | None:
        """None: a single slot has no neighbour."""
        return None

    def describe(self) -> str:
        """``once, at 2026-12-01 09:00 UTC``."""
        local = self.at if self.timezone == "UTC" else on_clock(self.at, self.timezone)
        plain = local.second == 0 and local.microsecond == 0
        clock = local.strftime("%Y-%m-%d %H:%M" if plain else "%Y-%m-%d %H:%M:%S")
        # One that the zone's clock cannot show comes back in UTC.
        if local.tzinfo is UTC:
            return f"once, at {clock} UTC"
        return f"once, at {clock} {self.timezone} ({local.strftime('UTC%z')})"


def parse_schedule(text: str, timezone: str = "UTC") -> Schedule:
    """Read any schedule: cron (``0 9 * * *``, ``@daily``), ``every 10s``, ``at 2026-12-01T09:00``.

    A time without an offset is on the wall clock of ``timezone``. Raises ``InvalidScheduleError``.
    """
    if not isinstance(text, str):
        raise InvalidScheduleError(f"schedule: text is needed, not {type(text).__name__}")
    trimmed = text.strip(" \t")
    word, _, rest = trimmed.replace("\t", " ").partition(" ")
    lower = word.lower()
    if lower == "every":
        clock_of(timezone)
        duration, _, anchor = rest.partition(" from ")
        return EverySchedule(_interval(duration), parse_instant(anchor, timezone) if anchor else None, timezone)
    if lower == "at":
        return OnceSchedule(check_on_clock(parse_instant(rest, timezone), timezone), timezone)
    hint = _hint(trimmed)
    if hint:
        raise InvalidScheduleError(f"schedule: {trimmed[:60]!a} cannot be read; {hint}")
    return CronSchedule(trimmed, timezone)


def _in_utc(instant: datetime) -> datetime:
    """The same instant in UTC, to the microsecond."""
    us = to_us(instant)
    try:
        return from_us(us)
    except OverflowError:
        return check_on_clock(instant, "UTC")


def _interval(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except InvalidScheduleError:
        unit = re.fullmatch(r"(second|minute|hour|day|week)s?", text.strip().lower())
        if unit is None:
            raise
        raise InvalidScheduleError(
            f"interval: every {unit[1]} has no number; write every 1 {unit[1]}, "
            "or @hourly, @daily or @weekly for a fixed time on the clock",
            kind="bad_interval",
        ) from None


def _hint(text: str) -> str | None:
    """What a text that is no cron expression was probably meant to be; None if its parser should speak."""
    if not text or text.startswith("@") or re.search(r"[*?/#]", text):
        return None
    try:
        parse_duration(text)
    except InvalidScheduleError:
        pass
    else:
        return f'say "every {text}" to repeat'
    try:
        parse_instant(text)
    except InvalidScheduleError:
        pass
    else:
        return f'say "at {text}" to run once'
    words = re.findall(r"[A-Za-z]+", text.lower())
    if re.match(r"(in|after)\b", text.lower()):
        return 'say "at" and a time to run once, or "every" and a duration to repeat'
    if words and words[0] in ("hourly", "daily", "midnight", "weekly", "monthly", "yearly", "annually"):
        return f"say @{words[0]}"
    if len(re.split(r"[ \t]+", text)) in (5, 6) and re.match(r"[0-9]", text):
        return None
    if words and not re.match(r"[0-9]", text):
        return 'write a cron expression such as "0 9 * * *", "every 10m", or "at 2026-12-01T09:00"'
    return None
