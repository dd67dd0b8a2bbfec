"""A scheduler that dies is noticed from outside, told once, and told again when it is back."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.cli import watch as cli_watch
from agentcron.delivery.watching import Sighting, Watched, looked, message, to_tell, was_told
from agentcron.schedule import format_duration
from tests.cli.conftest import Command
from tests.delivery.conftest import NOW, Receiver

MINUTE = timedelta(minutes=1)
GONE = Sighting(alive=False, told="gone")
HERE = Sighting(alive=True, told="here")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def start() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts schedulers, each a process of its own, and waits until they run."""
    running: list[subprocess.Popen[str]] = []

    def begin(store: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "agentcron", "start", "--store", store]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stderr is not None
        while "Ctrl-C stops" not in (line := process.stderr.readline()):
            assert line, "the scheduler ended before it ran"
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def endpoints(folder: Path, receiver: Receiver) -> None:
    (folder / "agentcron.toml").write_text(
        "[endpoints.ops]\nkind = 'webhook'\nallow_private = true\n"
        f"url = '{receiver.url()}'\n"
        "[endpoints.file]\nkind = 'file'\npath = 'told.jsonl'\n"
    )


def events(receiver: Receiver) -> list[str]:
    return [json.loads(got.body)["type"] for got in receiver.got]


# --- what is decided ----------------------------------------------------------------------------------------------


def test_it_is_lost_after_the_time_and_told_once() -> None:
    state = looked(None, GONE, NOW, 2 * MINUTE)
    assert (state.lost, to_tell(state, False, ["ops"])) == (None, frozenset())
    state = looked(state, GONE, NOW + MINUTE, 2 * MINUTE)
    assert state.lost is None
    state = looked(state, GONE, NOW + 2 * MINUTE, 2 * MINUTE)
    assert (state.lost, to_tell(state, False, ["ops", "boss"])) == (NOW, {"ops", "boss"})
    state = was_told(state, False, "ops")
    state = looked(state, GONE, NOW + 3 * MINUTE, 2 * MINUTE)
    assert to_tell(state, False, ["ops", "boss"]) == {"boss"}


def test_the_last_sign_of_life_counts_and_not_the_first_look() -> None:
    seen = Sighting(alive=False, told="gone", seen=NOW - 3 * MINUTE)
    assert looked(None, seen, NOW, 2 * MINUTE).lost == NOW - 3 * MINUTE
    assert looked(Watched(since=NOW - MINUTE), seen, NOW, 2 * MINUTE).lost is None
    later = Sighting(alive=False, told="gone", seen=NOW)
    assert looked(Watched(since=NOW - 5 * MINUTE), later, NOW + MINUTE, 2 * MINUTE).lost is None


def test_only_who_was_told_of_the_loss_is_told_of_the_return() -> None:
    state = was_told(looked(Watched(since=NOW), GONE, NOW + 2 * MINUTE, 2 * MINUTE), False, "ops")
    state = looked(state, HERE, NOW + 3 * MINUTE, 2 * MINUTE)
    assert to_tell(state, True, ["ops", "boss"]) == {"ops"}
    state = was_told(state, True, "ops")
    assert state == Watched(since=NOW + 3 * MINUTE)
    # An outage of which nobody heard ends as quietly.
    state = looked(looked(Watched(since=NOW), GONE, NOW + 2 * MINUTE, MINUTE), HERE, NOW + 3 * MINUTE, MINUTE)
    assert state == Watched(since=NOW + 3 * MINUTE)


def test_each_outage_has_ids_of_its_own_that_stay_over_every_try() -> None:
    first = looked(Watched(since=NOW), GONE, NOW + 2 * MINUTE, MINUTE)
    again = looked(first, GONE, NOW + 3 * MINUTE, MINUTE)
    assert message(first, GONE, "x", "h", NOW).id == message(again, GONE, "x", "h", NOW + MINUTE).id
    back = looked(was_told(again, False, "ops"), HERE, NOW + 4 * MINUTE, MINUTE)
    later = looked(back, HERE, NOW + 5 * MINUTE, MINUTE)
    assert message(back, HERE, "x", "h", NOW).id == message(later, HERE, "x", "h", NOW).id
    second = looked(was_told(back, True, "ops"), GONE, NOW + 6 * MINUTE, MINUTE)
    assert len({message(one, GONE, "x", "h", NOW).id for one in (first, second)}) == 2
    assert message(first, GONE, "x", "h", NOW).id != message(back, HERE, "x", "h", NOW).id


# --- the command --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "folder"])
def test_a_killed_scheduler_is_told_once_and_so_is_the_next_one(
    agentcron: Command,
    tmp_path: Path,
    receiver: Receiver,
    start: Callable[[str], subprocess.Popen[str]],
    kind: str,
) -> None:
    store = {"sqlite": f"sqlite:///{tmp_path / 'jobs.sqlite'}", "folder": f"fs:{tmp_path / 'jobs'}"}[kind]
    the_life_of_a_scheduler(agentcron, tmp_path, receiver, start, store)


def test_the_same_holds_on_postgres(
    agentcron: Command,
    tmp_path: Path,
    receiver: Receiver,
    start: Callable[[str], subprocess.Popen[str]],
    postgres_url: str,
) -> None:
    the_life_of_a_scheduler(agentcron, tmp_path, receiver, start, postgres_url)


