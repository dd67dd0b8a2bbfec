"""A job that another process deleted and made again is never taken for the one before, in one database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentcron import PostgresStorage
from agentcron.ports import JobStore
from tests.remade_jobs import RemadeJobs


class TestPostgres(RemadeJobs):
    @pytest.fixture
    def store(self, postgres_url: str, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: PostgresStorage(postgres_url, locks_dir=tmp_path)
