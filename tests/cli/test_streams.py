"""Odd input and odd streams: one line, the right exit code, and JSON that a reader takes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents import local_model
from agentcron.cli.words import first_line
from agentcron.domain.plain_text import plain
from agentcron.errors import AgentError
from agentcron.machine_zone import machine_zone

from .conftest import Command


def call(folder: Path, *words: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "UTC", **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "agentcron", *words],
        cwd=folder, env=environ, stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, check=False,
        timeout=60, **options,
    )  # fmt: skip


def one_line(text: str | bytes) -> str:
    told = text.decode() if isinstance(text, bytes) else text
    assert len(told.splitlines()) == 1, told
    assert told.startswith("agentcron: ")
    assert "Traceback" not in told
    return told


def test_no_command_shows_the_help_and_is_a_usage_error(agentcron: Command) -> None:
    for words in ([], ["config"]):
        done = agentcron(*words)
        assert (done.code, done.out) == (2, "")
        assert len(done.err.splitlines()) > 5


def test_an_option_before_the_command_says_where_it_belongs(agentcron: Command) -> None:
    done = agentcron("--json", "list")
    assert (done.code, "options come after the command" in one_line(done.err)) == (2, True)


def test_an_unexpected_error_is_one_line_and_debug_shows_where(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("boom\nbang")

    monkeypatch.setattr("agentcron.cli.jobs.job_object", broken)
    agentcron("add", "a", "@daily", "x", "--agent", "echo")
    done = agentcron("list")
    assert (done.code, "RuntimeError: boom bang; add --debug" in one_line(done.err)) == (1, True)
    assert "Traceback" in agentcron("list", "--debug").err


def test_a_prompt_from_standard_input_may_begin_with_a_byte_order_mark(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfHi \xc3\xbc\n")))
    made = agentcron("add", "x", "@daily", "--prompt-file", "-", "--agent", "echo", "--json").json
    assert made["prompt"] == "Hi ü\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    done = agentcron("add", "x", "@daily", "--prompt-file", "-", "--agent", "echo")
    assert (done.code, "is not UTF-8 text" in one_line(done.err)) == (2, True)


@pytest.mark.parametrize(("file", "told"), [(".", "Is a directory"), ("/dev/zero", "is longer than 1048576 bytes")])
def test_a_prompt_file_that_is_none_is_told(agentcron: Command, file: str, told: str) -> None:
    done = agentcron("add", "x", "@daily", "--prompt-file", file, "--agent", "echo")
    assert (done.code, told in one_line(done.err)) == (2, True)


@pytest.mark.parametrize("words", [["show", b"\xff"], ["add", "x", "@daily", b"\xff"], ["logs", b"\xff"]])
def test_words_that_are_no_text_are_refused(tmp_path: Path, words: list[Any]) -> None:
    done = call(tmp_path, *words)
    assert (done.returncode, "is not UTF-8 text" in one_line(done.stderr)) == (2, True)


def test_a_stream_that_knows_few_characters_gets_all_the_same(agentcron: Command, tmp_path: Path) -> None:
    agentcron("add", "ü", "@daily", "日本", "--agent", "echo", "--store", "s.sqlite")
    for encoding in ("ascii", "latin1"):
        env = {"PYTHONIOENCODING": encoding}
        done = call(tmp_path, "show", "ü", "--json", "--store", "s.sqlite", env=env)
        assert (json.loads(done.stdout)["name"], json.loads(done.stdout)["prompt"]) == ("ü", "日本")
        assert call(tmp_path, "show", "ü", "--store", "s.sqlite", env=env).returncode == 0
        assert call(tmp_path, "show", "日", "--store", "s.sqlite", env=env).returncode == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")
def test_a_full_disk_and_a_closed_stream_are_no_traceback(tmp_path: Path) -> None:
    for words in (["list"], ["list", "--json"], ["next", "@daily", "--count", "1000"]):
        with open("/dev/full", "wb") as full:
            done = call(tmp_path, *words, stdout=full)
        assert (done.returncode, "standard output: No space left" in one_line(done.stderr)) == (5, True)
    closed = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m agentcron list >&-', sys.executable],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_a_reader_that_has_gone_is_silence_and_changes_no_exit_code(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text("[agents.bad]\nkind = 'command'\ncommand = ['false']\n")
    agentcron("add", "fails", "@daily", "x", "--agent", "bad")
    for words, code in ((["list"], 0), (["list", "--json"], 0), (["run", "fails"], 1), (["run", "fails", "--json"], 1)):
        read, write = os.pipe()
        os.close(read)
        done = call(tmp_path, *words, stdout=write)
        os.close(write)
        told = done.stderr.decode().replace("no scheduler is running on this store; running here\n", "")
        assert (done.returncode, told) == (code, ""), words


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", 'rmdir "$PWD" && exec "$0" -m agentcron list', sys.executable],
        cwd=gone, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "working folder cannot be used" in one_line(done.stderr)) == (2, True)


def test_stores_that_cannot_be_used_are_told_with_their_place(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "garbage.sqlite").write_bytes(b"no database" * 1000)
    (tmp_path / "folder").mkdir()
    assert agentcron("list", "--store", "folder").out == "no jobs\n"
    for place, code in (("garbage.sqlite", 5), ("/proc/none/x.sqlite", 5), ("a" * 5000, 5)):
        done = agentcron("list", "--store", place)
        assert done.code == code
        assert place[:100] in one_line(done.err)
    assert (tmp_path / "garbage.sqlite").read_bytes().startswith(b"no database")


def test_doctor_tells_a_damaged_store_instead_of_failing_itself(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "garbage.sqlite").write_bytes(b"no database" * 1000)
    done = agentcron("doctor", "--store", "garbage.sqlite", "--json")
    failed = [finding["detail"] for finding in done.json if finding["verdict"] == "fail"]
    assert (done.code, len(failed), "damaged" in failed[0]) == (1, 1, True)


def test_doctor_tells_settings_that_are_wrong(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text("[agents.w]\nkind = 'comand'\n")
    done = agentcron("doctor", "--json")
    assert (done.code, done.json[0]["check"], done.json[0]["verdict"]) == (1, "settings", "fail")
    assert "agentcron.toml: agent w" in done.json[0]["detail"]


def test_a_default_agent_that_is_not_there_names_where_it_was_set(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTCRON_DEFAULT_AGENT", "nosuch")
    done = agentcron("list")
    assert (done.code, "env AGENTCRON_DEFAULT_AGENT" in one_line(done.err)) == (2, True)


def test_a_slip_in_a_variable_is_told_once_and_json_stays_pure(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTCRON_STOR", "x")
    done = agentcron("list", "--json")
    assert (done.code, done.json) == (0, [])
    assert "did you mean AGENTCRON_STORE?" in one_line(done.err)


@pytest.mark.parametrize("wrong", ["Europe/Berln", "CET-1CEST", "/etc/nowhere"])
def test_a_tz_that_names_no_zone_is_told_once_with_the_zone_that_holds(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("TZ", wrong)
    done = agentcron("next", "@daily", "--json")
    assert (done.code, len(done.json)) == (0, 5)
    told = one_line(done.err)
    assert "TZ: " in told
    assert wrong in told
    assert f"({machine_zone({})} holds meanwhile)" in told
    assert one_line(agentcron("list").err) == told
    for right in ("Europe/Berlin", ":/usr/share/zoneinfo/Europe/Berlin", ":/etc/localtime", ""):
        monkeypatch.setenv("TZ", right)
        assert agentcron("list").err == ""


def test_next_needs_neither_an_anchor_nor_a_store_for_a_schedule(agentcron: Command) -> None:
    assert len(agentcron("next", "every 10m", "--count", "3", "--json").json) == 3
    assert len(agentcron("next", "@daily", "--store", "/dev/null/x", "--json").json) == 5
    assert agentcron("next", "attic").code == 3
    assert agentcron("next", "every").code == 2


def test_an_optional_field_is_taken_back_with_none(agentcron: Command) -> None:
    agentcron("add", "x", "@daily", "hi", "--agent", "echo", "--max-runs", "3", "--end-at", "2040-01-01T00:00")
    made = agentcron("edit", "x", "--max-runs", "none", "--end-at", "NONE", "--json").json
    assert (made["max_runs"], made["end_at"]) == (None, None)
    assert agentcron("edit", "x", "--timeout", "none").code == 2


def test_settings_are_shown_without_the_keys_in_them(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(
        "[agents.w]\nkind = 'command'\ncommand = ['true']\nenv = "
        "{API_KEY = 'sekret', OTHER_KEY = 'env:HOME', X = 'y'}\n"
    )
    shown = agentcron("config", "show", "--json").json["agents.w"]["env"]
    assert shown == {"API_KEY": "***", "OTHER_KEY": "env:HOME", "X": "y"}
    assert "sekret" not in agentcron("config", "show", "--origin").out


def test_endpoints_are_shown_with_references_and_hosts_alone(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(
        "[endpoints.ops]\nkind = 'webhook'\nurl = 'https://hooks.example/services/sekret'\n"
        "secret = ['env:NEW', 'sekret']\nheaders = {Authorization = 'env:A', X-Token = 'sekret'}\n"
        "[endpoints.chat]\nkind = 'apprise'\nurl = 'file:sekret.txt'\n"
        "[endpoints.odd]\nkind = 'webhook'\nurl = 'https://me:sekret@hooks.example'\n"
    )
    shown = agentcron("config", "show", "--json").json
    assert shown["endpoints.ops"] == {
        "kind": "webhook",
        "url": "https://hooks.example/***",
        "secret": ["env:NEW", "***"],
        "headers": {"Authorization": "env:A", "X-Token": "***"},
    }
    assert shown["endpoints.chat"]["url"] == "file:sekret.txt"
    assert shown["endpoints.odd"]["url"] == "https://hooks.example/***"
    assert "sekret" not in agentcron("config", "show", "--origin").out.replace("file:sekret.txt", "")


def test_what_an_agent_says_cannot_steer_the_terminal(agentcron: Command) -> None:
    assert plain("a\x1b]0;x\x07b\r\nc\td\u202ee") == "a\ufffd]0;x\ufffdb\nc\td\ufffde"
    assert first_line("a\x1b[31m b\n c") == "a\ufffd[31m b c"
    agentcron("add", "x", "@daily", "red \x1b[31m", "--agent", "echo")
    run = json.loads(agentcron("run", "x", "--json").out)
    assert run["result"] == "red \x1b[31m"
    for words in (["run", "x"], ["logs", run["id"]], ["runs", "x"], ["show", "x"]):
        assert "\x1b" not in agentcron(*words).out


# --- demo ---------------------------------------------------------------------------------------------------------


def test_the_demo_without_a_model_says_so_and_never_claims_one(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "available", lambda: "xllamacpp is not installed")
    done = agentcron("demo", "--json")
    assert (done.code, done.json["real_model"], done.json["model"]) == (0, False, "echo")
    assert done.json["answer"] == done.json["execution"]["result"]
    assert "no model on this machine (xllamacpp is not installed)" in done.err


def test_the_demo_whose_model_does_not_start_goes_on_without_it(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(_: Any) -> Any:
        raise AgentError("the local model was not ready within 60 s", kind="creation")

    monkeypatch.setattr(local_model, "available", lambda: None)
    monkeypatch.setattr(local_model, "serve", serve)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    done = agentcron("demo")
    assert (done.code, "echo (no model: it says what it was told)" in done.out) == (0, True)
    assert "not ready within 60 s" in done.err
    assert "--agent openai" in done.err


def test_the_demo_of_a_coding_agent_runs_its_program_in_an_empty_folder(
    agentcron: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$1 $ANTHROPIC_API_KEY-key $(ls | wc -l) files"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    done = agentcron("demo", "--agent", "claude", "--json")
    assert (done.code, done.json["model"]) == (0, "claude")
    assert done.json["answer"].startswith("-p -key")


def test_the_demo_that_fails_is_exit_code_1(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text("[agents.bad]\nkind = 'command'\ncommand = ['false']\n")
    done = agentcron("demo", "--agent", "bad", "--json")
    assert (done.code, done.json["real_model"], done.json["execution"]["status"]) == (1, False, "ERROR")
