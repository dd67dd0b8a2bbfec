"""Which settings hold, and where each comes from: defaults, ``agentcron.toml``, ``AGENTCRON_*``, arguments."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from agentcron.domain.policies import MAX_CONCURRENT_AGENTS
from agentcron.domain.spec import DEFAULT_AGENT
from agentcron.errors import ConfigError, InvalidScheduleError
from agentcron.schedule import format_duration, parse_duration, zone

FILE_NAME: Final = "agentcron.toml"
DEFAULT: Final = "default"

_SCHEDULER_KEYS: Final = (
    "timezone",
    "default_agent",
    "max_concurrent_agents",
    "evaluation_interval",
    "stop_grace",
)
_SECTIONS: Final = ("store", "scheduler", "agents")
# Read by others: the file to use, and the model of the built-in definition.
_OTHER_VARIABLES: Final = frozenset({"AGENTCRON_CONFIG", "AGENTCRON_MODEL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value and where it comes from: ``default``, a file, ``env NAME`` or an option."""

    value: Any
    origin: str = DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings that hold. ``agents`` are the definitions as written; ``base_dir`` is what relative paths are
    read from: the folder of the file, else the working folder."""

    file: Path | None
    base_dir: Path
    store: Setting
    timezone: Setting
    default_agent: Setting
    max_concurrent_agents: Setting
    evaluation_interval: Setting
    stop_grace: Setting
    agents: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Setting]:
        """Every setting by its dotted name, those of the agents included."""
        found = {"store.url": self.store}
        found.update({f"scheduler.{name}": getattr(self, name) for name in _SCHEDULER_KEYS})
        for name, definition in self.agents.items():
            found[f"agents.{name}"] = Setting(value=definition, origin=str(self.file))
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
    here = working_dir or Path.cwd()
    path = _find(file or environ.get("AGENTCRON_CONFIG") or None, here)
    written = _read(path) if path is not None else {}
    base = path.parent if path is not None else here
    scheduler = _section(written, "scheduler", _SCHEDULER_KEYS, path)
    storage = _section(written, "store", ("url",), path)
    agents = written.get("agents", {})
    if not isinstance(agents, dict):
        raise ConfigError(f"{path}: agents: must be tables such as [agents.NAME]")
    for name in environ:
        _check_variable(name)

    def setting(name: str, default: Any) -> Setting:
        variable = f"AGENTCRON_{name.upper()}"
        if environ.get(variable):
            return _typed(name, environ[variable], f"env {variable}")
        if name in scheduler:
            return _typed(name, scheduler[name], str(path))
        return Setting(value=default)

    place = _store(store, environ, storage, path, base)
    return Config(
        file=path,
        base_dir=base,
        store=place,
        timezone=setting("timezone", None),
        default_agent=setting("default_agent", _default_agent(agents)),
        max_concurrent_agents=setting("max_concurrent_agents", MAX_CONCURRENT_AGENTS),
        evaluation_interval=setting("evaluation_interval", timedelta(seconds=1)),
        stop_grace=setting("stop_grace", timedelta(seconds=30)),
        agents=agents,
    )


def machine_zone(environ: Mapping[str, str] | None = None) -> str:
    """The IANA name of the machine's zone: ``TZ``, the link ``/etc/localtime``, ``/etc/timezone``, else UTC."""
    environ = os.environ if environ is None else environ
    candidates = [environ.get("TZ", "").removeprefix(":")]
    link = Path("/etc/localtime")
    if link.is_symlink():
        candidates.append(str(link.readlink()).partition("zoneinfo/")[2])
    named = Path("/etc/timezone")
    if named.is_file():
        candidates.append(named.read_text("utf-8", "replace").strip())
    for name in candidates:
        if name:
            try:
                zone(name)
            except InvalidScheduleError:
                continue
            return name
    return "UTC"


def _find(file: str | Path | None, here: Path) -> Path | None:
    if file is not None:
        path = (here / Path(file).expanduser()).absolute()
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; make one with 'agentcron init', or leave --config out")
        return path
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
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


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def _check_variable(name: str) -> None:
    known = {f"AGENTCRON_{key.upper()}" for key in ("store", *_SCHEDULER_KEYS)} | _OTHER_VARIABLES
    if name.startswith("AGENTCRON_") and name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near:
            raise ConfigError(f"env {name}: is not a setting; did you mean {near[0]}?")


def _typed(name: str, value: Any, origin: str) -> Setting:
    """The value as its setting needs it. Raises ``ConfigError`` saying what was expected."""
    try:
        if name == "max_concurrent_agents":
            # A variable of the environment is text, a number in the file is not.
            number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 100_000:
                raise ValueError("a whole number from 1 to 100000")
            return Setting(value=number, origin=origin)
        if not isinstance(value, str):
            raise ValueError("text")
        if name == "timezone":
            zone(value)
        if name in ("evaluation_interval", "stop_grace"):
            duration = parse_duration(value)
            if name == "evaluation_interval" and not timedelta(milliseconds=10) <= duration <= timedelta(hours=1):
                raise ValueError("a duration from 10ms to 1h")
            return Setting(value=duration, origin=origin)
    except InvalidScheduleError as error:
        raise ConfigError(f"{origin}: scheduler.{name}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{origin}: scheduler.{name}: {value!r} is not {error}") from error
    return Setting(value=value, origin=origin)


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


def _default_agent(agents: Mapping[str, Any]) -> str:
    return next(iter(agents)) if len(agents) == 1 else DEFAULT_AGENT


def shown(value: Any) -> Any:
    """A setting as JSON and a person read it."""
    return format_duration(value) if isinstance(value, timedelta) else value
