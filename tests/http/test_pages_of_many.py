"""Pages over more jobs than one of them shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from agentcron import OnceSchedule
from agentcron.http.pages.overview import JOBS
from tests.http.conftest import Service, serving
from tests.http.test_pages import browsing

LATER = 30


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """As many jobs as the agenda looks at, due in two hours, and some that are due six hours later."""
    async with serving(tmp_path) as service:
        now = service.plugin.now()
        soon, late = (OnceSchedule(now + timedelta(hours=hours)) for hours in (2.5, 8.5))
        make = service.plugin.create_job
        tags = ("even", "odd")
        await asyncio.gather(*(make(f"soon {n:04}", soon, "x", agent="echo", tags=[tags[n % 2]]) for n in range(JOBS)))
        await asyncio.gather(*(make(f"late {n:04}", late, "x", agent="echo") for n in range(LATER)))
        async with browsing(service) as browser:
            yield service, browser


async def test_every_job_is_on_exactly_one_page(many: tuple[Service, httpx.AsyncClient]) -> None:
    _, browser = many
    seen: list[str] = []
    for number in range(1, 22):
        page = (await browser.get(f"/jobs?page={number}")).text
        assert f"Page {number} of 21" in page
        seen += re.findall(r'<a href="/jobs/\w{16}">([\w ]+)</a>', page)
    assert seen[:JOBS] == sorted(seen[:JOBS])
    assert all(name.startswith("soon") for name in seen[:JOBS])
    assert all(name.startswith("late") for name in seen[JOBS:])
    assert len(set(seen)) == len(seen) == JOBS + LATER
    # Beyond the last page is the last page.
    assert "Page 21 of 21" in (await browser.get("/jobs?page=999")).text
    found = (await browser.get("/jobs?tag=odd&q=SOON&page=10&status=WAITING")).text
    assert "Page 10 of 10" in found
    assert f"{JOBS // 2} of {JOBS + LATER:,}" in re.sub(r"\s+", " ", found)
    assert '<option value="even">' in found


async def test_an_agenda_of_very_many_says_that_there_are_more(many: tuple[Service, httpx.AsyncClient]) -> None:
    service, browser = many
    page = (await browser.get("/")).text
    assert f"at least {JOBS - 30} more" in page
    assert page.count("not counted from") == 21
    # With fewer active jobs than it looks at it knows the whole day.
    for job in (await service.plugin.select_jobs(limit=JOBS)).jobs[: 2 * LATER]:
        await service.plugin.pause_job(job.id)
    page = (await browser.get("/")).text
    assert "not counted from" not in page
    assert "at least" not in page
