"""The changes of running sums that one commit brings, added up first: one statement for each scope and hour."""

from __future__ import annotations

from collections.abc import Iterator
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


class Sums:
    """Per scope and hour: a count for each final status, tokens, micro-dollars, microseconds; and how long runs took,
    by bucket."""

    __slots__ = ("_durations", "_sums")

    def __init__(self) -> None:
        self._sums: dict[tuple[str, int], list[int]] = {}
        self._durations: dict[tuple[str, int, int], int] = {}

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
        hour = now_us // HOUR_US
        for scope in scopes:
            sums = self._sums.setdefault((scope, hour), [0] * 9)
            if status is not None:
                sums[_COLUMN[status]] += slots
            sums[6] += tokens
            sums[7] += cost
            sums[8] += duration_us
            if bucket is not None:
                key = (scope, hour, bucket)
                self._durations[key] = self._durations.get(key, 0) + 1

    def rows(self, node: str) -> Iterator[tuple[str | int, ...]]:
        """Scope, hour, node and the nine sums, in the order of their keys: two commits that write the same rows in
        different orders would wait for each other."""
        for (scope, hour), sums in sorted(self._sums.items()):
            yield (scope, hour, node, *sums)

    def durations(self, node: str) -> Iterator[tuple[str | int, ...]]:
        """Scope, hour, node, bucket and how many runs, in the order of their keys."""
        for (scope, hour, bucket), runs in sorted(self._durations.items()):
            yield (scope, hour, node, bucket, runs)
