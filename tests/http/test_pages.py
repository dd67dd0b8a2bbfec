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

PAGES = ("/", "/jobs", "/jobs/new", "/timeline", "/inbox", "/settings", "/nodes")
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


async def test_a_job_goes_from_the_form_to_its_run(service: Service, browser: httpx.AsyncClient) -> None:
    form = {
        "csrf": await csrf_of(browser, "/jobs/new"), "name": "hello", "schedule": "0 9 * * MON-FRI", "agent": "echo",
        "timezone": "Europe/Berlin", "prompt": "Say\r\nhello", "overlap": "skip", "timeout": "5m", "tags": "a, b",
        "budgets": "tokens=1000,window=1d\r\nruns=5,window=1h", "do": "save",
    }  # fmt: skip
    made = await browser.post("/jobs/new", data=form)
    assert made.status_code == 303, made.text
    place = made.headers["location"].partition("?")[0]
    job = await service.plugin.find_job("hello")
    assert (job.prompt, job.cron_expression, job.timezone, job.tags) == (
        "Say\nhello", "0 9 * * MON-FRI", "Europe/Berlin", ("a", "b"),
    )  # fmt: skip
    assert [budget.runs for budget in job.budgets] == [None, 5]
    page = (await browser.get(place)).text
    assert "at 09:00, Monday to Friday (Europe/Berlin)" in page
    assert page.count("data-countdown") >= 10
    ran = await browser.post(f"{place}/run", data={"csrf": form["csrf"]})
    run_place = ran.headers["location"].partition("?")[0]
    await service.plugin.run_here(run_place.rpartition("/")[2])
    shown = (await browser.get(run_place)).text
    assert shown.count("Say\nhello") >= 4  # prompt, answer, and both sides of the conversation
    again = await browser.post(f"{run_place}/retry", data={"csrf": form["csrf"]})
    assert again.headers["location"] != ran.headers["location"]
    ended = await browser.post(f"{again.headers['location'].partition('?')[0]}/cancel", data={"csrf": form["csrf"]})
    assert ended.headers["location"].endswith("said=ended")
    assert "skipped" in (await browser.get(place)).text


async def test_a_form_that_cannot_work_comes_back_with_the_reason_and_what_was_written(
    service: Service, browser: httpx.AsyncClient
) -> None:
    form = {
        "csrf": await csrf_of(browser),
        "name": "<b>x",
        "schedule": "99 * * * *",
        "prompt": "keep <me>",
        "agent": "echo",
    }
    answer = await browser.post("/jobs/new", data=form)
    assert answer.status_code == 422
    for told in ("minute", "&lt;b&gt;x", "keep &lt;me&gt;", "99 * * * *"):
        assert told in answer.text
    assert await service.plugin.get_jobs() == []


async def test_an_edit_changes_what_differs_and_is_refused_where_somebody_was_first(
    service: Service, browser: httpx.AsyncClient
) -> None:
    job_id = await service.plugin.create_job(
        "a", "every 1h", "x", agent="echo", retry="attempts=3", metadata={"k": "v"}, max_runs=9, tags=["t"]
    )
    page = (await browser.get(f"/jobs/{job_id}/edit")).text
    edition = (await service.plugin.find_job(job_id)).edition
    fields = dict(re.findall(r'<input id="f-\w+"(?: class="mono")? name="(\w+)" value="([^"]*)"', page))
    fields |= {"csrf": await csrf_of(browser), "prompt": "x", "agent": "echo", "edition": edition, "budgets": ""}
    same = await browser.post(f"/jobs/{job_id}/edit", data=fields)
    assert same.status_code == 303
    job = await service.plugin.find_job(job_id)
    assert job.version == 1, "an edit that changes nothing makes no version"
    changed = {**fields, "schedule": "every 2h", "max_runs": "", "timeout": "3s"}
    assert (await browser.post(f"/jobs/{job_id}/edit", data=changed)).status_code == 303
    after = await service.plugin.find_job(job_id)
    assert (after.version, after.max_runs, after.timeout.seconds, after.metadata) == (2, None, 3, {"k": "v"})
    assert (after.retry, after.tags) == (job.retry, job.tags)
    late = await browser.post(f"/jobs/{job_id}/edit", data={**changed, "name": "b"})
    assert (late.status_code, "read it again" in late.text) == (412, True)


async def test_the_preview_tells_words_times_and_daylight_saving(browser: httpx.AsyncClient) -> None:
    word = await csrf_of(browser)

    async def preview(schedule: str, timezone: str) -> str:
        form = {"csrf": word, "schedule": schedule, "timezone": timezone}
        return (await browser.post("/jobs/preview", data=form)).text

    told = await preview("30 2 * * *", "Europe/Berlin")
    assert "at 02:30, every day (Europe/Berlin)" in told
    assert told.count("<tr>") == 6
    assert "02:30 does not exist: it runs at 03:00 instead" in told
    assert "02:30 comes twice: it runs the first time only" in told
    assert "does not exist" not in await preview("*/30 * * * *", "Europe/Berlin")
    assert "does not exist" not in await preview("30 2 * * *", "UTC")
    assert "did you mean Europe/Berlin?" in await preview("30 2 * * *", "Europe/Berln")
    assert "No further time" in await preview("at 2001-01-01T00:00", "UTC")


async def test_what_an_agent_says_is_text_on_every_page(service: Service, browser: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp"
    job_id = await service.plugin.create_job(
        evil[:40], "@daily", evil, agent="echo", tags=["t"], metadata={"<i>": evil}
    )
    run_id = await service.plugin.run_job_now(job_id)
    await service.plugin.run_here(run_id)
    for path in (
        "/",
        "/jobs",
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/edit",
        f"/executions/{run_id}",
        "/timeline",
        "/inbox",
    ):
        text = (await browser.get(path)).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert "\u202e" not in text.partition("<textarea")[0], path
    assert "script-src" not in (await browser.get("/")).headers["content-security-policy"]


async def test_an_unknown_place_is_told_on_a_page(browser: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/jobs/nobody", "/executions/none", "/timeline?job=nobody"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, "text/html"), path


@pytest.mark.parametrize(
    "query",
    [
        "?span=x&to=yesterday",
        "?span=7d&to=2026-01-01T00:00:00%2B00:00",
        "?to=0001-01-01T00:00:00%2B14:00",
        "?to=9999-12-31T23:59:59Z",
    ],
)
async def test_a_timeline_of_any_stretch_is_served(browser: httpx.AsyncClient, query: str) -> None:
    assert (await browser.get(f"/timeline{query}")).status_code == 200


async def test_who_may_not_administer_sees_no_tokens(service: Service) -> None:
    async with browsing(service, "write") as writer:
        page = (await writer.get("/settings?doctor=1")).text
        assert "Only a token of scope" in page
        assert "Doctor" not in page
    async with browsing(service) as owner:
        page = (await owner.get("/settings")).text
        assert "read <small>made" in page
        assert not any(secret in page for secret in service.secrets.values())
