"""Which store a URL or path names."""

from __future__ import annotations

from pathlib import Path

from agentcron.errors import ConfigError
from agentcron.ports import JobStore


def open_storage(url: str | Path, base: Path | None = None) -> JobStore:
    """The store of ``sqlite:///FILE``, ``memory:`` or a bare path (SQLite). It is not opened yet.

    A relative path is read from ``base``, else from the working folder. Raises ``ConfigError`` for any other URL.
    """
    text = str(url)
    if text == "memory:":
        from agentcron.storage.memory import MemoryStorage

        return MemoryStorage()
    scheme, mark, rest = text.partition(":")
    if mark and len(scheme) > 1 and not text.startswith("sqlite:///"):
        raise ConfigError(
            f"store: {_named(scheme, rest)} is not a kind of store; use sqlite:///FILE, memory: or a path"
        )
    path = Path(text.removeprefix("sqlite:///")).expanduser()
    if not path.name:
        raise ConfigError(f"store: {text!r} names no file; write sqlite:///FILE")
    if path.is_dir():
        raise ConfigError(f"store: {path} is a folder; name a file in it, such as {path / 'agentcron.sqlite'}")
    from agentcron.storage.sqlite import SqliteStorage

    return SqliteStorage((base or Path.cwd()) / path)


def _named(scheme: str, rest: str) -> str:
    """The URL without what may be a password."""
    return f"{scheme}:{rest.split('@')[-1]!r}" if "@" in rest else f"{scheme}:{rest}"
