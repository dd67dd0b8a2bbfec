"""A store that was made before there were gates is opened with its jobs, and they may be given one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agentcron import ExecutionStatus, SqliteStorage
from agentcron.storage.sqlite import connection, store
from tests.checks.conftest import make_bench


async def test_a_file_of_the_first_schema_is_migrated_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = connection.migrations()
    with monkeypatch.context() as patch:
        for module in (connection, store):
            patch.setattr(module, "migrations", lambda: scripts[:1])
        older = SqliteStorage(tmp_path / "store.sqlite")
        await older.open()
        await older.close()
    bench = make_bench(SqliteStorage(tmp_path / "store.sqlite"), tmp_path / "work")
    bench.write("a", "1")
    await bench.job(when_changed="file:a")
    assert [(await bench.slot()).status for _ in range(2)] == [ExecutionStatus.SUCCESS, ExecutionStatus.SKIPPED]
    assert (await bench.now()).marks[0].since == bench.clock.now() - timedelta(hours=1)
    await bench.plugin.close()
