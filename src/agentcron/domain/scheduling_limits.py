"""How far agents may go that schedule: what a job may be at most that an agent asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from agentcron.domain.calendar import slot_after
from agentcron.domain.lifecycle import JobState
from agentcron.domain.model import Job
from agentcron.domain.spec import JobSpec
from agentcron.domain.values import read_names, read_whole, read_yes_or_no
from agentcron.errors import InvalidJobError, InvalidScheduleError, NotAllowedError
from agentcron.schedule import EverySchedule, OnceSchedule, format_duration, parse_duration

# ``state_reason`` of a job that no slot runs of until a person consents.
APPROVAL: Final = "approval"
_MICROSECOND: Final = timedelta(microseconds=1)
_SECTION: Final = "scheduling"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingLimits:
    """What the jobs of one maker may come to; a maker is an agent of one name, or one job whose runs schedule.

    A maker's jobs run at most ``jobs`` times in any ``min_interval``, altogether. Raises ``InvalidJobError`` for a
    limit that allows nothing.
    """

    jobs: int = 20
    """How many jobs of one maker there are at once; one that is over counts for ``min_interval`` after its last run."""
    min_interval: timedelta = timedelta(minutes=1)
    """No two runs of such a job are closer."""
    lifetime: timedelta = timedelta(days=30)
    """Every such job ends so long after it was made, at the latest."""
    max_runs: int = 1000
    """Every such job is over after so many runs, at the latest."""
    approval: bool = False
    """What an agent makes or edits waits for a person's consent, PAUSED(approval), and ``resume`` consents."""
    agents: tuple[str, ...] = ()
    """The definitions that such jobs may run with, the first where none is named. Empty: any, and the default one."""

    def __post_init__(self) -> None:
        for name in ("jobs", "max_runs"):
            if getattr(self, name) < 1:
                raise _bad(name, f"{getattr(self, name)} is out of range; at least 1")
        for name in ("min_interval", "lifetime"):
            if getattr(self, name) <= timedelta(0):
                raise _bad(name, "must be longer than 0")


def read_scheduling(values: Mapping[str, Any]) -> SchedulingLimits:
    """The limits as a file writes them: durations as text. Raises ``InvalidJobError`` naming the key."""
    known = [field.name for field in fields(SchedulingLimits)]
    read: dict[str, Any] = {}
    for name, value in values.items():
        label = f"{_SECTION}.{name}"
        if name in ("jobs", "max_runs"):
            read[name] = read_whole(label, value, "")
        elif name == "approval":
            read[name] = read_yes_or_no(label, value, "")
        elif name == "agents":
            read[name] = read_names(label, value, "")
        elif name in known:
            try:
                read[name] = parse_duration(value if isinstance(value, str) else "")
            except InvalidScheduleError:
                raise _bad(name, f"{value!r} is not a duration; write 30s, 5m, 2h or 1d") from None
        else:
            raise _bad(name, f"is not a limit; known are {', '.join(known)}")
    return SchedulingLimits(**read)


def closest(limits: SchedulingLimits, maker: Job | None) -> timedelta:
    """How close two runs of one job may be; ``maker`` is the job whose run asks: its jobs run no more often."""
    period = maker.spec.schedule.period_us() if maker is not None else None
    return max(limits.min_interval, (period or 0) * _MICROSECOND)


def grant(
    spec: JobSpec, limits: SchedulingLimits, now: datetime, maker: Job | None, asked_runs: int | None = None
) -> dict[str, Any]:
    """The fields that keep a job of this spec within the limits, and, where a run of the job ``maker`` asks for it,
    within what that job has left. Raises ``NotAllowedError`` where no field can."""
    check_closeness(spec, limits, maker)
    runs, end = limits.max_runs, now + limits.lifetime
    if isinstance(spec.schedule, OnceSchedule):
        runs = 1
    elif maker is not None and isinstance(maker.spec.schedule, OnceSchedule):
        # A job of a single slot has one run to give, and whatever it makes has no more.
        runs = 1
    if asked_runs is not None:
        runs = min(runs, asked_runs)
    if maker is not None:
        _check_left(maker, runs, named=asked_runs is not None or runs == 1)
        if maker.spec.end_at is not None:
            end = min(end, maker.spec.end_at)
    return {"max_runs": runs, "end_at": end}


def check_closeness(spec: JobSpec, limits: SchedulingLimits, maker: Job | None) -> None:
    """Raise ``NotAllowedError`` for a schedule that is due more often than agents may schedule."""
    period, least = spec.schedule.period_us(), closest(limits, maker)
    if period is not None and period * _MICROSECOND < least:
        raise NotAllowedError(
            f"schedule: {spec.schedule.text} is due too often; agents may schedule every {format_duration(least)} "
            f"at most"
        )


