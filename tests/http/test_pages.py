"""The dashboard as a browser without scripts meets it: who gets in, what each page shows, what a form may do."""

from __future__ import annotations

import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agentcron.access import Scope
from agentcron.http.pages.sessions import Sessions
from agentcron.ports import SystemClock
from tests.http.conftest import JOB, Service, serving

PAGES = ("/", "/jobs")
FROM_US = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def browsing(service: Service, scope: str | None = "admin") -> AsyncIterator[httpx.AsyncClient]:
    """A browser that logged in with the token of a scope; None: one that did not."""
    async with service.client(None, **FROM_US) as client:
        if scope is not None:
            entered = await client.post("/login", data={"token": service.secrets[scope]})
            assert entered.status_code == 303, entered.text
        yield client


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(service) as client:
        yield client


async def csrf_of(browser: httpx.AsyncClient, path: str = "/") -> str:
    found = re.search(r'name="csrf" value="(\w+)"', (await browser.get(path)).text)
    assert found, path
    return found[1]


async def test_every_page_sends_strangers_to_the_login_and_back_again(service: Service) -> None:
    async with browsing(service, None) as stranger:
        for path in PAGES:
            answer = await stranger.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
        assert (await stranger.get("/jobs?tag=x")).headers["location"] == "/login?next=%2Fjobs%3Ftag%3Dx"
        form = {"token": service.secrets["read"], "next": "/jobs?tag=x"}
        assert (await stranger.post("/login", data=form)).headers["location"] == "/jobs?tag=x"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/\r\nx: y"])
async def test_a_login_leads_nowhere_else(service: Service, elsewhere: str) -> None:
    async with browsing(service, None) as stranger:
        form = {"token": service.secrets["read"], "next": elsewhere}
        assert (await stranger.post("/login", data=form)).headers["location"] == "/"


async def test_a_wrong_token_is_told_and_opens_nothing(service: Service) -> None:
    async with browsing(service, None) as stranger:
        answer = await stranger.post("/login", data={"token": "agentcron_wrong"})
        assert (answer.status_code, "unknown or revoked" in answer.text) == (401, True)
        assert "set-cookie" not in answer.headers


async def test_a_session_is_kept_from_scripts_and_other_sites_and_holds_no_token(service: Service) -> None:
    async with browsing(service, None) as stranger:
        entered = await stranger.post("/login", data={"token": service.secrets["admin"]})
        cookie = entered.headers["set-cookie"]
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
        assert service.secrets["admin"] not in cookie
    key = service.tokens.path.with_suffix(".key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


async def test_a_session_ends_with_its_token_and_outlives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, browsing(service) as browser:
        cookies = dict(browser.cookies)
    async with serving(tmp_path) as again, again.client(None, **FROM_US) as client:
        client.cookies.update(cookies)
        assert (await client.get("/")).status_code == 200
        again.tokens.revoke("admin")
        assert (await client.get("/")).status_code == 303
        again.tokens.create("admin", Scope.ADMIN, SystemClock().now())
        assert (await client.get("/")).status_code == 303


async def test_a_forged_session_is_no_session(service: Service) -> None:
    async with browsing(service) as browser:
        [(name, value)] = [pair for pair in browser.cookies.items() if pair[0].startswith("agentcron_")]
    read, expires, nonce, mac = value.rsplit(".", 3)
    for forged in ("", "x", f"admin.{expires}", f"read.{expires}.{nonce}.{mac}", f"{read}.99999999999.{nonce}.{mac}"):
        async with service.client(None, **FROM_US, Cookie=f"{name}={forged}") as client:
            assert (await client.get("/")).status_code == 303, forged


async def test_a_link_logs_in_once(service: Service) -> None:
    sessions: Sessions = service.app.state.sessions
    code = sessions.link(SystemClock().now())
    async with browsing(service, None) as browser:
        assert "Welcome" in (await browser.get(f"/login/{code}")).text
        assert (await browser.get("/")).status_code == 200
    async with browsing(service, None) as second:
        assert (await second.get(f"/login/{code}")).status_code == 401
        assert (await second.get("/login/guess")).status_code == 401


async def test_a_foreign_page_can_not_log_anybody_in(service: Service) -> None:
    form = {"token": service.secrets["admin"]}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}):
        async with service.client(None, **headers) as page:
            assert (await page.post("/login", data=form)).status_code == 403


