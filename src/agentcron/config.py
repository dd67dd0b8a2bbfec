"""Which settings hold, and where each comes from: defaults, ``agentcron.toml``, ``AGENTCRON_*``, arguments."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from agentcron.domain.notify import Notify, read_notify
from agentcron.domain.policies import MAX_CONCURRENT_AGENTS
from agentcron.domain.queues import Queue, read_queues
from agentcron.domain.retention import Retention
from agentcron.domain.scheduling_limits import SchedulingLimits, read_scheduling
from agentcron.domain.spec import DEFAULT_AGENT
from agentcron.domain.spending import Budget, read_shared
from agentcron.errors import ConfigError, InvalidJobError, InvalidScheduleError
from agentcron.retention_text import NONE, RETENTION_KEYS, read_limit
from agentcron.schedule import format_duration
from agentcron.scheduler_settings import IN_MS, SCHEDULER_KEYS, read_setting

T = TypeVar("T")

FILE_NAME: Final = "agentcron.toml"
DEFAULT: Final = "default"

_SECTIONS: Final = (
    "store", "scheduler", "retention", "budgets", "queues", "scheduling", "agents", "tools", "endpoints", "notify",
)  # fmt: skip
# Read by others: the file to use, and the model of the built-in definition.
_OTHER_VARIABLES: Final = frozenset({"AGENTCRON_CONFIG", "AGENTCRON_MODEL"})
# So near to a setting's name that a slip is likelier than somebody else's variable.
_SLIP: Final = 0.85
_PASSWORD: Final = re.compile(r"(://[^/@:\s]*:)[^/@\s]+(?=@)|([?&](?:ssl)?password=)[^&\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value and where it comes from: ``default``, a file, ``env NAME`` or an option."""

    value: Any
    origin: str = DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings that hold. ``agents`` and ``endpoints`` are the tables as written, ``allowed_tools`` what agents may
    import as tools; ``retention`` holds None for "none".

    Relative paths are read from ``base_dir``, the folder of the file, else the working folder; that of the store
    from ``store_base``, as an option or a variable is written where the command is called. ``warnings`` are lines
    for a person: what is odd and yet no error.
    """

    file: Path | None
    base_dir: Path
    store_base: Path
    store: Setting
    timezone: Setting
    default_agent: Setting
    engine: Setting
    max_concurrent_agents: Setting
    max_concurrent_everywhere: Setting
    max_starts_everywhere: Setting
    evaluation_interval: Setting
    stop_grace: Setting
    log_format: Setting
    heartbeat: Setting
    retention: Mapping[str, Setting]
    budgets: Mapping[str, tuple[Budget, ...]] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    scheduling: SchedulingLimits = field(default_factory=SchedulingLimits)
    notify: tuple[Notify, ...] = ()
    agents: Mapping[str, Any] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    endpoints: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def settings(self) -> dict[str, Setting]:
        """Every setting by its dotted name, those of the agents included."""
        found = {"store.url": self.store}
        found.update({f"scheduler.{name}": getattr(self, name) for name in SCHEDULER_KEYS})
        for name, limit in self.retention.items():
            found[f"retention.{name}"] = limit if limit.value is not None else Setting(value=NONE, origin=limit.origin)
        for name, budgets in self.budgets.items():
            found[f"budgets.{name}"] = Setting(value="; ".join(map(str, budgets)), origin=str(self.file))
        for name, queue in self.queues.items():
            concurrency = {"concurrency": queue.concurrency} if queue.concurrency is not None else {}
            found[f"queues.{name}"] = Setting(value={**concurrency, "priority": queue.priority}, origin=str(self.file))
        if self.notify:
            found["notify.default"] = Setting(value="; ".join(map(str, self.notify)), origin=str(self.file))
        for one in fields(SchedulingLimits):
            value = getattr(self.scheduling, one.name)
            origin = DEFAULT if value == one.default else str(self.file)
            found[f"scheduling.{one.name}"] = Setting(value=value, origin=origin)
        for section, tables in (("agents", self.agents), ("endpoints", self.endpoints)):
            for name, table in tables.items():
                found[f"{section}.{name}"] = Setting(value=table, origin=str(self.file))
        return found


def load_config(
    *,
    file: str | Path | None = None,
    store: str | None = None,
    environ: Mapping[str, str] | None = None,
    working_dir: Path | None = None,
) -> Config:
    """The settings for a process started in ``working_dir``. Raises ``ConfigError``, naming file and key."""
    environ = os.environ if environ is None else environ
    here = working_dir or _working_folder()
    path = _find(file, environ, here)
    written = _read(path) if path is not None else {}
    base = path.parent if path is not None else here
    scheduler = _section(written, "scheduler", (*SCHEDULER_KEYS, IN_MS), path)
    storage = _section(written, "store", ("url",), path)
    agents, endpoints = _tables(written, "agents", path), _tables(written, "endpoints", path)
    if IN_MS in scheduler and "evaluation_interval" in scheduler:
        raise ConfigError(f"{path}: scheduler.{IN_MS}: evaluation_interval is given too; keep one of them")

    def setting(name: str, default: Setting) -> Setting:
        keys = (name, IN_MS) if name == "evaluation_interval" else (name,)
        for key in keys:
            variable = f"AGENTCRON_{key.upper()}"
            if environ.get(variable):
                return _typed(key, environ[variable], f"env {variable}", text=True)
        for key in keys:
            if key in scheduler:
                return _typed(key, scheduler[key], str(path))
        return default

    kept = _section(written, "retention", RETENTION_KEYS, path)
    place = _store(store, environ, storage, path, base)
    return Config(
        file=path,
        base_dir=base,
        store_base=base if place.origin == str(path) else here,
        store=place,
        timezone=setting("timezone", Setting(value=None)),
        default_agent=setting("default_agent", _default_agent(agents, path)),
        engine=setting("engine", Setting(value="local")),
        max_concurrent_everywhere=setting("max_concurrent_everywhere", Setting(value=None)),
        max_starts_everywhere=setting("max_starts_everywhere", Setting(value=None)),
        max_concurrent_agents=setting("max_concurrent_agents", Setting(value=MAX_CONCURRENT_AGENTS)),
        evaluation_interval=setting("evaluation_interval", Setting(value=timedelta(seconds=1))),
        stop_grace=setting("stop_grace", Setting(value=timedelta(seconds=30))),
        log_format=setting("log_format", Setting(value="text")),
        heartbeat=setting("heartbeat", Setting(value=None)),
        retention={name: _retention(name, kept, environ, path) for name in RETENTION_KEYS},
        budgets=_read_as(read_shared, "budgets", written, path),
        queues=_read_as(read_queues, "queues", written, path),
        scheduling=_read_as(read_scheduling, "scheduling", written, path),
        notify=_read_as(_default_rules, "notify", written, path),
        agents=agents,
        allowed_tools=_allowed_tools(_section(written, "tools", ("allow",), path), path),
        endpoints=endpoints,
        warnings=tuple(_odd_variables(environ)),
    )


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"the working folder cannot be used ({error.strerror}); go to another one") from error


def _find(option: str | Path | None, environ: Mapping[str, str], here: Path) -> Path | None:
    named = option or environ.get("AGENTCRON_CONFIG")
    if named:
        path = (here / Path(named).expanduser()).absolute()
        if not path.is_file():
            origin = "--config" if option else "AGENTCRON_CONFIG"
            what = "is a folder, not a file" if path.is_dir() else "no such file"
            raise ConfigError(f"{path}: {what}; make one with 'agentcron init', or leave {origin} out")
        return path
    for folder in (here, *here.parents):
        with contextlib.suppress(OSError):  # a folder above that may not be entered holds no settings for us
            if (folder / FILE_NAME).is_file():
                return folder / FILE_NAME
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read: it is not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    for name in written:
        if name not in _SECTIONS:
            raise ConfigError(f"{path}: {name}: is not a section{_nearest(name, _SECTIONS)}")
    return written


def _section(written: Mapping[str, Any], section: str, keys: tuple[str, ...], path: Path | None) -> Mapping[str, Any]:
    values = written.get(section, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {section}: must be a table; write [{section}]")
    for name in values:
        if name not in keys:
            raise ConfigError(f"{path}: {section}.{name}: is not a setting{_nearest(name, keys)}")
    return values


def _tables(written: Mapping[str, Any], section: str, path: Path | None) -> Mapping[str, Any]:
    values = written.get(section, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {section}: must be tables such as [{section}.NAME]")
    return values


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def _odd_variables(environ: Mapping[str, str]) -> Iterator[str]:
    names = ("store", *SCHEDULER_KEYS, IN_MS, *(f"retention_{key}" for key in RETENTION_KEYS))
    known = {f"AGENTCRON_{name.upper()}" for name in names} | _OTHER_VARIABLES
    for name in sorted(environ):
        if name.startswith("AGENTCRON_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_SLIP)
            if near:
                yield f"env {name} is not a setting and has no effect; did you mean {near[0]}?"


def _typed(name: str, value: Any, origin: str, *, text: bool = False) -> Setting:
    """The value as its setting needs it; ``text``: it comes from where everything is text. Raises ``ConfigError``
    saying what was expected."""
    try:
        return Setting(value=read_setting(name, value, text=text), origin=origin)
    except InvalidScheduleError as error:
        raise ConfigError(f"{origin}: scheduler.{name}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{origin}: scheduler.{name}: {value!r} is not {error}") from error


def _read_as(read: Callable[[Mapping[str, Any]], T], section: str, written: Mapping[str, Any], path: Path | None) -> T:
    values = written.get(section, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {section}: must be a table; write [{section}]")
    try:
        return read(values)
    except InvalidJobError as error:
        raise ConfigError(f"{path}: {error}") from error


def _default_rules(section: Mapping[str, Any]) -> tuple[Notify, ...]:
    for name in section:
        if name != "default":
            raise InvalidJobError(f"notify.{name}: is not a setting{_nearest(name, ('default',))}", field="notify")
    return read_notify(section.get("default"), "notify.default") or ()


def _retention(name: str, written: Mapping[str, Any], environ: Mapping[str, str], path: Path | None) -> Setting:
    variable = f"AGENTCRON_RETENTION_{name.upper()}"
    text = environ.get(variable)
    if not text and name not in written:
        return Setting(value=getattr(Retention(), name))
    value, origin = (text, f"env {variable}") if text else (written[name], str(path))
    try:
        return Setting(value=read_limit(name, value), origin=origin)
    except ValueError as error:
        raise ConfigError(f"{origin}: retention.{name}: {value!r} is not {error}") from error


def _store(
    option: str | None, environ: Mapping[str, str], written: Mapping[str, Any], path: Path | None, base: Path
) -> Setting:
    if option:
        return Setting(value=option, origin="option --store")
    if environ.get("AGENTCRON_STORE"):
        return Setting(value=environ["AGENTCRON_STORE"], origin="env AGENTCRON_STORE")
    if "url" in written:
        if not isinstance(written["url"], str) or not written["url"].strip():
            raise ConfigError(f"{path}: store.url: must be text such as sqlite:///agentcron.sqlite")
        return Setting(value=written["url"], origin=str(path))
    if path is not None:
        return Setting(value=str(base / "agentcron.sqlite"), origin=f"{DEFAULT} (beside {path.name})")
    import platformdirs

    folder = Path(platformdirs.user_data_dir("agentcron", appauthor=False))
    return Setting(value=str(folder / "agentcron.sqlite"))


def _allowed_tools(written: Mapping[str, Any], path: Path | None) -> tuple[str, ...]:
    allowed = written.get("allow", [])
    if not isinstance(allowed, list) or not all(isinstance(one, str) and ":" in one for one in allowed):
        raise ConfigError(f'{path}: tools.allow: must be a list such as ["package.module:function", "package.tools:*"]')
    return tuple(allowed)


def _default_agent(agents: Mapping[str, Any], path: Path | None) -> Setting:
    if len(agents) == 1:
        return Setting(value=next(iter(agents)), origin=f"{DEFAULT} (the only definition in {path})")
    return Setting(value=DEFAULT_AGENT)


def shown(value: Any) -> Any:
    """A setting as JSON and a person read it, without the password of a URL."""
    if isinstance(value, timedelta):
        return format_duration(value)
    return _PASSWORD.sub(r"\1\2***", value) if isinstance(value, str) else value
