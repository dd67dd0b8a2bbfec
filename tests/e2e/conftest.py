"""A browser, and a server of its own for each module that asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.served import Server, chromium_path

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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

[endpoints.log]
kind = "file"
path = "told.jsonl"

[endpoints.hook]
kind = "webhook"
url = "http://127.0.0.1:9/never"
"""
ASKING = """
async def deploy(prompt, context):
    return "deployed" if context.approve("Deploy to production?") else "left alone"

async def ask(prompt, context):
    return "took " + context.ask("Which one?", ["left", "right"])
"""


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
    from playwright.sync_api import expect, sync_playwright

    # Of a machine with much else to do; what holds at once is found at once.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        # Without its sandbox, which no container allows; it opens pages of this machine alone.
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
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
