"""What stands in agentcron.toml reaches the jobs and the scheduler of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.delivery.conftest import Receiver


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> Path:
    path = tmp_path / "agentcron.toml"
    path.write_text(
        f"[endpoints.beat]\nkind = 'heartbeat'\nurl = '{receiver.url('/ping')}'\nallow_private = true\n"
        "[endpoints.log]\nkind = 'file'\npath = 'told.jsonl'\n"
    )
    return path


def test_a_job_names_its_heartbeat_and_a_run_by_hand_is_heard(
    agentcron: Command, settings: Path, receiver: Receiver
) -> None:
    made = agentcron("add", "report", "every 1h", "hi", "--agent", "echo", "--heartbeat", "beat", "--json").json
    assert made["heartbeat"] == "beat"
    assert agentcron("run", "report", "--wait").code == 0
    assert [got.path for got in receiver.got] == ["/ping/start", "/ping"]
    assert agentcron("edit", "report", "--heartbeat", "none", "--json").json["heartbeat"] is None
    assert agentcron("run", "report", "--wait").code == 0
    assert len(receiver.got) == 2


def test_a_heartbeat_that_there_is_not_is_refused_in_one_line(agentcron: Command, settings: Path) -> None:
    for name in ("beet", "log"):
        refused = agentcron("add", "report", "every 1h", "hi", "--agent", "echo", "--heartbeat", name)
        assert refused.code == 2
        told = f"agentcron: heartbeat: there is no endpoint '{name}' of kind heartbeat; known are beat\n"
        assert refused.err == told
    assert agentcron("list", "--json").json == []


def test_the_schedulers_own_heartbeat_is_a_setting(
    agentcron: Command, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text("[scheduler]\nheartbeat = 'beet'\n" + settings.read_text())
    assert agentcron("config", "show", "--json").json["scheduler.heartbeat"] == "beet"
    refused = agentcron("start", "--for", "1s")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "scheduler.heartbeat: there is no endpoint 'beet' of kind heartbeat" in refused.err
    monkeypatch.setenv("AGENTCRON_HEARTBEAT", "beat")
    assert agentcron("start", "--for", "10ms").code == 0


def test_an_endpoint_that_cannot_work_stops_the_scheduler_and_not_those_who_read(
    agentcron: Command, settings: Path
) -> None:
    agentcron("add", "report", "every 1h", "hi", "--agent", "echo")
    settings.write_text("[endpoints.ops]\nkind = 'webhook'\nurl = 'https://me:sekret@hooks.example'\n")
    assert agentcron("list").code == agentcron("show", "report").code == 0
    refused = agentcron("start", "--for", "1s")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "endpoints.ops: url: the address holds a user or password; give the credential in headers" in refused.err
    assert "sekret" not in refused.err
