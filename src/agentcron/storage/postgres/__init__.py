"""Jobs and executions in Postgres, for any number of nodes."""

from agentcron.storage.postgres.store import PostgresStorage

__all__ = ["PostgresStorage"]
