"""The years 1 and 9999 at the command line: refused in one line where they cannot be told, told where they stand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from .conftest import Command

FAR = "at 9999-12-31T23:59:59Z"
EARLY = "at 0001-01-01T00:00:00Z"


def one_line(told: str) -> bool:
    return told.startswith("agentcron: ") and told.count("\n") == 1 and "Traceback" not in told and "Error" not in told


def move_to(folder: Path, zone: str) -> None:
    """What an earlier release let in: stored jobs of UTC are of another zone."""
    [store] = folder.rglob("*.sqlite")
    connection = sqlite3.connect(store)
    with connection:
        changed = connection.execute("UPDATE job_versions SET spec = replace(spec, '\"UTC\"', ?)", (f'"{zone}"',))
        assert changed.rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    "words",
    [
        ("add", "far", FAR, "x", "--agent", "echo", "--timezone", "Asia/Tokyo"),
        ("add", "far", "@daily", "x", "--agent", "echo", "--timezone", "Asia/Tokyo", "--end-at", FAR[3:]),
        ("add", "far", "@daily", "x", "--agent", "echo", "--timezone", "Asia/Tokyo", "--start-at", FAR[3:]),
        ("add", "early", EARLY, "x", "--agent", "echo", "--timezone", "America/New_York"),
        ("edit", "report", "--schedule", FAR, "--timezone", "Asia/Tokyo"),
        ("edit", "once", "--timezone", "Asia/Tokyo"),
        ("next", FAR, "--timezone", "Asia/Tokyo"),
        ("next", EARLY, "--timezone", "America/New_York"),
    ],
)
def test_an_instant_that_the_clock_of_its_zone_cannot_show_is_refused(
    agentcron: Command, words: tuple[str, ...]
) -> None:
    for name, schedule in (("report", "@daily"), ("once", FAR)):
        assert agentcron("add", name, schedule, "x", "--agent", "echo", "--timezone", "UTC").code == 0
    done = agentcron(*words)
    assert (done.code, one_line(done.err)) == (2, True), done.err
    assert "is outside the years 1 to 9999" in done.err
    assert {job["name"] for job in agentcron("list", "--json").json} == {"report", "once"}


def test_one_that_is_stored_already_is_told_in_utc_and_keeps_nobody_from_the_others(
    agentcron: Command, tmp_path: Path
) -> None:
    for name, schedule in (("far", FAR), ("other", "at 9999-12-30T09:00:00Z")):
        assert agentcron("add", name, schedule, "x", "--agent", "echo", "--timezone", "UTC").code == 0
    move_to(tmp_path, "Asia/Tokyo")
    listed = agentcron("list")
    assert (listed.code, "far" in listed.out, "other" in listed.out) == (0, True, True), listed.err
    shown = agentcron("show", "far")
    assert (shown.code, "9999-12-31 23:59:59 UTC" in shown.out) == (0, True), shown
    assert "18:00:00 JST" in agentcron("next", "other").out
    [told] = agentcron("next", "far", "--json").json
    assert told == "9999-12-31T23:59:59+00:00"
    assert agentcron("edit", "far", "--prompt", "y").code == 0
    assert agentcron("why", "far", "9999-12-31T23:59:59Z").code == 0
    assert agentcron("delete", "far", "--yes").code == 0


def test_jitter_at_the_end_of_time_has_no_room(agentcron: Command) -> None:
    done = agentcron("add", "far", FAR, "x", "--agent", "echo", "--timezone", "UTC", "--jitter", "1h", "--json")
    assert (done.code, done.json["next_run"]) == (0, "9999-12-31T23:59:59+00:00"), done.err


@pytest.mark.parametrize(
    ("schedule", "start"),
    [
        ("@daily", "9999-12-31T23:59:59"),
        ("0 0 1 1 *", "9999-06-01"),
        ("every 1h", "9999-12-31T23:59:59"),
        ("at 2999-01-01", "2999-06-01"),
    ],
)
def test_a_start_after_which_nothing_comes_is_refused(agentcron: Command, schedule: str, start: str) -> None:
    words = ("add", "st", schedule, "x", "--agent", "echo", "--timezone", "UTC", "--start-at", start)
    done = agentcron(*words)
    assert (done.code, one_line(done.err)) == (2, True), done.err
    assert "has no slot after start_at 9999" in done.err.replace("2999", "9999")


@pytest.mark.parametrize("time", ["0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("schedule", ["@daily", "every 1h", "at 2999-01-01"])
def test_why_answers_at_both_ends_of_time(agentcron: Command, schedule: str, time: str) -> None:
    assert agentcron("add", "good", schedule, "x", "--agent", "echo", "--timezone", "UTC").code == 0
    done = agentcron("why", "good", time)
    assert (done.code, "nothing was due" in done.out) == (0, True), done


def test_a_sixth_field_that_was_meant_as_a_year_is_told(agentcron: Command) -> None:
    done = agentcron("next", "0 9 * * MON-FRI 2030")
    assert (done.code, one_line(done.err)) == (2, True)
    assert "six fields are read with seconds first, and there is no year field" in done.err
    assert "six fields are read with seconds first" in agentcron("next", "0 0 25 * * *").err
    assert "six fields" not in agentcron("next", "0 25 * * *").err


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧 report", "क्\u200dष", "می\u200cخواهم"])
def test_a_name_with_joiners_is_kept_found_and_shown_as_it_is(agentcron: Command, name: str) -> None:
    assert agentcron("add", name, "@daily", "x", "--agent", "echo").code == 0
    for words in (("show", name), ("list",), ("why", name)):
        done = agentcron(*words)
        assert (done.code, name in done.out) == (0, True), done
    assert agentcron("show", name, "--json").json["name"] == name
    again = agentcron("list", "--name", name)
    assert (again.code, name in again.out) == (0, True), again


def test_a_name_of_joiners_alone_or_with_other_invisible_characters_is_refused(agentcron: Command) -> None:
    assert "name: is empty" in agentcron("add", "\u200d\u200c", "@daily", "x", "--agent", "echo").err
    assert "control character" in agentcron("add", "a\u202eb", "@daily", "x", "--agent", "echo").err


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1", "a" * 300])
def test_a_host_that_is_none_of_this_machine_is_named_and_not_the_port(agentcron: Command, host: str) -> None:
    done = agentcron("serve", "--host", host)
    assert (done.code, one_line(done.err)) == (2, True), done.err
    assert "--host" in done.err
    assert "--port" not in done.err
