"""The kind ``webhook``: a POST of the message, signed as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from agentcron.delivery.addresses import Url
from agentcron.delivery.calls import SECONDS, Call, call
from agentcron.delivery.message import DeliveryError, Message
from agentcron.delivery.reading import Around, Given
from agentcron.errors import ConfigError
from agentcron.redaction import is_reference

KEYS: Final = ("url", "secret", "headers", "timeout", "allow_private")
_PREFIX: Final = "whsec_"
# The bounds of the standard: shorter ones can be guessed.
_SHORTEST_KEY: Final = 24
_LONGEST_KEY: Final = 64
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_OURS: Final = frozenset(
    {
        "host",
        "content-type",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "expect",
        "upgrade",
    }
)


class Webhook:
    """Sends to one address. Several keys sign each message, so that a receiver can move from one to the next."""

    def __init__(self, given: Given, around: Around) -> None:
        self._where = given.where
        self._around = around
        self._url = given.url("url")
        self._secrets = given.secrets("secret")
        self._headers = _headers(given)
        self._seconds = given.seconds(SECONDS)
        self._allow_private = given.switch("allow_private", False)

    def check(self) -> None:
        """Raise ``ConfigError`` where it could not send as things are now."""
        self._resolved()

    async def send(self, message: Message) -> None:
        now = self._around.clock.now()
        try:
            url, keys, headers = self._resolved()
        except ConfigError as error:
            # A variable can be set and a file be written while the message waits.
            raise DeliveryError(str(error), retryable=True) from None
        body = message.body.encode()
        headers["Content-Type"] = "application/json"
        headers.update(signed(message.id, now, body, keys))
        asked = Call(url=url, headers=headers, body=body, allow_private=self._allow_private, seconds=self._seconds)
        await call(asked, now, self._around.resolver)

    def _resolved(self) -> tuple[Url, list[bytes], dict[str, str]]:
        value = self._around.value
        keys = [_key(f"{self._where}: secret", value(f"{self._where}: secret", one)) for one in self._secrets]
        headers = {name: value(f"{self._where}: headers: {name}", one) for name, one in self._headers.items()}
        for name, text in headers.items():
            if not text.isascii() or not text.isprintable():
                raise ConfigError(f"{self._where}: headers: {name}: holds what no header can; use one line of ASCII")
        url = self._around.url(f"{self._where}: url", self._url)
        secret = next((name for name, one in self._headers.items() if is_reference(one)), None)
        if url.scheme == "http" and secret is not None and not self._allow_private:
            raise ConfigError(f"{self._where}: headers: {secret}: is a secret that http would send in clear; use https")
        return url, keys, headers


def signed(message_id: str, now: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of the standard. The time is that of the try: receivers refuse what is older than five minutes."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp()))}
    if keys:
        content = f"{message_id}.{headers['webhook-timestamp']}.".encode() + body
        sums = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
        headers["webhook-signature"] = " ".join(f"v1,{one}" for one in sums)
    return headers


def _key(where: str, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX) + "==") if secret.startswith(_PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ConfigError(f"{where}: is no key; it is {_PREFIX} and {_SHORTEST_KEY} to {_LONGEST_KEY} bytes in base64")
    return key


def _headers(given: Given) -> Mapping[str, str]:
    headers: Mapping[str, Any] = given.table("headers")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("webhook-"):
            raise given.refuse("headers", f"{name[:100]!a} is not a header that can be given here")
        if not isinstance(value, str) or not value:
            raise given.refuse("headers", f"{name}: a text is needed")
        given.check_clear("headers", name, value)
    return headers


def read(given: Given, around: Around) -> Webhook:
    """The sender of these values. Raises ``ConfigError``."""
    return Webhook(given, around)
