"""Who gets in: every route with every token, foreign hosts, foreign pages, and addresses that others can reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcron.access import Scope, TokenFile
from agentcron.errors import ConflictError, NotAllowedError
from agentcron.http.guard import OPEN
from agentcron.http.server import check_reach, is_loopback, listen
from agentcron.ports import SystemClock
from tests.http.conftest import JOB, Service

# The least scope of each route; a route that is not here is a route that nobody judged.
NEEDED = {
    ("GET", "/api/v1/jobs"): "read",
    ("POST", "/api/v1/jobs"): "write",
    ("GET", "/api/v1/jobs/{job}"): "read",
    ("PATCH", "/api/v1/jobs/{job}"): "write",
    ("DELETE", "/api/v1/jobs/{job}"): "write",
    ("POST", "/api/v1/jobs/{job}/pause"): "write",
    ("POST", "/api/v1/jobs/{job}/resume"): "write",
    ("POST", "/api/v1/jobs/{job}/cancel"): "write",
    ("POST", "/api/v1/jobs/{job}/run"): "run",
    ("GET", "/api/v1/jobs/{job}/why"): "read",
    ("GET", "/api/v1/executions"): "read",
    ("GET", "/api/v1/executions/{execution}"): "read",
    ("GET", "/api/v1/executions/{execution}/conversation"): "read",
    ("GET", "/api/v1/executions/{execution}/artifacts"): "read",
    ("GET", "/api/v1/executions/{execution}/artifacts/{name}"): "read",
    ("GET", "/api/v1/usage"): "read",
    ("POST", "/api/v1/executions/{execution}/cancel"): "run",
    ("GET", "/api/v1/inbox"): "read",
    ("GET", "/api/v1/inbox/{input}"): "read",
    ("POST", "/api/v1/inbox/{input}"): "run",
    ("GET", "/api/v1/outbox"): "read",
    ("GET", "/api/v1/outbox/{letter}"): "read",
    ("POST", "/api/v1/outbox/{letter}/resend"): "run",
    ("GET", "/api/v1/preview"): "read",
    ("GET", "/api/v1/statistics"): "read",
    ("GET", "/api/v1/agents"): "read",
    ("GET", "/api/v1/nodes"): "read",
    ("GET", "/api/v1/doctor"): "admin",
    ("GET", "/api/v1/events"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
}


def _place(path: str) -> str:
    return (
        path.replace("{job}", "nobody").replace("{execution}", "00").replace("{input}", "zz").replace("{letter}", "zz")
    )


async def test_the_table_names_every_route_that_is_described(service: Service) -> None:
    async with service.client(None) as anybody:
        told = (await anybody.get("/openapi.json")).json()
    routes = {(method.upper(), path) for path, found in told["paths"].items() for method in found}
    assert routes == set(NEEDED)
    assert {path for method, path in NEEDED if NEEDED[method, path] is None} | {"/openapi.json"} == OPEN


async def test_each_route_asks_for_its_scope_before_it_looks_at_anything(service: Service) -> None:
    async with service.client(None) as client:
        for (method, path), needed in NEEDED.items():
            for secret, what in ((None, "is missing"), ("agentcron_wrong", "is unknown or revoked")):
                headers = {"Authorization": f"Bearer {secret}"} if secret else {}
                # The body is no JSON and nobody is there: neither may be told to who is not let in.
                answer = await client.request(method, _place(path), headers=headers, content=b"{")
                if needed is None:
                    assert answer.status_code == 200
                    continue
                assert answer.status_code == 401, (method, path)
                assert what in answer.json()["detail"]
                assert answer.headers["www-authenticate"].startswith("Bearer")
            for scope in Scope:
                if needed is None or (path == "/api/v1/events" and scope.includes(Scope(needed))):
                    continue
                headers = {"Authorization": f"Bearer {service.secrets[scope]}"}
                answer = await client.request(method, _place(path), headers=headers, content=b"{")
                told = (method, path, scope, answer.text)
                assert (answer.status_code == 403) == (not scope.includes(Scope(needed))), told
                assert answer.status_code < 500, told
                assert answer.status_code != 401, told
        assert (await client.get("/api/v1/nowhere")).status_code == 401


async def test_a_revoked_token_is_refused_at_once(service: Service) -> None:
    async with service.client("read") as reader:
        assert (await reader.get("/api/v1/jobs")).status_code == 200
        service.tokens.revoke("read")
        assert (await reader.get("/api/v1/jobs")).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "[::2]:80", "@127.0.0.1"]
)
async def test_a_foreign_name_is_misdirected_even_with_a_token(service: Service, host: str) -> None:
    async with service.client() as client:
        for path in ("/api/v1/jobs", "/healthz", "/openapi.json"):
            assert (await client.get(path, headers={"Host": host})).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8642", "127.0.0.1"])
async def test_the_names_of_this_machine_are_its_own(service: Service, host: str) -> None:
    async with service.client() as client:
        assert (await client.get("/api/v1/jobs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
async def test_a_foreign_page_can_neither_change_nor_listen(service: Service, origin: str) -> None:
    async with service.client(Origin=origin) as client:
        assert (await client.post("/api/v1/jobs", json=JOB)).status_code == 403
        assert (await client.get("/api/v1/events")).status_code == 403
        answer = await client.options("/api/v1/jobs")
        assert "access-control-allow-origin" not in answer.headers
    async with service.client(**{"Sec-Fetch-Site": "cross-site"}) as client:
        assert (await client.post("/api/v1/jobs", json=JOB)).status_code == 403
    async with service.client(Origin=service.url) as client:
        assert (await client.post("/api/v1/jobs", json=JOB)).status_code == 201


async def test_every_answer_bears_the_headers_that_keep_browsers_out(service: Service) -> None:
    async with service.client() as client:
        answers = [
            await client.get("/healthz"),
            await client.get("/nowhere"),
            await client.get("/api/v1/jobs"),
            await client.get("/api/v1/jobs", headers={"Authorization": ""}),
        ]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


async def test_no_route_changes_a_definition_of_an_agent(service: Service) -> None:
    async with service.client() as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await client.request(method, "/api/v1/agents", json={})).status_code == 405
        made = await client.post("/api/v1/jobs", json={**JOB, "agents": {"x": {"kind": "command", "command": ["id"]}}})
        assert made.status_code == 422
        named = await client.post("/api/v1/jobs", json={**JOB, "agent": {"kind": "command", "command": ["id"]}})
        assert named.status_code == 422


async def test_no_route_sets_what_can_run_a_program(service: Service) -> None:
    async with service.client() as client:
        await client.post("/api/v1/jobs", json=JOB)
        for name in ("when_changed", "expect"):
            gate = {name: [{"kind": "command", "command": ["id"]}]}
            assert (await client.post("/api/v1/jobs", json={**JOB, **gate})).status_code == 403
            assert (await client.patch("/api/v1/jobs/report", json=gate)).status_code == 403


async def test_what_fails_inside_is_not_told_outside(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(service.plugin, "get_statistics", fail)
    async with service.client() as client:
        answer = await client.get("/api/v1/statistics")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


async def test_a_damaged_file_of_tokens_lets_nobody_in(service: Service) -> None:
    service.tokens.path.write_text("{}")
    async with service.client() as client:
        assert (await client.get("/api/v1/jobs")).status_code == 503


def test_an_address_that_others_reach_needs_a_token_made_on_purpose(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    for host in ("127.0.0.1", "localhost", "::1", "127.3.4.5"):
        assert is_loopback(host)
        check_reach(host, tokens)
    for host in ("0.0.0.0", "::", "192.168.0.4", "example.org"):
        with pytest.raises(NotAllowedError, match="agentcron token create"):
            check_reach(host, tokens)
    tokens.create("mine", Scope.ADMIN, SystemClock().now())
    check_reach("0.0.0.0", tokens)


def test_a_port_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConflictError, match="choose another --port"):
        listen("127.0.0.1", taken.getsockname()[1])
