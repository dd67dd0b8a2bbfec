"""What is wrong inside the file: pages, rules, texts and jobs, each looked at without changing anything."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agentcron.domain.spec_fields import read_spec
from agentcron.errors import StoreError
from agentcron.storage.sqlite.connection import SQLITE_ERRORS, migrations
from agentcron.storage.texts import unpack

# Enough to see what kind of damage it is.
_MOST: Final = 10


def look(path: Path) -> sqlite3.Connection:
    """A connection that makes no file and changes no row. Raises ``sqlite3.Error``."""
    # Not mode=ro: SQLite forgets the rules of tables (CHECK) that it opens so, and a check would not look at them.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


def damage(path: Path) -> list[str]:
    """A line for each thing that is damaged, at most ten; none where the file is sound."""
    found: list[str] = []
    try:
        with contextlib.closing(look(path)) as connection:
            for line in _faults(connection):
                found.append(line)
                if len(found) == _MOST:
                    break
    except SQLITE_ERRORS as error:
        found.append(str(error))
    return found


def unreadable_jobs(path: Path) -> list[str]:
    """The jobs whose present version this release cannot read, each with the reason. Raises ``sqlite3.Error``."""
    found = []
    with contextlib.closing(look(path)) as connection:
        rows = connection.execute(
            "SELECT j.id, j.name, v.spec FROM jobs AS j "
            "LEFT JOIN job_versions AS v ON v.job = j.seq AND v.version = j.version"
        )
        for job_id, name, spec in rows:
            try:
                read_spec(json.loads(spec or "null"))
            except (ValueError, TypeError, AttributeError) as error:
                found.append(f"{name} ({job_id}): {error}")
    return found


def _faults(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST})"):
        if line != "ok":
            yield from line.split("\n")
    if not 0 < connection.execute("PRAGMA user_version").fetchone()[0] <= len(migrations()):
        return
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} belongs to no row of {parent}"
    # SQLite keeps no checksum of a page: a changed letter inside a text is found by ours alone.
    for execution, part, form, digest, body in connection.execute(
        "SELECT execution, part, format, sha256, body FROM texts"
    ):
        try:
            unpack(form, digest, body, f"execution {execution}, {part}")
        except (StoreError, TypeError) as error:
            yield str(error)
