"""Who is logged in: sessions of the dashboard, links that log in once, and what tells our forms from forged ones.

A session is a signed text in a cookie, so that a restart of the server logs nobody out. It names the token it was
opened with: once that is revoked, or made anew under the same name, the session is worthless.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agentcron.access import Scope, Token, TokenFile
from agentcron.errors import StoreUnavailable

LIFE: Final = timedelta(days=7)
LINK_LIFE: Final = timedelta(hours=1)
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that logged in. ``csrf`` stands in every form that changes something."""

    token: Token
    csrf: str

    def can(self, scope: str) -> bool:
        """Whether its token allows what ``scope`` stands for."""
        return self.token.scope.includes(Scope(scope))


class Sessions:
    """Opens and reads sessions. Methods raise ``StoreUnavailable`` where key or tokens cannot be read."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens
        self._path = tokens.path.with_suffix(".key")
        self._key: bytes | None = None
        self._links: dict[str, datetime] = {}

    @property
    def cookie(self) -> str:
        """The cookie's name: browsers share cookies between all ports of a host, so each store has its own."""
        return f"agentcron_{hashlib.sha256(self._secret()).hexdigest()[:8]}"

    @property
    def at_hand(self) -> bool:
        """Whether no file has to be read to tell who is logged in."""
        return self._key is not None and self._tokens.at_hand

    def tokens(self) -> tuple[Token, ...]:
        """Every token, without its secret, which nobody keeps."""
        return self._tokens.all()

    def enter(self, secret: str, now: datetime) -> str | None:
        """A new session for the holder of a token; None where there is no such token."""
        token = self._tokens.match(secret.strip())
        return self._open(token, now) if token is not None else None

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; None where it is forged, too old, or its token is gone."""
        body, _, mac = cookie.rpartition(".")
        parts = body.rsplit(".", 2)
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdecimal()):
            return None
        token = next((one for one in self._tokens.all() if one.name == parts[0]), None)
        if token is None or not hmac.compare_digest(self._sign("session", body, token), mac):
            return None
        if int(parts[1][:18]) <= now.timestamp():
            return None
        return Session(token=token, csrf=self._sign("form", body, token))

    def link(self, now: datetime) -> str | None:
        """A code that logs its first user in, as the newest token that may do everything; None where there is none."""
        if self._administrator() is None:
            return None
        code = secrets.token_urlsafe(24)
        self._links[_hash(code)] = now + LINK_LIFE
        return code

    def follow(self, code: str, now: datetime) -> str | None:
        """A new session for the first who brings a code in time; None for anybody else."""
        until = self._links.pop(_hash(code), None)
        token = self._administrator()
        return self._open(token, now) if until is not None and now < until and token is not None else None

    def _administrator(self) -> Token | None:
        found = [token for token in self._tokens.all() if token.scope is Scope.ADMIN]
        return found[-1] if found else None

    def _open(self, token: Token, now: datetime) -> str:
        body = f"{token.name}.{int((now + LIFE).timestamp())}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._sign('session', body, token)}"

    def _sign(self, what: str, body: str, token: Token) -> str:
        return hmac.new(self._secret(), f"{what}\n{body}\n{token.sha256}".encode(), hashlib.sha256).hexdigest()

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = self._read_key() or self._make_key()
        return self._key

    def _read_key(self) -> bytes | None:
        try:
            key = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        if len(key) != _KEY_BYTES:
            raise StoreUnavailable(f"{self._path}: is no key of sessions; remove it, and log in again")
        return key

    def _make_key(self) -> bytes:
        key = secrets.token_bytes(_KEY_BYTES)
        beside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            # A link never replaces: of two servers that start together one makes the key, the other reads it.
            with contextlib.suppress(FileExistsError):
                os.link(beside, self._path)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            beside.unlink(missing_ok=True)
        return self._read_key() or key

    def _unusable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path}: {error.strerror or error}; check the place and its permissions")


def read_session(sessions: Sessions, cookies: Mapping[str, str], now: datetime) -> Session | None:
    """The session of these cookies, or None."""
    cookie = cookies.get(sessions.cookie)
    return sessions.read(cookie, now) if cookie else None


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
