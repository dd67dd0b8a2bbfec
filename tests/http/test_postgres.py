"""Every page and every address works on Postgres as it does on a file."""

from __future__ import annotations

import asyncio
import html
import importlib
import json
import os
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

import agentcron
from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage, RunContext, SqliteStorage
from agentcron.domain.letters import refused
from agentcron.http import pages
from agentcron.ports import SystemClock
from agentcron.storage.moving import move_store
from tests.held_clock import hold_clock
from tests.http.conftest import JOB, Service, serving
from tests.http.test_events import events_of
from tests.http.test_pages import browsing, csrf_of
from tests.postgres.lived_in import Taker, lived_in

# What tells of the store itself, and what never ends.
ELSEWHERE = ("/doctor", "/events", "/live", "/metrics")


def page_routes() -> Iterator[APIRoute]:
    for module in pkgutil.iter_modules(pages.__path__):
        router = getattr(importlib.import_module(f"{pages.__name__}.{module.name}"), "router", None)
        yield from (route for route in getattr(router, "routes", ()) if isinstance(route, APIRoute))


async def reads_of(service: Service, values: dict[str, str]) -> dict[str, tuple[int, str]]:
    """What each address answers, with names of the store filled in, without tokens."""
    async with service.client() as api:
        described = (await api.get("/openapi.json")).json()["paths"]
    paths = {path for path, methods in described.items() if "get" in methods}
    paths |= {route.path for route in page_routes() if "GET" in route.methods}
    paths = {
        re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "nobody"), path)
        for path in paths
        if not path.endswith(ELSEWHERE)
    }
    paths |= {
        "/nodes?all=1", "/api/v1/nodes?all=true", "/api/v1/executions?include_skipped=true",
        "/api/v1/inbox?closed=true",
        "/jobs?status=PAUSED&sort=name", "/jobs?q=a&tag=team", "/timeline?span=7d", "/api/v1/usage?by=tag&days=366",
    }  # fmt: skip
    answers = {}
    async with service.client() as api, browsing(service) as browser:
        for path in sorted(paths):
            answer = await (api if path.startswith("/api") else browser).get(path)
            text = re.sub(r"(csrf\W+value=\W+|csrf-token\W+content=\W+)\w+", r"\1", answer.text)
            text = text.replace(html.escape(service.plugin.storage.url), "STORE")
            answers[path] = answer.status_code, text.replace(service.url, "")
    return answers


