"""Who may do what over the network: tokens, their scopes, and the file that keeps their hashes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agentcron.errors import ConflictError, InvalidJobError, NotFoundError, StoreUnavailable
from agentcron.ports import JobStore

PREFIX: Final = "agentcron_"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


class Scope(StrEnum):
    """What a token allows; each includes those before it."""

    READ = "read"
    RUN = "run"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, needed: Scope) -> bool:
        """Whether a token of this scope may do what ``needed`` asks for."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept: never the secret itself. ``sha256`` is its hash, ``created`` ISO 8601."""

    name: str
    scope: Scope
    sha256: str
    created: str


class TokenFile:
    """The tokens of one store, in a file beside it that only its owner may read.

    A secret has 256 random bits, so a plain SHA-256 of it cannot be guessed back. The file is read again whenever it
    was replaced: a revoked token is refused from the next request on, by servers that run too. Methods raise
    ``StoreUnavailable`` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_as: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def create(self, name: str, scope: Scope, now: datetime) -> str:
        """Make a token and answer its secret, which is not kept. Raises ``ConflictError`` for a name in use."""
        if not _NAME.fullmatch(name):
            raise InvalidJobError(f"--name: {name!r} is no name of a token; use letters, digits and _ . - (at most 64)")
        secret = PREFIX + secrets.token_urlsafe(32)

        def add(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            if any(token.name == name for token in tokens):
                raise ConflictError(f"token {name!r} exists already; revoke it first: agentcron token revoke {name}")
            return (*tokens, Token(name=name, scope=scope, sha256=_hash(secret), created=now.isoformat()))

        self._change(add)
        return secret

    def revoke(self, name: str) -> None:
        """Make a token worthless. Raises ``NotFoundError``."""

        def remove(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            left = tuple(token for token in tokens if token.name != name)
            if len(left) == len(tokens):
                raise NotFoundError(f"token {name!r} is unknown; 'agentcron token list' shows them")
            return left

        self._change(remove)

    @property
    def at_hand(self) -> bool:
        """Whether the file is as it was read, so that nothing has to be read for an answer."""
        try:
            return self._stamp() == self._read_as
        except OSError:
            return False

    def all(self) -> tuple[Token, ...]:
        """Every token, in the order of creation."""
        try:
            stamp = self._stamp()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(error) from error
        if stamp != self._read_as:
            self._tokens, self._read_as = self._load(), stamp
        return self._tokens

    def _stamp(self) -> tuple[int, int, int]:
        status = self.path.stat()
        return status.st_mtime_ns, status.st_ino, status.st_size

    def match(self, secret: str) -> Token | None:
        """The token of this secret. Every kept hash is compared, in constant time, so that timing tells nothing."""
        given, found = _hash(secret), None
        for token in self.all():
            if hmac.compare_digest(token.sha256, given):
                found = token
        return found

    def _load(self) -> tuple[Token, ...]:
        try:
            rows = json.loads(self.path.read_bytes())["tokens"]
            return tuple(Token(**{**row, "scope": Scope(row["scope"])}) for row in rows)
        except OSError as error:
            raise self._unusable(error) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            # Taken as empty, it would let a first start make a token for whoever reads the terminal.
            raise StoreUnavailable(
                f"{self.path}: is no file of tokens; restore it, or remove it and make tokens again"
            ) from error

    def _change(self, change: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> None:
        with self._locked():
            tokens = change(self.all())
            written = json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=2).encode()
            beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
            try:
                handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(written)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self.path)
            except OSError as error:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise self._unusable(error) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock: Any = FileLock(f"{self.path}.lock", mode=0o600)
            with lock.acquire(timeout=10):
                yield
        except Timeout as error:
            raise StoreUnavailable(f"{self.path}: another process changes it all the time; try again") from error
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"{self.path}: {error.strerror or error}; check the place and its permissions")


def token_file(store: JobStore) -> TokenFile:
    """The tokens of a store: beside its file or folder; of a store without a place, in the user's data folder."""
    place = getattr(store, "path", None) or getattr(getattr(store, "folder", None), "path", None)
    if isinstance(place, Path):
        return TokenFile(place.with_name(f"{place.name}.tokens.json"))
    import platformdirs

    return TokenFile(Path(platformdirs.user_data_dir("agentcron", appauthor=False)) / "tokens.json")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
