"""Which entries a feed has, and which of them are new."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from typing import Final

from agentcron.checks import web
from agentcron.checks.files import NOTHING
from agentcron.checks.place import LookFailed

MOST_ENTRIES: Final = 500


def check() -> None:
    """Raise ``LookFailed`` where the library is missing."""
    try:
        import feedparser  # type: ignore[import-untyped] # noqa: F401
    except ImportError:
        raise LookFailed("needs feedparser; pip install 'agentcron[checks]'") from None


async def entries(url: str) -> str:
    """A short sum for each of the newest entries. Raises ``LookFailed``."""
    check()
    reply = await web.fetch(url)
    found = await asyncio.to_thread(_entries, reply.body)
    return " ".join(found) or NOTHING


def fresh(before: str, now: str) -> int:
    """How many entries are there that were not. What has gone is no news: feeds drop their oldest entries."""
    return len(_sums(now) - _sums(before))


def _sums(value: str) -> set[str]:
    return set() if value == NOTHING else set(value.split())


def _entries(body: bytes) -> Sequence[str]:
    import feedparser

    # As a stream: a text or bytes might be taken for the name of a file.
    parsed = feedparser.parse(io.BytesIO(body))
    if not parsed.entries and not parsed.version:
        raise LookFailed("what it answers is no feed (RSS or Atom)")
    names = (entry.get("id") or entry.get("link") or entry.get("title") or "" for entry in parsed.entries)
    return [hashlib.sha256(name.encode()).hexdigest()[:12] for name in list(names)[:MOST_ENTRIES]]
