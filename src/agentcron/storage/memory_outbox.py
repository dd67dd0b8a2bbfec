"""The letters of the reference store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.news import News, in_a_row, judge
from agentcron.domain.notify import Event
from agentcron.storage.beginnings import the_one


class MemoryOutbox:
    """Letters by their ids, in the order of their making, and when each event was told last.

    The key of ``_told_at`` is ``JOB/ENDPOINT/EVENT``.
    """

    def __init__(self) -> None:
        self._letters: dict[str, Letter] = {}
        self._told_at: dict[str, datetime] = {}

    def _failing(self, job_id: str, most: int) -> Sequence[ExecutionStatus]:
        """How the newest ``most`` runs of the job ended, those aside that a person canceled."""
        raise NotImplementedError

    def _post(self, news: Iterable[News]) -> None:
        for one in news:
            told = {
                (target, Event(event)): at
                for key, at in self._told_at.items()
                for job_id, target, event in [key.rsplit("/", 2)]
                if job_id == one.job_id
            }
            most = one.most_failures
            failures = in_a_row(self._failing(one.job_id, most)) if most else 0
            for letter in judge(one, told, failures):
                if letter.id not in self._letters:
                    self._letters[letter.id] = letter
                    self._told_at[f"{letter.job_id}/{letter.target}/{letter.event}"] = letter.created

    def _drop_letters(self, job_id: str) -> None:
        for key in [key for key, letter in self._letters.items() if letter.job_id == job_id]:
            self._letters.pop(key)
        for key in [key for key in self._told_at if key.rsplit("/", 2)[0] == job_id]:
            self._told_at.pop(key)

    def _prune_letters(self, executions: Iterable[str], before: datetime | None) -> None:
        """Remove the letters of executions that are gone and those that are too old, but for those that wait."""
        gone = set(executions)
        for key, letter in list(self._letters.items()):
            old = before is not None and letter.created < before
            if old or (letter.execution_id in gone and letter.status is not LetterStatus.PENDING):
                self._letters.pop(key)

    async def letters_due(self) -> Mapping[str, Waiting]:
        due: dict[str, list[datetime]] = {}
        for letter in self._letters.values():
            if letter.wake_at is not None:
                due.setdefault(letter.target, []).append(letter.wake_at)
        return {target: Waiting(letters=len(times), next_at=min(times)) for target, times in due.items()}

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        ready = [
            one
            for one in self._letters.values()
            if one.target == target and one.wake_at is not None and one.wake_at <= now
        ]
        ready.sort(key=lambda one: one.wake_at or now)
        taken = [replace(one, tries=one.tries + 1, wake_at=until) for one in ready[:limit]]
        for one in taken:
            self._letters[one.id] = one
        return taken

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        stored = self._letters.get(before.id)
        if stored is None or (stored.status, stored.tries) != (before.status, before.tries):
            return False
        self._letters[after.id] = after
        return True

    async def get_letter(self, letter_id: str) -> Letter | None:
        found = [one for key, one in self._letters.items() if letter_id and key.startswith(letter_id.lower())]
        return the_one("letter", letter_id, found, lambda one: one.id)

    async def list_letters(self, filters: LetterFilters, limit: int) -> Sequence[Letter]:
        newest = list(self._letters.values())[::-1]
        if filters.before is not None:
            places = [number for number, one in enumerate(newest) if one.id == filters.before]
            newest = newest[places[0] + 1 :] if places else []
        found = [
            one
            for one in newest
            if filters.status in (None, one.status)
            and filters.job_id in (None, one.job_id)
            and filters.execution_id in (None, one.execution_id)
        ]
        return found[:limit]

    async def count_letters(self) -> Mapping[LetterStatus, int]:
        return Counter(one.status for one in self._letters.values())
