"""What is simulated: jobs, how their agents behave, faults and people's deeds, all of it drawn from one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.testing.simulation import points

START: Final = datetime(2026, 3, 16, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """How a job's agents behave: the usual length of a run in seconds, and how likely each fault is (0 to 1)."""

    seconds: float = 20.0
    faults: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A fault or a deed, ``at`` so long after the start. ``job`` is the place of the job that a deed is about,
    ``length`` how long it lasts, or by how much the clock is stepped."""

    at: timedelta
    what: str
    job: int = 0
    length: timedelta = timedelta(0)


class Variant(StrEnum):
    """How a scenario is lived through: twenty jobs for a month in memory, fifty for a year; by the schedulers' own
    loops, each second of an eighth of a day; for some days on a SQLite file. The shorter, the denser are the faults."""

    MONTH = "month"
    YEAR = "year"
    LOOPS = "loops"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of the simulation. ``schedulers`` share one store; ``places`` bound the agents of each at once.

    ``crash_at`` ends the scheduler that does the n-th write of all, ``before`` or ``after`` it takes effect.
    """

    seed: int
    jobs: tuple[JobSpec, ...]
    natures: tuple[Nature, ...]
    start: datetime = START
    days: float = 30
    happenings: tuple[Happening, ...] = ()
    schedulers: int = 1
    places: int = 10
    variant: Variant = Variant.MONTH
    crash_at: tuple[int, str] | None = None

    @property
    def end(self) -> datetime:
        """When the simulated time is over."""
        return self.start + timedelta(days=self.days)


# Jobs, days, and how many deeds and faults there are a day, by and large.
_USUAL: Final = {
    Variant.MONTH: (20, 30.0, 1.0),
    Variant.YEAR: (50, 365.0, 1.0),
    Variant.LOOPS: (20, 0.125, 240.0),
    Variant.SQLITE: (20, 3.0, 10.0),
}

# What is told whatever was told before.
_RULES: Final = ("ops: success, failure, missed", "boss: failure")


def draw(seed: int, variant: Variant = Variant.MONTH, *, days: float | None = None) -> Scenario:
    """The scenario of a number. Every fifth has one scheduler and no fault but its agents': the rest must not be
    needed to find what goes wrong in fair weather. The others have about a deed and a fault and a half a day."""
    luck = Random(f"agentcron {seed}")  # noqa: S311 - a simulation is to be repeated, not kept secret
    calm = seed % 5 == 4
    jobs, usual, density = _USUAL[variant]
    days = usual if days is None else days
    drawn = tuple(_job(luck, number, days) for number in range(jobs))
    happenings = [*_deeds(luck, drawn, days, density)]
    if not calm:
        happenings += _faults(luck, days, density)
    made = Scenario(
        seed=seed,
        jobs=drawn,
        natures=tuple(_nature(luck) for _ in drawn),
        days=days,
        happenings=tuple(sorted(happenings, key=lambda one: one.at)),
        schedulers=1 if calm else luck.choice((1, 2, 2, 3)),
        places=luck.choice((2, 4, 10)),
        variant=variant,
    )
    if seed % 4 == 1:
        # Nothing is drawn for it: who is told of what changes no story.
        made = replace(made, jobs=tuple(read_spec({"notify": _RULES}, base=job) for job in made.jobs))
    return _with_questions(made, density, calm) if seed % 3 == 0 else made


def _with_questions(scenario: Scenario, density: float, calm: bool) -> Scenario:
    """The same with agents that ask, people who answer some of it, and faults while they do: drawn apart, so that the
    stories without questions are what they were."""
    luck = Random(f"agentcron asks {scenario.seed}")  # noqa: S311 - a simulation is to be repeated, not kept secret
    jobs, natures = [], []
    for job, nature in zip(scenario.jobs, scenario.natures, strict=True):
        values = {"input_timeout": luck.choice(("5m", "2h")), "on_expiry": luck.choice(("abandon", "deny", "answer"))}
        jobs.append(read_spec({**values, "default_answer": "yes"}, base=job))
        share = luck.choice((0.0, 0.05, 0.3))
        # First, since the others leave the more room the later they stand.
        natures.append(replace(nature, faults={points.ASKING_AGENT: share, **nature.faults}))
    many = round(scenario.days * density)
    found = [*scenario.happenings]
    for _ in range(4 * many):
        at = luck.uniform(0, scenario.days) * _DAY
        found.append(Happening(at=at, what=points.ANSWER, job=luck.randrange(len(jobs))))
    if not calm:
        latest = scenario.days / 2
        found += [Happening(at=luck.uniform(0, latest) * _DAY, what=what) for what in points.AT_AN_ANSWER]
    happenings = tuple(sorted(found, key=lambda one: one.at))
    return replace(scenario, jobs=tuple(jobs), natures=tuple(natures), happenings=happenings)


# --- jobs -------------------------------------------------------------------------------------------------------------


def _job(luck: Random, number: int, days: float) -> JobSpec:
    schedule, bounds, period = _schedule(luck, number, days)
    values: dict[str, Any] = {
        "name": f"job-{number}",
        "prompt": f"prompt of job {number}",
        "agent": "simulated",
        "schedule": schedule,
        "timezone": luck.choice(_ZONES),
        "overlap": luck.choice(("skip", "skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")),
        "catch_up": luck.choice(("latest", "latest", "skip", "all")),
        "catch_up_max": luck.choice((1, 3, 10)),
        "catch_up_window": luck.choice((None, None, "10m", "6h", "3d")),
        "misfire_grace": luck.choice(("60s", "60s", "10s", "10m")),
        "timeout": luck.choice(("2m", "10m", "1h")),
        "retry": luck.choice(("1", "1", "attempts=3,backoff=10s", "attempts=2,backoff=5m")),
        "on_interrupt": luck.choice(("record", "record", "retry", "resume")),
        "pause_after_failures": luck.choice((0, 3, 10)),
        "priority": luck.choice((0, 0, 0, -5, 5)),
        "max_runs": luck.choice((None,) * 7 + (1, 5, 20)),
        **bounds,
    }
    if period is not None and luck.random() < 0.25:
        values["jitter"] = period * luck.uniform(0.05, 0.5)
    return read_spec(values)


