"""When is it told outside that no scheduler has been seen, and that one is back? Once each.

What was told is kept in a small file, so that a watch that is started for each look, by cron or systemd, tells no more
than one that goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agentcron.delivery.message import Message
from agentcron.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one look showed. ``seen`` is the last sign of life that is known, ``told`` says in words what is there, or
    why nothing could be seen."""

    alive: bool
    told: str
    seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """``since`` is the last sign of life, or the first look. ``lost`` is that of the outage that was found last, None
    where all were told that it is over; ``told`` are the endpoints that know of it."""

    since: datetime
    lost: datetime | None = None
    told: frozenset[str] = frozenset()


def looked(before: Watched | None, sighting: Sighting, now: datetime, after: timedelta) -> Watched:
    """What is known after a look. A scheduler is lost when there was no sign of life for ``after``."""
    if sighting.alive:
        state = replace(before, since=now) if before is not None else Watched(since=now)
        return state if state.told else replace(state, lost=None)
    state = before or Watched(since=sighting.seen or now)
    if sighting.seen is not None and sighting.seen > state.since:
        state = replace(state, since=sighting.seen)
    return replace(state, lost=state.since) if now - state.since >= after else state


def to_tell(state: Watched, alive: bool, endpoints: Collection[str]) -> frozenset[str]:
    """Who is to be told: of the loss those who do not know, of the return those who do."""
    if state.lost is None:
        return frozenset()
    return state.told & frozenset(endpoints) if alive else frozenset(endpoints) - state.told


def was_told(state: Watched, alive: bool, endpoint: str) -> Watched:
    """What is known once this endpoint has taken it."""
    told = state.told - {endpoint} if alive else state.told | {endpoint}
    return replace(state, told=told, lost=None if alive and not told else state.lost)


def message(state: Watched, sighting: Sighting, place: str, host: str, now: datetime) -> Message:
    """What is told; its id is that of the outage, so that a repeat is known by it."""
    lost = state.lost or state.since
    event, word = ("recovered", "is seen again; it was not") if sighting.alive else ("failure", "has not been seen")
    subject = f"agentcron: the scheduler {word} since {lost.isoformat(timespec='seconds')}"
    text = "\n".join(
        [
            f"Looked at: {place}",
            f"Found: {sighting.told}",
            f"Watched by: {host}",
            "",
            "Next: nothing" if sighting.alive else "Next: agentcron nodes --all; agentcron start",
        ]
    )
    message_id = f"watch-{int(lost.timestamp() * 1000)}-{event}"
    data: dict[str, Any] = {
        "id": message_id,
        "job": None,
        "execution": None,
        "questions": [],
        "reason": "scheduler",
        "subject": subject,
        "text": text,
    }
    body = json.dumps({"type": event, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)
    return Message(id=message_id, event=event, created=now, subject=subject, text=text, body=body)


def load(path: Path) -> Watched | None:
    """What the last look kept; None where there was none, or where it cannot be understood."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        lost = kept["lost"]
        return Watched(
            since=datetime.fromisoformat(kept["since"]),
            lost=None if lost is None else datetime.fromisoformat(lost),
            told=frozenset(map(str, kept["told"])),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name another file with --state") from error
    except (ValueError, KeyError, TypeError):
        return None


def save(path: Path, state: Watched) -> None:
    """Keep it, whole or not at all. Raises ``ConfigError``."""
    lost = None if state.lost is None else state.lost.isoformat()
    text = json.dumps({"since": state.since.isoformat(), "lost": lost, "told": sorted(state.told)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name another file with --state") from error