def the_life_of_a_scheduler(
    agentcron: Command,
    folder: Path,
    receiver: Receiver,
    start: Callable[[str], subprocess.Popen[str]],
    store: str,
) -> None:
    endpoints(folder, receiver)

    def look(after: str = "0s") -> Any:
        return agentcron("watch", "--once", "--to", "ops", "--to", "file", "--after", after, "--store", store)

    first = start(store)
    assert (look().code, events(receiver)) == (0, [])
    first.kill()
    first.wait()
    unseen = look("1h")
    assert (unseen.code, events(receiver)) == (0, [])
    assert unseen.out.startswith("unseen: ")
    lost = look()
    assert (lost.code, events(receiver)) == (1, ["failure"])
    assert "is gone, last seen at" in lost.out
    assert f"pid {first.pid}" in json.loads(receiver.got[0].body)["data"]["text"]
    assert (look().code, events(receiver)) == (1, ["failure"])
    second = start(store)
    assert (look().code, events(receiver)) == (0, ["failure", "recovered"])
    assert (look().code, events(receiver)) == (0, ["failure", "recovered"])
    assert [json.loads(line)["type"] for line in (folder / "told.jsonl").read_text().splitlines()] == events(receiver)
    second.terminate()
    second.wait()
    stopped = look()
    assert (stopped.code, events(receiver)) == (1, ["failure", "recovered", "failure"])
    assert "was stopped at" in stopped.out
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 3


def test_an_endpoint_that_did_not_take_it_is_told_at_the_next_look(
    agentcron: Command, tmp_path: Path, receiver: Receiver
) -> None:
    endpoints(tmp_path, receiver)
    receiver.answers = [(503, {})]
    words = ("watch", "--once", "--to", "ops", "--to", "file", "--after", "0s")
    failed = agentcron(*words)
    assert failed.code == 1
    assert "ops could not be told, and is at the next look: answers 503 Service Unavailable" in failed.err
    assert agentcron(*words).code == 1
    assert agentcron(*words).code == 1
    assert len(receiver.got) == 2
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
    assert len((tmp_path / "told.jsonl").read_text().splitlines()) == 1


def test_what_cannot_be_seen_is_lost_and_nothing_is_made(agentcron: Command, tmp_path: Path) -> None:
    for store in ("sqlite:///none/jobs.sqlite", "fs:none", "postgresql://me@127.0.0.1:9/none"):
        words = ("watch", "--once", "--store", store, "--after")
        assert agentcron(*words, "1h").code == 0
        lost = agentcron(*words, "0s")
        assert lost.code == 1
        assert "there is no store at" in lost.out or "the store cannot be read" in lost.out
    assert not (tmp_path / "none").exists()


def test_a_server_that_is_not_ready_is_lost(agentcron: Command, receiver: Receiver) -> None:
    receiver.answers = [(200, {}), (503, {}), (503, {}), (200, {})]
    words = ("watch", "--once", "--after", "0s", "--url", receiver.url("/readyz"), "--json")
    looks = [agentcron(*words) for _ in range(4)]
    assert [look.json["state"] for look in looks] == ["seen", "lost", "lost", "seen"]
    assert [look.code for look in looks] == [0, 1, 1, 0]
    assert looks[1].json["found"].endswith("/readyz: answers 503 Service Unavailable")


def test_what_was_told_is_kept_for_its_owner_alone(agentcron: Command, tmp_path: Path) -> None:
    agentcron("watch", "--once")
    [kept] = (tmp_path / "state" / "agentcron").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text("{torn")
    assert agentcron("watch", "--once").code == 0
    assert agentcron("watch", "--once", "--state", str(tmp_path / "here.json")).code == 0
    assert json.loads((tmp_path / "here.json").read_text())["told"] == []
    (tmp_path / "file").write_text("")
    assert "name another file with --state" in agentcron("watch", "--once", "--state", "file/x.json").err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--to", "opps"], 3, "endpoint 'opps' is unknown; known are file, ops"),
        (["--after", "soon"], 2, "soon"),
        (["--url", "ftp://x"], 2, "--url: the address must begin with https:// or http://"),
    ],
)
def test_what_is_no_watch_is_refused_in_one_line(
    agentcron: Command, tmp_path: Path, receiver: Receiver, words: list[str], code: int, told: str
) -> None:
    endpoints(tmp_path, receiver)
    refused = agentcron("watch", "--once", *words)
    assert refused.code == code
    assert told in refused.err
    assert refused.err.count("\n") == 1


def test_one_that_goes_on_tells_the_same_and_ends_by_a_signal(
    tmp_path: Path, receiver: Receiver, start: Callable[[str], subprocess.Popen[str]]
) -> None:
    endpoints(tmp_path, receiver)
    store = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    start(store).kill()
    words = [sys.executable, "-m", "agentcron", "watch", "--to", "ops", "--after", "0s", "--every", "20ms"]
    watching = subprocess.Popen(
        [*words, "--store", store], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    receiver.wait(1)
    start(store)
    receiver.wait(2)
    watching.send_signal(signal.SIGTERM)
    out, err = watching.communicate(timeout=60)
    assert (watching.returncode, events(receiver)) == (0, ["failure", "recovered"])
    assert [line.partition(":")[0] for line in out.splitlines()] == ["lost", "seen"]
    assert err.count("ops was told: agentcron: the scheduler ") == 2


def test_it_loads_neither_the_scheduler_nor_a_service(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from agentcron.cli import run\n"
        "run(['watch', '--once', '--store', 'jobs.sqlite'])\n"
        "big = {'agentcron.plugin', 'agentcron.engine.scheduler', 'pydantic', 'fastapi', 'apprise', 'rich'}\n"
        "print(sorted(big & set(sys.modules)))\n"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_defaults_are_those_of_the_help() -> None:
    options = {one.name: one.default for one in cli_watch.watch_command.params}
    assert (options["after"], options["every"]) == (format_duration(2 * MINUTE), "15s")
