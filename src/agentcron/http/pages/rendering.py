"""How a page is made: its template, and what every template may use."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from agentcron._version import __version__
from agentcron.errors import InvalidScheduleError, StoreError
from agentcron.http.pages import words
from agentcron.http.routing import plugin_of
from agentcron.ports import SystemClock
from agentcron.schedule import zone as check_zone

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
ZONE_COOKIE: Final = "agentcron_zone"
# What a page may say after something was done: only these words, never those of an address.
SAID: Final = {
    "created": "The job is made.",
    "changed": "The job is changed.",
    "paused": "Paused: no further slot starts; what runs ends normally.",
    "resumed": "Resumed: the job is back on its schedule.",
    "canceled": "Canceled for good; its history stays.",
    "deleted": "The job and its history are deleted.",
    "queued": "In line: the run starts as soon as there is a place.",
    "ended": "Asked to end; a running agent is stopped within about a second.",
    "over": "Nothing was changed: it is over already.",
    "batch": "Done for every job that you chose.",
    "some": "Done, but not for those that are over.",
    "none": "Choose at least one job first.",
    "resent": "It is sent again, as the same; no agent runs for it.",
    "answered": "Your answer is kept; the run goes on.",
    "approved": "Approved: the job is on its schedule.",
    "denied": "Denied.",
}


async def render(request: Request, template: str, *, code: int = 200, **values: Any) -> HTMLResponse:
    """A page. Templates know ``now``, ``zone`` (the viewer's), ``session`` (None before a login) and ``alive``."""
    now = SystemClock().now()
    session = getattr(request.state, "session", None)
    known = {
        "now": now,
        "zone": viewer_zone(request),
        "session": session,
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "said": SAID.get(request.query_params.get("said", "")),
        "alive": await _alive(request) if session is not None else False,
        "version": __version__,
        **values,
    }
    return HTMLResponse(environment().get_template(template).render(known), code)


async def _alive(request: Request) -> bool:
    try:
        return await plugin_of(request).scheduler_alive()
    except StoreError:
        return False


def viewer_zone(request: Request) -> str:
    """The zone that the browser named, else that of the settings."""
    named = request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    try:
        return check_zone(named).key if named else plugin_of(request).config.timezone
    except InvalidScheduleError:
        return plugin_of(request).config.timezone


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates, every value in them escaped."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in (
        "whole",
        "slot",
        "away",
        "span",
        "money",
        "count",
        "short_count",
        "percent",
        "policy",
        "tame",
        "first_line",
        "why_paused",
    ):
        made.filters[name] = getattr(words, name)
    made.filters["moment"] = moment
    made.globals["asset"] = asset
    return made


def moment(instant: datetime | None, zone: str, now: datetime, *, seconds: bool = False) -> str:
    """An instant as ``<time>``: short to read, whole to point at."""
    if instant is None:
        return "–"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        instant.isoformat(), words.whole(instant, zone), words.clock(instant, zone, now, seconds=seconds)
    )


@lru_cache(maxsize=32)
def asset(name: str) -> str:
    """The address of a file that browsers may keep for ever: it changes with what is in the file."""
    return f"/static/{name}?{hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
