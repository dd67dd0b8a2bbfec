"""A model schedules through MCP: over stdio as the user, over HTTP as far as its token goes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin
from agentcron.agents.processes import MARK, UNNAMED
from agentcron.ports import RunContext
from tests.http.conftest import Service, serving

# The scope of each tool, and arguments that it takes.
TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "preview_schedule": ("read", {"schedule": "0 9 * * *", "timezone": "Europe/Berlin", "count": 2}),
    "list_jobs": ("read", {}),
    "get_job": ("read", {"job": "report"}),
    "list_executions": ("read", {"job": "report"}),
    "get_execution": ("read", {"execution": "00"}),
    "why": ("read", {"job": "report", "at": "2030-01-01T09:00"}),
    "create_job": ("write", {"name": "report", "schedule": "0 9 * * *", "prompt": "p", "agent": "echo"}),
    "update_job": ("write", {"job": "report", "prompt": "q"}),
    "pause_job": ("write", {"job": "report"}),
    "resume_job": ("write", {"job": "report"}),
    "run_job_now": ("run", {"job": "report"}),
    "cancel_job": ("write", {"job": "report"}),
    "delete_job": ("write", {"job": "report"}),
}
ORDER = ("read", "run", "write", "admin")


@asynccontextmanager
async def _client(service: Service, scope: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {service.secrets[scope]}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http)) as client,
    ):
        yield client


async def _live(client: Client) -> None:
    """A job is previewed, made, changed, run, explained, refused and deleted."""
    preview = await client.call_tool("preview_schedule", TOOLS["preview_schedule"][1])
    assert not preview.is_error
    assert [slot[10:19] for slot in preview.structured_content["next_runs"]] == ["T09:00:00"] * 2
    made = (await client.call_tool("create_job", TOOLS["create_job"][1])).structured_content
    assert (made["name"], made["status"], len(made["next_runs"])) == ("report", "WAITING", 3)
    changed = (await client.call_tool("update_job", {"job": "report", "schedule": "every 2h"})).structured_content
    assert (changed["id"], changed["schedule"]) == (made["id"], "every 2 hours")
    run = (await client.call_tool("run_job_now", {"job": made["id"]})).structured_content
    read = (await client.call_tool("get_execution", {"execution": run["id"]})).structured_content
    assert (read["id"], read["job_id"]) == (run["id"], made["id"])
    told = (await client.call_tool("why", {"job": "report", "at": "2020-01-01T09:00"})).structured_content
    assert told["sentence"]
    for tool, arguments, words in (
        ("create_job", {"name": "x", "schedule": "61 * * * *", "prompt": "p"}, "minute: 61 is out of range"),
        ("get_job", {"job": "nobody"}, "'nobody' is unknown"),
        ("get_execution", {"execution": "zz"}, "list_executions shows them"),
        ("update_job", {"job": "report"}, "nothing to change"),
        ("list_jobs", {"status": "SLEEPY"}, "status"),
    ):
        refused = await client.call_tool(tool, arguments)
        assert refused.is_error, tool
        assert words in refused.content[0].text
    refused = await client.call_tool("delete_job", {"job": "report"})
    assert "its runs still count; cancel it instead" in refused.content[0].text
    assert not (await client.call_tool("cancel_job", {"job": "report"})).is_error
    spare = {**TOOLS["create_job"][1], "name": "spare", "key": "k"}
    made = (await client.call_tool("create_job", spare)).structured_content
    assert (await client.call_tool("create_job", spare)).structured_content == made
    gone = (await client.call_tool("delete_job", {"job": "spare"})).structured_content
    assert gone == {"id": made["id"], "name": "spare", "deleted": True}


async def test_a_model_schedules_over_stdio(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agentcron", "mcp", "--store", str(tmp_path / "jobs.sqlite")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    async with Client(stdio_client(server)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(TOOLS)
        await _live(client)


async def test_over_stdio_nothing_is_scheduled_for_a_run_that_is_not_known(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agentcron", "mcp", "--store", str(tmp_path / "jobs.sqlite")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), MARK: UNNAMED},
        cwd=tmp_path,
    )
    async with Client(stdio_client(server)) as client:
        refused = await client.call_tool("create_job", TOOLS["create_job"][1])
    assert "give that agent background_jobs_toolset instead" in refused.content[0].text


@pytest.mark.parametrize("may_schedule", [True, False])
async def test_over_stdio_in_a_run_a_model_goes_no_further_than_the_run_may(tmp_path: Path, may_schedule: bool) -> None:
    store = tmp_path / "jobs.sqlite"
    (tmp_path / "agentcron.toml").write_text('[agents.narrow]\nkind = "echo"\n[agents.wide]\nkind = "echo"\n')
    told: dict[str, Any] = {}

    async def work(prompt: str, context: RunContext) -> str:
        # As some agents do, the one between hands nothing of its own environment on.
        server = StdioServerParameters(
            command="sh",
            args=[
                "-c",
                f'env -u {MARK} "$@"; true',
                "sh",
                sys.executable,
                "-m",
                "agentcron",
                "mcp",
                "--store",
                str(store),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), MARK: context.execution_id},
            cwd=tmp_path,
        )
        async with Client(stdio_client(server)) as client:
            for tool, arguments in (
                ("list_jobs", {}),
                ("get_job", {"job": "precious"}),
                ("update_job", {"job": "precious", "prompt": "q"}),
                ("list_executions", {}),
                ("get_execution", {"execution": context.execution_id}),
                ("create_job", {"name": "mine", "schedule": "0 9 * * *", "prompt": "p", "agent": "wide"}),
                ("create_job", {"name": "mine", "schedule": "0 9 * * *", "prompt": "p"}),
            ):
                answer = await client.call_tool(tool, arguments)
                told.setdefault(tool, answer.content[0].text if answer.content else "")
        return "done"

    definitions = {"narrow": {"kind": "python", "callable": work}, "wide": {"kind": "python", "callable": work}}
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=AgentFactoryPlugin(definitions=definitions))
    maker = await plugin.create_job("maker", "0 9 * * *", "go", agent="narrow", may_schedule=may_schedule)
    await plugin.create_job("precious", "0 9 * * *", "p", agent="wide")
    run = await plugin.run_here(await plugin.run_job_now(maker))
    jobs = {job.name: job for job in await plugin.get_jobs()}
    await plugin.close()
    assert (run.status, jobs["precious"].prompt) == ("SUCCESS", "p")
    if not may_schedule:
        assert set(jobs) == {"maker", "precious"}
        assert all("the scheduling tools are off in runs of the job 'maker'" in text for text in told.values())
        return
    assert (jobs["mine"].agent, jobs["mine"].made_by) == ("narrow", f"job:{maker}/{run.id}")
    for tool in ("get_job", "update_job", "get_execution"):
        assert "was not made by this job's runs" in told[tool]
    assert "name the job" in told["list_executions"]
    assert "they are narrow" in told["create_job"]


async def test_a_model_schedules_over_http_with_a_token(service: Service) -> None:
    async with _client(service, "write") as client:
        await _live(client)
        await client.call_tool("create_job", {**TOOLS["create_job"][1], "name": "another"})
    assert (await service.plugin.find_job("another")).made_by == "agent:write"


async def test_each_tool_asks_for_its_scope(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        for scope in ORDER:
            async with _client(service, scope) as client:
                for tool, (needed, arguments) in TOOLS.items():
                    answer = await client.call_tool(tool, arguments)
                    text = answer.content[0].text if answer.content else ""
                    allowed = ORDER.index(scope) >= ORDER.index(needed)
                    assert (f"has scope {scope}; this tool needs {needed}" in text) == (not allowed), (
                        tool,
                        scope,
                        text,
                    )


@pytest.mark.parametrize("secret", [None, "agentcron_wrong"])
async def test_nobody_gets_to_the_tools_without_a_token(service: Service, secret: str | None) -> None:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with service.client(None, **headers) as client:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert (await client.post("/mcp", json=call)).status_code == 401
    async with service.client(Origin="http://evil.example") as client:
        assert (await client.post("/mcp", json=call)).status_code == 403
    async with service.client(Host="evil.example") as client:
        assert (await client.post("/mcp", json=call)).status_code == 421


@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": "2026-07-28"}])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_stream_that_could_carry_nothing_is_refused(
    service: Service, method: str, headers: dict[str, str]
) -> None:
    async with service.client("read", Accept="text/event-stream", **headers) as client:
        answer = await asyncio.wait_for(client.request(method, "/mcp"), 10)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_nobody_subscribes_to_tools_that_never_change(service: Service) -> None:
    version = "2026-07-28"
    named = {"MCP-Protocol-Version": version, "MCP-Method": "subscriptions/listen"}
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": True}, "_meta": meta},
    }
    async with service.client("read", Accept="application/json, text/event-stream", **named) as client:
        answer = await asyncio.wait_for(client.post("/mcp", json=call), 10)
    assert "Method not found" in answer.text
