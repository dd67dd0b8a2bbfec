"""The tables of a Postgres schema, read or filled as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from agentcron.storage.moving import TABLES
from agentcron.storage.postgres.connection import Server, adapt

# So many rows are fetched at once; each may have a text of megabytes.
_AT_ONCE: Final = 200
# What only this kind of store keeps, made from the rest of the row. Who ran jobs elsewhere is known, and runs none.
_MADE: Final[dict[str, dict[str, Callable[[dict[str, Any]], Any]]]] = {
    "texts": {"stored": lambda row: len(row["body"])},
    "nodes": {
        "place": lambda _: "elsewhere",
        "lease_until": lambda _: "-infinity",
        "steady_since": lambda _: "-infinity",
    },
}


class PostgresTables:
    """All tables, within one transaction."""

    def __init__(self, connection: psycopg.Connection[Any], server: Server) -> None:
        self._connection = connection
        self._schema = server.schema

    def columns(self, table: str) -> Sequence[str]:
        return list(self._types(table))

    def is_empty(self, table: str) -> bool:
        return self._connection.execute(SQL("SELECT 1 FROM {} LIMIT 1").format(self._name(table))).fetchone() is None

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        types = self._types(table)
        wanted = [SQL("{}::text" if types[name] == "jsonb" else "{}").format(Identifier(name)) for name in columns]
        with self._connection.cursor(name="moving") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(SQL("SELECT {} FROM {} ORDER BY 1").format(_list(wanted), self._name(table)))
            yield from cursor

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        types, made, count = self._types(table), _MADE.get(table, {}), 0
        flags = [place for place, name in enumerate(columns) if types[name] == "boolean"]
        names = _list([Identifier(name) for name in (*columns, *made)])
        with self._connection.cursor() as cursor:
            with cursor.copy(SQL("COPY {} ({}) FROM STDIN").format(self._name(table), names)) as copy:
                for row in rows:
                    values = list(row)
                    for place in flags:
                        values[place] = bool(values[place])
                    if made:
                        known = dict(zip(columns, row, strict=True))
                        values += [make(known) for make in made.values()]
                    copy.write_row(values)
                    count += 1
            if "seq" in columns and count:
                # Numbers that are given from here on follow those that came along.
                last = SQL("SELECT setval(pg_get_serial_sequence(%s, 'seq'), max(seq)) FROM {}")
                cursor.execute(last.format(self._name(table)), (f"{self._schema}.{table}",))
            # The first plans would be made for an empty table otherwise.
            cursor.execute(SQL("ANALYZE {}").format(self._name(table)))
        return count

    def _types(self, table: str) -> dict[str, str]:
        found = self._connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            (self._schema, table),
        )
        return dict(found.fetchall())

    def _name(self, table: str) -> Identifier:
        return Identifier(self._schema, table)


@contextlib.contextmanager
def tables(server: Server) -> Iterator[PostgresTables]:
    """The tables; what is added is there after the block, or not at all. Nobody else writes meanwhile."""
    try:
        with psycopg.connect(server.conninfo) as connection:
            adapt(connection)
            # A million rows take longer than a statement of a scheduler may.
            connection.execute(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
                "SET LOCAL lock_timeout = '10s'"
            )
            names = [Identifier(server.schema, table) for table in TABLES]
            connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_list(names)))
            yield PostgresTables(connection, server)
            connection.execute("SELECT pg_notify(%s, 'plan')", (server.channel,))
    except psycopg.Error as error:
        raise server.explain(error) from error


def _list(parts: Sequence[Composed | Identifier]) -> Composed:
    return SQL(", ").join(parts)
