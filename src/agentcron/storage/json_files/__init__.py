"""The JSON folder: the memory store, a log of its changes, and the original plugin's files rewritten after them."""

from agentcron.storage.json_files.store import StorageFsPlugin

__all__ = ["StorageFsPlugin"]
