"""What one run costs the server: commits, and statements of ours besides BEGIN and COMMIT."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage
from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.postgres import connection

RUNS = 100


async def test_a_run_costs_two_commits_and_six_statements_at_most(
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    names = {path.read_bytes(): path.stem for path in (Path(connection.__file__).parent / "sql").glob("*.sql")}
    seen = Counter[str]()

    def counted(method: Any, rows: Callable[[Any], int]) -> Any:
        async def call(self: Any, query: Any, params: Any = None, *args: Any, **options: Any) -> Any:
            if isinstance(query, bytes) and query in names:
                seen[names[query]] += rows(params)
            return await method(self, query, params, *args, **options)

        return call

    cursor = psycopg.AsyncCursor
    done = asyncio.Event()
    left = RUNS

    async def work(prompt: str) -> str:
        nonlocal left
        left -= 1
        if not left:
            done.set()
        return "done"

    factory = AgentFactoryPlugin(definitions={"work": {"kind": "python", "callable": work}}, max_concurrent_agents=RUNS)
    storage = PostgresStorage(postgres_url, locks_dir=tmp_path)
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory, engine="dbos")
    await storage.open()
    ago = datetime.now(UTC) - timedelta(minutes=1, seconds=5)
    values = {"prompt": "do it", "agent": "work", "schedule": "every 1m", "misfire_grace": "50s", "max_runs": 1}
    for number in range(RUNS):
        made = changes.create(read_spec({**values, "name": f"job {number}"}), f"{number:016x}", ago)
        assert await storage.commit([made]) == [True]
    monkeypatch.setattr(cursor, "execute", counted(cursor.execute, lambda _: 1))
    monkeypatch.setattr(cursor, "executemany", counted(cursor.executemany, len))
    before = storage.commits
    await plugin.start_background_execution()
    await done.wait()
    await plugin.stop_background_execution()
    commits = (storage.commits - before) / RUNS
    statements = seen.total() / RUNS
    record_property(
        "figures", f"dbos, {RUNS} runs at once: {commits:.2f} commits and {statements:.1f} statements a run"
    )
    figures = await plugin.get_statistics()
    await plugin.close()
    assert figures.executions_by_status["SUCCESS"] == RUNS
    assert commits <= 2
    assert statements <= 6
