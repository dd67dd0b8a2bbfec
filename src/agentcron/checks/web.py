"""What an address answers: http and https alone, within a time, a size and a number of redirects."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from agentcron._version import __version__
from agentcron.checks.place import LookFailed
from agentcron.sockets import Sockets, within

MOST_BYTES: Final = 10 << 20
SECONDS: Final = 30.0
_MOST_REDIRECTS: Final = 5
_STILL: Final = 10.0
_CHUNK: Final = 64 << 10
_LATER: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """``status`` 304: it is as ``etag`` says; ``body`` is empty then, and where it was not asked for."""

    status: int
    etag: str | None
    body: bytes

    @property
    def digest(self) -> str:
        """A sum over the body."""
        return hashlib.sha256(self.body).hexdigest()


async def fetch(url: str, *, etag: str | None = None, body: bool = True, seconds: float = SECONDS) -> Reply:
    """Ask for the address, for what is not ``etag`` where one is given. Raises ``LookFailed`` for everything but a
    status of 200 to 299, or 304."""
    try:
        return await within(seconds, partial(_fetch, url, etag, body))
    except TimeoutError:
        raise LookFailed(f"no answer within {seconds:g} s", retryable=True) from None


class _Plain(http.client.HTTPConnection):
    def __init__(self, sockets: Sockets, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _Secure(http.client.HTTPSConnection):
    def __init__(self, sockets: Sockets, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _Handler(urllib.request.AbstractHTTPHandler):
    def __init__(self, sockets: Sockets) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, request: urllib.request.Request) -> Any:
        made: Callable[..., Any] = partial(_Plain, self._sockets)
        return self.do_open(made, request)

    def https_open(self, request: urllib.request.Request) -> Any:
        made: Callable[..., Any] = partial(_Secure, self._sockets)
        return self.do_open(made, request, context=ssl.create_default_context())

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise LookFailed(f"is redirected from {req.type} to {scheme or 'nowhere'}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, etag: str | None, body: bool, sockets: Sockets) -> Reply:
    # No handler of files, FTP or data addresses is in it: what is not http has nobody to open it.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
        _Handler(sockets),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"agentcron/{__version__}", "Accept-Encoding": "identity"}
    if etag is not None:
        headers["If-None-Match"] = etag
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows no other scheme
    try:
        with opener.open(request, timeout=_STILL) as answer:
            return Reply(status=answer.status, etag=answer.headers.get("ETag"), body=_body(answer) if body else b"")
    except HTTPError as error:
        with error:
            if error.code == 304 and etag is not None:
                return Reply(status=304, etag=etag, body=b"")
            name = f"{error.code} {error.reason}".strip()
            raise LookFailed(f"answers {name}", retryable=error.code >= 500 or error.code in _LATER) from None
    except URLError as error:
        raise LookFailed(f"cannot be reached: {error.reason}", retryable=True) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LookFailed(f"cannot be read: {str(error) or type(error).__name__}", retryable=True) from error


def _body(answer: Any) -> bytes:
    data = bytearray()
    while chunk := answer.read(_CHUNK):
        data += chunk
        if len(data) > MOST_BYTES:
            raise LookFailed(f"answers with more than {MOST_BYTES >> 20} MiB")
    return bytes(data)