def _schedule(luck: Random, number: int, days: float) -> tuple[str, dict[str, Any], timedelta | None]:
    """Text of a schedule, bounds, and a period that jitter may be a share of. Each number has its kind, so that every
    scenario holds all of them; the frequent ones are bounded to a part of the time, for the sake of speed."""
    minute, hour, weekday = luck.randrange(60), luck.randrange(24), luck.randrange(7)
    # A year has more room for the frequent ones than twelve months have.
    months = days / 10 if days > 30 else 1
    begin = START + luck.uniform(0, max(days - months * 5, 0)) * _DAY
    match number % 20:
        case 0:
            return "* * * * *", _stretch(begin, luck.uniform(1.5, 4.5) * months), timedelta(minutes=1)
        case 1:
            return f"every {luck.choice(('45s', '90s', '7m'))}", _stretch(begin, luck.uniform(1, 3) * months), None
        case 2:
            return f"*/{luck.choice((5, 10, 15))} {hour} * * {weekday}", {}, None
        case 3:
            return f"{minute} * * * *", _stretch(begin, luck.uniform(48, 120) * months), timedelta(hours=1)
        case 4:
            return f"every {luck.choice(('6h', '9h', '25h'))}", {}, timedelta(hours=6)
        case 5 | 6:
            return f"{minute} {hour} * * {weekday}", {}, None
        case 7 | 8:
            return f"{minute} {hour} {luck.randrange(1, 29)} * *", {}, None
        case 9:
            return f"at {(START + luck.uniform(0.05, 0.95) * days * _DAY).isoformat()}", {}, None
        case 10:
            # A time that the changes of the clock skip or repeat in several of the zones.
            return f"{luck.choice((0, 15, 30))} {luck.choice((1, 2, 3))} * * *", {}, timedelta(hours=20)
        case 11:
            return f"{minute} {hour} * * *", {"end_at": begin + _DAY}, timedelta(hours=20)
        case 12:
            return f"{minute} {hour} * * *", {"start_at": begin}, timedelta(hours=20)
        case 13:
            return f"{minute},{(minute + 17) % 60} 9-17/{luck.choice((2, 4))} * * 1-5", {}, None
        case _:
            return f"{minute} {hour} * * *", {}, timedelta(hours=20)


def _stretch(begin: datetime, hours: float) -> dict[str, Any]:
    return {"start_at": begin, "end_at": begin + timedelta(hours=hours)}


def _nature(luck: Random) -> Nature:
    faults = dict.fromkeys(points.OF_AGENTS, 0.01)
    for fault in luck.sample(points.OF_AGENTS, 2):
        faults[fault] = luck.choice((0.05, 0.2))
    return Nature(seconds=luck.choice((1, 5, 20, 60)), faults=faults)


# --- deeds and faults -------------------------------------------------------------------------------------------------


def _deeds(luck: Random, jobs: tuple[JobSpec, ...], days: float, density: float) -> list[Happening]:
    """What people do: the deeds that end a job are rare, a pause is usually followed by a resume."""
    found = []
    for _ in range(round(days * density)):
        what = luck.choice(points.OF_PEOPLE)
        if what in (points.CANCEL, points.DELETE) and luck.random() < 0.7:
            what = points.RUN_NOW
        deed = Happening(at=luck.uniform(0, days) * _DAY, what=what, job=luck.randrange(len(jobs)))
        found.append(deed)
        if what == points.PAUSE:
            later = deed.at + timedelta(hours=luck.choice((0.1, 2, 30, 100)))
            found.append(Happening(at=later, what=points.RESUME, job=deed.job))
    return [deed for deed in found if deed.at < days * _DAY]


def _faults(luck: Random, days: float, density: float) -> list[Happening]:
    found = []
    for _ in range(round(days * density)):
        what = luck.choice(points.AT_THE_STORE)
        seconds = luck.choice((0.05, 1, 20, 70)) if what.startswith("slow") else luck.choice((1, 5, 30, 600))
        fault = Happening(at=luck.uniform(0, days) * _DAY, what=what, length=timedelta(seconds=seconds))
        found.append(fault)
        # A scheduler asks for a run again only where its claim took long, and renews only after a step of the clock.
        if what.endswith(" begin"):
            found.append(Happening(at=fault.at, what=points.SLOW_CLAIM, length=timedelta(seconds=20)))
        elif what.endswith(" renew"):
            found.append(Happening(at=fault.at, what=points.CLOCK_FORWARD, length=timedelta(seconds=10)))
    for _ in range(round(days * density / 2)):
        what = luck.choice(points.AT_AN_INSTANT)
        hours = {
            points.OUTAGE: (0.1, 1, 10, 60),
            points.STORE_DOWN: (0.002, 0.05, 0.3),
            points.SUSPEND: (0.5, 3, 11),
            points.CLOCK_FORWARD: (0.001, 0.02, 0.7, 2),
            points.CLOCK_BACK: (0.001, 0.02, 0.7, 2),
        }.get(what, (0.0005, 0.01, 0.3))
        found.append(Happening(at=luck.uniform(0, days) * _DAY, what=what, length=timedelta(hours=luck.choice(hours))))
    return found
