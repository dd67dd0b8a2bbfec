"""Which endpoints there are: the tables ``[endpoints.NAME]``, read into what sends."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.recipes import nearest, shown
from agentcron.delivery.addresses import Resolver, resolve
from agentcron.delivery.message import Endpoints, Sender
from agentcron.delivery.reading import Around, Given
from agentcron.errors import ConfigError
from agentcron.ports import Clock, SystemClock
from agentcron.redaction import Redactor, is_reference

if TYPE_CHECKING:
    from agentcron.delivery.heartbeat import Heartbeat

# Each kind's module is imported when an endpoint is of it.
HEARTBEAT: Final = "heartbeat"
KINDS: Final = ("webhook", "email", "file", "command", "apprise", HEARTBEAT)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def read_all(
    written: Mapping[str, Any],
    *,
    base_dir: Path | None = None,
    redactor: Redactor | None = None,
    environ: Callable[[], Mapping[str, str]] = lambda: os.environ,
    clock: Clock | None = None,
    resolver: Resolver = resolve,
) -> Endpoints:
    """Every endpoint of these tables.

    Relative paths start at ``base_dir``. What references point to is read at each sending; ``redactor`` is told of it
    then, and of what they point to now.

    Raises ``ConfigError`` in one line for what can never work: a wrong key, an address that is none, a secret in
    clear.
    """
    kept = redactor if redactor is not None else Redactor(environ())
    around = Around(
        environ=environ,
        redactor=lambda: kept,
        base_dir=base_dir,
        clock=clock if clock is not None else SystemClock(),
        resolver=resolver,
    )
    senders: dict[str, Sender] = {}
    heartbeats: dict[str, Heartbeat] = {}
    for name, kind, values in _tables(written):
        module = importlib.import_module(f"agentcron.delivery.{kind}")
        into: dict[str, Any] = heartbeats if kind == HEARTBEAT else senders
        into[name] = module.read(Given(name, values, module.KEYS), around)
    # An agent may say such a secret long before it is first used.
    for text in _texts(written):
        if is_reference(text):
            with contextlib.suppress(ConfigError):  # told where it is used
                around.value("endpoints", text)
    return Endpoints(senders=senders, heartbeats=heartbeats)


def read_endpoints(written: Mapping[str, Any], **options: Any) -> Mapping[str, Sender]:
    """What sends to each endpoint that takes messages, by its name; the rest is as in ``read_all``."""
    return read_all(written, **options).senders


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _tables(written: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, kind and values of each endpoint. Raises ``ConfigError``."""
    for name, values in written.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"endpoints: {shown(name)} is not a name; use letters, digits and _ . - (at most 64)")
        if not isinstance(values, Mapping):
            raise ConfigError(f"endpoints.{name}: must be a table; write [endpoints.{name}]")
        kind = values.get("kind")
        if kind is None:
            raise ConfigError(f"endpoints.{name}: kind: is missing; it is one of {', '.join(KINDS)}")
        if kind not in KINDS:
            raise ConfigError(f"endpoints.{name}: kind: {shown(kind)} is not a kind; {nearest(str(kind), KINDS)}")
        yield name, kind, values
