"""What a gate looks at before a run and what an outcome is held against after it: values, read from text and JSON.

Each is written ``kind:value`` (``file:notes/*.md``, ``regex:^Total``) or as a mapping with the kind as its key. What
cannot be used is refused when the value is made; whether a program or a library is there is looked up elsewhere.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from agentcron.errors import InvalidJobError

MOST: Final = 20
MAX_VALUE: Final = 64 << 10
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_@][^\s\0-\x1f\x7f~^:?*\[\\]*")


class SourceKind(StrEnum):
    """What ``when_changed`` can look at."""

    FILE = "file"
    """The bytes of a file, or of all files of a glob."""
    URL = "url"
    """Its ETag, else its body."""
    GIT = "git"
    """The commit of a reference, ``PATH#REF``."""
    FEED = "feed"
    """The entries of an RSS or Atom feed."""
    COMMAND = "command"
    """What a program writes to standard output."""


class CheckKind(StrEnum):
    """What ``expect`` can ask for after a run."""

    FILE = "file"
    """A file, or one of a glob, exists."""
    CHANGED = "changed"
    """A file, or one of a glob, was written since the run began."""
    REGEX = "regex"
    """The expression is found in the answer; ``^`` and ``$`` stand at each line."""
    SCHEMA = "schema"
    """The answer is JSON that keeps a JSON schema, given inline or as a file."""
    COMMAND = "command"
    """A program exits with 0; the answer is its standard input."""
    URL = "url"
    """It answers with a status of 200 to 299."""
    MIN_TOKENS = "min_tokens"
    MAX_TOKENS = "max_tokens"
    MIN_SECONDS = "min_seconds"
    MAX_SECONDS = "max_seconds"


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that ``when_changed`` looks at. Raises ``InvalidJobError`` for a value that cannot be used."""

    kind: SourceKind
    value: str
    """A path, an address, ``PATH#REF``, or a program and its arguments as a JSON list."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _READ_SOURCE[self.kind]("when_changed", self.kind, self.value))

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.value}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must hold after a run. Raises ``InvalidJobError`` for a value that cannot be used."""

    kind: CheckKind
    value: str
    """A path, an expression, a schema as JSON or its path, a program as a JSON list, an address, or a number."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _READ_CHECK[self.kind]("expect", self.kind, self.value))

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.value}"


def read_sources(value: Any) -> tuple[Source, ...]:
    """The sources of a text, a mapping, a ``Source``, or several of these. Raises ``InvalidJobError``."""
    return _read("when_changed", value, Source, SourceKind)


def read_expectations(value: Any) -> tuple[Expectation, ...]:
    """The expectations of a text, a mapping, an ``Expectation``, or several of these. Raises ``InvalidJobError``."""
    return _read("expect", value, Expectation, CheckKind)


def argv_of(value: str) -> tuple[str, ...]:
    """The program and its arguments of a ``command`` value."""
    return tuple(json.loads(value))


T = TypeVar("T", Source, Expectation)


def _read(name: str, value: Any, made: type[T], kinds: type[StrEnum]) -> tuple[T, ...]:
    found = list(dict.fromkeys(_each(name, value, made, kinds)))
    if len(found) > MOST:
        _refuse(name, f"has {len(found)} entries; at most {MOST} are allowed")
    return tuple(found)


def _each(name: str, value: Any, made: type[T], kinds: type[StrEnum]) -> Iterable[T]:
    if value is None:
        return
    if isinstance(value, made):
        yield value
    elif isinstance(value, str):
        kind, mark, rest = value.partition(":")
        yield _one(name, kind if mark else "", rest, made, kinds, value)
    elif isinstance(value, Mapping):
        for kind, part in value.items():
            yield _one(name, str(kind), part, made, kinds, value)
    elif isinstance(value, Iterable):
        for part in value:
            yield from _each(name, part, made, kinds)
    else:
        _refuse(name, f"{value!r} is not a text such as {next(iter(kinds)).value}:VALUE, or a list of them")


def _one(name: str, word: str, value: Any, made: type[T], kinds: type[StrEnum], whole: Any) -> T:
    try:
        kind = kinds(word.strip().replace("-", "_").lower())
    except ValueError:
        hint = f"; write url:{whole}" if word in ("http", "https") else ""
        known = ", ".join(f"{one.value}:" for one in kinds)
        _refuse(name, f"{whole!r} does not begin with one of {known.rstrip(',')}{hint}")
    return made(kind, value)  # type: ignore[arg-type] # each class has its own enumeration


def _refuse(name: str, message: str) -> NoReturn:
    raise InvalidJobError(f"{name}: {message}", field=name)


