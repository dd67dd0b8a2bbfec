"""The years 1 and 9999 over HTTP: 422 where they cannot be told, and no list dies of one that is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.test_edges_of_time import move_to
from tests.http.conftest import JOB, serving
from tests.http.test_pages import browsing

JOBS = "/api/v1/jobs"
FAR = "9999-12-31T23:59:59Z"
ONCE = {"name": "far", "prompt": "x", "agent": "echo"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"at": FAR, "timezone": "Asia/Tokyo"}, "outside the years 1 to 9999"),
        ({"schedule": f"at {FAR}", "timezone": "Asia/Tokyo"}, "outside the years 1 to 9999"),
        ({"at": "0001-01-01T00:00:00Z", "timezone": "America/New_York"}, "outside the years 1 to 9999"),
        ({"cron_expression": "@daily", "end_at": FAR, "timezone": "Asia/Tokyo"}, "outside the years 1 to 9999"),
        ({"cron_expression": "@daily", "start_at": FAR, "timezone": "UTC"}, "no slot after start_at"),
        ({"cron_expression": "0 0 1 1 *", "start_at": "9999-06-01", "timezone": "UTC"}, "no slot after start_at"),
    ],
)
async def test_what_cannot_be_told_or_never_comes_is_422(
    api: httpx.AsyncClient, fields: dict[str, Any], words: str
) -> None:
    answer = await api.post(JOBS, json={**ONCE, **fields})
    assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert (await api.get(JOBS)).json() == []


async def test_a_preview_refuses_what_it_cannot_tell(api: httpx.AsyncClient) -> None:
    for asked in ({"schedule": f"at {FAR}", "timezone": "Asia/Tokyo"}, {"schedule": "0 9 * * MON 2030"}):
        answer = await api.get("/api/v1/preview", params=asked)
        assert answer.status_code == 422, answer.text
    early = {"schedule": "every 1s", "timezone": "America/New_York", "after": "0001-01-01T00:00:00Z"}
    assert (await api.get("/api/v1/preview", params=early)).status_code == 200


async def test_no_list_and_no_page_dies_of_one_that_is_stored(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, service.client() as api:
        assert (await api.post(JOBS, json={**ONCE, "at": FAR, "timezone": "UTC"})).status_code == 201
        assert (await api.post(JOBS, json={**JOB, "timezone": "UTC"})).status_code == 201
    move_to(tmp_path, "Asia/Tokyo")
    (tmp_path / "tokens.json").unlink()  # the next server makes its own
    async with serving(tmp_path) as service, service.client() as api, browsing(service) as browser:
        assert [job["name"] for job in (await api.get(JOBS)).json()] == ["far", "report"]
        far = (await api.get(f"{JOBS}/far")).json()
        assert far["next_runs"] == ["9999-12-31T23:59:59+00:00"]
        for path in ("/", "/jobs", f"/jobs/{far['id']}", f"/jobs/{far['id']}/edit", "/timeline"):
            page = await browser.get(path)
            assert page.status_code == 200, path


async def test_why_answers_at_both_ends_of_time(api: httpx.AsyncClient) -> None:
    assert (await api.post(JOBS, json=JOB)).status_code == 201
    for at in ("0001-01-01T00:00:00Z", FAR):
        answer = await api.get(f"{JOBS}/report/why", params={"at": at})
        assert (answer.status_code, "nothing was due" in answer.text) == (200, True), answer.text
    out = await api.get(f"{JOBS}/report/why", params={"at": "9999-12-31T23:59:59-05:00"})
    assert out.status_code == 422


async def test_a_place_in_the_runs_that_is_none_is_422_and_the_last_one_has_nothing_after_it(
    api: httpx.AsyncClient,
) -> None:
    await api.post(JOBS, json=JOB)
    run = (await api.post(f"{JOBS}/report/run")).json()
    for place in ("zzz", run["id"][:8], ""):
        answer = await api.get("/api/v1/executions", params={"before": place})
        assert (answer.status_code, answer.json()["field"]) == (422, "before"), answer.text
        assert "before" in answer.json()["detail"]
    last = await api.get("/api/v1/executions", params={"before": run["id"]})
    assert (last.status_code, last.json()) == (200, [])
