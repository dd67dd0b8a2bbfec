"""Which row is whose? The numbers of rows that were read or written a moment ago, so that nobody looks for them again.

A number is never wrong: SQLite gives none twice (AUTOINCREMENT), so at worst its row is gone. Whoever uses one still
asks whether the row is as it was, by a count over all of them instead of by a row for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

# So many are remembered at most: of jobs that are due and never planned, of runs that are never settled here.
MOST: Final = 65_536


class Numbers:
    """``jobs``: the number of a job by its id. ``runs``: that of an execution and that of its job, by its id."""

    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self.runs: dict[str, tuple[int, int]] = {}

    def read(self, rows: Iterable[Any]) -> None:
        """Remember jobs by rows that begin with their number and their id."""
        if len(self.jobs) > MOST:
            self.jobs.clear()
        for row in rows:
            self.jobs[row[1]] = row[0]

    def begun(self, runs: dict[str, tuple[int, int]]) -> None:
        """Remember runs whose rows are committed: a number that was rolled back is given again."""
        if len(self.runs) > MOST:
            self.runs.clear()
        self.runs |= runs