async def test_every_page_and_address_answers_on_postgres_as_on_a_file(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = SqliteStorage(tmp_path / "jobs.sqlite"), PostgresStorage(postgres_url, locks_dir=tmp_path)
    clock, ids = await lived_in(source)
    await move_store(source, target)
    # How far away a time is reads otherwise some seconds later: two readings would differ at some minutes of the hour.
    hold_clock(monkeypatch, clock.now() + timedelta(minutes=51))
    told = []
    for number, store in enumerate((SqliteStorage(source.path), PostgresStorage(postgres_url, locks_dir=tmp_path))):
        (tmp_path / str(number)).mkdir()
        async with serving(tmp_path / str(number), storage=store) as service:
            [asked] = await service.plugin.inbox()
            run = (await service.plugin.get_executions(ids["paid"]))[0]
            values = {"job_id": ids["paid"], "execution_id": run.id, "input_id": asked.id, "job": ids["paid"]}
            values["letter"] = (await service.plugin.outbox(execution_id=run.id))[0].id
            told.append(await reads_of(service, values))
    assert told[0].keys() == told[1].keys()
    for path, answer in told[0].items():
        assert told[1][path] == answer, path
    good = [path for path, (status, _) in told[0].items() if status == 200]
    assert {"/", "/jobs", "/healthz", f"/api/v1/jobs/{ids['paid']}"} <= set(good)


async def test_what_holds_a_nul_is_found_nowhere(postgres_url: str, tmp_path: Path) -> None:
    storage = PostgresStorage(postgres_url, locks_dir=tmp_path)
    async with serving(tmp_path, storage=storage) as service, service.client() as api:
        for path in (
            "jobs/a%00b", "jobs/%00/why?at=2026-11-23T09:00", "executions/%00", "executions?job=%00", "inbox/%00",
            "inbox?job=%00", "outbox?job=%00", "outbox?execution=%00",
        ):  # fmt: skip
            assert (await api.get(f"/api/v1/{path}")).status_code == 404, path
        assert (await api.get("/api/v1/outbox?before=%00")).json() == []


async def ask(prompt: str, context: RunContext) -> str:
    return f"took {context.ask('Which one?', ['left', 'right'])}"


class Visitor:
    """Presses every button and calls every address that changes something, and writes down what came of it."""

    def __init__(self, service: Service, api: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
        self._service, self._api, self._browser = service, api, browser
        self.told: list[tuple[str, str, int, str]] = []

    async def call(self, method: str, path: str, sent: Any = None, /, **values: str) -> httpx.Response:
        """By a program."""
        answer = await self._api.request(method, f"/api/v1{path.format(**values)}", json=sent)
        self._note(method, f"/api/v1{path}", answer, answer.text)
        return answer

    async def press(self, path: str, form: dict[str, Any] | None = None, /, **values: str) -> str:
        """In a browser; answers where it leads to."""
        word = {"csrf": await csrf_of(self._browser)}
        answer = await self._browser.post(path.format(**values), data={**word, **(form or {})})
        place = answer.headers.get("location", "")
        self._note("POST", path, answer, place or answer.text)
        return place.partition("?")[0].rpartition("/")[2]

    def _note(self, method: str, path: str, answer: httpx.Response, text: str) -> None:
        text = re.sub(r"\b[0-9a-f]{26}\b", "RUN", text)
        text = re.sub(r"\b[0-9a-f]{12,16}\b", "KEY", text)
        text = re.sub(r"(csrf\W+(?:value|content)=\W+)\w+", r"\1", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+", "WHEN", text)
        self.told.append((method, path, answer.status_code, re.sub(r"[\d.]+", "0", text)))

    async def _asked_by(self, execution_id: str) -> str:
        """What the run asks, once it has come to it."""
        await self._service.plugin.run_here(execution_id)
        [asked] = [one for one in await self._service.plugin.inbox() if one.execution_id == execution_id]
        return asked.id

    async def _given_up(self) -> str:
        """A letter that is; answers its id."""
        plugin = self._service.plugin
        [letter] = await plugin.outbox(limit=1)
        assert await plugin.storage.mark_letter(letter, refused(letter, plugin.now(), "410 Gone", retryable=False))
        return letter.id

    async def change_everything(self) -> None:
        run_here = self._service.plugin.run_here
        await self.call("POST", "/outbox/{letter}/resend", letter=await self._given_up())
        await self.press("/outbox/{letter_id}/resend", letter_id=await self._given_up())
        job = {**JOB, "name": "called"}
        made = (await self.call("POST", "/jobs", job)).json()["id"]
        await self.call("PATCH", "/jobs/{job}", {"prompt": "more", "timeout": "5m"}, job=made)
        await self.call("POST", "/jobs/{job}/pause", job=made)
        await self.call("POST", "/jobs/{job}/resume", job=made)
        waiting = (await self.call("POST", "/jobs/{job}/run", job=made)).json()["id"]
        await self.call("POST", "/executions/{execution}/cancel", execution=waiting)
        ran = (await self.call("POST", "/jobs/{job}/run", job=made)).json()["id"]
        await run_here(ran)
        await self.call("GET", "/executions/{execution}/conversation", execution=ran)
        await self.call("PATCH", "/jobs/{job}", {"agent": "asker"}, job=made)
        asking = (await self.call("POST", "/jobs/{job}/run", job=made)).json()["id"]
        answer = {"decision": "answer", "answer": "left"}
        await self.call("POST", "/inbox/{input}", answer, input=await self._asked_by(asking))
        await run_here(asking)
        await self.call("GET", "/executions/{execution}", execution=asking)
        await self.call("POST", "/jobs/{job}/cancel", job=made)
        await self.call("DELETE", "/jobs/{job}", job=made)
        await self.call("GET", "/jobs/{job}", job=made)

        await self.press("/jobs/preview", {"schedule": "30 2 * * *", "timezone": "Europe/Berlin"})
        form = {"name": "pressed", "schedule": "every 1h", "agent": "asker", "prompt": "p", "timezone": "UTC"}
        made = await self.press("/jobs/new", {**form, "do": "save"})
        edition = (await self._service.plugin.find_job(made)).edition
        await self.press("/jobs/{job_id}/edit", {**form, "prompt": "q", "edition": edition}, job_id=made)
        ran = await self.press("/jobs/{job_id}/run", job_id=made)
        await self.press("/inbox/{input_id}", {"pick": "right"}, input_id=await self._asked_by(ran))
        await run_here(ran)
        await self.call("GET", "/executions/{execution}", execution=ran)
        await self.press("/jobs/{job_id}/pause", job_id=made)
        await self.press("/jobs/{job_id}/resume", job_id=made)
        await self.press("/jobs/batch", {"do": "pause", "job": made})
        again = await self.press("/executions/{execution_id}/retry", execution_id=ran)
        await self.press("/executions/{execution_id}/cancel", execution_id=again)
        await self.press("/jobs/{job_id}/cancel", job_id=made)
        await self.press("/jobs/{job_id}/delete", {"sure": "pressed"}, job_id=made)
        await self.press("/logout")


async def test_every_change_is_made_on_postgres_as_on_a_file(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = SqliteStorage(tmp_path / "jobs.sqlite"), PostgresStorage(postgres_url, locks_dir=tmp_path)
    await lived_in(source)
    await move_store(source, target)
    # The same; and since runs are made here, not far from what the server's own clock says.
    hold_clock(monkeypatch, SystemClock().now())
    factory = AgentFactoryPlugin({"asker": {"kind": "python", "callable": ask}})
    more: dict[str, Any] = {"agent_factory": factory, "endpoints": {"log": Taker()}}
    told = []
    for number, store in enumerate((SqliteStorage(source.path), PostgresStorage(postgres_url, locks_dir=tmp_path))):
        (tmp_path / str(number)).mkdir()
        async with serving(tmp_path / str(number), storage=store, **more) as service:
            async with service.client() as api, browsing(service) as browser:
                visitor = Visitor(service, api, browser)
                await visitor.change_everything()
                described = (await api.get("/openapi.json")).json()["paths"]
            told.append(visitor.told)
    assert [one[:3] for one in told[0]] == [one[:3] for one in told[1]]
    assert told[0] == told[1]
    # The last of these reads what was deleted.
    assert [one[:3] for one in told[0] if one[2] >= 400] == [("GET", "/api/v1/jobs/{job}", 404)]
    changing = {"POST", "PUT", "PATCH", "DELETE"}
    routes = {(method.upper(), path) for path, ways in described.items() for method in ways}
    routes |= {(method, route.path) for route in page_routes() for method in route.methods}
    tried = {one[:2] for one in told[0]}
    assert {one for one in routes if one[0] in changing} - {("POST", "/login")} <= tried


async def test_the_nodes_their_leases_and_what_they_run_are_shown(postgres_url: str, tmp_path: Path) -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def long(prompt: str) -> str:
        begun.set()
        await ended.wait()
        return "done"

    factory = AgentFactoryPlugin({"long": {"kind": "python", "callable": long}})
    storage = PostgresStorage(postgres_url, locks_dir=tmp_path)
    async with serving(tmp_path, scheduling=True, storage=storage, agent_factory=factory) as service:
        run = await service.plugin.run_job_now(
            await service.plugin.create_job("the long one", "@daily", "p", agent="long")
        )
        await begun.wait()
        async with service.client("read") as api, browsing(service, "read") as browser:
            [node] = (await api.get("/api/v1/nodes")).json()
            page = (await browser.get("/nodes")).text
            settings = (await browser.get("/settings")).text
        ended.set()
        await service.plugin.wait_for_execution(run)
    assert (node["alive"], node["version"], node["pid"]) == (True, agentcron.__version__, os.getpid())
    assert node["lease_until"] > node["seen_at"] >= node["started_at"]
    assert [one["id"] for one in node["running"]] == [run]
    assert [one["job"] for one in node["running"]] == ["the long one"]
    assert f'<a href="/executions/{run}">the long one</a>' in page
    assert node["id"] in page
    assert 'href="/nodes"' in settings


async def test_a_run_that_another_process_asked_for_is_told_as_it_happens(postgres_url: str, tmp_path: Path) -> None:
    here, there = (PostgresStorage(postgres_url, locks_dir=tmp_path / name) for name in ("here", "there"))
    other = BackgroundJobsPlugin(storage_plugin=there)
    async with serving(tmp_path, scheduling=True, storage=here) as service, service.client() as api:
        async with api.stream("GET", "/api/v1/events") as answer:
            events = events_of(answer)
            assert (await anext(events))["event"] == "hello"
            job_id = await other.create_job("made elsewhere", "@daily", "p", agent="echo")
            run = await other.run_job_now(job_id)
            async with asyncio.timeout(30):
                while json.loads((told := await anext(events))["data"]).get("status") != "SUCCESS":
                    assert told["event"] in ("job", "execution")
            assert json.loads(told["data"])["id"] == run
        figures = (await api.get("/metrics")).text
        assert (await api.get("/readyz")).json() == {"status": "ok"}
    await other.close()
    assert f'agentcron_runs_total{{job="{job_id}",status="SUCCESS",trigger="manual"}} 1.0' in figures
