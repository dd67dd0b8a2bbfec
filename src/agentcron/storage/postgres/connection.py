"""How the server is reached, and how its errors are told to a person."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown
from psycopg_pool import PoolTimeout

from agentcron.errors import ConfigError, StoreConflict, StoreError, StoreUnavailable

# A statement or a wait that takes longer than this is given up by the server, in seconds.
STATEMENT: Final = 15
LOCK: Final = 10
# A node that was stopped in the middle of a change holds up the others for no longer.
IDLE_IN_TRANSACTION: Final = 20
CONNECT: Final = 5
# A server that is gone without a word is noticed within about 20 seconds.
_NETWORK: Final = {
    "connect_timeout": CONNECT,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 4,
    "tcp_user_timeout": 15_000,
}
_HERE: Final = Path(__file__).parent

# The pool tells each failed attempt to connect; those who wait for it are told once, by what they asked for.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


@cache
def statement(name: str) -> bytes:
    """The SQL of ``sql/NAME.sql``."""
    return (_HERE / "sql" / f"{name}.sql").read_bytes()


@cache
def migrations() -> tuple[bytes, ...]:
    """The scripts that make the schema, oldest first; the schema number is how many have run."""
    return tuple(path.read_bytes() for path in sorted((_HERE / "migrations").glob("*.sql")))


class _Text(StrDumperUnknown):
    """Postgres keeps no NUL in a text: no answer may be lost for it, and an id that has one is nobody's."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\x00", "\ufffd"))


def adapt(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Have the connection take whatever text it is given."""
    connection.adapters.register_dumper(str, _Text)


class Server:
    """Where the store is: a database, and a schema in it. Raises ``ConfigError`` for a URL that cannot be read."""

    def __init__(self, url: str, schema: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            # What libpq says holds the URL, and with it the password.
            raise ConfigError(
                "store: the Postgres URL cannot be read; write postgresql://USER@HOST:5432/DATABASE"
            ) from None
        if not schema.isidentifier() or not schema.isascii():
            raise ConfigError(f"store: the schema {schema!r} must be a plain name")
        self.schema = schema
        self._secrets = [str(given[name]) for name in ("password", "sslpassword") if given.get(name)]
        self.conninfo = make_conninfo("", **{**_NETWORK, "application_name": "agentcron", **given})
        self.url = _shown(given)
        self.channel = f"agentcron:{schema}"

    @property
    def settings(self) -> str:
        """What each connection is told first."""
        return (
            f"SET search_path = {self.schema}; SET statement_timeout = '{STATEMENT}s'; SET lock_timeout = '{LOCK}s'; "
            f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}s'; SET timezone = 'UTC'; "
            # A server that answers before it has written would lose claims and finished steps when it is killed, and
            # agents would be called again for them. A stricter setting than "on" is left alone.
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )

    def explain(self, error: Exception) -> StoreError:
        """The same fault with the place and what to do about it; no password is in it."""
        told = " ".join(str(error).split()) or type(error).__name__
        for secret in self._secrets:
            told = told.replace(secret, "[redacted]")
        if isinstance(error, psycopg.IntegrityError):
            return StoreConflict(f"{self.url}: {told}")
        remedy = _remedy(error)
        if remedy is None:
            return StoreError(f"{self.url}: {told}; see 'agentcron doctor'")
        return StoreUnavailable(f"{self.url}: {told}; {remedy}")


def _remedy(error: Exception) -> str | None:
    if isinstance(error, PoolTimeout):
        return "check that the server runs and takes connections"
    if isinstance(error, errors.DiskFull):
        return "the server's disk is full; free some space, nothing that was acknowledged is lost"
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return "this server is a standby or read-only; name the primary"
    if isinstance(error, errors.InsufficientPrivilege):
        return "grant this user CREATE on the database, or the use of the schema"
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        return "the server is busy, or a change is held up; it is tried again"
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | TimeoutError | OSError):
        return "check that the server runs and can be reached, and the user and password"
    return None


def _shown(given: dict[str, Any]) -> str:
    """The URL without what is secret."""
    from urllib.parse import quote, urlencode

    user = f"{quote(str(given['user']), safe='')}@" if given.get("user") else ""
    host, port = str(given.get("host") or ""), given.get("port")
    query = ""
    if host.startswith("/"):
        query, host = "?" + urlencode({"host": host}, safe="/"), ""
    where = f"{host}:{port}" if port and host else host
    return f"postgresql://{user}{where}/{quote(str(given.get('dbname') or ''), safe='')}{query}"
