"""Jobs and executions are seen and steered over HTTP, in the words of the command."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx

from agentcron.wire import execution_object, explanation_object, job_object, statistics_object
from tests.http.conftest import JOB, Service, serving

JOBS = "/api/v1/jobs"


async def test_fields_have_the_names_that_they_have_in_python(api: httpx.AsyncClient, service: Service) -> None:
    job = (await api.post(JOBS, json=JOB)).json()
    found = await service.plugin.find_job("report")
    assert {name for name in job if not hasattr(found, name)} == {"description", "next_runs"}
    run = (await api.post(f"{JOBS}/report/run")).json()
    execution = await service.plugin.get_execution(run["id"])
    assert {name for name in run if not hasattr(execution, name)} == {"job_name", "gate"}
    told, figures = (await api.get("/api/v1/statistics")).json(), await service.plugin.get_statistics()
    assert [name for name in told if not hasattr(figures, name)] == []


async def test_a_job_lives_its_life(api: httpx.AsyncClient, service: Service) -> None:
    made = await api.post(JOBS, json=JOB)
    assert made.status_code == 201
    job = made.json()
    assert made.headers["location"] == f"{JOBS}/{job['id']}"
    found = await service.plugin.find_job("report")
    assert job == job_object(found, service.plugin.upcoming(found, 3))
    assert (await api.get(made.headers["location"])).json() == job
    assert (await api.get(f"{JOBS}/report")).json() == job
    changed = await api.patch(f"{JOBS}/report", json={"prompt": "Write more", "timeout": "5m"})
    assert (changed.json()["prompt"], changed.json()["timeout"], changed.json()["version"]) == ("Write more", "5m", 2)
    assert [(await api.post(f"{JOBS}/report/{verb}")).json()["status"] for verb in ("pause", "resume", "cancel")] == [
        "PAUSED",
        "WAITING",
        "CANCELED",
    ]
    over = await api.post(f"{JOBS}/report/resume")
    assert (over.status_code, over.json()["detail"]) == (409, "job 'report' is CANCELED; it cannot be resumed")
    deleted = await api.delete(f"{JOBS}/report")
    assert deleted.json() == {"id": job["id"], "name": "report", "deleted": True}
    gone = await api.get(f"{JOBS}/report")
    assert (gone.status_code, gone.json()["status"]) == (404, 404)
    assert "was deleted at" in gone.json()["detail"]


async def test_a_run_is_asked_for_read_and_explained(tmp_path: Path) -> None:
    async with serving(tmp_path, scheduling=True) as service, service.client() as api:
        await api.post(JOBS, json=JOB)
        queued = await api.post(f"{JOBS}/report/run")
        assert queued.status_code == 202
        run = await service.plugin.wait_for_execution(queued.json()["id"])
        read = await api.get(queued.headers["location"])
        assert read.json() == execution_object(run, "report")
        assert read.json()["status"] == "SUCCESS"
        talk = (await api.get(f"/api/v1/executions/{run.id}/conversation")).json()
        assert [(said["role"], said["text"]) for said in talk] == [("user", "Write it"), ("assistant", run.result)]
        again = await api.post(f"/api/v1/executions/{run.id}/cancel")
        assert (again.status_code, "has ended: SUCCESS" in again.json()["detail"]) == (409, True)
        assert (await api.get("/api/v1/executions", params={"job": "report"})).json() == [read.json()]
        job = await service.plugin.find_job("report")
        at = "2020-01-01T09:00:00+00:00"
        told = explanation_object(await service.plugin.explain(job.id, job.created.fromisoformat(at)), job)
        assert (await api.get(f"{JOBS}/report/why", params={"at": at})).json() == told
        assert (await api.get("/api/v1/statistics")).json() == statistics_object(await service.plugin.get_statistics())
        assert (await api.get("/readyz")).json() == {"status": "ok"}
        figures = (await api.get("/metrics")).text
        assert f'agentcron_runs_total{{job="{job.id}",status="SUCCESS",trigger="manual"}} 1.0' in figures
        assert 'agentcron_jobs{state="WAITING"} 1.0' in figures


async def test_a_waiting_run_is_canceled(api: httpx.AsyncClient) -> None:
    await api.post(JOBS, json=JOB)
    queued = (await api.post(f"{JOBS}/report/run")).json()
    ended = (await api.post(f"/api/v1/executions/{queued['id']}/cancel")).json()
    assert (ended["status"], ended["reason"]) == ("SKIPPED", "canceled")
    assert (await api.get("/api/v1/executions")).json() == []
    assert len((await api.get("/api/v1/executions", params={"include_skipped": "true"})).json()) == 1


async def test_lists_are_read_page_by_page_through_their_link(api: httpx.AsyncClient) -> None:
    for number in range(5):
        await api.post(JOBS, json={**JOB, "name": f"job {number}", "tags": ["even" if number % 2 == 0 else "odd"]})
    names, path = [], f"{JOBS}?limit=2&tag=even"
    while path:
        page = await api.get(path)
        names += [job["name"] for job in page.json()]
        path = page.links.get("next", {}).get("url", "")
    assert names == ["job 0", "job 2", "job 4"]
    for _ in range(3):
        await api.post(f"{JOBS}/job 1/run")
    ids, path = [], "/api/v1/executions?limit=2&job=job+1"
    while path:
        page = await api.get(path)
        ids += [run["id"] for run in page.json()]
        path = page.links.get("next", {}).get("url", "")
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 3


async def test_a_change_of_what_somebody_else_changed_is_refused(api: httpx.AsyncClient) -> None:
    read = await api.post(JOBS, json=JOB)
    tag = {"If-Match": read.headers["etag"]}
    first = await api.patch(f"{JOBS}/report", json={"prompt": "mine"}, headers=tag)
    assert first.status_code == 200
    assert first.headers["etag"] != read.headers["etag"]
    for call in (
        api.patch(f"{JOBS}/report", json={"prompt": "theirs"}, headers=tag),
        api.post(f"{JOBS}/report/pause", headers=tag),
        api.delete(f"{JOBS}/report", headers=tag),
        api.patch(f"{JOBS}/report", json={"prompt": "x"}, headers={"If-Match": f"W/{first.headers['etag']}"}),
    ):
        refused = await call
        assert (refused.status_code, "read it again" in refused.json()["detail"]) == (412, True)
    either = {"If-Match": f'"0-x", {first.headers["etag"]}'}
    assert (await api.post(f"{JOBS}/report/pause", headers=either)).status_code == 200
    assert (await api.patch(f"{JOBS}/report", json={"prompt": "x"}, headers={"If-Match": "x"})).status_code == 400
    assert (await api.patch(f"{JOBS}/report", json={"prompt": "x"}, headers={"If-Match": "*"})).status_code == 200


async def test_one_key_makes_one_job_also_after_a_restart(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "4711"}
    interval = {"name": "often", "every": "10m", "prompt": "p", "agent": "echo"}
    async with serving(tmp_path) as service, service.client() as api:
        secrets = service.secrets
        made = await api.post(JOBS, json=interval, headers=key)
        assert made.status_code == 201
    async with serving(tmp_path) as service:
        service.secrets.update(secrets)
        async with service.client() as api:
            again = await api.post(JOBS, json=interval, headers=key)
            assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
            other = await api.post(JOBS, json={**interval, "prompt": "q"}, headers=key)
            assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
            assert len((await api.get(JOBS)).json()) == 1
        async with service.client("write") as somebody_else:
            assert (await somebody_else.post(JOBS, json=interval, headers=key)).status_code == 201


async def test_preview_and_agents_tell_before_a_job_is_made(api: httpx.AsyncClient) -> None:
    asked = {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "count": 2, "after": "2030-03-30T12:00"}
    told = (await api.get("/api/v1/preview", params=asked)).json()
    assert told["next_runs"] == ["2030-03-31T03:00:00+02:00", "2030-04-01T02:30:00+02:00"]
    assert told["timezone"] == "Europe/Berlin"
    bad = await api.get("/api/v1/preview", params={"schedule": "0 25 * * *"})
    assert (bad.status_code, bad.headers["content-type"]) == (422, "application/problem+json")
    assert "25" in bad.json()["detail"]
    assert "echo" in [row["name"] for row in (await api.get("/api/v1/agents")).json()]


async def test_every_error_is_a_problem_that_says_what_is_wrong(api: httpx.AsyncClient) -> None:
    long = {**JOB, "prompt": "x" * (5 << 20)}
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    async def chunks() -> object:
        for _ in range(6):
            yield b"x" * (1 << 20)

    cases = (
        (api.get("/nowhere"), 404, "/openapi.json"),
        (api.put(JOBS), 405, "Method Not Allowed"),
        (api.get(f"{JOBS}/nobody"), 404, "'nobody' is unknown"),
        (api.get("/api/v1/executions/00"), 404, "is unknown"),
        (api.get(JOBS, params={"limit": 0}), 422, "limit"),
        (api.get(JOBS, params={"nmae": "x"}), 422, "did you mean name?"),
        (api.get(JOBS, params={"status": "SLEEPY"}), 422, "status"),
        (api.get(JOBS, params={"created_from": "x"}), 422, "is not a time"),
        (api.get(f"{JOBS}?name={'x' * 9000}"), 414, "query"),
        (api.post(JOBS, json=[]), 422, "JSON object"),
        (api.post(JOBS, content=b"{", headers={"Content-Type": "application/json"}), 400, "not JSON"),
        (api.post(JOBS, content=b"[" * 100_000, headers={"Content-Type": "application/json"}), 400, "not JSON"),
        (api.post(JOBS, content=b"{}", headers=form), 415, "application/json"),
        (api.post(JOBS, json=long), 413, "larger than"),
        (api.post(JOBS, content=chunks(), headers={"Content-Type": "application/json"}), 413, "larger than"),
        (api.post(JOBS, json={**JOB, "cron_expression": "61 * * * *"}), 422, "minute"),
        (api.post(JOBS, json={**JOB, "agent": "nobody"}), 422, "nobody"),
        (api.post(JOBS, json={**JOB, "promt": "x"}), 422, "did you mean prompt?"),
        (
            api.post(JOBS, json={"name": "x", "every": "1h", "promt": "x"}),
            422,
            "promt: is not a field of a job; did you",
        ),
        (api.post(JOBS, json={**JOB, "made_by": "agent:x"}), 422, "not a field"),
        (api.post(JOBS, json={"name": "x"}), 422, "prompt: is missing"),
        (api.post(JOBS, json=JOB, headers={"Idempotency-Key": "x" * 300}), 400, "Idempotency-Key"),
    )
    for call, status, words in cases:
        answer = await call
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert set(told) - {"field"} == {"type", "title", "status", "detail"}
        assert told["status"] == status
        assert words in told["detail"]
    assert (await api.get(JOBS)).json() == []


async def test_what_no_utf8_has_is_refused_and_told(api: httpx.AsyncClient) -> None:
    for field, value in (("metadata", {"half": "\ud800"}), ("agent", "\ud800"), ("tags", ["\ud800"])):
        half = json.dumps({**JOB, field: value})
        answer = await api.post(JOBS, content=half, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text


async def test_what_a_run_left_can_be_fetched_by_itself_and_is_never_shown_as_a_page(tmp_path: Path) -> None:
    async with serving(tmp_path, scheduling=True) as service, service.client() as api:
        job = (await api.post(JOBS, json={**JOB, "prompt": "<script>1</script>é"})).json()
        run = (await api.post(f"{JOBS}/{job['id']}/run")).json()
        await service.plugin.wait_for_execution(run["id"], timedelta(milliseconds=10))
        listed = (await api.get(f"/api/v1/executions/{run['id']}/artifacts")).json()
        assert [one["name"] for one in listed] == ["prompt", "result", "conversation"]
        for one in listed:
            fetched = await api.get(one["href"])
            assert len(fetched.content) == one["bytes"]
            assert fetched.headers["content-type"] == one["media_type"]
            assert fetched.headers["content-disposition"].startswith("attachment")
            assert fetched.headers["x-content-type-options"] == "nosniff"
        assert (await api.get(listed[0]["href"])).text == "<script>1</script>é"
        missing = await api.get(f"/api/v1/executions/{run['id']}/artifacts/passwd")
        assert (missing.status_code, "has no artifact 'passwd'" in missing.json()["detail"]) == (404, True)


async def test_usage_is_told_by_what_is_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path, scheduling=True) as service, service.client() as api:
        job = (await api.post(JOBS, json={**JOB, "tags": ["bills"]})).json()
        run = (await api.post(f"{JOBS}/{job['id']}/run")).json()
        await service.plugin.wait_for_execution(run["id"], timedelta(milliseconds=10))
        [line] = (await api.get("/api/v1/usage", params={"by": "tag", "days": 1})).json()
        assert (line["key"], line["runs"]) == ("bills", 1)
        refused = await api.get("/api/v1/usage", params={"by": "moon"})
        assert (refused.status_code, refused.json()["field"]) == (422, "by")
