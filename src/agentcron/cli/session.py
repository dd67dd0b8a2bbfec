"""What every command shares: its common options, the settings, the plugin, and where output goes."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentcron.cli import hush
from agentcron.cli.traces import tracing_of
from agentcron.config import Config, load_config
from agentcron.errors import AgentDefinitionError
from agentcron.machine_zone import machine_zone
from agentcron.observability import LOGGER_NAME, JsonLines

if TYPE_CHECKING:
    from agentcron.agents.factory import AgentFactoryPlugin
    from agentcron.plugin import BackgroundJobsPlugin
    from agentcron.ports import JobStore

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Session:
    """One call of the command, which is one of those that begin a store where it ``makes_store``."""

    config_file: str | None
    store: str | None
    json: bool
    debug: bool
    makes_store: bool = False

    @functools.cached_property
    def config(self) -> Config:
        """The settings that hold."""
        config = load_config(file=self.config_file, store=self.store)
        for warning in config.warnings:
            self.say(f"agentcron: {warning}")
        return config

    @functools.cached_property
    def zone(self) -> str:
        """The zone of a schedule that names none."""
        chosen: str | None = self.config.timezone.value
        return chosen or machine_zone(tell=lambda told: self.say(f"agentcron: {told}"))

    @property
    def zone_origin(self) -> str:
        """Why it is that zone, in words."""
        setting = self.config.timezone
        return "the zone of this machine" if setting.value is None else f"set in {setting.origin}"

    @functools.cached_property
    def factory(self) -> AgentFactoryPlugin:
        """The agents' definitions, made from the settings. Raises ``AgentDefinitionError``, naming where to look."""
        from agentcron.agents.factory import AgentFactoryPlugin

        config = self.config
        made = functools.partial(
            AgentFactoryPlugin,
            config.agents,
            max_concurrent_agents=config.max_concurrent_agents.value,
            allowed_tools=config.allowed_tools,
            base_dir=config.base_dir,
        )
        try:
            factory = made()
        except AgentDefinitionError as error:
            raise AgentDefinitionError(f"{config.file}: {error}") from error
        default = config.default_agent
        if default.value == factory.default_definition:
            return factory
        try:
            return made(default_definition=default.value)
        except AgentDefinitionError as error:
            raise AgentDefinitionError(f"{default.origin}: scheduler.default_agent: {error}") from error

    @functools.cached_property
    def storage(self) -> JobStore:
        """The store that the settings name, not opened."""
        from agentcron.storage.urls import open_storage

        return open_storage(self.config.store.value, self.config.store_base)

    def make_plugin(self, zone: str | None = None) -> BackgroundJobsPlugin:
        """The facade, made from the settings. ``zone`` is that of schedules that name none; default: this session's."""
        from agentcron.domain.retention import Retention
        from agentcron.plugin import BackgroundJobsPlugin

        config = self.config
        return BackgroundJobsPlugin(
            storage_plugin=self.storage,
            agent_factory=self.factory,
            evaluation_interval_ms=int(config.evaluation_interval.value.total_seconds() * 1000),
            stop_grace=config.stop_grace.value,
            timezone=zone or self.zone,
            budgets=config.budgets,
            scheduling=config.scheduling,
            engine=config.engine.value,
            max_concurrent_everywhere=config.max_concurrent_everywhere.value,
            max_starts_everywhere=config.max_starts_everywhere.value,
            queues=config.queues,
            tracing=tracing_of(os.environ),
            base_dir=config.base_dir,
            endpoints=config.endpoints,
            notify=config.notify,
            heartbeat=config.heartbeat.value,
            retention=Retention(**{name: setting.value for name, setting in config.retention.items()}),
        )

    def call(
        self,
        work: Callable[[BackgroundJobsPlugin], Awaitable[T]],
        *,
        level: int = logging.ERROR,
        zone: str | None = None,
    ) -> T:
        """Run ``work`` with the plugin, and close it whatever happens. Log lines of ``level`` and above are shown.
        ``zone`` is for ``make_plugin``."""
        from agentcron.storage.urls import is_missing

        self.log(logging.DEBUG if self.debug else level)

        async def inside() -> T:
            plugin = self.make_plugin(zone)
            place = plugin.storage.url
            unexpected = self.store is not None and not self.makes_store and is_missing(place)
            try:
                return await work(plugin)
            finally:
                await plugin.close()
                if unexpected and not is_missing(place):
                    # At a slip in the name an empty store answers as if the jobs were lost.
                    self.say(f"agentcron: there was no store at {place}; this command made an empty one")

        return asyncio.run(inside())

    def log(self, level: int) -> None:
        """Send log lines of this level and above to standard error."""
        logger = logging.getLogger("agentcron")
        logger.setLevel(level)
        if not logger.handlers:
            handler = logging.StreamHandler()
            text = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
            handler.setFormatter(JsonLines() if self.config.log_format.value == "json" else text)
            logger.addHandler(handler)
            logger.propagate = False

    def say(self, text: str) -> None:
        """Talk, on standard error; a line of JSON where the log is that, since both go the same way."""
        config = self.__dict__.get("config")
        if config is not None and config.log_format.value == "json":
            text = JsonLines().format(logging.makeLogRecord({"name": LOGGER_NAME, "levelname": "INFO", "msg": text}))
        click.echo(text, err=True)

    def emit(self, value: Any, text: str | Callable[[], str]) -> None:
        """The answer, on standard output: ``value`` as JSON, else ``text``."""
        if self.json:
            self.emit_json(value)
        else:
            _print(text if isinstance(text, str) else text())

    def emit_json(self, value: Any) -> None:
        """``value`` as JSON on standard output, whatever was asked for."""
        # What the stream cannot encode would come out as text that no JSON reader takes.
        plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
        _print(json.dumps(value, ensure_ascii=plain, indent=2))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str, spare: Sequence[str] = ()
    ) -> str:
        """Rows under headings: drawn on a terminal, plain aligned text elsewhere. A terminal that is too narrow is not
        shown the ``spare`` columns, the first left out first."""
        if not rows:
            return empty
        if sys.stdout is not None and sys.stdout.isatty():
            from agentcron.cli.drawing import drawn

            return drawn(columns, rows, spare)
        widths = [max(len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (columns, *rows)
        )
        return "\n".join(line.rstrip() for line in lines)


def command(name: str, *, makes_store: bool = False) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the common options; its function is given the ``Session`` first. ``makes_store``: it is a way to
    begin a store."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def called_with(config_file: str | None, store: str | None, as_json: bool, debug: bool, **options: Any) -> Any:
            for option, value in (
                ("--config", config_file),
                ("--store", store),
                ("--timezone", options.get("timezone")),
            ):
                if value == "":
                    # A script whose variable is not set would work on another store than it names.
                    raise click.UsageError(f"{option} is empty; leave it out, or set the variable that it comes from")
            session = Session(config_file=config_file, store=store, json=as_json, debug=debug, makes_store=makes_store)
            return function(session, **options)

        called: Callable[..., Any] = called_with
        for option in (
            click.option("--debug", is_flag=True, help="Log every decision with its reason."),
            click.option("--json", "as_json", is_flag=True, help="Answer with JSON alone on standard output."),
            click.option("--store", metavar="URL_OR_PATH", help="The store to use."),
            click.option("--config", "config_file", metavar="FILE", help="The agentcron.toml to use."),
        ):
            called = option(called)
        made: click.Command = click.command(name, context_settings={"help_option_names": ["-h", "--help"]})(called)
        return made

    return decorate


def _print(text: str) -> None:
    try:
        click.echo(text)
    except BrokenPipeError:
        # Whoever read has had enough; what the command came to is still its exit code.
        hush()
    except OSError as error:
        hush()
        raise OSError(error.errno, error.strerror, "standard output") from error
