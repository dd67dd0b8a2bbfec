"""Letters that nobody will get unless somebody does something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Final

from agentcron.cli.doctor import Finding
from agentcron.cli.words import first_line
from agentcron.domain.letters import LetterFilters, LetterStatus
from agentcron.ports import JobStore
from agentcron.schedule import format_duration

# Tries come every hour at last; a receiver that was away for a moment has had several by then.
LONG: Final = timedelta(hours=1)
_MOST: Final = 10_000


async def letter_findings(storage: JobStore, endpoints: Collection[str], now: datetime) -> AsyncIterator[Finding]:
    """Those that were given up, that wait for long, and that wait for an endpoint that is not configured."""
    lost = (await storage.count_letters()).get(LetterStatus.FAILED, 0)
    for last in await storage.list_letters(LetterFilters(status=LetterStatus.FAILED), 1):
        detail = f"{_letters(lost)} {'was' if lost == 1 else 'were'} given up, the last one to {last.target}"
        fix = f"agentcron endpoints --test {last.target}, then agentcron resend {last.id}"
        yield _finding(f"{detail}: {first_line(last.error or '', 120)}", fix, last.id)
    for target, waiting in sorted((await storage.letters_due()).items()):
        if target not in endpoints:
            detail = f"{_wait(waiting.letters)} for the endpoint {target!r}, which is not configured"
            yield _finding(detail, f"write [endpoints.{target}]", f"endpoints.{target}")
    newest = await storage.list_letters(LetterFilters(status=LetterStatus.PENDING), _MOST)
    late = [letter for letter in newest if letter.created < now - LONG and letter.target in endpoints]
    if late:
        targets = ", ".join(sorted({letter.target for letter in late}))
        error = next((f": {first_line(letter.error, 120)}" for letter in late if letter.error), "")
        alive = any(node.alive for node in await storage.nodes())
        fix = f"agentcron endpoints --test {late[0].target}" if alive else "agentcron start sends them"
        detail = f"{_wait(len(late))} for more than {format_duration(LONG)}, to {targets}{error}"
        yield _finding(detail, fix, late[-1].id)


def _letters(count: int) -> str:
    return f"{count} letter{'s' if count != 1 else ''}"


def _wait(count: int) -> str:
    return f"{_letters(count)} wait{'s' if count == 1 else ''}"


def _finding(detail: str, fix: str, where: str) -> Finding:
    return Finding(check="letters", verdict="warn", detail=detail, fix=fix, where=where)