async def test_a_form_without_its_word_is_refused_and_changes_nothing(
    service: Service, browser: httpx.AsyncClient
) -> None:
    job_id = await service.plugin.create_job("a", "@daily", "x", agent="echo")
    for word in ({}, {"csrf": "guess"}):
        answer = await browser.post("/jobs/batch", data={"do": "pause", "job": job_id, **word})
        assert (answer.status_code, "did not come from this dashboard" in answer.text) == (403, True)
    async with browsing(service, "write") as other:
        borrowed = {"do": "pause", "job": job_id, "csrf": await csrf_of(other)}
        assert (await browser.post("/jobs/batch", data=borrowed)).status_code == 403
    job = await service.plugin.get_job(job_id)
    assert job is not None
    assert job.status == "WAITING"


async def test_a_token_fills_in_no_forms(service: Service) -> None:
    async with service.client() as program:
        assert (await program.get("/jobs")).status_code == 401
        assert (await program.post("/jobs/batch", data={"do": "run"})).status_code == 401


async def test_every_page_is_served_on_an_empty_store_and_tells_what_to_do(browser: httpx.AsyncClient) -> None:
    for path in PAGES:
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert "<script>" not in answer.text
        assert "style=" not in answer.text
    first = (await browser.get("/")).text
    assert "Nothing is scheduled yet" in first
    assert "New job" in first
    assert "agentcron.toml" in first


async def test_pages_are_in_no_description_of_the_api(browser: httpx.AsyncClient) -> None:
    told = (await browser.get("/openapi.json")).json()
    assert all(path.startswith(("/api/v1/", "/healthz", "/readyz", "/metrics")) for path in told["paths"])


async def test_jobs_are_filtered_sorted_and_changed_together(service: Service, browser: httpx.AsyncClient) -> None:
    ids = [
        await service.plugin.create_job(name, "@daily", "x", agent="echo", tags=[name[0]]) for name in ("ab", "ac", "b")
    ]
    assert re.findall(r'<a href="/jobs/\w{16}">(\w+)</a>', (await browser.get("/jobs?sort=name")).text) == [
        "ab", "ac", "b",
    ]  # fmt: skip
    assert re.findall(r'<a href="/jobs/\w{16}">(\w+)</a>', (await browser.get("/jobs?q=A&tag=a&sort=new")).text) == [
        "ac", "ab",
    ]  # fmt: skip
    assert "No job is like that" in (await browser.get("/jobs?q=nobody")).text
    form = {"csrf": await csrf_of(browser), "do": "pause", "job": ids[:2], "back": "/jobs?tag=a"}
    done = await browser.post("/jobs/batch", data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/jobs?tag=a&said=batch")
    assert [job.status.value for job in await service.plugin.get_jobs()] == ["PAUSED", "PAUSED", "WAITING"]
    assert len(re.findall(r"<td class=.name", (await browser.get("/jobs?status=PAUSED")).text)) == 2


async def test_a_token_that_may_only_look_sees_no_buttons_and_may_press_none(service: Service) -> None:
    job_id = await service.plugin.create_job("a", "@daily", "x", agent="echo")
    async with browsing(service, "read") as reader:
        page = (await reader.get("/jobs")).text
        assert "Run now" not in page
        form = {"csrf": await csrf_of(reader), "do": "run", "job": job_id}
        assert (await reader.post("/jobs/batch", data=form)).status_code == 403
    async with browsing(service, "run") as runner:
        form = {"csrf": await csrf_of(runner), "do": "pause", "job": job_id}
        assert (await runner.post("/jobs/batch", data=form)).status_code == 403


async def test_files_are_kept_by_browsers_until_they_change(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/")).text
    for place in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        answer = await browser.get(place)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
    assert (await browser.get("/static/..%2fapp.py")).status_code == 404
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert (await browser.post("/jobs", json=JOB)).status_code in (403, 405, 415)
