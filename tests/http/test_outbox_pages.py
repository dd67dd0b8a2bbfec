"""What the dashboard shows of messages: who was told what, who is told by default, and a form that keeps the rules."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from agentcron.delivery.message import DeliveryError
from agentcron.domain.letters import LetterStatus
from tests.http.conftest import Service, serving
from tests.http.test_outbox import told
from tests.http.test_pages import browsing, csrf_of
from tests.outbox.conftest import Recorder
from tests.outbox.test_given_up import REFUSED

SECRET = "https://user:hunter2@hooks.example/T0/B0/abcdef"


@pytest.fixture
def ops() -> Recorder:
    return Recorder()


@pytest.fixture
async def service(tmp_path: Path, ops: Recorder, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setenv("HOOK_URL", SECRET)
    endpoints = {"ops": ops, "chat": {"kind": "webhook", "url": "env:HOOK_URL"}}
    rules = ["ops: failure, recovered; after 2", "chat: paused"]
    async with serving(tmp_path, endpoints=endpoints, notify=rules) as found:
        yield found


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(service) as client:
        yield client


def words(page: str) -> str:
    """What a page says, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def test_the_page_of_a_run_shows_what_was_told_to_whom(
    service: Service, browser: httpx.AsyncClient, ops: Recorder
) -> None:
    job_id = await told(service)
    [run] = await service.plugin.get_executions(job_id)
    for place in (f"/executions/{run.id}", f"/jobs/{job_id}"):
        page = (await browser.get(place)).text
        assert "sent success to ops" in words(page), place
        assert "Send again" not in page
    ops.errors.append(DeliveryError("<b>503</b>", retryable=True))
    other = await told(service, name="other")
    [run] = await service.plugin.get_executions(other)
    page = (await browser.get(f"/executions/{run.id}")).text
    assert "pending success to ops" in words(page)
    assert "&lt;b&gt;503&lt;/b&gt;" in page
    assert "again in" in words(page)


async def test_a_run_that_told_nobody_has_nothing_to_show(service: Service, browser: httpx.AsyncClient) -> None:
    run_id = await service.plugin.run_job_now(await service.plugin.create_job("a", "@daily", "x", agent="echo"))
    await service.plugin.run_here(run_id)
    page = (await browser.get(f"/executions/{run_id}")).text
    assert "Who was told" not in page
    assert 'id="told"' in page, "a message that is written later has its place"


async def test_what_was_given_up_is_sent_again_by_a_button_of_ours_alone(
    service: Service, browser: httpx.AsyncClient, ops: Recorder
) -> None:
    ops.errors.append(REFUSED)
    job_id = await told(service)
    [letter], [run] = await service.plugin.outbox(), await service.plugin.get_executions(job_id)
    place, action = f"/executions/{run.id}", f"/outbox/{letter.id}/resend"
    page = (await browser.get(place)).text
    assert "failed success to ops" in words(page)
    assert "410 Gone" in page
    assert f'action="{action}"' in page
    async with browsing(service, "read") as reader:
        assert "Send again" not in (await reader.get(place)).text
        assert (await reader.post(action, data={"csrf": await csrf_of(reader)})).status_code == 403
    assert (await browser.post(action, data={"csrf": "guess"})).status_code == 403
    assert (await service.plugin.get_letter(letter.id)).status is LetterStatus.FAILED
    form = {"csrf": await csrf_of(browser), "back": place}
    done = await browser.post(action, data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"{place}?said=resent")
    assert "It is sent again" in (await browser.get(f"{place}?said=resent")).text
    await service.plugin.force_evaluation()
    assert ops.sent == ops.tried[1:] == ops.tried[:1]
    assert (await browser.post(action, data=form)).status_code == 409
    assert (await browser.post("/outbox/zz/resend", data=form)).status_code == 404


async def test_an_open_page_hears_of_a_letter_that_was_sent(service: Service, ops: Recorder) -> None:
    stream = service.app.state.service.events.stream(None, heartbeat=9)
    await anext(stream), await anext(stream)
    await told(service)
    news = [part async for part in _until(stream, "event: letter")]
    [letter] = await service.plugin.outbox()
    assert f'"id": "{letter.id}"' in news[-1]
    assert '"status": "SENT"' in news[-1]
    await stream.aclose()


async def _until(stream: AsyncIterator[str], text: str) -> AsyncIterator[str]:
    async with asyncio.timeout(30):
        async for part in stream:
            yield part
            if text in part:
                return


