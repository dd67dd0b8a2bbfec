"""Which store a URL or path names."""

from __future__ import annotations

from pathlib import Path

from agentcron.errors import ConfigError
from agentcron.ports import JobStore


def open_storage(url: str | Path, base: Path | None = None) -> JobStore:
    """The store of ``sqlite:///FILE``, ``postgresql://…``, ``fs:DIR``, ``memory:`` or a bare path, not opened yet.

    A bare path is the JSON folder where it is an existing folder, else a SQLite file. A relative path is read from
    ``base``, else from the working folder. Raises ``ConfigError`` for any other URL.
    """
    text = str(url)
    if text == "memory:":
        from agentcron.storage.memory import MemoryStorage

        return MemoryStorage()
    scheme, mark, rest = text.partition(":")
    if mark and scheme == "fs":
        if not rest:
            raise ConfigError(f"store: {text!r} names no folder; write fs:DIR")
        return _folder((base or Path.cwd()) / Path(rest).expanduser())
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        return _postgres(text)
    if mark and len(scheme) > 1 and not text.startswith("sqlite:///"):
        raise ConfigError(
            f"store: {_named(scheme, rest)} is not a kind of store; use sqlite:///FILE, postgresql://…, fs:DIR, "
            "memory: or a path"
        )
    path = (base or Path.cwd()) / Path(text.removeprefix("sqlite:///")).expanduser()
    if not text.removeprefix("sqlite:///"):
        raise ConfigError(f"store: {text!r} names no file; write sqlite:///FILE or fs:DIR")
    if path.is_dir():
        if text.startswith("sqlite:///"):
            raise ConfigError(f"store: {path} is a folder; name a file in it, or write fs:{path} for JSON files")
        return _folder(path)
    from agentcron.storage.sqlite import SqliteStorage

    return SqliteStorage(path)


def is_missing(url: str) -> bool:
    """Whether the file or folder of the store of this URL, as the store itself tells it, is not there."""
    for scheme in ("sqlite:///", "fs:"):
        if url.startswith(scheme):
            return not Path(url.removeprefix(scheme)).exists()
    return False


def _folder(path: Path) -> JobStore:
    from agentcron.storage.json_files import StorageFsPlugin

    return StorageFsPlugin(path)


def _postgres(url: str) -> JobStore:
    try:
        from agentcron.storage.postgres import PostgresStorage
    except ImportError as error:
        raise ConfigError(
            f"store: Postgres needs the extra 'postgres' ({error}); pip install 'agentcron[postgres]'"
        ) from error
    return PostgresStorage(url)


def _named(scheme: str, rest: str) -> str:
    """The URL without what may be a password."""
    return f"{scheme}:{rest.split('@')[-1]!r}" if "@" in rest else f"{scheme}:{rest}"