def given_away(maker: Job, runs: int) -> int | None:
    """``max_runs`` of a job once its run gave so many away: what the two may run together stays the same."""
    return None if maker.spec.max_runs is None else maker.spec.max_runs - runs


def _check_left(maker: Job, runs: int, *, named: bool) -> None:
    if maker.spec.max_runs is None:
        return
    left = maker.spec.max_runs - maker.runs - maker.open
    if left < 1:
        raise NotAllowedError(f"max_runs: {maker.name!r} has none left to give to another job")
    if not named:
        raise NotAllowedError(
            f"max_runs: say how many of the {left} runs that {maker.name!r} has left the job is to have"
        )
    if runs > left:
        raise NotAllowedError(f"max_runs: {maker.name!r} has {left} left, and {runs} are asked for")


def moved(job: Job, spec: JobSpec, limits: SchedulingLimits, now: datetime, maker: Job | None) -> dict[str, Any]:
    """The fields that keep an agent's job within the limits when its schedule becomes that of ``spec``. Raises
    ``NotAllowedError`` where no field can."""
    check_closeness(spec, limits, maker)
    if isinstance(spec.schedule, EverySchedule) and spec.schedule.anchor is None:
        # Counted from now on: from a start of long ago its next slot could come at once.
        return {"start_at": None}
    last = now if job.open else job.last_run
    if last is None or (first := slot_after(spec, now)) is None or first >= (earliest := last + closest(limits, maker)):
        return {}
    if isinstance(spec.schedule, OnceSchedule):
        raise NotAllowedError(
            f"schedule: {spec.schedule.text} is too soon after its last run; agents may not before "
            f"{earliest.isoformat(timespec='seconds')}"
        )
    return {"start_at": earliest}


def check_quota(made: Iterable[Job], who: str, limits: SchedulingLimits, now: datetime, maker: Job | None) -> None:
    """Raise ``NotAllowedError`` where these jobs of the maker leave no place for one more. One that is over keeps its
    place for a while, or for good where the maker has a single slot: ending jobs must not make room for more runs."""
    since = now - closest(limits, maker)
    single = maker is not None and isinstance(maker.spec.schedule, OnceSchedule)
    taken = sum(single or not is_over(job) or is_fresh(job, since) for job in made)
    if taken >= limits.jobs:
        raise NotAllowedError(
            f"{who} has {taken} jobs, and {limits.jobs} are allowed; cancel one that is not needed"
            f"{'' if single else f', or wait until {format_duration(now - since)} after its last run'}"
        )


def check_delete(job: Job, limits: SchedulingLimits, now: datetime, maker: Job | None) -> None:
    """Raise ``NotAllowedError`` for an agent's job whose runs still count, so that they cannot be forgotten."""
    if job.open or (job.last_run is not None and (maker is not None or job.last_run + closest(limits, maker) > now)):
        raise NotAllowedError(f"{job.name!r} ran, and its runs still count; cancel it instead")


def check_run(job: Job, limits: SchedulingLimits, now: datetime, maker: Job | None) -> None:
    """Raise ``NotAllowedError`` where a run of an agent's job now would be one more than the limits give."""
    if is_awaiting(job):
        raise NotAllowedError(f"{job.name!r} waits for a person's consent; they give it with 'agentcron resume'")
    least = closest(limits, maker)
    following = slot_after(job.spec, now)
    overdue = job.next_slot is not None and job.next_slot <= now and job.state is JobState.ACTIVE
    if job.open or overdue or (job.last_run is not None and job.last_run + least > now):
        raise NotAllowedError(
            f"{job.name!r} runs, or ran lately; agents may run it every {format_duration(least)} at most"
        )
    if following is not None and following < now + least:
        raise NotAllowedError(f"{job.name!r} is due at {following.isoformat(timespec='seconds')} as it is")
    if job.spec.max_runs is not None and job.spec.max_runs - job.runs < 2:
        raise NotAllowedError(f"{job.name!r} has one run left, and its schedule needs it")


def is_over(job: Job) -> bool:
    """Whether the job has no further run."""
    return job.state not in (JobState.ACTIVE, JobState.PAUSED) and not job.open


def is_fresh(job: Job, since: datetime) -> bool:
    """Whether the job was made, or began a run, after ``since``."""
    return job.created > since or (job.last_run is not None and job.last_run > since)


def is_awaiting(job: Job) -> bool:
    """Whether the job waits for a person's consent."""
    return job.state is JobState.PAUSED and job.state_reason == APPROVAL


def _bad(name: str, told: str) -> InvalidJobError:
    return InvalidJobError(f"{_SECTION}.{name}: {told}", field=name)
