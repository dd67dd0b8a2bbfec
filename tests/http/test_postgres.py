"""Every page and every address that only reads works on Postgres as it does on a file."""

from __future__ import annotations

import html
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from fastapi.routing import APIRoute

from agentcron import PostgresStorage, SqliteStorage
from agentcron.http import pages
from agentcron.storage.moving import move_store
from tests.http.conftest import Service, serving
from tests.http.test_pages import browsing
from tests.postgres.lived_in import lived_in

# What tells of the store itself, and what never ends.
ELSEWHERE = ("/doctor", "/events", "/live", "/metrics")


def page_routes() -> Iterator[APIRoute]:
    for module in pkgutil.iter_modules(pages.__path__):
        router = getattr(importlib.import_module(f"{pages.__name__}.{module.name}"), "router", None)
        yield from (route for route in getattr(router, "routes", ()) if isinstance(route, APIRoute))


async def reads_of(service: Service, values: dict[str, str]) -> dict[str, tuple[int, str]]:
    """What each address answers, with names of the store filled in, without tokens and what the time of day changes."""
    async with service.client() as api:
        described = (await api.get("/openapi.json")).json()["paths"]
    paths = {path for path, methods in described.items() if "get" in methods}
    paths |= {route.path for route in page_routes() if "GET" in route.methods}
    paths = {
        re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "nobody"), path)
        for path in paths
        if not path.endswith(ELSEWHERE)
    }
    answers = {}
    async with service.client() as api, browsing(service) as browser:
        for path in sorted(paths):
            answer = await (api if path.startswith("/api") else browser).get(path)
            text = re.sub(r"(csrf\W+value=\W+|csrf-token\W+content=\W+)\w+", r"\1", answer.text)
            text = text.replace(html.escape(service.plugin.storage.url), "STORE")
            # A time of a full minute is shown without its seconds.
            text = re.sub(r"\d+(:\d+)+", "0", text)
            answers[path] = answer.status_code, re.sub(r"[\d.]+", "0", text).replace(service.url, "")
    return answers


async def test_every_page_and_address_answers_on_postgres_as_on_a_file(postgres_url: str, tmp_path: Path) -> None:
    source, target = SqliteStorage(tmp_path / "jobs.sqlite"), PostgresStorage(postgres_url, locks_dir=tmp_path)
    _, ids = await lived_in(source)
    await move_store(source, target)
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
