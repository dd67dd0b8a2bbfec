"""``agentcron serve`` is one process: jobs run, HTTP answers, and Ctrl-C ends both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


def _serve(
    folder: Path, *words: str, program: tuple[str, ...] = ("-m", "agentcron"), zone: str = "UTC"
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    process = subprocess.Popen(
        [sys.executable, *program, "serve", "--port", "0", "--json", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder), "TZ": zone},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = ""
    for line in process.stdout:
        lines += line
        if line.startswith("}"):
            return process, json.loads(lines)
    raise AssertionError(process.communicate()[1])


def test_a_newcomer_gets_from_serve_to_a_run(tmp_path: Path) -> None:
    process, told = _serve(tmp_path)
    try:
        with httpx.Client(base_url=told["url"], headers={"Authorization": f"Bearer {told['token']}"}) as client:
            job = {"name": "a", "every": "1h", "prompt": "Hello", "agent": "echo"}
            assert client.post("/api/v1/jobs", json=job).status_code == 201
            run = client.post("/api/v1/jobs/a/run").json()
            with client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "x"}, timeout=60) as events:
                # What happened before the stream began is read; from then on the stream tells.
                if client.get(f"/api/v1/executions/{run['id']}").json()["status"] != "SUCCESS":
                    assert any('"SUCCESS"' in line for line in events.iter_lines())
            assert client.get("/readyz").json() == {"status": "ok"}
            found = client.get("/api/v1/doctor", timeout=60).json()
            assert {"check": "scheduler", "verdict": "ok"}.items() <= next(
                row for row in found if row["check"] == "scheduler"
            ).items()
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, talk
    assert talk.count(told["token"]) == 1
    assert told["token"] not in "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.json"))


@pytest.mark.parametrize(("settings", "zone"), [("", "UTC"), ("[scheduler]\ntimezone = 'Asia/Tokyo'\n", "Asia/Tokyo")])
def test_a_job_over_http_that_names_no_zone_is_not_read_in_the_machines(
    tmp_path: Path, settings: str, zone: str
) -> None:
    (tmp_path / "agentcron.toml").write_text(settings)
    process, told = _serve(tmp_path, zone="Europe/Berlin")
    try:
        headers = {"Authorization": f"Bearer {told['token']}"}
        job = {"name": "a", "cron_expression": "0 9 * * *", "prompt": "Hello", "agent": "echo"}
        assert httpx.post(f"{told['url']}/api/v1/jobs", json=job, headers=headers).json()["timezone"] == zone
        process.send_signal(signal.SIGTERM)
        assert f"zone {zone};" in process.communicate(timeout=60)[1]
    finally:
        process.kill()


def test_the_second_start_shows_no_token_and_can_leave_the_scheduler_out(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "agentcron", "token", "create", "--name", "x", "--scope", "read", "--json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    process, told = _serve(tmp_path, "--no-scheduler")
    try:
        assert told["token"] is None
        headers = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
        assert httpx.get(f"{told['url']}/api/v1/jobs", headers=headers).json() == []
        assert httpx.get(f"{told['url']}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def test_others_may_not_reach_it_before_a_token_was_made(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "agentcron", "serve", "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 6
    assert "agentcron token create" in refused.stderr


# ``agentcron`` itself, in which the reading of one job breaks.
_BROKEN = """
from agentcron.cli import cli
from agentcron.plugin import BackgroundJobsPlugin

async def broken(*_, **__):
    raise RuntimeError("boom")

BackgroundJobsPlugin.find_job = broken
cli(prog_name="agentcron")
"""


def test_each_line_of_the_log_is_json_also_where_the_server_breaks_and_stops_with_a_client_of_its_tools(
    tmp_path: Path,
) -> None:
    (tmp_path / "agentcron.toml").write_text('[scheduler]\nlog_format = "json"\n')
    process, told = _serve(tmp_path, program=("-c", _BROKEN))
    headers = {"Authorization": f"Bearer {told['token']}", "Accept": "application/json, text/event-stream"}
    try:
        assert httpx.get(f"{told['url']}/api/v1/jobs/a", headers=headers).status_code == 500
        call = {"name": "get_job", "arguments": {"job": "a"}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        assert httpx.post(f"{told['url']}/mcp", headers=headers, json=request).json()["result"]["isError"]
        with httpx.stream("GET", f"{told['url']}/mcp", headers=headers, timeout=30):
            process.send_signal(signal.SIGINT)
            _, talk = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in talk.splitlines()]
    errors = {line["logger"]: line for line in lines if line["level"] == "ERROR"}
    assert errors["agentcron"]["message"] == "GET /api/v1/jobs/a: unexpected RuntimeError('boom')"
    assert "RuntimeError: boom" in errors["uvicorn.error"]["error"]
    assert [name.split(".")[0] for name in sorted(errors)] == ["agentcron", "mcp", "uvicorn"], lines
