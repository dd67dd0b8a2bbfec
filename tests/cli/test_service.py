"""A scheduler that is kept running: the unit that is written, and what the process tells the service manager."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentcron.cli import cli
from agentcron.cli.notify_socket import NotifySocket
from agentcron.cli.service_unit import Unit
from agentcron.errors import ConflictError, NotFoundError
from agentcron.testing import create_test_environment

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    for folder in ("home", "con fig", "work 100%"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "con fig"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USER", "nobody-at-all")
    monkeypatch.chdir(tmp_path / "work 100%")
    return lambda *words: CliRunner().invoke(cli, ["service", *words])


def unit_file(tmp_path: Path) -> Path:
    return tmp_path / "con fig/systemd/user/agentcron.service"


def test_a_unit_is_written_with_what_to_do_next_and_is_gone_after_uninstall(call: Call, tmp_path: Path) -> None:
    path = unit_file(tmp_path)
    told = json.loads(call("install", "--user", "--json").stdout)
    assert told["path"] == str(path)
    assert told["next"][:2] == ["systemctl --user daemon-reload", "systemctl --user enable --now agentcron"]
    assert "loginctl enable-linger nobody-at-all" in told["next"][2]
    assert call("install", "--user").exit_code == 0
    enabled = path.parent / "default.target.wants" / path.name
    enabled.parent.mkdir()
    enabled.symlink_to(path)
    assert "systemctl --user stop agentcron" in call("uninstall", "--user").stdout
    assert not path.exists()
    assert not enabled.is_symlink()
    assert isinstance(call("uninstall", "--user").exception, NotFoundError)


def test_a_dry_run_prints_the_unit_and_writes_nothing(call: Call, tmp_path: Path) -> None:
    printed = call("install", "--user", "--dry-run").stdout
    assert "Type=notify" in printed
    assert not unit_file(tmp_path).exists()
    call("install", "--user")
    assert unit_file(tmp_path).read_text() == printed


def test_a_unit_of_somebody_else_is_left_alone(call: Call, tmp_path: Path) -> None:
    unit_file(tmp_path).parent.mkdir(parents=True)
    unit_file(tmp_path).write_text("[Service]\n")
    for words in (("install",), ("uninstall",)):
        assert isinstance(call(*words, "--user").exception, ConflictError)
        assert unit_file(tmp_path).read_text() == "[Service]\n"


@pytest.mark.parametrize(
    "words", [("install",), ("install", "--user", "--name", "../x"), ("install", "--user", "--port", "1")]
)
def test_what_cannot_be_meant_is_refused(call: Call, words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


def test_the_state_is_told_with_what_runs_the_jobs(call: Call, tmp_path: Path) -> None:
    before = json.loads(call("status", "--user", "--json").stdout)
    assert (before["written"], before["systemd"], before["schedulers"]) == (False, None, [])
    call("install", "--user")
    assert json.loads(call("status", "--user", "--json").stdout)["written"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("words", [(), ("--serve", "--port", "9000", "--store", 'odd "$x" \\ 5%.sqlite')])
def test_systemd_finds_nothing_wrong_with_the_unit(call: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert call("install", "--user", *words).exit_code == 0
    told = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit_file(tmp_path))],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if "agentcron.service" in line]
    assert (told.returncode, ours) == (0, []), told.stderr


def test_the_unit_is_watched_hardened_and_gives_agents_their_grace_time() -> None:
    text = Unit(
        program=["/usr/bin/python3"], folder="/", path="/bin", environment_file="/e", stop_grace=timedelta(minutes=2)
    ).text()
    lines = set(text.splitlines())
    assert {"Type=notify", "WatchdogSec=60", "Restart=on-failure", "KillMode=mixed", "TimeoutStopSec=135"} <= lines
    assert {"NoNewPrivileges=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "UMask=0077"} <= lines


def listening(path: Path) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(path))
    receiver.settimeout(30)
    return receiver


def test_a_started_scheduler_says_that_it_is_ready_lives_and_stops(tmp_path: Path) -> None:
    with listening(tmp_path / "n") as receiver:
        process = subprocess.Popen(
            [sys.executable, "-m", "agentcron", "start", "--store", str(tmp_path / "s.sqlite")],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "150000"},
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert receiver.recv(4096).startswith(b"READY=1\nSTATUS=running the jobs of ")
            assert receiver.recv(4096) == b"WATCHDOG=1"
            assert receiver.recv(4096) == b"WATCHDOG=1"
            process.send_signal(signal.SIGTERM)
            while (told := receiver.recv(4096)) == b"WATCHDOG=1":
                pass
            assert told.startswith(b"STOPPING=1")
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def test_what_agents_run_cannot_speak_to_the_manager_and_without_one_nothing_is_sent(tmp_path: Path) -> None:
    environ: dict[str, Any] = {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "3000000", "PATH": "/bin"}
    notify = NotifySocket(environ)
    assert (environ, notify.ping_every) == ({"PATH": "/bin"}, 1.0)
    notify.ready("nobody listens")
    assert NotifySocket({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).ping_every is None
    assert NotifySocket({}).ping_every is None


async def test_a_scheduler_that_is_held_up_is_known_by_it() -> None:
    async with create_test_environment() as env:
        assert env.plugin.stalled_for is None
        await env.plugin.start_background_execution()
        await env.advance(5)
        assert env.plugin.stalled_for is not None
        assert env.plugin.stalled_for < timedelta(seconds=2)
        stuck = asyncio.Event()
        env.storage.beat = lambda *_: stuck.wait()  # type: ignore[method-assign, assignment, return-value]
        await env.advance(70)
        assert env.plugin.stalled_for > timedelta(seconds=60)
        stuck.set()
