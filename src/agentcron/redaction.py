"""What must not be written: the one funnel that takes secrets out of texts, and how references are read.

Two nets: values that are known to be secret (variables whose name says so, and what references were resolved
to), and patterns so specific that a match is a key. The first names what it removed, the second its kind:
``[redacted:OPENAI_API_KEY]``, ``[redacted:github-token]``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from agentcron.errors import ConfigError

REFERENCES: Final = ("env:", "file:")
_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SHORTEST: Final = 8
_MOST_BYTES_OF_A_SECRET: Final = 64 * 1024

# A name, a text that every match holds, and the pattern. Looking for the text first costs a hundredth of the pattern.
_PATTERNS: Final = tuple(
    (name, mark, re.compile(pattern))
    for name, mark, pattern in (
        (
            "private-key",
            "PRIVATE KEY-----",
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
        ),
        ("anthropic-key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
        ("api-key", "sk-", r"\bsk-[A-Za-z0-9_-]{20,}"),
        ("github-token", "_", r"\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"),
        ("aws-key", "AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
        ("google-key", "AIza", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("slack-token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("bearer", "earer ", r"(?<=\b[Bb]earer )[A-Za-z0-9._~+/=-]{20,}"),
    )
)


class Redactor:
    """Replaces secrets in everything that is written down.

    ``environ`` is read once: later changes of the environment are taught with ``learn``.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._known: list[tuple[str, str]] = []
        for name, value in (os.environ if environ is None else environ).items():
            if _SECRET_NAME.search(name):
                self._remember(value, name)
        self._sort()

    def learn(self, value: str, name: str = "secret") -> None:
        """Treat ``value`` as secret from now on; shorter than 8 characters it would blank innocent words."""
        if self._remember(value, name):
            self._sort()

    def text(self, text: str) -> str:
        """``text`` without its secrets; the same object where there are none."""
        if len(text) < _SHORTEST:
            return text
        for value, name in self._known:
            if value in text:
                text = text.replace(value, f"[redacted:{name}]")
        for name, mark, pattern in _PATTERNS:
            if mark in text:
                text = pattern.sub(f"[redacted:{name}]", text)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value without secrets in its texts and keys."""
        return _each(value, self.text)

    def said(self, text: str) -> str:
        """What an agent said, without secrets; the same object where there is nothing to replace.

        Half of a surrogate pair, as a program leaves it that cuts a text inside an emoji, becomes a question mark: no
        store and no terminal takes it, and with it the outcome of a run would be lost.
        """
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                text = text.encode("utf-8", "replace").decode()
        return self.text(text)

    def said_value(self, value: Any) -> Any:
        """A JSON value that an agent said, its texts and keys as ``said`` leaves them."""
        return _each(value, self.said)

    def _remember(self, value: str, name: str) -> bool:
        value = value.strip()
        if len(value) < _SHORTEST or value in self._names:
            return False
        self._names[value] = name
        if "\n" in value:
            # In JSON text a line break is two characters, and a key spread over lines would pass unseen.
            self._names.setdefault(value.replace("\n", "\\n"), name)
        return True

    def _sort(self) -> None:
        # The longest first: a secret that begins with another one must not leave its tail behind.
        self._known = sorted(self._names.items(), key=lambda pair: len(pair[0]), reverse=True)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key) if isinstance(key, str) else key: _each(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(item, change) for item in value]
    return value


def is_reference(text: str) -> bool:
    """Whether ``text`` points to a value instead of being one."""
    return text.startswith(REFERENCES)


def resolve(reference: str, environ: Mapping[str, str], base_dir: Path | None = None) -> str:
    """The value that ``env:NAME`` or ``file:PATH`` points to, without blanks around it.

    Raises ``ConfigError`` that names the reference, never the value.
    """
    if reference.startswith("env:"):
        name = reference[4:].strip()
        if not name:
            raise ConfigError("env: names no variable; write env:NAME")
        value = environ.get(name, "").strip()
        if not value:
            raise ConfigError(f"{reference}: the variable {name} is not set; set it where agentcron runs")
        return value
    if reference.startswith("file:"):
        path = Path(reference[5:].strip()).expanduser()
        if not path.name:
            raise ConfigError("file: names no file; write file:PATH")
        path = (base_dir or Path()) / path
        try:
            with path.open("rb") as file:
                read = file.read(_MOST_BYTES_OF_A_SECRET + 1)
            value = read.decode().strip()
        except OSError as error:
            raise ConfigError(f"{reference}: {path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{reference}: {path} is not UTF-8 text") from None
        if len(read) > _MOST_BYTES_OF_A_SECRET:
            raise ConfigError(f"{reference}: {path} is larger than 64 KiB; is it the right file?")
        if not value:
            raise ConfigError(f"{reference}: {path} is empty; write the secret into it")
        return value
    raise ConfigError(f"not a reference: write env:NAME or file:PATH{_hint(reference)}")


def _hint(text: str) -> str:
    head = text.split(":", 1)[0]
    return f", not {head}:" if ":" in text and len(head) < _SHORTEST and head.isalpha() else ""
