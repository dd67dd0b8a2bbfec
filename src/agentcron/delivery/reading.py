"""How the values of an endpoint are read: strict keys, secrets by reference alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentcron.agents.recipes import Surroundings, Values, shown
from agentcron.delivery.addresses import Resolver, Url, read_url, resolve
from agentcron.errors import AgentcronError, AgentDefinitionError, ConfigError
from agentcron.ports import Clock, SystemClock
from agentcron.redaction import is_reference

# Whoever sends cuts a try after 60 s; what ends by itself says better what was wrong.
MOST_SECONDS: Final = 50.0
_CREDENTIAL: Final = re.compile(r"auth|cookie|key|token|secret|passw|credential|signature", re.IGNORECASE)
_IN_CLEAR: Final = 'a secret does not belong in this file; write "env:NAME" for a variable or "file:PATH" for a file'


@dataclass(frozen=True, kw_only=True)
class Around(Surroundings):
    """What senders may look at besides their own values."""

    clock: Clock = SystemClock()  # noqa: RUF009 - it has no state
    resolver: Resolver = resolve

    def value(self, where: str, written: str) -> str:
        """A text as it stands, or what a reference points to, known as secret from then on. Raises ``ConfigError``."""
        if not is_reference(written):
            return written
        try:
            return self.resolve(where, written)
        except AgentDefinitionError as error:
            raise ConfigError(str(error)) from None

    def url(self, where: str, written: str) -> Url:
        """The address that is written or pointed to. Raises ``ConfigError``."""
        try:
            return read_url(self.value(where, written))
        except ConfigError as error:
            told = str(error)
            raise ConfigError(told if told.startswith(where) else f"{where}: {told}") from None


class Given(Values):
    """The values of one endpoint; each method raises ``ConfigError``."""

    place = "endpoints.{}"
    common = ("kind",)
    error: type[AgentcronError] = ConfigError

    def needed(self, key: str, example: str) -> str:
        """A text that must be there."""
        text = self.text(key)
        if text is None:
            raise self.refuse(key, f"is missing; write {key} = {example}")
        return text

    def url(self, key: str) -> str:
        """An address, or a reference to one; what is written in clear is judged at once."""
        text = self.needed(key, '"https://host/path", or "env:NAME" where the address itself is a secret')
        if not is_reference(text):
            try:
                read_url(text)
            except ConfigError as error:
                raise self.refuse(key, str(error)) from None
        return text

    def secret(self, key: str) -> str | None:
        """A reference to a secret; a secret itself is refused without being shown."""
        value = self.raw(key)
        return None if value is None else self._reference(key, value)

    def secrets(self, key: str) -> tuple[str, ...]:
        """A reference, or a list of them."""
        value = self.raw(key)
        if value is None:
            return ()
        return tuple(self._reference(key, one) for one in (value if isinstance(value, list) else [value]))

    def check_clear(self, key: str, name: str, value: str) -> None:
        """Refuse a text in clear whose name says that it is a secret."""
        if _CREDENTIAL.search(name) and not is_reference(value):
            raise self.refuse(key, f"{name}: {_IN_CLEAR}")

    def switch(self, key: str, default: bool) -> bool:
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(key, f"true or false is needed, not {shown(value)}")
        return value

    def table(self, key: str) -> Mapping[str, Any]:
        value = self.raw(key)
        if value is not None and not isinstance(value, Mapping):
            raise self.refuse(key, f"a table of names and texts is needed, not {shown(value)}")
        return value or {}

    def seconds(self, default: float, most: float = MOST_SECONDS) -> float:
        """The key ``timeout``."""
        length = self.duration("timeout")
        if length is None:
            return default
        if not 0 < length.total_seconds() <= most:
            raise self.refuse("timeout", f"must be more than 0 and at most {most:g} s")
        return length.total_seconds()

    def _reference(self, key: str, value: Any) -> str:
        if isinstance(value, str) and is_reference(value):
            return value
        raise self.refuse(key, _IN_CLEAR)
