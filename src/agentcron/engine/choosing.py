"""Which engine a setting names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from agentcron.domain.rate import read_rate
from agentcron.engine.local import LocalEngine
from agentcron.errors import ConfigError
from agentcron.ports import JobStore

ENGINES: Final = ("local", "dbos")

MakeEngine = Callable[..., LocalEngine]
"""Makes an engine of what ``LocalEngine`` is made of."""


def engine_of(name: str, store: JobStore, everywhere: int | None = None, starts: str | None = None) -> MakeEngine:
    """The engine of this name for the store. Raises ``ConfigError`` where it is unknown, or cannot work on the store.

    ``everywhere`` bounds the agents of all processes together, ``starts`` how many of their runs start in a time.
    """
    if name == "local":
        for setting, value in (("max_concurrent_everywhere", everywhere), ("max_starts_everywhere", starts)):
            if value is not None:
                raise ConfigError(f'engine: local knows nothing of other processes; {setting} needs engine = "dbos"')
        return LocalEngine
    if name != "dbos":
        raise ConfigError(f"engine: {name!r} is not one of {', '.join(ENGINES)}")
    url = getattr(store, "dbos_url", None)
    if url is None:
        raise ConfigError(f"engine: dbos needs a store that several processes can use, not {store.url}; use Postgres")
    try:
        from agentcron.engine.dbos import DbosEngine, LimitedEngine
    except ImportError as error:
        raise ConfigError(
            f"engine: dbos needs the extra 'distributed' ({error}); pip install 'agentcron[distributed]'"
        ) from error
    try:
        rate = read_rate(starts) if starts is not None else None
    except ValueError as error:
        raise ConfigError(f"max_starts_everywhere: {starts!r} is not {error}") from error
    if everywhere is None and rate is None:
        return partial(DbosEngine, url=url)
    return partial(LimitedEngine, url=url, everywhere=everywhere, rate=rate)
