"""One call over HTTP to an address that was judged: resolved once, pinned, no redirect, no proxy, bounded in time."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

from agentcron._version import __version__
from agentcron.delivery.addresses import Resolver, Url, objection, resolve
from agentcron.delivery.message import DeliveryError
from agentcron.sockets import Sockets, within

SECONDS: Final = 15.0
_STILL: Final = 10.0
# So much of an answer is read, so that the connection ends in an orderly way; nobody looks at it.
_MOST_BYTES: Final = 64 << 10
_MOST_ADDRESSES: Final = 4
_GONE: Final = 410
_LATER: Final = frozenset({408, 425, 429})
_LONGEST_REASON: Final = 100
_LONGEST_WAIT: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is sent, and where to; ``body`` None: a GET."""

    url: Url
    headers: Mapping[str, str]
    body: bytes | None
    allow_private: bool = False
    seconds: float = SECONDS


async def call(asked: Call, now: datetime, resolver: Resolver = resolve) -> None:
    """Return when the receiver has answered with a status of 200 to 299. Raises ``DeliveryError``, without the address
    in it, which may be a secret: 410 and what else will not change is given up, the rest may be tried again."""
    try:
        status, reason, wait = await within(asked.seconds, partial(_call, asked, resolver))
    except TimeoutError:
        raise DeliveryError(f"no answer within {asked.seconds:g} s", retryable=True) from None
    if 200 <= status < 300:
        return
    told = f"answers {status} {plain(reason)}".strip()
    if 300 <= status < 400:
        raise DeliveryError(f"{told}, and redirects are not followed; write the address it leads to", retryable=False)
    if status == _GONE:
        raise DeliveryError(f"{told}: it wants no messages any more", retryable=False)
    retryable = status >= 500 or status in _LATER
    raise DeliveryError(told, retryable=retryable, retry_after=retry_after(wait, now) if retryable else None)


def plain(told: str) -> str:
    """What another program says, on one short line."""
    return "".join(char if char.isprintable() else " " for char in told[:_LONGEST_REASON]).strip()


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long the header ``Retry-After`` asks for, at most a day; None where it cannot be read."""
    text = (value or "").strip()
    try:
        if text.isascii() and text.isdecimal():
            wait = timedelta(seconds=int(text[:9]))
        else:
            until = parsedate_to_datetime(text)
            wait = (until if until.tzinfo is not None else until.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


class _Pinned(http.client.HTTPConnection):
    """A connection to one of the addresses that were judged, whatever its name leads to by then."""

    def __init__(self, url: Url, addresses: list[str], sockets: Sockets) -> None:
        super().__init__(url.host, url.port)
        self._url = url
        self._addresses = addresses
        self._sockets = sockets

    def connect(self) -> None:
        self.sock = self._connected()
        if self._url.scheme == "https":
            self.sock = self._sockets.secure(self.sock, ssl.create_default_context(), self._url.host)

    def _connected(self) -> socket.socket:
        for address in self._addresses[:-1]:
            try:
                return self._sockets.open(address, self._url.port, _STILL)
            except OSError:
                continue
        return self._sockets.open(self._addresses[-1], self._url.port, _STILL)


def _call(asked: Call, resolver: Resolver, sockets: Sockets) -> tuple[int, str, str | None]:
    url = asked.url
    try:
        connection = _Pinned(url, _judged(asked, resolver), sockets)
        try:
            own = {"Host": url.authority, "Accept-Encoding": "identity"}
            if not any(name.lower() == "user-agent" for name in asked.headers):
                own["User-Agent"] = f"agentcron/{__version__}"
            method = "GET" if asked.body is None else "POST"
            connection.request(method, url.target, body=asked.body, headers={**own, **asked.headers})
            answer = connection.getresponse()
            answer.read(_MOST_BYTES)
            return answer.status, answer.reason, answer.headers.get("Retry-After")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or type(error).__name__
        raise DeliveryError(f"{url.host} cannot be reached: {words}", retryable=True) from None


def _judged(asked: Call, resolver: Resolver) -> list[str]:
    """The addresses of the host. One that is refused refuses all: who answers with both means the inner one."""
    addresses = list(resolver(asked.url.host, asked.url.port))
    if not addresses:
        raise DeliveryError(f"{asked.url.host} has no address", retryable=True)
    for address in addresses:
        if found := objection(address, allow_private=asked.allow_private):
            hint = (
                "" if asked.allow_private else "; allow_private = true in the endpoint allows one of your own network"
            )
            raise DeliveryError(f"nothing is sent to {asked.url.host}: {found}{hint}", retryable=False)
    return addresses[:_MOST_ADDRESSES]
