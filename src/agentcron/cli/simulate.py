"""What the jobs would do in the days to come, lived through in seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import span, when
from agentcron.domain.lifecycle import JobState
from agentcron.ports import SystemClock
from agentcron.schedule import parse_duration
from agentcron.wire import instant

if TYPE_CHECKING:
    from agentcron.domain.model import Job
    from agentcron.plugin import BackgroundJobsPlugin
    from agentcron.testing.simulation.forecast import Expected, Firing, Forecast, JobForecast

# A run costs about a millisecond: past this many a person wants to know why nothing is told yet.
_MANY: Final = 20_000
_HISTORY: Final = 100
_DAYS_SHOWN: Final = 7
_A_DAY_SHOWN: Final = 6
_DOWN: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


@command("simulate")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), default=30, show_default=True, help="How long.")
@click.option("--assume-duration", metavar="DURATION", default="5m", show_default=True, help="A run without history.")
@click.option("--down", metavar="HH:MM-HH:MM", help="No scheduler is up between these times, each day.")
def simulate_command(
    session: Session, jobs: tuple[str, ...], days: float, assume_duration: str, down: str | None
) -> None:
    """What would fire when, overlap, be skipped or missed, and cost, in the next days; of all jobs or of these.

    The jobs are lived through ahead of time, by the scheduler's own rules, on a copy in memory: nothing is stored and
    no agent is called. What a run takes, and costs, is taken from the history of its job.

    Example: agentcron simulate --days 7 --down 23:00-07:00
    """
    assumed = parse_duration(assume_duration)
    now, stretches = SystemClock().now(), _stretches(down, days, session.zone) if down else []

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[Job], dict[str, Expected]]:
        from agentcron.testing.simulation.forecast import Expected

        chosen = [await plugin.find_job(job) for job in jobs] if jobs else await plugin.get_jobs()
        history = {job.name: await plugin.get_executions(job.id, _HISTORY) for job in chosen}
        return chosen, {name: Expected.of(rows, assumed) for name, rows in history.items()}

    found, expected = session.call(work)
    slots = sum(job.schedule.count(now, now + timedelta(days=days)) for job in found if job.state is JobState.ACTIVE)
    if slots > _MANY:
        session.say(f"agentcron: about {slots} slots; this takes a while (--days takes fewer)")
    from agentcron.testing.simulation.forecast import simulate

    places = session.config.max_concurrent_agents.value
    told = simulate(
        found, days=days, start=now, expected=expected, assume_duration=assumed, places=places, down=stretches
    )
    session.emit(forecast_object(told), lambda: _text(session, told))


def _stretches(down: str, days: float, zone: str) -> list[tuple[datetime, datetime]]:
    """The daily stretch ``HH:MM-HH:MM`` in a zone, for so many days."""
    matched = _DOWN.fullmatch(down.strip())
    if matched is None:
        raise click.BadParameter(f"{down!r} is not a stretch of the day; write 23:00-07:00", param_hint="--down")
    begin, end = ((int(matched[one]), int(matched[one + 1])) for one in (1, 3))
    today = SystemClock().now().astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    found = []
    for day in range(-1, int(days) + 2):
        date = today + timedelta(days=day)
        first = date.replace(hour=begin[0], minute=begin[1])
        last = (date + timedelta(days=end <= begin)).replace(hour=end[0], minute=end[1])
        found.append((first, last))
    return found


# --- JSON -------------------------------------------------------------------------------------------------------------


def forecast_object(told: Forecast) -> dict[str, Any]:
    """A forecast as JSON: instants ISO 8601 in UTC, durations in seconds."""
    return {
        "start": instant(told.start, "UTC"),
        "end": instant(told.end, "UTC"),
        "jobs": [_job_object(one) for one in told.jobs],
        "runs": [
            {
                "job": one.job,
                "scheduled_for": instant(one.slot, "UTC"),
                "starts": instant(one.starts, "UTC"),
                "ends": instant(one.ends, "UTC"),
            }
            for one in told.firings
        ],
        "clock_changes": [
            {
                "job": one.job,
                "timezone": one.timezone,
                "local_time": one.local.isoformat(),
                "skipped": one.skipped,
                "runs_at": [instant(slot, "UTC") for slot in one.slots],
                "sentence": one.sentence,
            }
            for one in told.clock_changes
        ],
        "busiest": {
            "at": instant(told.busiest, "UTC") if told.busiest is not None else None,
            "agents": told.most,
            "max_concurrent_agents": told.places,
        },
        "tokens": round(sum(one.runs * one.expected.tokens for one in told.jobs)),
        "cost_usd": _cost(told.jobs),
    }


def _job_object(one: JobForecast) -> dict[str, Any]:
    expected = one.expected
    return {
        "id": one.job.id,
        "name": one.job.name,
        "status": one.job.status.value,
        "runs": one.runs,
        "late": one.late,
        "skipped": dict(one.skipped),
        "missed": dict(one.missed),
        "first_skipped": instant(one.first_skipped, "UTC") if one.first_skipped is not None else None,
        "first_missed": instant(one.first_missed, "UTC") if one.first_missed is not None else None,
        "expected": {
            "mean_seconds": expected.mean.total_seconds(),
            "p95_seconds": expected.p95.total_seconds() if expected.p95 is not None else None,
            "tokens": round(expected.tokens),
            "cost_usd": float(expected.cost_usd),
            "runs_of_history": expected.runs,
        },
    }


def _cost(jobs: Sequence[JobForecast]) -> float:
    return round(float(sum(one.runs * one.expected.cost_usd for one in jobs)), 6)


# --- for a person -----------------------------------------------------------------------------------------------------


def _text(session: Session, told: Forecast) -> str:
    zone = session.zone
    parts = [f"{when(told.start, zone)} to {when(told.end, zone)}", "", _table(session, told)]
    if told.firings:
        parts += ["", *_agenda(told.firings, zone)]
    troubles = [*_troubles(told, zone), *(f"{one.job}: {one.sentence}" for one in told.clock_changes)]
    if troubles:
        parts += ["", "To know", *(f"  {line}" for line in troubles)]
    return "\n".join(parts)


def _table(session: Session, told: Forecast) -> str:
    columns = ("JOB", "RUNS", "LATE", "SKIPPED", "MISSED", "EACH TAKES", "TOKENS", "COST")
    rows = [
        (
            one.job.name,
            str(one.runs),
            str(one.late),
            _reasons(one.skipped),
            _reasons(one.missed),
            span(one.expected.mean) + ("" if one.expected.runs else " (assumed)"),
            str(round(one.runs * one.expected.tokens)),
            f"${one.runs * one.expected.cost_usd:.2f}",
        )
        for one in told.jobs
    ]
    return session.table(columns, rows, "no jobs; make one with 'agentcron add'")


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "0"


def _agenda(firings: Sequence[Firing], zone: str) -> list[str]:
    """A line for each of the first days; runs of one job that day are one entry."""
    lines = []
    days = [
        (day, list(runs))
        for day, runs in groupby(firings, key=lambda one: f"{one.starts.astimezone(ZoneInfo(zone)):%a %Y-%m-%d}")
    ]
    for day, runs in days[:_DAYS_SHOWN]:
        firsts: dict[str, list[Firing]] = {}
        for run in runs:
            firsts.setdefault(run.job, []).append(run)
        entries = [_entry(job, mine, zone) for job, mine in firsts.items()]
        more = f", and {len(entries) - _A_DAY_SHOWN} more jobs" if len(entries) > _A_DAY_SHOWN else ""
        lines.append(f"  {day}  {', '.join(entries[:_A_DAY_SHOWN])}{more}")
    if len(days) > _DAYS_SHOWN:
        lines.append(f"  and {len(days) - _DAYS_SHOWN} more days (all of them with --json)")
    return ["Agenda", *lines]


def _entry(job: str, runs: Sequence[Firing], zone: str) -> str:
    first, last = (f"{one.starts.astimezone(ZoneInfo(zone)):%H:%M}" for one in (runs[0], runs[-1]))
    return f"{first} {job}" if len(runs) == 1 else f"{first} to {last} {job} ({len(runs)} runs)"


def _troubles(told: Forecast, zone: str) -> list[str]:
    lines = []
    for one in told.jobs:
        name = one.job.name
        if one.job.state is not JobState.ACTIVE:
            lines.append(f"{name}: does not run, it is {one.job.status.value}")
        if overlap := one.skipped.get("overlap"):
            first = when(one.first_skipped, zone)
            lines.append(f"{name}: {overlap} slots find the run before still open, first at {first} (overlap = skip)")
        if one.late:
            lines.append(
                f"{name}: {one.late} runs begin late: they wait for a run before, a free place, or a scheduler"
            )
        if one.missed:
            why = f"catch_up = {one.job.catch_up}"
            lines.append(
                f"{name}: {sum(one.missed.values())} slots are missed, first {when(one.first_missed, zone)} ({why})"
            )
    if told.busiest is not None:
        full = "; further runs wait" if told.most >= told.places else ""
        lines.append(f"busiest at {when(told.busiest, zone)}: {told.most} of {told.places} agents at once{full}")
    return lines
