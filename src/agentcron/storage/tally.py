"""How running sums are kept, so that no statistic ever scans the history.

The changes of a commit group are added up first: one statement for each scope and hour, however many runs ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agentcron.domain.lifecycle import ExecutionStatus

HOUR_US: Final = 3_600_000_000
_COLUMN: Final = {
    ExecutionStatus.SUCCESS: 0,
    ExecutionStatus.FAILURE: 1,
    ExecutionStatus.INCOMPLETE: 2,
    ExecutionStatus.ERROR: 3,
    ExecutionStatus.SKIPPED: 4,
    ExecutionStatus.MISSED: 5,
}


def counted(sums: Sequence[int]) -> dict[ExecutionStatus, int]:
    """The counts of a row of sums by their status, those that are none left out."""
    return {status: sums[column] for status, column in _COLUMN.items() if sums[column]}


class Tally:
    """The sums of one commit group, or of a part of it, kept by all the scopes that a run counts for until they are
    written."""

    __slots__ = ("_durations", "_sums")

    def __init__(self) -> None:
        self._sums: dict[tuple[tuple[str, ...], int], list[int]] = {}
        # How many runs of each bucket of durations, beside the sums of the same key.
        self._durations: dict[tuple[tuple[str, ...], int], dict[int, int]] = {}

    def add(
        self,
        scopes: tuple[str, ...],
        now_us: int,
        status: ExecutionStatus | None,
        *,
        slots: int = 1,
        tokens: int = 0,
        cost: int = 0,
        duration_us: int = 0,
        bucket: int | None = None,
    ) -> None:
        """Count one final row (``status``), or only what a closed attempt used (``status`` None)."""
        key = (scopes, now_us // HOUR_US)
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = [0] * 9
            self._durations[key] = {}
        if status is not None:
            sums[_COLUMN[status]] += slots
        sums[6] += tokens
        sums[7] += cost
        sums[8] += duration_us
        if bucket is not None:
            runs = self._durations[key]
            runs[bucket] = runs.get(bucket, 0) + 1

    def merge(self, other: Tally) -> None:
        """Add the sums of another one."""
        for key, sums in other._sums.items():
            mine = self._sums.get(key)
            self._sums[key] = list(sums) if mine is None else [a + b for a, b in zip(mine, sums, strict=True)]
            runs = self._durations.setdefault(key, {})
            for bucket, count in other._durations[key].items():
                runs[bucket] = runs.get(bucket, 0) + count

    def unwritten(self, scope: str, hour: int) -> tuple[int, int, int]:
        """Runs, tokens and micro-dollars of a scope since that hour, of this group: a budget that is judged in it must
        see what its neighbours have just spent."""
        found = [sums for (scopes, at), sums in self._sums.items() if scope in scopes and at >= hour]
        return sum(sum(sums[:4]) for sums in found), sum(sums[6] for sums in found), sum(sums[7] for sums in found)

    def writes(self, node: str) -> Iterator[tuple[str, list[tuple[str | int, ...]]]]:
        """The statements that keep the sums as those of ``node``, with the values for each scope and hour, always in
        the order of their keys: two commits that write the same rows in different orders would wait for each other."""
        sums: list[tuple[str | int, ...]] = [
            (scope, hour, node, *counts) for (scopes, hour), counts in self._sums.items() for scope in scopes
        ]
        runs: list[tuple[str | int, ...]] = [
            (scope, hour, node, bucket, count)
            for (scopes, hour), counts in self._durations.items()
            for bucket, count in counts.items()
            for scope in scopes
        ]
        if sums:
            yield "tally_add", sorted(sums)
        if runs:
            yield "tally_add_duration", sorted(runs)
