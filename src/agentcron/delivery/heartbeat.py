"""The kind ``heartbeat``: an address that is asked when work begins and ends, so that its owner notices when it stops.

By default as Healthchecks.io has it: ``URL/start``, ``URL``, ``URL/fail``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agentcron.agents.recipes import shown
from agentcron.delivery.addresses import Url
from agentcron.delivery.calls import Call, call
from agentcron.delivery.message import DeliveryError
from agentcron.delivery.pulse import Signal
from agentcron.delivery.reading import Around, Given
from agentcron.errors import ConfigError

KEYS: Final = ("url", "start", "success", "fail", "timeout", "allow_private")
_SECONDS: Final = 10.0
_MOST_SECONDS: Final = 30.0
_SUFFIX: Final = re.compile(r"|[/?][A-Za-z0-9/?&=._~%+-]{0,200}", re.ASCII)


_ENDS: Final = {Signal.START: "/start", Signal.SUCCESS: "", Signal.FAIL: "/fail"}


class Heartbeat:
    """Pings one address."""

    def __init__(self, given: Given, around: Around) -> None:
        self._where = given.where
        self._around = around
        self._url = given.url("url")
        self._ends = {signal: _end(given, signal, default) for signal, default in _ENDS.items()}
        self._seconds = given.seconds(_SECONDS, _MOST_SECONDS)
        self._allow_private = given.switch("allow_private", False)

    def check(self) -> None:
        """Raise ``ConfigError`` where it could not ping as things are now."""
        self._around.url(f"{self._where}: url", self._url)

    async def ping(self, signal: Signal) -> None:
        """Return when the ping is taken, at once where its service has none of this kind. Raises ``DeliveryError``."""
        end = self._ends[signal]
        if end is None:
            return
        try:
            url = _with(self._around.url(f"{self._where}: url", self._url), end)
        except ConfigError as error:
            raise DeliveryError(str(error), retryable=True) from None
        headers: Mapping[str, str] = {}
        asked = Call(url=url, headers=headers, body=None, allow_private=self._allow_private, seconds=self._seconds)
        await call(asked, self._around.clock.now(), self._around.resolver)


def _end(given: Given, signal: Signal, default: str) -> str | None:
    """What is put behind the address; None: no ping of this kind."""
    value = given.raw(signal)
    if value is False:
        return None
    if value is None:
        return default
    if isinstance(value, str) and _SUFFIX.fullmatch(value):
        return value
    raise given.refuse(signal, f'a text such as "/start" or "?state=run" is needed, or false, not {shown(value)}')


def _with(url: Url, end: str) -> Url:
    path, mark, query = url.target.partition("?")
    if end.startswith("?"):
        return replace(url, target=f"{path}?{query}&{end[1:]}" if query else path + end)
    return replace(url, target=(path.rstrip("/") + end if end else path) + mark + query)


def read(given: Given, around: Around) -> Heartbeat:
    """What pings the address of these values. Raises ``ConfigError``."""
    return Heartbeat(given, around)
