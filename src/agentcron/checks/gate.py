"""Whether anything changed since the last success, and in words what was compared."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agentcron.checks import feeds, files, programs, web
from agentcron.checks.files import NOTHING
from agentcron.checks.place import LookFailed, Place
from agentcron.domain.checks import Source, SourceKind, argv_of
from agentcron.domain.findings import Mark

_ETAG: Final = "etag "
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``failure``: nothing was seen to have changed, and something could not be looked at."""

    changed: bool
    told: str
    marks: tuple[Mark, ...]
    failure: LookFailed | None = None


async def look(sources: Sequence[Source], marks: Sequence[Mark], now: datetime, place: Place) -> Verdict:
    """Compare every source with its mark of the last success.

    A source without a mark has changed, unless there is nothing there at all. One that cannot be looked at keeps its
    mark, and is a failure only where nothing else has changed.
    """
    known = {mark.source: mark for mark in marks}
    seen = await asyncio.gather(*(_one(source, known.get(str(source)), now, place) for source in sources))
    failures = [one.failure for one in seen if one.failure is not None]
    changed = any(one.changed for one in seen)
    return Verdict(
        changed=changed,
        told="; ".join(one.told for one in seen),
        marks=tuple(mark for one in seen for mark in one.marks),
        failure=None
        if changed or not failures
        else LookFailed("; ".join(map(str, failures)), retryable=all(one.retryable for one in failures)),
    )


async def _one(source: Source, mark: Mark | None, now: datetime, place: Place) -> Verdict:
    before = mark.value if mark is not None else None
    kept = (mark,) if mark is not None else ()
    try:
        value = await _look(source, before, place)
    except LookFailed as error:
        failure = LookFailed(f"{source}: {error}", retryable=error.retryable)
        return Verdict(changed=False, told=f"{failure}", marks=kept, failure=failure)
    if before is None:
        changed, told = value != NOTHING, "was not looked at before" if value != NOTHING else NOTHING
    elif source.kind is SourceKind.FEED:
        new = feeds.fresh(before, value)
        changed, told = new > 0, f"{new} new {'entry' if new == 1 else 'entries'}"
    else:
        changed = value != before
        told = f"{_short(value)}, was {_short(before)}" if changed else _short(value)
    if mark is not None and not changed:
        # The newest sight is kept: of a feed, what has gone may come back as news.
        same = (Mark(mark.source, value, mark.since),)
        since = mark.since.isoformat(timespec="seconds")
        return Verdict(changed=False, told=f"{source} is as it was since {since}: {told}", marks=same)
    marks = (Mark(str(source), value, now),)
    return Verdict(changed=changed, told=f"{source} {'changed' if changed else 'is empty'}: {told}", marks=marks)


async def _look(source: Source, before: str | None, place: Place) -> str:
    match source.kind:
        case SourceKind.FILE:
            return await files.contents(place, source.value)
        case SourceKind.URL:
            return await _address(source.value, before)
        case SourceKind.GIT:
            return await programs.commit_of(place, source.value)
        case SourceKind.FEED:
            return await feeds.entries(source.value)
        case SourceKind.COMMAND:
            said = await programs.run(place, argv_of(source.value))
            if said.problem is not None:
                raise LookFailed(said.problem)
            return f"{len(said.output)} bytes {hashlib.sha256(said.output).hexdigest()[:16]}"


async def _address(url: str, before: str | None) -> str:
    etag = before.removeprefix(_ETAG) if before is not None and before.startswith(_ETAG) else None
    reply = await web.fetch(url, etag=etag)
    if reply.status == 304 and before is not None:
        return before
    return f"{_ETAG}{reply.etag}" if reply.etag else f"{len(reply.body)} bytes {reply.digest[:16]}"


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
