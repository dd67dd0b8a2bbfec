"""Every page, in light and dark, for those who cannot see it well, and on the narrowest telephone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.e2e.served import Server

NARROW: Any = {"width": 320, "height": 640}
WIDE: Any = {"width": 1280, "height": 800}

# Every page is looked at in three ways by one test, and the machine may have much else to do.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def places(server: Server) -> list[str]:
    """Every page: with nothing in the store, then with jobs and runs of each outcome in it."""
    with server.api() as api:
        jobs = [
            {"name": "a long name " * 12, "cron_expression": "30 2 * * *", "timezone": "Europe/Berlin", "tags": ["x"]},
            {"name": "often", "every": "10m", "agent": "talker", "notify": ["log: success", "hook: success"]},
            {"name": "slow", "every": "1d", "agent": "slow"},
            {"name": "deploy", "every": "1d", "agent": "deployer"},
            {"name": "choose", "every": "1d", "agent": "asker"},
        ]
        made = [api.post("/jobs", json={"prompt": "word" * 90, "agent": "echo", **job}).json()["id"] for job in jobs]
        runs = [api.post(f"/jobs/{job}/run").json()["id"] for job in made]
        for run in runs[:2]:
            while api.get(f"/executions/{run}").json()["end_time"] is None:
                pass
        while len(api.get("/inbox").json()) < 2:
            pass
        while api.get("/outbox?status=PENDING").json():
            pass
        api.post(f"/jobs/{made[0]}/pause")
    return [
        "/", "/jobs", "/jobs?q=nobody", "/jobs/new?try=1", "/timeline", "/timeline?span=1h", "/inbox", "/settings",
        "/nodes", "/nodes?all=1",
        "/nowhere", f"/jobs/{made[0]}", f"/jobs/{made[1]}/edit", f"/executions/{runs[1]}", f"/executions/{runs[2]}",
        f"/executions/{runs[3]}",
    ]  # fmt: skip


def look(browser: Browser, server: Server, state: Any, places: list[str]) -> None:
    """Each page in both schemes, wide and narrow, with all that can be opened open."""
    context = browser.new_context(base_url=server.url, storage_state=state)
    page = context.new_page()
    for place in places:
        page.goto(place)
        for summary in page.locator("details > summary").all():
            summary.click()
        expect(page.locator("#main")).to_be_visible()
        for scheme, size in (("light", WIDE), ("dark", WIDE), ("dark", NARROW), ("light", NARROW)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{place} {scheme} {size['width']}\n{found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{place}: scrolls sideways, {wide} wide"
    context.close()


def test_an_empty_store_is_for_everybody(server: Server, chromium: Browser, logged_in: Any) -> None:
    look(chromium, server, logged_in, ["/", "/jobs", "/timeline", "/inbox", "/settings", "/jobs/new"])
    look(chromium, server, None, ["/login"])


def test_every_page_is_for_everybody(server: Server, chromium: Browser, logged_in: Any, places: list[str]) -> None:
    look(chromium, server, logged_in, places)
