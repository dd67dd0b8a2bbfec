"""What is known of the versions of jobs: a spec never changes, so that it is read once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Final

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.postgres.database import Database, Transaction

MOST: Final = 16_384
Key = tuple[str, int]
"""A job's id and a version of it."""


class Specs:
    """The specs that were read last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Key, JobSpec] = OrderedDict()

    async def get(self, key: Key) -> JobSpec | None:
        """The spec; None where there is none. Raises ``ValueError`` for one that this release cannot read."""
        found = (await self.of([key])).get(key)
        if isinstance(found, ValueError):
            raise found
        return found

    async def of(self, keys: Collection[Key], tx: Transaction | None = None) -> dict[Key, JobSpec | ValueError]:
        """The specs of these versions, as far as there are, or why this release cannot read one; read in ``tx``."""
        found: dict[Key, JobSpec | ValueError] = {
            key: spec for key in keys if (spec := self._kept.get(key)) is not None
        }
        missing = [key for key in keys if key not in found]
        if missing:
            wanted: dict[str, Any] = {"ids": [key[0] for key in missing], "versions": [key[1] for key in missing]}
            for job_id, version, text in await (tx or self._database).all("versions_of", **wanted):
                try:
                    found[job_id, version] = self.keep((job_id, version), read_spec(json.loads(text)))
                except ValueError as error:
                    found[job_id, version] = error
        return found

    async def readable(self, tx: Transaction, keys: Collection[Key]) -> dict[Key, JobSpec]:
        """Those of them that this release can read."""
        return {key: spec for key, spec in (await self.of(keys, tx)).items() if isinstance(spec, JobSpec)}

    def keep(self, key: Key, spec: JobSpec) -> JobSpec:
        """Remember it."""
        self._kept[key] = spec
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return spec
