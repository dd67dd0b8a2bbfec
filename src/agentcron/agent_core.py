"""What plugins are added to: a host agent with a name, plugins that live and end with it, and their tools."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self

from agentcron.errors import ConflictError
from agentcron.observability import Log, get_logger

__all__ = ["Agent", "Plugin", "Tool", "get_logger"]

Tool = Callable[..., Awaitable[Any]]


class Plugin(Protocol):
    """What can be added to an agent."""

    @property
    def name(self) -> str:
        """Its own name; an agent has at most one plugin of a name."""
        ...

    async def initialize(self, agent: Agent) -> None:
        """Make ready for this agent: open what is needed, register tools, begin what goes on in the background."""
        ...

    async def close(self) -> None:
        """End what goes on and let go of everything. Also called after an ``initialize`` that failed."""
        ...


class Agent:
    """A host for plugins: it initializes them when they are added and closes them with itself.

    ::

        async with Agent("my-agent") as agent:
            await agent.add_plugin(BackgroundJobsPlugin(...))
            await agent.tools["create_job"]("Daily Report", "0 9 * * *", "Write the report")
    """

    def __init__(self, name: str, *, logger: logging.Logger | None = None) -> None:
        if not name.strip():
            raise ValueError("name: is empty; give the agent a name")
        self.name = name
        self._log = Log(logger or get_logger(), name)
        self._plugins: dict[str, Plugin] = {}
        self._ready: list[Plugin] = []
        self._tools: dict[str, Tool] = {}
        self._owners: dict[str, str] = {}
        self._closings = 0

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins that are initialized, in the order in which they became so."""
        return tuple(self._ready)

    @property
    def tools(self) -> Mapping[str, Tool]:
        """Every tool of every plugin by name: async functions with typed parameters and a docstring; read-only."""
        return MappingProxyType(self._tools)

    def plugin(self, name: str) -> Plugin | None:
        """The initialized plugin of this name."""
        return next((plugin for plugin in self._ready if plugin.name == name), None)

    async def add_plugin(self, plugin: Plugin) -> None:
        """Initialize the plugin and keep it until ``close``.

        Raises ``ConflictError`` where a plugin of this name was added before or the agent is closed in the meantime,
        and whatever ``initialize`` raises; then the plugin is closed and the agent is as it was.
        """
        if plugin.name in self._plugins:
            raise ConflictError(f"plugin {plugin.name!r} was added to agent {self.name!r} before; add it once")
        self._plugins[plugin.name] = plugin
        closings = self._closings
        try:
            await plugin.initialize(self)
            if self._closings != closings:
                raise ConflictError(f"agent {self.name!r} was closed while plugin {plugin.name!r} was initialized")
        except BaseException:
            self._forget(plugin.name)
            try:
                await plugin.close()
            except Exception as error:  # why it could not start is what the caller has to hear
                self._log.warning(f"closing {plugin.name} after it failed to initialize failed too: {error!r}")
            raise
        self._ready.append(plugin)
        self._log.info(f"added {plugin.name}")

    def register_tools(self, plugin: Plugin, tools: Iterable[Tool]) -> None:
        """Offer these async functions under their own names while the plugin is here; for ``Plugin.initialize``.

        All or none: raises ``ConflictError`` for a name that is taken and ``TypeError`` for what is no async function
        with a docstring, since a model that is to use it sees nothing else.
        """
        found: dict[str, Tool] = {}
        for tool in tools:
            name = getattr(tool, "__name__", "")
            if not inspect.iscoroutinefunction(tool) or not (tool.__doc__ or "").strip():
                raise TypeError(f"tool {name or tool!r}: an async function with a docstring is needed")
            if name in self._tools or name in found:
                owner = self._owners.get(name, plugin.name)
                raise ConflictError(f"tool {name!r} of {plugin.name!r}: agent {self.name!r} has one of {owner!r}")
            found[name] = tool
        self._tools.update(found)
        self._owners.update(dict.fromkeys(found, plugin.name))

    async def close(self) -> None:
        """Close the plugins, the last one added first. Twice is once.

        Every plugin is closed even where another one fails; the first failure is raised at the end.
        """
        self._closings += 1
        failure: BaseException | None = None
        while self._ready:
            plugin = self._ready.pop()
            self._forget(plugin.name)
            try:
                await plugin.close()
            except BaseException as error:  # the plugins below must end as well, also when the closing is canceled
                self._log.error(f"closing {plugin.name} failed: {error!r}")
                failure = failure or error
        if failure is not None:
            raise failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _forget(self, name: str) -> None:
        self._plugins.pop(name, None)
        for tool in [tool for tool, owner in self._owners.items() if owner == name]:
            del self._tools[tool], self._owners[tool]
