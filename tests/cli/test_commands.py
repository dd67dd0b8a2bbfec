"""What each command answers, to a person and to a program."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.cli import COMMANDS
from agentcron.domain.limits import LIMITS_EXAMPLE, Limits
from agentcron.domain.policies import (
    RETRY_EXAMPLE,
    CatchUp,
    ConversationMode,
    OnExpiry,
    OnInterrupt,
    Overlap,
    RetryPolicy,
)
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import read_spec, write_spec
from agentcron.domain.spending import BUDGET_EXAMPLE, Budget, BudgetAction

from .conftest import Command

ID = re.compile(r"[0-9a-f]{16}")


def test_add_answers_with_the_schedule_in_words_and_the_next_three_times_in_the_jobs_zone(agentcron: Command) -> None:
    done = agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "echo", "--timezone", "America/New_York")
    assert done.code == 0
    assert "every day" in done.out
    assert len(re.findall(r"09:00:00 E[SD]T", done.out)) == 3
    assert "no scheduler is running on this store; start one with 'agentcron start'" in done.err


def test_the_start_of_an_interval_is_on_the_clock_of_its_zone(agentcron: Command) -> None:
    words = ("add", "often", "every 10m", "x", "--agent", "echo", "--start-at", "2030-07-01T00:00")
    job = agentcron(*words, "--json").json
    assert (job["timezone"], job["start_at"]) == ("Europe/Berlin", "2030-06-30T22:00:00+00:00")
    assert job["next_runs"][0] == "2030-07-01T00:10:00+02:00"
    assert "Europe/Berlin, the zone of this machine" in agentcron(*words).out
    far = agentcron(*words, "--timezone", "Asia/Tokyo", "--json").json
    assert (far["timezone"], far["start_at"]) == ("Asia/Tokyo", "2030-06-30T15:00:00+00:00")


def test_a_schedule_without_a_zone_is_read_in_the_machines_and_says_so(agentcron: Command) -> None:
    done = agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "echo")
    assert "Europe/Berlin, the zone of this machine" in done.out


def test_add_as_json_is_the_job_with_every_field_and_its_next_runs(agentcron: Command) -> None:
    done = agentcron(
        "add", "report", "every 90s", "Write it", "--agent", "echo", "--overlap", "cancel-other", "--timeout", "3s",
        "--metadata", "team=ops", "--metadata", "size=3", "--tag", "a", "--tag", "b", "--max-runs", "4", "--json",
    )  # fmt: skip
    made = done.json
    assert ID.fullmatch(made["id"])
    assert (made["every"], made["overlap"], made["timeout"], made["max_runs"]) == ("1m30s", "cancel_other", "3s", 4)
    assert (made["metadata"], made["tags"], made["status"]) == ({"team": "ops", "size": 3}, ["a", "b"], "WAITING")
    assert len(made["next_runs"]) == 3
    assert datetime.fromisoformat(made["next_runs"][0]).tzinfo is not None


def test_every_field_of_a_job_has_an_option(agentcron: Command) -> None:
    told = agentcron("add", "--help").out
    for name in JobSpec.__dataclass_fields__:
        if name not in ("name", "schedule", "prompt", "tags"):
            assert f"--{name.replace('_', '-')}" in told


@pytest.mark.parametrize("name", ["add", "edit"])
def test_the_help_names_the_values_of_a_policy_and_the_form_of_a_composed_one(agentcron: Command, name: str) -> None:
    told = " ".join(agentcron(name, "--help").out.split())
    for kind in (Overlap, CatchUp, OnInterrupt, OnExpiry, ConversationMode):
        assert f"[{'|'.join(kind)}]" in told
    for known in (*fields(Limits), *fields(RetryPolicy), *fields(Budget)):
        assert known.name in told
    examples = {"retry": RETRY_EXAMPLE, "limits": LIMITS_EXAMPLE, "budgets": BUDGET_EXAMPLE}
    assert all(example in told for example in examples.values())
    assert (
        write_spec(read_spec({"name": "x", "schedule": "@daily", "prompt": "x", **examples}))["retry"]["attempts"] == 3
    )
    assert all(action in told for action in BudgetAction)
    assert "--timeout DURATION" in told
    assert ("[default: latest]" in told) == (name == "add")


def test_a_prompt_may_come_from_a_file(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Write\nit – all")
    made = agentcron("add", "report", "@daily", "--prompt-file", "prompt.txt", "--agent", "echo", "--json").json
    assert made["prompt"] == "Write\nit – all"


def test_a_run_without_a_scheduler_runs_here_and_shows_the_answer(agentcron: Command, job: dict[str, Any]) -> None:
    done = agentcron("run", "report")
    assert (done.code, "SUCCESS" in done.out, "Write it" in done.out) == (0, True, True)
    [run] = agentcron("runs", "report", "--json").json
    assert (run["status"], run["scheduled_for"], run["result"], run["job_name"]) == (
        "SUCCESS",
        None,
        "Write it",
        "report",
    )
    read = agentcron("logs", run["id"][:20], "--json").json
    assert [message["text"] for message in read["conversation"]] == ["Write it", "Write it"]
    assert "[assistant]\nWrite it" in agentcron("logs", run["id"]).out
    assert agentcron("logs", "report").out == agentcron("logs", run["id"]).out


def test_a_run_that_fails_is_exit_code_1(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(
        '[agents.bad]\nkind = "command"\ncommand = ["sh", "-c", "echo no >&2; exit 3"]\n'
    )
    assert agentcron("add", "bad", "@daily", "x").code == 0
    done = agentcron("run", "bad", "--json")
    assert (done.code, done.json["status"], done.json["reason"]) == (1, "ERROR", "exit")
    assert "3" in done.json["error"]


def test_a_job_is_named_by_id_beginning_or_name_and_an_ambiguous_name_is_a_conflict(
    agentcron: Command, job: dict[str, Any]
) -> None:
    for name in (job["id"], job["id"][:8], "report"):
        assert agentcron("show", name, "--json").json["id"] == job["id"]
    agentcron("add", "report", "@daily", "again", "--agent", "echo")
    done = agentcron("show", "report")
    assert (done.code, "is ambiguous: 2 jobs" in done.err) == (4, True)


def test_the_beginning_of_several_executions_is_a_conflict_that_names_them_and_an_unknown_one_is_not_found(
    agentcron: Command, job: dict[str, Any]
) -> None:
    agentcron("run", "report")
    agentcron("run", "report")
    ids = [run["id"] for run in agentcron("runs", "--json").json]
    both = ids[0][:6]
    done = agentcron("logs", both)
    assert (done.code, f"execution {both!r} is ambiguous: " in done.err) == (4, True)
    assert all(one in done.err for one in ids)
    done = agentcron("logs", "ffff")
    assert (done.code, "execution 'ffff' is unknown" in done.err) == (3, True)
    # A job of that name is meant before several executions are.
    agentcron("add", both, "@daily", "x", "--agent", "echo")
    assert "has not run yet" in agentcron("logs", both).err


def test_pause_resume_cancel_and_delete_tell_the_new_status(agentcron: Command, job: dict[str, Any]) -> None:
    assert agentcron("pause", "report", "--json").json["status"] == "PAUSED"
    assert agentcron("pause", "report").code == 0
    assert agentcron("resume", "report", "--json").json["status"] == "WAITING"
    assert agentcron("cancel", "report", "--json").json["status"] == "CANCELED"
    for word in ("pause", "resume", "cancel"):
        refused = agentcron(word, "report")
        assert (refused.code, "is CANCELED" in refused.err) == (4, True)
    assert agentcron("run", "report").code == 4
    assert agentcron("edit", "report", "--prompt", "x").code == 4
    assert agentcron("delete", "report", "--yes", "--json").json["deleted"] is True
    gone = agentcron("show", "report")
    assert (gone.code, "was deleted at" in gone.err) == (3, True)


def test_edit_changes_only_what_is_named(agentcron: Command, job: dict[str, Any]) -> None:
    changed = agentcron("edit", "report", "--schedule", "0 8 * * *", "--timeout", "2h", "--json").json
    assert (changed["cron_expression"], changed["timeout"], changed["timezone"]) == ("0 8 * * *", "2h", "Europe/Berlin")
    assert (changed["version"], changed["prompt"], changed["id"]) == (2, "Write it", job["id"])


def test_list_filters_and_shows_the_next_to_run_first(agentcron: Command) -> None:
    agentcron("add", "report", "every 1d", "Write it", "--agent", "echo")
    agentcron("add", "soon", "every 5m", "x", "--agent", "echo", "--tag", "quick")
    assert [each["name"] for each in agentcron("list", "--json").json] == ["soon", "report"]
    assert [each["name"] for each in agentcron("list", "--tag", "quick", "--json").json] == ["soon"]
    assert [each["name"] for each in agentcron("list", "--name", "REP", "--json").json] == ["report"]
    assert agentcron("list", "--status", "paused", "--json").json == []
    table = agentcron("list").out.splitlines()
    assert table[0].split() == ["ID", "NAME", "STATUS", "NEXT", "RUN", "SCHEDULE", "AGENT"]
    assert "every 5m" in table[1]


def test_an_empty_store_is_told_as_such(agentcron: Command) -> None:
    assert agentcron("list").out == "no jobs\n"
    assert agentcron("list", "--json").json == []
    assert agentcron("runs").out == "no runs yet\n"


def test_next_reads_a_schedule_or_a_job(agentcron: Command, job: dict[str, Any]) -> None:
    slots = agentcron("next", "30 2 * * *", "--timezone", "Europe/Berlin", "--count", "2", "--json").json
    assert [datetime.fromisoformat(slot).hour for slot in slots] == [2, 2]
    assert agentcron("next", "report", "--count", "3", "--json").json == job["next_runs"]
    assert agentcron("next", "@hourly", "--json").code == 0
    assert agentcron("next", "every 10m", "--count", "1", "--json").code == 0
    assert agentcron("next", "nosuch").code == 3


def test_why_answers_for_the_future_and_for_nothing(agentcron: Command, job: dict[str, Any]) -> None:
    told = agentcron("why", "report", job["next_runs"][0], "--json").json
    assert (told["slot"] is not None, "is due then" in told["sentence"]) == (True, True)
    between = datetime.fromisoformat(job["next_runs"][0]) + timedelta(minutes=1)
    assert "nothing was due" in agentcron("why", "report", between.isoformat()).out
    for words in (["why", "report"], ["why", "report", "now"]):
        assert "nothing was due" in agentcron(*words).out
    assert (told["status"], told["reason"], told["policy"]) == (None, None, None)


def test_init_writes_settings_that_can_be_read_and_never_over_others(agentcron: Command, tmp_path: Path) -> None:
    assert agentcron("init").code == 0
    assert stat.S_IMODE((tmp_path / "agentcron.toml").stat().st_mode) == 0o600
    assert agentcron("config", "show", "--json").json["store.url"] == "sqlite:///agentcron.sqlite"
    again = agentcron("init")
    assert (again.code, "exists already" in again.err) == (4, True)


def test_agents_tells_which_can_work_and_why_others_cannot(agentcron: Command) -> None:
    rows = {row["name"]: row for row in agentcron("agents", "--json").json}
    assert rows["echo"]["problem"] is None
    assert "AGENTCRON_MODEL" in rows["background-job"]["problem"]


def test_doctor_finds_nothing_wrong_with_a_new_place(agentcron: Command, job: dict[str, Any]) -> None:
    done = agentcron("doctor", "--json")
    verdicts = {finding["check"]: finding["verdict"] for finding in done.json}
    assert done.code == 0
    assert (verdicts["store"], verdicts["integrity"], verdicts["scheduler"]) == ("ok", "ok", "warn")


def test_doctor_fails_where_a_job_has_no_agent_that_can_work(agentcron: Command, tmp_path: Path) -> None:
    toml = tmp_path / "agentcron.toml"
    toml.write_text('[agents.mine]\nkind = "command"\ncommand = ["true"]\n')
    agentcron("add", "a", "@daily", "x")
    toml.write_text('[agents.mine]\nkind = "command"\ncommand = ["no-such-program"]\n')
    done = agentcron("doctor", "--json")
    assert done.code == 1
    [failed] = [finding for finding in done.json if finding["verdict"] == "fail"]
    assert "no-such-program" in failed["detail"]


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["show", "report"],
        ["edit", "report", "--prompt", "x"],
        ["pause", "report"],
        ["resume", "report"],
        ["run", "report"],
        ["runs"],
        ["runs", "report", "--all"],
        ["next", "report"],
        ["why", "report", "2026-01-01T09:00"],
        ["agents"],
        ["doctor"],
        ["config", "show"],
        ["config", "show", "--origin"],
        ["completion", "bash"],
        ["init"],
        ["start", "--for", "10ms"],
        ["demo", "--agent", "echo"],
        ["cancel", "report"],
        ["delete", "report", "--yes"],
    ],
)
def test_every_command_answers_with_pure_json(agentcron: Command, job: dict[str, Any], words: list[str]) -> None:
    done = agentcron(*words, "--json")
    assert done.code == 0, done.err
    json.loads(done.out)


def test_every_command_has_an_example_in_its_help(agentcron: Command) -> None:
    for name in COMMANDS:
        words = [
            name,
            *{"config": ["show"], "token": ["create"], "import": ["original"], "export": ["original"]}.get(name, []),
        ]
        assert re.search(r"Example:\s+(agentcron|eval)", agentcron(*words, "--help").out), name


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["ad"], 2, "'ad' is not a command; did you mean 'add'?"),
        (["create"], 2, "'create' is not a command; did you mean 'add'?"),
        (["list", "--statsu", "x"], 2, "--statsu"),
        (["list", "--status", "asleep"], 2, "'asleep' is not one of WAITING"),
        (["add", "x"], 2, "Missing argument 'SCHEDULE'"),
        (["add", "x", "@daily"], 2, "the prompt is missing"),
        (["add", "x", "61 * * * *", "p", "--agent", "echo"], 2, "minute: 61 is out of range (0-59)"),
        (["add", "x", "0 0 30 2 *", "p", "--agent", "echo"], 2, "never"),
        (["add", "x", "30m", "p", "--agent", "echo"], 2, "every 30m"),
        (["add", "x", "at 2020-01-01", "p", "--agent", "echo"], 2, "is past"),
        (["add", "x", "@daily", "p", "--timezone", "Mars/Base"], 2, "Mars/Base"),
        (["add", "x", "@daily", "p", "--agent", "ech"], 2, "did you mean echo"),
        (["add", "x", "@daily", "p"], 2, "AGENTCRON_MODEL"),
        (["add", "x", "@daily", "p", "--agent", "echo", "--timeout", "soon"], 2, "timeout: 'soon' is not a duration"),
        (["add", "x", "@daily", "p", "--agent", "echo", "--metadata", "novalue"], 2, "'novalue' is not KEY=VALUE"),
        (["add", "", "@daily", "p", "--agent", "echo"], 2, "name: is empty"),
        (["add", "x", "@daily", "--prompt-file", "nofile", "--agent", "echo"], 2, "nofile cannot be read"),
        (["edit", "report"], 2, "nothing to change"),
        (["delete", "report"], 2, "needs --yes"),
        (["show", "nosuch"], 3, "job 'nosuch' is unknown"),
        (["runs", "nosuch"], 3, "job 'nosuch' is unknown"),
        (["logs", "nosuch"], 3, "execution 'nosuch' is unknown"),
        (["logs", "report"], 3, "report has not run yet"),
        (["why", "report", "yesterday"], 2, "yesterday"),
        (["start", "--for", "soon"], 2, "soon"),
        (["list", "--store", "mysql://u:secret@h/d"], 2, "is not a kind of store"),
        (["list", "--store", "/dev/null/x.sqlite"], 5, "cannot be made or written"),
        (["list", "--config", "nofile.toml"], 2, "no such file"),
        (["demo", "--agent", "openai"], 2, "OPENAI_API_KEY"),
        (["demo", "--agent", "nosuch"], 2, "'nosuch' is not known"),
    ],
)
def test_bad_input_is_one_line_with_its_exit_code(
    agentcron: Command, job: dict[str, Any], words: list[str], code: int, told: str
) -> None:
    done = agentcron(*words)
    assert (done.code, done.out) == (code, "")
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("agentcron: ")
    assert told in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[store\n", "is not TOML"),
        ("[stroe]\n", "stroe: is not a section; did you mean store?"),
        ("[store]\nurk = 'x'\n", "store.urk: is not a setting; did you mean url?"),
        ("[scheduler]\ntimezon = 'UTC'\n", "did you mean timezone?"),
        ("[scheduler]\ntimezone = 'Mars/Base'\n", "Mars/Base"),
        (
            "[scheduler]\nmax_concurrent_agents = 'many'\n",
            "scheduler.max_concurrent_agents: 'many' is not a whole number",
        ),
        ("[agents.x]\nkind = 'comand'\n", "comand"),
        ("[agents.x]\nkind = 'command'\ncommand = ['true']\ncwdd = '/'\n", "cwd"),
        ("store = 3\n", "store: must be a table"),
    ],
)
def test_a_wrong_setting_is_told_with_file_and_key(agentcron: Command, tmp_path: Path, toml: str, told: str) -> None:
    (tmp_path / "agentcron.toml").write_text(toml)
    done = agentcron("list")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert told in done.err


# --- as real processes --------------------------------------------------------------------------------------------


def program(*words: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "UTC", "XDG_DATA_HOME": str(folder / "data")}
    command = [sys.executable, "-W", "error", "-m", "agentcron", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"never said {words!r}")


def test_a_job_each_second_runs_once_for_each_slot(tmp_path: Path) -> None:
    assert finished(program("add", "tick", "every 1s", "hello", "--agent", "echo", "--json", folder=tmp_path))[0] == 0
    code, _, told = finished(program("start", "--for", "10s", folder=tmp_path))
    assert code == 0, told
    runs = json.loads(finished(program("runs", "tick", "--json", folder=tmp_path))[1])
    assert 9 <= len(runs) <= 11
    slots = [run["scheduled_for"] for run in runs]
    assert len(set(slots)) == len(slots)
    assert None not in slots
    assert {run["status"] for run in runs} == {"SUCCESS"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_the_scheduler_in_an_orderly_way(tmp_path: Path, number: int, code: int) -> None:
    scheduler = program("start", folder=tmp_path)
    wait_for_line(scheduler, "Ctrl-C stops")
    scheduler.send_signal(number)
    assert finished(scheduler)[0] == code


def test_a_second_interrupt_cuts_what_still_runs(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(
        '[agents.slow]\nkind = "command"\ncommand = ["sleep", "600"]\ngrace = "100ms"\n'
        '[scheduler]\nstop_grace = "10m"\n'
    )
    finished(program("add", "slow", "every 1s", "x", "--max-runs", "1", folder=tmp_path))
    scheduler = program("start", "--debug", folder=tmp_path)
    wait_for_line(scheduler, "to run")
    scheduler.send_signal(signal.SIGINT)
    wait_for_line(scheduler, "Ctrl-C again cuts them")
    scheduler.send_signal(signal.SIGINT)
    assert finished(scheduler)[0] == 130
    [run] = json.loads(finished(program("runs", "slow", "--json", folder=tmp_path))[1])
    assert (run["status"], run["reason"]) == ("INCOMPLETE", "shutdown")


def test_a_run_that_is_waited_for_is_settled_when_the_command_is_terminated(tmp_path: Path) -> None:
    os.mkfifo(began := tmp_path / "began")
    (tmp_path / "agentcron.toml").write_text(
        f'[agents.slow]\nkind = "command"\ncommand = ["sh", "-c", "echo > {began}; exec sleep 600"]\ngrace = "100ms"\n'
        '[scheduler]\nstop_grace = "0s"\n'
    )
    finished(program("add", "slow", "every 1h", "x", folder=tmp_path))
    waiting = program("run", "slow", "--wait", folder=tmp_path)
    # Opened once the agent opens it, too.
    began.read_text()
    waiting.send_signal(signal.SIGTERM)
    assert finished(waiting)[0] == 130
    [run] = json.loads(finished(program("runs", "slow", "--json", folder=tmp_path))[1])
    assert (run["status"], run["reason"]) == ("INCOMPLETE", "shutdown")


@pytest.mark.parametrize("option", ["--store", "--config", "--timezone"])
def test_an_option_that_is_empty_is_refused(agentcron: Command, option: str) -> None:
    told = agentcron("next", "@daily", option, "")
    assert told.code == 2
    assert f"{option} is empty" in told.err


def test_a_live_scheduler_starts_a_manual_run(tmp_path: Path) -> None:
    finished(program("add", "manual", "@yearly", "hi", "--agent", "echo", folder=tmp_path))
    scheduler = program("start", folder=tmp_path)
    try:
        wait_for_line(scheduler, "Ctrl-C stops")
        code, out, told = finished(program("run", "manual", "--wait", "--json", folder=tmp_path))
        assert (code, json.loads(out)["status"]) == (0, "SUCCESS"), told
        assert "running here" not in told
        added = finished(program("add", "other", "@yearly", "hi", "--agent", "echo", folder=tmp_path))
        assert "no scheduler is running" not in added[2]
    finally:
        scheduler.send_signal(signal.SIGTERM)
        finished(scheduler)


def test_a_wait_for_a_scheduler_that_is_lost_comes_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text('[agents.slow]\nkind = "command"\ncommand = ["sleep", "600"]\n')
    finished(program("add", "slow", "@yearly", "x", folder=tmp_path))
    scheduler = program("start", "--debug", folder=tmp_path)
    wait_for_line(scheduler, "Ctrl-C stops")
    waiting = program("run", "slow", "--wait", "--json", folder=tmp_path)
    while not any(run["status"] == "RUNNING" for run in listed(tmp_path)):
        assert scheduler.poll() is None
    scheduler.kill()
    finished(scheduler)
    code, out, told = finished(waiting)
    assert (code, json.loads(out)["status"]) == (1, "RUNNING")
    assert "was lost while it ran" in told


def listed(folder: Path) -> Any:
    return json.loads(finished(program("runs", "--json", folder=folder))[1])


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_a_table_and_no_colour_where_none_is_wanted(tmp_path: Path, no_color: bool) -> None:
    finished(program("add", "report", "@daily", "x", "--agent", "echo", folder=tmp_path))
    finished(program("pause", "report", folder=tmp_path))
    near, far = os.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    process = subprocess.run(
        [sys.executable, "-m", "agentcron", "list"], cwd=tmp_path, stdout=far, check=False, timeout=60,
        env={**environ, "TERM": "xterm", **({"NO_COLOR": "1"} if no_color else {})},
    )  # fmt: skip
    os.close(far)
    shown = os.read(near, 65536).decode()
    os.close(near)
    assert (process.returncode, "report" in shown, "─" in shown) == (0, True, True)
    assert ("\x1b[33m" in shown) is not no_color


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "agentcron", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, "")