def _text(name: str, kind: StrEnum, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        _refuse(name, f"{kind.value}: {value!r} is not a text; write {kind.value}:VALUE")
    if len(value) > MAX_VALUE:
        _refuse(name, f"{kind.value}: has {len(value)} characters; at most {MAX_VALUE} are allowed")
    if "\0" in value:
        _refuse(name, f"{kind.value}: holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        _refuse(name, f"{kind.value}: holds half of a character (a surrogate) at {error.start}; give whole text")
    return value.strip()


def _url(name: str, kind: StrEnum, value: Any) -> str:
    text = _text(name, kind, value)
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        _refuse(name, f"{kind.value}: {text!r} is not an address: {error}")
    if parts.scheme not in ("http", "https") or not host or port == 0:
        _refuse(name, f"{kind.value}: {text!r} is not an address; write http://… or https://… with a host")
    if parts.username is not None or parts.password is not None:
        # Named without the value: a job's fields are written to disk and shown.
        _refuse(name, f"{kind.value}: the address of {host} holds a user or password, which would be written to disk")
    if not text.isprintable() or " " in text:
        _refuse(name, f"{kind.value}: {text!r} holds a blank or control character; write it as %20")
    return text


def _git(name: str, kind: StrEnum, value: Any) -> str:
    text = _text(name, kind, value)
    path, mark, reference = text.rpartition("#")
    path, reference = (path, reference) if mark else (text, "HEAD")
    if not path:
        _refuse(name, f"{kind.value}: {text!r} names no repository; write git:PATH#REF")
    if not _REFERENCE.fullmatch(reference) or ".." in reference:
        _refuse(name, f"{kind.value}: {reference!r} is not a reference; write a branch, a tag or HEAD")
    if "://" in path:
        _refuse(name, f"{kind.value}: {path!r} is not a folder on this machine; git:PATH#REF looks at a clone")
    return f"{path}#{reference}"


def _command(name: str, kind: StrEnum, value: Any) -> str:
    argv: Any = value
    if isinstance(value, str):
        text = _text(name, kind, value)
        try:
            argv = json.loads(text) if text.startswith("[") else shlex.split(text)
        except (ValueError, RecursionError) as error:
            _refuse(name, f"{kind.value}: {text!r} cannot be read as a program and its arguments: {error}")
    if not isinstance(argv, list | tuple) or not argv or not all(isinstance(part, str) for part in argv):
        _refuse(name, f'{kind.value}: {value!r} is not a list of texts such as ["program", "argument"]')
    if not argv[0].strip() or any("\0" in part for part in argv):
        _refuse(name, f"{kind.value}: the program's name is empty, or an element holds a NUL character")
    return _text(name, kind, json.dumps(list(argv), ensure_ascii=False))


def _regex(name: str, kind: StrEnum, value: Any) -> str:
    if isinstance(value, re.Pattern):
        value = value.pattern
    # Blanks at the ends may be meant.
    text = _text(name, kind, value) and value
    check_regex(name, text)
    return str(text)


def check_regex(name: str, text: str) -> None:
    """Raise ``InvalidJobError`` for a text that is no regular expression."""
    try:
        re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        _refuse(name, f"{text!r} is not a regular expression: {error}")


def _schema(name: str, kind: StrEnum, value: Any) -> str:
    if isinstance(value, Mapping):
        try:
            value = json.dumps(value, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            _refuse(name, f"{kind.value}: cannot be written as JSON: {error}")
    text = _text(name, kind, value)
    if text.startswith("{"):
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            _refuse(name, f"{kind.value}: is not JSON: {error}")
    return text


def _number(name: str, kind: StrEnum, value: Any) -> str:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII):
        _refuse(name, f"{kind.value}: {value!r} is not a number of 0 or more; write {kind.value}:100")
    if kind in (CheckKind.MIN_TOKENS, CheckKind.MAX_TOKENS) and "." in text:
        _refuse(name, f"{kind.value}: {value!r} is not a whole number; write {kind.value}:100")
    return text


_Reader = Callable[[str, StrEnum, Any], str]
_READ_SOURCE: Final[Mapping[SourceKind, _Reader]] = {
    SourceKind.FILE: _text,
    SourceKind.URL: _url,
    SourceKind.GIT: _git,
    SourceKind.FEED: _url,
    SourceKind.COMMAND: _command,
}
_READ_CHECK: Final[Mapping[CheckKind, _Reader]] = {
    CheckKind.FILE: _text,
    CheckKind.CHANGED: _text,
    CheckKind.REGEX: _regex,
    CheckKind.SCHEMA: _schema,
    CheckKind.COMMAND: _command,
    CheckKind.URL: _url,
    CheckKind.MIN_TOKENS: _number,
    CheckKind.MAX_TOKENS: _number,
    CheckKind.MIN_SECONDS: _number,
    CheckKind.MAX_SECONDS: _number,
}
