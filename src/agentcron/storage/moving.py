"""How everything that a store holds moves to a store of another kind, row by row."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, runtime_checkable

from agentcron.errors import ConfigError, ConflictError, StoreUnavailable
from agentcron.ports import JobStore

Row = Sequence[Any]

# Both kinds of store have these, with columns of the same names and meanings; each stands behind what it refers to.
TABLES: Final = (
    "jobs", "job_versions", "tombstones", "executions", "attempts", "texts", "steps", "inputs", "outbox", "told",
    "holds", "tallies", "tally_durations", "nodes",
)  # fmt: skip
# A store that a scheduler has looked at, and nothing else, has rows in none of these.
_USED: Final = ("jobs", "tombstones", "tallies")


class Tables(Protocol):
    """The tables of one store, within one transaction. It is used from one thread at a time."""

    def columns(self, table: str) -> Sequence[str]:
        """The names of the table's columns."""
        ...

    def is_empty(self, table: str) -> bool: ...

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Every row: numbers, text, bytes or None in the order of ``columns``."""
        ...

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """Write the rows as they are; answers how many."""
        ...


@runtime_checkable
class Movable(Protocol):
    """A store whose tables can be read and filled as a whole."""

    @property
    def url(self) -> str: ...

    async def is_made(self) -> bool:
        """Whether the store is there; nothing is changed."""
        ...

    def reading(self) -> AbstractContextManager[Tables]:
        """The tables as they are; until the end of the block nobody else can change them."""
        ...

    def filling(self) -> AbstractContextManager[Tables]:
        """The tables to be filled: all of it is there after the block, or nothing."""
        ...


async def move_store(source: JobStore, target: JobStore) -> Mapping[str, int]:
    """Copy all that ``source`` holds into ``target``, which must be empty; answers how many rows of each table.

    Jobs keep their ids, versions, counters and next slots, executions their texts, attempts, steps, questions and
    letters, budgets what was spent of them. The source stays as it is. Raises ``ConfigError`` for a kind of store that
    cannot be moved so, ``StoreUnavailable`` where the source is not there, and ``ConflictError`` while a scheduler runs
    on the source, or where the target was used.
    """
    if not isinstance(source, Movable) or not isinstance(target, Movable):
        named = target if isinstance(source, Movable) else source
        raise ConfigError(
            f"{named.url}: only sqlite:/// and postgresql:// stores are moved whole; a folder is read with "
            "'agentcron import original' and written with 'agentcron export original'"
        )
    if source.url == target.url:
        raise ConfigError(f"{source.url}: is named twice; name the store to move to with --to")
    if not await source.is_made():
        raise StoreUnavailable(f"{source.url}: there is no store; check the name")
    # Opened before anything is copied: that brings the schema of both to the newest, so that they are alike.
    await source.open()
    try:
        await _refuse_living(source)
        await target.open()
        try:
            alive = functools.partial(_refuse_living, source)
            return await asyncio.to_thread(_move, source, target, alive, asyncio.get_running_loop())
        finally:
            await target.close()
    finally:
        await source.close()


async def _refuse_living(source: JobStore) -> None:
    for node in await source.nodes():
        if node.alive:
            raise ConflictError(
                f"{source.url}: a scheduler runs on it ({node.host}, process {node.pid}); stop it, then move the store"
            )


def _move(
    source: Movable,
    target: Movable,
    refuse_living: Callable[[], Coroutine[Any, Any, None]],
    loop: asyncio.AbstractEventLoop,
) -> dict[str, int]:
    with source.reading() as old, target.filling() as new:
        # Asked again: a scheduler can have started before its word in the store was locked out.
        asyncio.run_coroutine_threadsafe(refuse_living(), loop).result()
        if not all(new.is_empty(table) for table in _USED):
            raise ConflictError(
                f"{target.url}: has jobs or history already; name a store that was never used, or empty this one"
            )
        moved = {}
        for table in TABLES:
            theirs = frozenset(new.columns(table))
            columns = [name for name in old.columns(table) if name in theirs]
            moved[table] = new.add(table, columns, old.rows(table, columns))
        return moved
