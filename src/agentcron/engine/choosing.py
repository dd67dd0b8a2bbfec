"""Which engine the settings name, and the limits that it keeps to over every process on the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from agentcron.domain.queues import ClaimLimits, Queues, limits_of
from agentcron.domain.rate import read_rate
from agentcron.engine.local import LocalEngine
from agentcron.errors import ConfigError
from agentcron.ports import JobStore

ENGINES: Final = ("local", "dbos")

MakeEngine = Callable[..., LocalEngine]
"""Makes an engine of what ``LocalEngine`` is made of."""


def limits_on(store: JobStore, queues: Queues, everywhere: int | None, starts: str | None) -> ClaimLimits | None:
    """What claims are held to on this store: the queues, how many agents run at once in all processes, and how many
    runs start in a time. Raises ``ConfigError`` where it cannot be read, or where the store keeps no rate."""
    try:
        rate = read_rate(starts) if starts is not None else None
    except ValueError as error:
        raise ConfigError(f"max_starts_everywhere: {starts!r} is not {error}") from error
    if rate is not None and not getattr(store, "keeps_rate", False):
        raise ConfigError(f"max_starts_everywhere: {store.url} does not count starts; use Postgres")
    return limits_of(queues, everywhere, rate)


def engine_of(name: str, store: JobStore, limits: ClaimLimits | None = None) -> MakeEngine:
    """The engine of this name for the store. Raises ``ConfigError`` where it is unknown or cannot work on the store."""
    if name == "local":
        return partial(LocalEngine, limits=limits)
    if name != "dbos":
        raise ConfigError(f"engine: {name!r} is not one of {', '.join(ENGINES)}")
    url = getattr(store, "dbos_url", None)
    if url is None:
        raise ConfigError(f"engine: dbos needs a store that several processes can use, not {store.url}; use Postgres")
    try:
        from agentcron.engine.dbos import DbosEngine
    except ImportError as error:
        raise ConfigError(
            f"engine: dbos needs the extra 'distributed' ({error}); pip install 'agentcron[distributed]'"
        ) from error
    return partial(DbosEngine, url=url, limits=limits)
