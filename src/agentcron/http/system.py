"""Routes about the whole: times of a schedule, figures, agents, findings, events, and whether it works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from agentcron.access import Scope
from agentcron.domain.usage import MAX_DAYS
from agentcron.errors import StoreError
from agentcron.http.events import EventRing
from agentcron.http.metrics import MEDIA_TYPE, Metrics
from agentcron.http.observed import ObservedStore
from agentcron.http.problems import JsonAnswer
from agentcron.http.routing import SCOPE, ScopedRoute, named, plugin_of, told
from agentcron.http.schema import array_of
from agentcron.nodes import working_nodes, working_object
from agentcron.ports import SystemClock
from agentcron.schedule import EverySchedule, parse_instant, parse_schedule
from agentcron.wire import instant, statistics_object, usage_object

_ANSWER_WITHIN: Final = 2.0
# The look at what is due comes at each evaluation interval; a few may be late on a busy machine.
_STALE_AFTER: Final = 10.0


@dataclass(kw_only=True)
class Service:
    """What the routes need besides the facade. ``doctor`` answers its findings as JSON and may take seconds;
    ``scheduling`` says whether this process runs due jobs."""

    store: ObservedStore
    events: EventRing
    metrics: Metrics
    doctor: Callable[[], list[dict[str, Any]]]
    scheduling: bool
    examining: asyncio.Lock = field(default_factory=asyncio.Lock)


router = APIRouter(tags=["system"], route_class=ScopedRoute)
health = APIRouter(tags=["health"])
figures = APIRouter(tags=["health"], route_class=ScopedRoute)


@router.get("/preview", **told(Scope.READ, named("Preview")))
async def preview(
    request: Request,
    schedule: Annotated[str, Query(description="Cron expression, `every 10m` or `at 2030-12-01T09:00`.")],
    timezone: Annotated[str | None, Query(description="IANA zone.")] = None,
    count: Annotated[int, Query(ge=1, le=1000)] = 5,
    after: Annotated[str | None, Query(description="ISO 8601; default: now.")] = None,
) -> Response:
    """What a schedule means and its next times in its zone, before a job is made of it."""
    plugin = plugin_of(request)
    zone = timezone or plugin.config.timezone
    read = parse_schedule(schedule, zone)
    begin = SystemClock().now() if after is None else parse_instant(after, zone)
    if isinstance(read, EverySchedule) and read.anchor is None:
        read = read.anchored(begin)
    # A thousand times of an odd schedule are some work; others go on meanwhile.
    slots = await asyncio.to_thread(plugin.preview, read, None, count, begin)
    told = {"description": read.describe(), "timezone": zone, "next_runs": [instant(slot, zone) for slot in slots]}
    return JsonAnswer(told)


@router.get("/statistics", **told(Scope.READ, named("Statistics")))
async def statistics(request: Request) -> Response:
    """Figures over all jobs and executions."""
    return JsonAnswer(statistics_object(await plugin_of(request).get_statistics()))


@router.get("/usage", **told(Scope.READ, array_of(named("Usage"))))
async def usage(
    request: Request,
    by: Annotated[Literal["job", "agent", "model", "tag", "day"], Query(description="What to add up.")] = "job",
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="So many days, UTC.")] = 30,
) -> Response:
    """What runs used: tokens and money, the dearest first, days in order."""
    return JsonAnswer([usage_object(line) for line in await plugin_of(request).get_usage(by, days)])


@router.get("/agents", **told(Scope.READ, array_of(named("Agent"))))
async def agents(request: Request) -> Response:
    """The agent definitions and whether each can work. They are changed in the settings file alone."""
    describe = getattr(plugin_of(request).agent_factory, "describe", None)
    return JsonAnswer(await asyncio.to_thread(describe) if describe is not None else [])


@router.get("/nodes", **told(Scope.READ, array_of(named("Node"))))
async def nodes(
    request: Request,
    every: Annotated[bool, Query(alias="all", description="Those that have stopped, too.")] = False,
) -> Response:
    """Which processes run jobs of this store, the latest start first: of which version, until when each is believed
    without a sign of life, and what it runs."""
    return JsonAnswer([working_object(one) for one in await working_nodes(plugin_of(request), everyone=every)])


@router.get("/doctor", **told(Scope.ADMIN, array_of(named("Finding"))))
async def doctor(request: Request) -> Response:
    """What is wrong with settings, store, clock and agents of this server, and what to do."""
    service: Service = request.app.state.service
    async with service.examining:  # it reads the whole store; twice at once would only be slower
        return JsonAnswer(await asyncio.to_thread(service.doctor))


@router.get(
    "/events",
    **{
        **told(Scope.READ, {}),
        "responses": {
            200: {"description": "A stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
        },
    },
)
async def events(request: Request) -> Response:
    """What happens, as server-sent events: `job` and `execution` say what changed, `reset` says that events were missed
    and everything is to be read again. `Last-Event-ID` goes on where a stream ended."""
    ring = request.app.state.service.events
    ring.check_room()
    stream = ring.stream(request.headers.get("last-event-id"))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


_HEALTH: Final = {"description": "It works", "content": {"application/json": {"schema": named("Health")}}}


@health.get("/healthz", response_class=JsonAnswer, responses={200: _HEALTH})
async def healthz() -> Response:
    """Whether this process answers."""
    return JsonAnswer({"status": "ok"})


@health.get(
    "/readyz", response_class=JsonAnswer, responses={200: _HEALTH, 503: {**_HEALTH, "description": "It does not"}}
)
async def readyz(request: Request) -> Response:
    """Whether it can do its work: the store answers, and what is due was looked for just now."""
    service: Service = request.app.state.service
    try:
        await asyncio.wait_for(plugin_of(request).get_nodes(), _ANSWER_WITHIN)
    except (StoreError, TimeoutError):
        return JsonAnswer({"status": "the store does not answer"}, 503)
    if service.scheduling:
        last = service.store.evaluated
        interval = plugin_of(request).config.evaluation_interval_ms / 1000
        if last is None or time.monotonic() - last > max(_STALE_AFTER, 5 * interval):
            return JsonAnswer({"status": "what is due is not looked for"}, 503)
    return JsonAnswer({"status": "ok"})


@figures.get(
    "/metrics",
    openapi_extra={SCOPE: Scope.READ.value},
    response_class=Response,
    responses={200: {"description": "Figures", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    service: Service = request.app.state.service
    begun = time.monotonic()
    await asyncio.sleep(0)
    lag = time.monotonic() - begun
    now = SystemClock().now().timestamp()
    plugin = plugin_of(request)
    text = service.metrics.text(await plugin.get_statistics(), await plugin.letters_waiting(), now, lag)
    return Response(text, media_type=MEDIA_TYPE)
