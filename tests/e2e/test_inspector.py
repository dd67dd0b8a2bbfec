"""A client that nobody here wrote, the inspector of the protocol's makers, schedules over stdio and over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.served import INSTALLED, Server

INSPECTOR = INSTALLED / "node_modules" / ".bin" / "mcp-inspector-cli"


def inspect(where: list[str], method: str, *options: str, fails: str = "") -> dict[str, Any]:
    """What the inspector prints; with ``fails`` it must end with an error that holds this text."""
    assert INSPECTOR.exists(), "no inspector; 'make test-e2e' installs it with npm"
    done = subprocess.run(
        [str(INSPECTOR), "--cli", *where, "--method", method, *options], capture_output=True, text=True, timeout=60
    )
    if fails:
        assert done.returncode != 0
        assert fails in done.stderr
        return {}
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def call(where: list[str], tool: str, *arguments: str) -> dict[str, Any]:
    """What a tool answers."""
    told = inspect(where, "tools/call", "--tool-name", tool, "--tool-arg", *arguments)
    assert not told.get("isError"), told
    found: dict[str, Any] = told["structuredContent"]
    return found


def schedules(where: list[str]) -> None:
    """Look at the tools, make a job, run it, and read what became of it."""
    tools = {tool["name"] for tool in inspect(where, "tools/list")["tools"]}
    assert {"preview_schedule", "create_job", "run_job_now", "get_execution", "why", "delete_job"} <= tools
    made = call(
        where, "create_job", "name=inspected", "schedule=0 9 * * *", "prompt=Look", "agent=echo",
        "timezone=Europe/Berlin",
    )  # fmt: skip
    assert (made["name"], made["status"], len(made["next_runs"])) == ("inspected", "WAITING", 3)
    run = call(where, "run_job_now", f"job={made['id']}")
    assert call(where, "get_execution", f"execution={run['id']}")["job_id"] == made["id"]


def test_it_schedules_over_stdio_as_the_user(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("agentcron"))
    schedules([program, "mcp", "--store", f"sqlite:///{tmp_path}/store.sqlite"])


def test_it_schedules_over_http_as_far_as_its_token_goes(server: Server) -> None:
    place = [f"{server.url}/mcp", "--transport", "http"]
    schedules([*place, "--header", f"Authorization: Bearer {server.token}"])
    inspect(place, "tools/list", fails="401")
    with server.api() as api:
        before = len(api.get("/jobs").json())
    reader = subprocess.run(
        [sys.executable, "-m", "agentcron", "token", "create", "--name", "reader", "--scope", "read", "--json"],
        cwd=server.folder, env=server.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    may_read = [*place, "--header", f"Authorization: Bearer {json.loads(reader.stdout)['token']}"]
    told = inspect(may_read, "tools/call", "--tool-name", "delete_job", "--tool-arg", "job=inspected")
    assert told["isError"]
    assert "scope" in json.dumps(told)
    with server.api() as api:
        assert len(api.get("/jobs").json()) == before
