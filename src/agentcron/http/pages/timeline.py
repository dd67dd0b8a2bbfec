"""Runs in time, a lane for each job: what took how long, and what collided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from agentcron.access import Scope
from agentcron.domain.model import Execution
from agentcron.http.pages import drawing, words
from agentcron.http.pages.drawing import Bar
from agentcron.http.pages.rendering import render, viewer_zone
from agentcron.http.pages.routing import needs, pages
from agentcron.http.routing import plugin_of
from agentcron.ports import SystemClock

# Keys of the address, the stretch, and how far apart the named hours stand.
SPANS: Final = {
    "1h": (timedelta(hours=1), timedelta(minutes=10)),
    "6h": (timedelta(hours=6), timedelta(hours=1)),
    "24h": (timedelta(hours=24), timedelta(hours=4)),
    "7d": (timedelta(days=7), timedelta(days=1)),
}
MOST: Final = 1500
LANES: Final = 60
_PARTS: Final = 96

router = pages()


@router.get("/timeline", **needs(Scope.READ))
async def timeline(request: Request) -> Response:
    """What ran in the last hours."""
    plugin, now, zone = plugin_of(request), SystemClock().now(), viewer_zone(request)
    asked = request.query_params
    key = asked.get("span", "") if asked.get("span") in SPANS else "6h"
    span, step = SPANS[key]
    end = _ends(asked.get("to", ""), now)
    start = end - span
    only = (await plugin.find_job(asked["job"])) if asked.get("job") else None
    runs = await plugin.runs_between(start, end, MOST)
    shown = [run for run in runs if only is None or run.job_id == only.id]
    of_job = _longest(shown, now)
    names = {key: job.name for key, job in (await plugin.jobs_of(of_job)).items()}
    lanes = _lanes(of_job, names, start, end, now, zone)
    return await render(
        request,
        "timeline.html",
        lanes=lanes,
        left_out=len({run.job_id for run in shown}) - len(of_job),
        cut=len(runs) == MOST,
        total=len(shown),
        busiest=_busiest(shown, now),
        load=_load(shown, start, end, now, zone),
        marks=drawing.ticks(start, end, _hours(start, end, step, zone)),
        span=key,
        spans=list(SPANS),
        only=only,
        start=start,
        end=end,
        earlier=(start + span / 2 if key == "1h" else start).isoformat(timespec="seconds"),
        later=(end + span).isoformat(timespec="seconds") if end + span < now else None,
        is_now=end >= now - timedelta(seconds=1),
    )


def _ends(text: str, now: datetime) -> datetime:
    try:
        asked = datetime.fromisoformat(text)
    except ValueError:
        return now
    return min(asked, now) if asked.tzinfo is not None and asked.year > 1970 else now


def _longest(runs: Sequence[Execution], now: datetime) -> dict[str, list[Execution]]:
    """The jobs that ran the longest, each with its runs."""
    of_job: dict[str, list[Execution]] = {}
    for run in runs:
        of_job.setdefault(run.job_id, []).append(run)
    longest = sorted(of_job, key=lambda job_id: sum((_ran(run, now) for run in of_job[job_id]), timedelta(0)))
    return {job_id: of_job[job_id] for job_id in longest[-LANES:]}


def _lanes(
    of_job: Mapping[str, Sequence[Execution]],
    names: Mapping[str, str],
    start: datetime,
    end: datetime,
    now: datetime,
    zone: str,
) -> list[dict[str, Any]]:
    """A lane for each job, by name."""
    lanes = []
    for job_id, mine in of_job.items():
        name = names.get(job_id)
        picture, most = drawing.lanes([_bar(run, name or "a deleted job", now, zone) for run in mine], start, end)
        lanes.append({"id": job_id, "name": name, "picture": picture, "collisions": most})
    return sorted(lanes, key=lambda lane: str(lane["name"] or "").casefold())


def _bar(run: Execution, name: str, now: datetime, zone: str) -> Bar:
    begun = run.start_time or run.at
    told = f"{name}: {run.status.value.lower()}, {words.clock(begun, zone, now, seconds=True)}, "
    return Bar(
        start=begun,
        end=run.end_time or now,
        status=run.status,
        title=told + words.span(_ran(run, now)),
        link=f"/executions/{run.id}",
    )


def _ran(run: Execution, now: datetime) -> timedelta:
    return (run.end_time or now) - (run.start_time or run.at)


def _busiest(runs: Sequence[Execution], now: datetime) -> int:
    """How many ran at the same time at most."""
    moves = sorted(
        move for run in runs if run.start_time is not None for move in ((run.start_time, 1), (run.end_time or now, -1))
    )  # an end stands before a start of the same instant
    most = level = 0
    for _, change in moves:
        level += change
        most = max(most, level)
    return most


def _load(runs: Sequence[Execution], start: datetime, end: datetime, now: datetime, zone: str) -> Any:
    """How many ran in each small part of the stretch."""
    part, counts = (end - start) / _PARTS, [0] * _PARTS
    for run in runs:
        if run.start_time is None:
            continue
        first = max(int((run.start_time - start) / part), 0)
        last = min(int(((run.end_time or now) - start) / part), _PARTS - 1)
        for place in range(first, last + 1):
            counts[place] += 1
    titles = [f"{count} at {words.clock(start + place * part, zone, now)}" for place, count in enumerate(counts)]
    return drawing.columns(counts, titles, f"Runs side by side, at most {max(counts)} in one part of the time")


def _hours(start: datetime, end: datetime, step: timedelta, zone: str) -> list[tuple[datetime, str]]:
    place = ZoneInfo(zone)
    local = start.astimezone(place)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(start.tzinfo)
    first = midnight + step * (int((start - midnight) / step) + 1)
    found = []
    while first < end - step / 6:
        shown = first.astimezone(place)
        found.append((first, f"{shown:%a} {shown.day}" if step >= timedelta(days=1) else f"{shown:%H:%M}"))
        first += step
    return found
