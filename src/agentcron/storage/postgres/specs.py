"""Where the specs of versions of jobs are read that are not at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentcron.domain.spec import JobSpec
from agentcron.storage.postgres.database import Database, Transaction
from agentcron.storage.specs import Key, spec_of

Wanted = tuple[str, int, int]
"""A job's id, the number of its row, and a version of it."""


async def get(database: Database, job_id: str, version: int) -> JobSpec | None:
    """The spec; None where there is none. Raises ``ValueError`` for one that this release cannot read."""
    spec = database.specs.of(job_id, version)
    if spec is None:
        row = await database.one("version_of_id", id=job_id, version=version)
        spec = database.specs.read(job_id, (row[0], version), row[1]) if row else None
    return spec


async def of(
    database: Database, wanted: Iterable[Wanted], tx: Transaction | None = None
) -> dict[Key, JobSpec | ValueError]:
    """The specs of these versions, as far as there are, or why this release cannot read one; read in ``tx``."""
    found: dict[Key, JobSpec | ValueError] = {}
    missing: dict[Key, str] = {}
    for job_id, number, version in wanted:
        key = (number, version)
        spec = database.specs.kept.get(key)
        if spec is None:
            missing[key] = job_id
            database.specs.see(job_id, number)
        else:
            found[key] = spec
    if missing:
        values: dict[str, Any] = {"jobs": [key[0] for key in missing], "versions": [key[1] for key in missing]}
        for number, version, text in await (tx or database).all("versions_of", **values):
            key = (number, version)
            try:
                spec = found[key] = spec_of(text)
            except ValueError as error:
                found[key] = error
                continue
            if tx is None:
                database.specs.keep(missing[key], key, spec)
            else:
                tx.learned[key] = (missing[key], spec)
    return found
