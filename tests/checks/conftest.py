"""A plugin whose jobs look at a real folder, a real server and a real repository; only clock and agents are fakes."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentcron.domain.model import Execution, Job
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.sqlite import SqliteStorage
from agentcron.testing import FakeAgentFactory, FakeClock


@dataclass
class Bench:
    """A job every hour; ``slot`` lets the next hour come and answers what became of it."""

    plugin: BackgroundJobsPlugin
    clock: FakeClock
    factory: FakeAgentFactory
    folder: Path
    job_id: str = ""

    async def job(self, **fields: Any) -> Job:
        self.job_id = await self.plugin.create_job("watch", "every 1h", "tell what is new", **fields)
        return await self.now()

    async def now(self) -> Job:
        found = await self.plugin.get_job(self.job_id)
        assert found is not None
        return found

    async def slot(self) -> Execution:
        await self.clock.advance(timedelta(hours=1))
        return await self.look()

    async def look(self) -> Execution:
        await self.plugin.force_evaluation()
        return (await self.plugin.get_executions(self.job_id, include_skipped=True))[0]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def make_bench(store: JobStore, folder: Path, clock: FakeClock | None = None) -> Bench:
    clock, factory = clock or FakeClock(), FakeAgentFactory()
    folder.mkdir(exist_ok=True)
    plugin = BackgroundJobsPlugin(
        storage_plugin=store, agent_factory=factory, clock=clock, base_dir=folder, logger=logging.getLogger("test")
    )
    return Bench(plugin=plugin, clock=clock, factory=factory, folder=folder)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = make_bench(MemoryStorage(), tmp_path / "work")
    yield made
    await made.plugin.close()


@pytest.fixture(params=["memory", "sqlite", "json folder"])
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The same on each store."""
    stores: dict[str, Callable[[], JobStore]] = {
        "memory": MemoryStorage,
        "sqlite": lambda: SqliteStorage(tmp_path / "store.sqlite"),
        "json folder": lambda: StorageFsPlugin(tmp_path / "store"),
    }
    made = make_bench(stores[request.param](), tmp_path / "work")
    yield made
    await made.plugin.close()


@dataclass
class Site:
    """A server on this machine. ``pages`` maps a path to status, headers and body; ``asked`` holds the requests."""

    url: str
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(self, path: str, body: str = "", status: int = 200, **headers: str) -> str:
        self.pages[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body.encode())
        return self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, dict(self.headers)))
            status, headers, body = made.pages.get(self.path, (404, {}, b"nothing here"))
            if "ETag" in headers and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Site(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def git(folder: Path, *words: str) -> str:
    """What git says, in a home of its own."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    told = subprocess.run(["git", *names, *words], cwd=folder, env=environ, check=True, capture_output=True, text=True)
    return told.stdout
