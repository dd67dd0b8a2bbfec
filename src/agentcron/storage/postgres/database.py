"""Reading and writing: a pool of connections, transactions that are tried again where that is safe, errors told."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from agentcron.errors import StoreUnavailable
from agentcron.storage.postgres.connection import CONNECT, STATEMENT, Server, adapt, statement
from agentcron.storage.postgres.migrating import migrate, schema_number
from agentcron.storage.specs import Learned, Specs
from agentcron.storage.tally import Tally

T = TypeVar("T")
Row = Sequence[Any]
Connection = AsyncConnection[Any]

TRIES: Final = 5
# What a caller waits at most for one try, when a network swallows packets and the server never gets to say no.
PATIENCE: Final = STATEMENT + CONNECT
# Sums of one scope and hour are kept in so many rows: nodes that write the same one would wait for each other.
DRAWERS: Final = 16
# What another transaction did at the same time; nothing was changed, and the next try sees the result.
_AGAIN: Final = (errors.DeadlockDetected, errors.SerializationFailure)


class Transaction:
    """What one unit of work reads and writes through. Writes are gathered and sent together, in their order, before
    the next read and at the end: each would cost a round to the server otherwise."""

    __slots__ = ("_connection", "_drawer", "_writes", "learned", "tally")

    def __init__(self, connection: Connection, drawer: str) -> None:
        self._connection = connection
        self._writes: list[tuple[str, list[Any]]] = []
        self.tally = Tally()
        self.learned: Learned = {}
        self._drawer = drawer

    async def all(self, name: str, /, **values: Any) -> list[Any]:
        """Every row of a statement."""
        if self._writes:
            await self.flush()
        cursor = await self._connection.execute(statement(name), values)
        return await cursor.fetchall()

    async def one(self, name: str, /, **values: Any) -> Any:
        """Its first row, or None."""
        found = await self.all(name, **values)
        return found[0] if found else None

    def write(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> None:
        """Run a statement whose answer is not needed."""
        if self._writes and self._writes[-1][0] == name:
            self._writes[-1][1].append(values)
        else:
            self._writes.append((name, [values]))

    async def flush(self) -> None:
        """Send what was gathered."""
        writes, self._writes = self._writes, []
        async with self._connection.pipeline():
            for name, values in writes:
                async with self._connection.cursor() as cursor:
                    if len(values) == 1:
                        await cursor.execute(statement(name), values[0])
                    else:
                        await cursor.executemany(statement(name), values)

    async def finish(self) -> None:
        """Send what is left, with the sums."""
        for name, rows in self.tally.writes(self._drawer):
            for row in rows:
                self.write(name, row)
        if self._writes:
            await self.flush()


class Database:
    """The pool of one process."""

    def __init__(self, server: Server, size: int) -> None:
        self._server = server
        self._size = size
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._changes: set[asyncio.Task[Any]] = set()
        self.drawer = ""
        self.commits = 0
        self.specs = Specs()

    @property
    def is_open(self) -> bool:
        return self._pool is not None

    async def is_made(self) -> bool:
        """Whether the schema is there."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                await AsyncConnection.connect(self._server.conninfo, autocommit=True) as connection,
            ):
                return await schema_number(connection, self._server) > 0
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise self._server.explain(error) from error

    async def open(self) -> None:
        """Reach the server, bring the schema up to date, and keep connections."""
        try:
            async with asyncio.timeout(PATIENCE):
                # A first connection of its own: it tells why the server cannot be reached, which a pool does not.
                async with await AsyncConnection.connect(self._server.conninfo, autocommit=True) as connection:
                    await self._configure(connection)
                    await migrate(connection, self._server)
                self._pool = AsyncConnectionPool(
                    self._server.conninfo,
                    kwargs={"autocommit": True},
                    min_size=1,
                    max_size=self._size,
                    open=False,
                    configure=self._configure,
                    timeout=CONNECT,
                    # An attempt that was given up is made anew by who asks next: no long wait after a long outage.
                    reconnect_timeout=1,
                    name="agentcron",
                    num_workers=1,
                )
                await self._pool.open()
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise self._server.explain(error) from error

    async def close(self) -> None:
        """Let what is being changed end, then let go of the connections."""
        if self._changes:
            await asyncio.gather(*self._changes, return_exceptions=True)
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """What the query answers; asked once more where a connection had gone stale."""
        for number in range(TRIES):
            try:
                async with asyncio.timeout(PATIENCE), self._connection() as connection:
                    return await query(connection)
            except psycopg.Error as error:
                if number == TRIES - 1 or not _is_lost(error):
                    raise self._server.explain(error) from error
            except (TimeoutError, OSError) as error:
                raise self._server.explain(error) from error
        raise AssertionError("unreachable")

    async def all(self, name: str, /, **values: Any) -> list[Any]:
        """Every row of a statement."""

        async def ask(connection: Connection) -> list[Any]:
            return await (await connection.execute(statement(name), values)).fetchall()

        return await self.read(ask)

    async def one(self, name: str, /, **values: Any) -> Any:
        """Its first row, or None."""
        found = await self.all(name, **values)
        return found[0] if found else None

    async def write(self, unit: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run the unit inside a committed transaction and answer what it returned.

        A unit runs again where nothing of it can have been kept: it must change nothing but through its transaction.
        """
        task = asyncio.ensure_future(self._write(unit))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        # A caller that is cancelled must not believe that its change was not made: the unit runs all the same.
        return await asyncio.shield(task)

    async def _write(self, unit: Callable[[Transaction], Awaitable[T]]) -> T:
        for number in range(TRIES):
            committing = False
            try:
                async with asyncio.timeout(PATIENCE), self._connection() as connection:
                    await connection.execute("BEGIN")
                    transaction = Transaction(connection, self.drawer)
                    answer = await unit(transaction)
                    await transaction.finish()
                    committing = True
                    await connection.execute("COMMIT")
                    self.commits += 1
                    self.specs.learn(transaction.learned)
                    return answer
            except psycopg.Error as error:
                # After the word to commit nobody knows whether it was heard.
                repeatable = isinstance(error, _AGAIN) or (_is_lost(error) and not committing)
                if number == TRIES - 1 or not repeatable:
                    raise self._server.explain(error) from error
            except (TimeoutError, OSError) as error:
                raise self._server.explain(error) from error
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise StoreUnavailable(f"{self._server.url}: the store is closed; open it first")
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                except BaseException:
                    if not connection.closed and connection.info.transaction_status != _IDLE:
                        with contextlib.suppress(psycopg.Error):
                            await connection.rollback()
                    raise
        except PoolClosed:
            raise StoreUnavailable(f"{self._server.url}: the store is closed; open it first") from None

    async def _configure(self, connection: Connection) -> None:
        adapt(connection)
        await connection.execute(self._server.settings.encode())


_IDLE: Final = psycopg.pq.TransactionStatus.IDLE


def drawer_of(node: str) -> str:
    """In which of the rows of each scope and hour a node adds up."""
    return str(zlib.crc32(node.encode()) % DRAWERS)


def _is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is what failed."""
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, PoolTimeout) and (
        error.sqlstate is None or error.sqlstate.startswith("08") or error.sqlstate in _SHUT_DOWN
    )  # fmt: skip


_SHUT_DOWN: Final = ("57P01", "57P02", "57P03", "25P03")
