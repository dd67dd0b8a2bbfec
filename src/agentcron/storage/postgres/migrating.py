"""How the schema is made and brought up to date: by one process at a time, each step whole or not at all."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from agentcron.errors import StoreTooNew
from agentcron.storage.postgres.connection import Server, migrations


async def migrate(connection: AsyncConnection[Any], server: Server) -> None:
    """Bring the schema up to date. Raises ``StoreTooNew``, and whatever psycopg raises."""
    if await schema_number(connection, server) == len(migrations()):
        return
    # Held around the transaction: what another process made is seen by a transaction that begins after it.
    await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 7200))", (server.schema,))
    try:
        async with connection.transaction():
            await _step(connection, server)
    finally:
        await connection.execute("SELECT pg_advisory_unlock_all()")


async def _step(connection: AsyncConnection[Any], server: Server) -> None:
    number = await schema_number(connection, server)
    if number == 0:
        await connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(server.schema)))
        await connection.execute("CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text NOT NULL)")
    for script in migrations()[number:]:
        await connection.execute(script)
    await connection.execute(
        "INSERT INTO meta VALUES ('schema', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(len(migrations())),),
    )


async def schema_number(connection: AsyncConnection[Any], server: Server) -> int:
    """How many migrations have run; 0 where there is no schema. Raises ``StoreTooNew``."""
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{server.schema}.meta",))
    made = await cursor.fetchone()
    if made is None or not made[0]:
        return 0
    cursor = await connection.execute(
        SQL("SELECT value FROM {} WHERE key = 'schema'").format(Identifier(server.schema, "meta"))
    )
    found = await cursor.fetchone()
    number = int(found[0]) if found is not None else 0
    if number > len(migrations()):
        raise StoreTooNew(
            f"{server.url}: was written by a newer agentcron (schema {number}, this one knows {len(migrations())}); "
            "nothing was touched; upgrade agentcron, or name another store"
        )
    return number
