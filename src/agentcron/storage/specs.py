"""Which spec has this version of this job? One never changes, so that it is read once."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Final

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec

MOST: Final = 16_384
Key = tuple[int, int]
"""The number of a job's row, and a version of that job."""
Learned = dict[Key, tuple[str, JobSpec]]
"""What one transaction wrote and read, with the ids of the jobs: true once it is committed. Before that, a number and
a version can still come to another spec."""


class Specs:
    """The specs that were read or written last.

    An id is not enough: a job that is deleted, and made again from its key or restored, has the same id and begins at
    the same version. The number of its row is given only once. Whoever knows the id alone means the row that was seen
    last: a store sees the row of whatever job or execution it hands out.
    """

    def __init__(self) -> None:
        self.kept: OrderedDict[Key, JobSpec] = OrderedDict()
        self._numbers: OrderedDict[str, int] = OrderedDict()

    def of(self, job_id: str, version: int) -> JobSpec | None:
        """That of the row of this id that was seen last, if it is at hand."""
        return self.kept.get((self._numbers.get(job_id, 0), version))

    def see(self, job_id: str, number: int) -> None:
        """The id is that of this row, unless a later one was seen before."""
        if number > self._numbers.get(job_id, 0):
            self._numbers[job_id] = number
            _forget(self._numbers)

    def keep(self, job_id: str, key: Key, spec: JobSpec) -> JobSpec:
        """Remember it, and see its row."""
        self.see(job_id, key[0])
        self.kept[key] = spec
        _forget(self.kept)
        return spec

    def read(self, job_id: str, key: Key, text: str) -> JobSpec:
        """Remember what is stored. Raises ``ValueError`` where this release cannot read it."""
        # Also where it cannot be read: then nobody may run it by that of a row before.
        self.see(job_id, key[0])
        return self.keep(job_id, key, spec_of(text))

    def learn(self, learned: Learned) -> None:
        """Take over what a transaction learned, now that it is committed."""
        for key, (job_id, spec) in learned.items():
            self.keep(job_id, key, spec)
        learned.clear()


def spec_of(text: str) -> JobSpec:
    """The spec of what is stored of it. Raises ``ValueError`` where this release cannot read it."""
    return read_spec(json.loads(text))


def _forget(known: OrderedDict[Key, JobSpec] | OrderedDict[str, int]) -> None:
    if len(known) > MOST:
        known.popitem(last=False)
