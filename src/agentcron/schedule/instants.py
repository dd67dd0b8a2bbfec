"""Which instant is meant? Between datetimes, texts and whole microseconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, overload
from zoneinfo import ZoneInfo

from agentcron.errors import InvalidScheduleError
from agentcron.schedule.durations import duration_us
from agentcron.schedule.transitions import LATEST, clock_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
LATEST_US: Final = LATEST * 1_000_000


def to_us(instant: datetime) -> int:
    """Whole microseconds since the epoch; an instant without a zone is refused: nobody can say when it is."""
    try:
        since = instant - _EPOCH
    except TypeError:
        raise InvalidScheduleError(
            f"instant: {instant} has no time zone; give an aware datetime, such as one with tzinfo=UTC",
            kind="bad_instant",
        ) from None
    return duration_us(since)


@overload
def from_us(us: int) -> datetime: ...
@overload
def from_us(us: None) -> None: ...
@overload
def from_us(us: int | None) -> datetime | None: ...
def from_us(us: int | None) -> datetime | None:
    """The aware UTC datetime of so many microseconds since the epoch; None stays None."""
    return None if us is None else _EPOCH + timedelta(0, 0, us)


def parse_instant(text: str, timezone: str = "UTC") -> datetime:
    """Read an ISO 8601 time, as UTC. Without an offset it is read on the wall clock of ``timezone``.

    A wall time that the clock skips means the first instant after the gap; one that comes twice, its first.
    Raises ``InvalidScheduleError`` (kind ``bad_instant``).
    """
    clock = clock_of(timezone)
    if not isinstance(text, str):
        raise _refusal(f"text is needed, not {type(text).__name__}")
    stripped = text.strip(" \t")
    if not stripped:
        raise _refusal("it is empty")
    if not stripped.isascii() or not stripped.isprintable():
        raise _refusal(f"{stripped[:60]!a} holds characters that no time has")
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise _refusal(f"{stripped[:60]} is not a time") from None
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        aware = moment.replace(tzinfo=clock.zone, fold=0)
        instant = aware.astimezone(UTC)
        if instant.astimezone(clock.zone).replace(tzinfo=None) == moment:
            return instant
    except OverflowError:
        raise _refusal(f"{stripped[:60]} is outside the years 1 to 9999") from None
    stretch = clock.at((instant - _EPOCH) // _SECOND)
    return instant if stretch is None else _EPOCH + timedelta(seconds=stretch.start)


def on_clock(instant: datetime, timezone: str) -> datetime:
    """An aware instant on the wall clock of a zone; in UTC where that clock would leave the years 1 to 9999, so that a
    list is told whatever one of its instants is."""
    try:
        return instant.astimezone(ZoneInfo(timezone))
    except OverflowError:
        return instant.astimezone(UTC)


def check_on_clock(instant: datetime, timezone: str, name: str = "instant") -> datetime:
    """The instant again. Raises ``InvalidScheduleError`` (kind ``bad_instant``) where the clock of the zone, or UTC,
    cannot show it; ``name`` says whose it is."""
    for place in (UTC, clock_of(timezone).zone):
        try:
            instant.astimezone(place)
        except OverflowError:
            raise InvalidScheduleError(
                f"{name}: {instant.isoformat()} is outside the years 1 to 9999 on the clock of {place}; "
                "give a time within them",
                kind="bad_instant",
            ) from None
    return instant


def _refusal(problem: str) -> InvalidScheduleError:
    return InvalidScheduleError(
        f"instant: {problem}; write an ISO 8601 time such as 2026-12-01T09:00 or 2026-12-01T09:00+01:00",
        kind="bad_instant",
    )
