"""The kind ``apprise``: every service that the library of this name knows, by one address of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from agentcron.delivery.message import DeliveryError, Message
from agentcron.delivery.reading import Around, Given
from agentcron.errors import ConfigError

if TYPE_CHECKING:
    import apprise

KEYS: Final = ("url", "timeout")
_SECONDS: Final = 30.0
# How a service colours the message.
_TYPES: Final = {"success": "success", "recovered": "success", "failure": "failure", "missed": "failure"}


class Service:
    """Sends to one address, which holds its credential and is therefore a reference."""

    def __init__(self, given: Given, around: Around) -> None:
        self._where = given.where
        self._around = around
        url = given.secret("url")
        if url is None:
            raise given.refuse("url", 'is missing; write url = "env:NAME", the variable holding the address of apprise')
        self._url = url
        self._seconds = given.seconds(_SECONDS)

    def check(self) -> None:
        """Raise ``ConfigError`` where it could not send as things are now."""
        self._made()

    async def send(self, message: Message) -> None:
        try:
            service = await asyncio.to_thread(self._made)
        except ConfigError as error:
            raise DeliveryError(str(error), retryable=True) from None
        options: dict[str, Any] = {"notify_type": _TYPES.get(message.event, "warning"), "body_format": "text"}
        try:
            async with asyncio.timeout(self._seconds):
                taken = await service.async_notify(body=message.text, title=message.subject, **options)
        except TimeoutError:
            raise DeliveryError(f"the service did not take it within {self._seconds:g} s", retryable=True) from None
        except Exception as error:  # a hundred services, each with failures of its own
            raise DeliveryError(f"the service failed: {type(error).__name__}", retryable=True) from None
        if not taken:
            raise DeliveryError("the service did not take it; the logger apprise says why", retryable=True)

    def _made(self) -> apprise.Apprise:
        try:
            import apprise
        except ImportError:
            raise ConfigError(f"{self._where}: apprise is not installed; pip install 'agentcron[notify]'") from None
        url = self._around.value(f"{self._where}: url", self._url)
        service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="agentcron", app_desc="agentcron"))
        if not service.add(url):
            raise ConfigError(f"{self._where}: url: what {self._url} points to is no address of apprise")
        return service


def read(given: Given, around: Around) -> Service:
    """The sender of these values. Raises ``ConfigError``."""
    return Service(given, around)