async def test_settings_name_the_endpoints_and_who_is_told_and_no_address(
    service: Service, browser: httpx.AsyncClient, ops: Recorder
) -> None:
    ops.errors.append(DeliveryError("503", retryable=True))
    await told(service)
    page = (await browser.get("/settings")).text
    shown = words(page)
    assert "chat webhook" in shown
    assert "ops Recorder 1 waits" in shown
    assert "ops: failure, recovered; after 2" in shown
    assert "chat: paused" in shown
    for hidden in ("hunter2", "hooks.example", "HOOK_URL"):
        assert hidden not in page


async def test_settings_that_no_endpoint_can_be_made_of_are_told_on_the_page(tmp_path: Path) -> None:
    async with serving(tmp_path, endpoints={"ops": {"kind": "pigeon"}}) as service, browsing(service) as browser:
        page = (await browser.get("/settings")).text
    assert "endpoints.ops: kind: &#39;pigeon&#39; is not a kind" in page


async def _edit(browser: httpx.AsyncClient, job_id: str, **changed: str) -> httpx.Response:
    """Send the form of the job as it is shown, with these fields changed."""
    page = (await browser.get(f"/jobs/{job_id}/edit")).text
    fields = dict(re.findall(r'<input id="f-\w+"(?: class="mono")? name="(\w+)" value="([^"]*)"', page))
    fields |= dict(re.findall(r'<textarea id="f-\w+" name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL))
    fields |= dict(re.findall(r'<select id="f-(agent)".*?<option value="(\w+)" selected', page, re.DOTALL))
    fields |= {"csrf": await csrf_of(browser), "edition": (re.findall(r'name="edition" value="([^"]*)"', page))[0]}
    fields = {name: html.unescape(text).replace("\n", "\r\n") for name, text in fields.items()}
    return await browser.post(f"/jobs/{job_id}/edit", data={**fields, **changed})


@pytest.mark.parametrize(
    "rules", [None, "off", ["ops: success"], ["ops: failure, recovered; after 3; cooldown 1h", "chat: paused"]]
)
async def test_the_form_shows_who_is_told_and_an_edit_of_something_else_keeps_it(
    service: Service, browser: httpx.AsyncClient, rules: object
) -> None:
    job_id = await service.plugin.create_job("a", "@daily", "x", agent="echo", notify=rules)
    before = await service.plugin.find_job(job_id)
    page = (await browser.get(f"/jobs/{job_id}/edit")).text
    lines = [] if rules is None else rules if isinstance(rules, list) else [rules]
    assert 'name="notify" rows="2" placeholder="ops: failure, recovered; after 3" aria-describedby="h-notify">\n' + (
        "\n".join(lines) + "</textarea>"
    ) in html.unescape(page)
    changed = await _edit(browser, job_id, timeout="5m")
    assert changed.status_code == 303, changed.text
    after = await service.plugin.find_job(job_id)
    assert (after.timeout, after.notify) == (timedelta(minutes=5), before.notify)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("ops: failure\r\n\r\nchat: paused; cooldown 2h", ["ops: failure", "chat: paused; cooldown 2h"]),
        ("off", []),
        ("", None),
    ],
)
async def test_who_is_told_is_changed_in_the_form(
    service: Service, browser: httpx.AsyncClient, text: str, rules: list[str] | None
) -> None:
    job_id = await service.plugin.create_job("a", "@daily", "x", agent="echo", notify="ops: success")
    assert (await _edit(browser, job_id, notify=text)).status_code == 303
    job = await service.plugin.find_job(job_id)
    assert (None if job.notify is None else [str(rule) for rule in job.notify]) == rules
    page = words((await browser.get(f"/jobs/{job_id}")).text)
    assert "notify " + {"off": "off", "": "–"}.get(text, " ".join(rules or [])) in page


async def test_a_rule_that_cannot_be_read_comes_back_with_what_is_wrong(
    service: Service, browser: httpx.AsyncClient
) -> None:
    job_id = await service.plugin.create_job("a", "@daily", "x", agent="echo")
    answer = await _edit(browser, job_id, notify="nobody: failure")
    assert answer.status_code == 422
    assert "there is no endpoint 'nobody'; known are chat, ops" in html.unescape(answer.text)
    assert "nobody: failure</textarea>" in answer.text
