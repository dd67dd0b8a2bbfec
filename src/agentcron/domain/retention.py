"""How much history is kept, and which rows go beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.model import Execution
from agentcron.errors import InvalidJobError

# The other columns of a row, about; its texts come on top.
_ROW_BYTES: Final = 256
_LONGEST: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept of the executions that ended; None takes a limit away.

    ``max_age``: since they ended. ``max_per_job``: rows of a job. ``max_bytes``: the whole store, as it counts itself.
    The newest ``keep_last`` rows of each job and every open one are kept whatever the limits say. Sums and totals
    count what was pruned as well. Raises ``InvalidJobError``.
    """

    max_age: timedelta | None = timedelta(days=90)
    max_per_job: int | None = 10_000
    max_bytes: int | None = 1 << 30
    keep_last: int = 50

    def __post_init__(self) -> None:
        if self.max_age is not None and not timedelta(0) < self.max_age <= _LONGEST:
            raise InvalidJobError("retention.max_age: must be more than 0 and at most 100 years", field="max_age")
        for name in ("max_per_job", "max_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidJobError(f"retention.{name}: must be at least 1, or None", field=name)
        if self.keep_last < 1:
            raise InvalidJobError("retention.keep_last: must be at least 1", field="keep_last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one batch removed: ``rows`` executions. ``after`` is where the next batch goes on, None at the end."""

    rows: int
    after: str | None = None


def beyond(rows: Sequence[Execution], retention: Retention, now: datetime) -> Iterator[Execution]:
    """Those of a job's ``rows``, oldest first, that age or number puts beyond the retention."""
    over = len(rows) - retention.max_per_job if retention.max_per_job is not None else 0
    for number, row in enumerate(rows[: -retention.keep_last]):
        old = retention.max_age is not None and ended_at(row) < now - retention.max_age
        if row.final and (old or number < over):
            yield row


def ended_at(row: Execution) -> datetime:
    """When a row ended; of one from another program that does not say, its instant."""
    return row.end_time or row.at


def size_of(row: Execution) -> int:
    """About how many bytes a row takes with its texts."""
    talk = row.conversation.native if row.conversation is not None else ""
    texts = (row.prompt or "", row.result or "", str(talk))
    return _ROW_BYTES + sum(len(text.encode("utf-8", "replace")) for text in texts)
