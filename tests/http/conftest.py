"""A real server on a free port of loopback, over a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentcron import BackgroundJobsPlugin, SqliteStorage
from agentcron.access import Scope, TokenFile
from agentcron.http.app import make_app
from agentcron.http.server import Server, allowed_hosts, listen
from agentcron.ports import JobStore, SystemClock

JOB = {"name": "report", "cron_expression": "0 9 * * *", "prompt": "Write it", "agent": "echo"}


@dataclass(frozen=True)
class Service:
    plugin: BackgroundJobsPlugin
    tokens: TokenFile
    secrets: dict[str, str]
    url: str
    app: Any

    def client(self, scope: str | None = "admin", **headers: str) -> httpx.AsyncClient:
        """A client with the token of a scope; None: without one."""
        if scope is not None:
            headers.setdefault("Authorization", f"Bearer {self.secrets[scope]}")
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, limits=limits)


@asynccontextmanager
async def serving(
    folder: Path, *, scheduling: bool = False, storage: JobStore | None = None, **options: Any
) -> AsyncIterator[Service]:
    """The service over the store of that folder, or another, with a token for each scope. ``options`` are those of the
    plugin."""
    plugin = BackgroundJobsPlugin(storage_plugin=storage or SqliteStorage(folder / "jobs.sqlite"), **options)
    tokens = TokenFile(folder / "tokens.json")
    now = SystemClock().now()
    secrets = {scope.value: tokens.create(scope.value, scope, now) for scope in Scope} if not tokens.all() else {}
    app = make_app(plugin, tokens, hosts=allowed_hosts("127.0.0.1"), scheduling=scheduling)
    listener = listen("127.0.0.1", 0)
    server = Server(app, listener)
    await server.open()
    if scheduling:
        await plugin.start_background_execution()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Service(plugin=plugin, tokens=tokens, secrets=secrets, url=url, app=app)
    finally:
        await server.close()
        await plugin.close()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as made:
        yield made


@pytest.fixture
async def api(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client
