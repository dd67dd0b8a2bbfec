"""The store of one host: a SQLite file in WAL mode, every acknowledged change on disk (synchronous=FULL)."""

from agentcron.storage.sqlite.store import SqliteStorage

__all__ = ["SqliteStorage"]
