"""A browser, and a server of its own for each module that asks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# What `make test-e2e` installs besides Python's packages.
INSTALLED = Path(__file__).parents[2] / ".e2e"
SAYS = """
import sys
prompt = sys.stdin.read()
print("It heard: " + prompt)
print("<script>window.owned = 1</script><img src=x onerror='window.owned = 2'>")
"""
AGENTS = f"""
[scheduler]
timezone = "Europe/Berlin"
stop_grace = "100ms"

[agents.talker]
kind = "command"
command = [{json.dumps(sys.executable)}, "-c", {json.dumps(SAYS)}]

[agents.slow]
kind = "command"
command = [{json.dumps(sys.executable)}, "-c", "import time; time.sleep(120)"]

[agents.deployer]
kind = "python"
callable = "asking:deploy"

[agents.asker]
kind = "python"
callable = "asking:ask"
"""
ASKING = """
async def deploy(prompt, context):
    return "deployed" if context.approve("Deploy to production?") else "left alone"

async def ask(prompt, context):
    return "took " + context.ask("Which one?", ["left", "right"])
"""


@dataclass
class Server:
    """``agentcron serve`` in a folder, as its owner started it."""

    folder: Path
    url: str = ""
    token: str = ""
    login: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Its user's."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}

    def start(self) -> None:
        """Serve; the second time on the same port."""
        port = self.url.rpartition(":")[2] or "0"
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agentcron", "serve", "--port", port, "--json"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines += line
            if line.startswith("}"):
                break
        assert lines, (self.folder / "log").read_text()
        told = json.loads(lines)
        self.url, self.login = told["url"], told["login"]
        self.token = told["token"] or self.token

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)

    def api(self) -> httpx.Client:
        """A program beside the browser."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "agentcron.toml").write_text(AGENTS)
    (folder / "asking.py").write_text(ASKING)
    made = Server(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    found = os.environ.get("AGENTCRON_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium; 'make test-e2e' installs it on Debian, else name one in AGENTCRON_CHROMIUM"
    with sync_playwright() as playwright:
        # Without its sandbox, which no container allows; it opens pages of this machine alone.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def logged_in(server: Server, chromium: Browser) -> Any:
    """What a browser keeps after it followed the link that ``serve`` printed."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(server.login)
    page.wait_for_url(f"{server.url}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(server: Server, chromium: Browser, logged_in: Any) -> Iterator[Page]:
    """A page of a browser in New York that is logged in; whatever it complains about fails the test."""
    context = chromium.new_context(
        base_url=server.url, storage_state=logged_in, timezone_id="America/New_York", locale="en-US"
    )
    context.set_default_timeout(30_000)
    made, trouble, elsewhere = context.new_page(), [], []
    made.on("pageerror", lambda error: trouble.append(str(error)))
    made.on("console", lambda said: trouble.append(said.text) if "Content Security Policy" in said.text else None)
    made.on("dialog", lambda asked: asked.accept())
    made.on("request", lambda asked: None if asked.url.startswith(server.url) else elsewhere.append(asked.url))
    yield made
    context.close()
    assert trouble == []
    assert elsewhere == [], "no request may leave the host"
