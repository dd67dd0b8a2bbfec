"""Which settings hold, where each comes from, and how a wrong one is told."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron.config import Config, load_config, shown
from agentcron.errors import ConfigError
from agentcron.machine_zone import machine_zone


def read(folder: Path, toml: str | None = None, store: str | None = None, **environ: str) -> Config:
    if toml is not None:
        (folder / "agentcron.toml").write_text(toml, "utf-8")
    return load_config(store=store, environ=environ, working_dir=folder)


def origin_of(config: Config, name: str) -> str:
    return config.settings()[name].origin


def test_without_a_file_the_store_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    config = read(tmp_path)
    assert Path(config.store.value) == tmp_path / "data" / "agentcron" / "agentcron.sqlite"
    assert (config.file, config.base_dir, config.store.origin) == (None, tmp_path, "default")
    assert config.evaluation_interval.value == timedelta(seconds=1)


def test_the_nearest_file_upwards_decides_and_its_folder_is_the_base(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text("[scheduler]\ntimezone = 'Asia/Tokyo'\n")
    near = tmp_path / "a" / "b"
    near.mkdir(parents=True)
    (tmp_path / "a" / "agentcron.toml").write_text("[store]\nurl = 'jobs.sqlite'\n")
    config = load_config(environ={}, working_dir=near)
    assert config.file == tmp_path / "a" / "agentcron.toml"
    assert (config.store.value, config.store_base, config.timezone.value) == ("jobs.sqlite", tmp_path / "a", None)


def test_each_layer_goes_before_the_one_below_it_and_names_itself(tmp_path: Path) -> None:
    toml = "[store]\nurl = 'file.sqlite'\n[scheduler]\nstop_grace = '5s'\nmax_concurrent_agents = 3\n"
    path = str(tmp_path / "agentcron.toml")
    config = read(tmp_path, toml)
    assert (config.stop_grace.value, config.stop_grace.origin) == (timedelta(seconds=5), path)
    config = read(
        tmp_path, AGENTCRON_STOP_GRACE="7s", AGENTCRON_STORE="env.sqlite", AGENTCRON_MAX_CONCURRENT_AGENTS="4"
    )
    assert (config.stop_grace.value, config.stop_grace.origin) == (timedelta(seconds=7), "env AGENTCRON_STOP_GRACE")
    assert (config.max_concurrent_agents.value, config.store.origin) == (4, "env AGENTCRON_STORE")
    config = read(tmp_path, store="option.sqlite", AGENTCRON_STORE="env.sqlite")
    assert (config.store.value, config.store.origin) == ("option.sqlite", "option --store")
    assert origin_of(config, "scheduler.evaluation_interval") == "default"


def test_a_store_from_outside_the_file_is_read_from_the_working_folder(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "agentcron.toml").write_text("")
    for config in (
        load_config(store="x.sqlite", environ={}, working_dir=below),
        load_config(environ={"AGENTCRON_STORE": "x.sqlite"}, working_dir=below),
    ):
        assert (config.store_base, config.base_dir) == (below, tmp_path)


def test_the_file_can_be_named_by_option_and_by_variable(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("[scheduler]\ntimezone = 'UTC'\n")
    (tmp_path / "two.toml").write_text("[scheduler]\ntimezone = 'Asia/Tokyo'\n")
    environ = {"AGENTCRON_CONFIG": "two.toml"}
    assert load_config(environ=environ, working_dir=tmp_path).timezone.value == "Asia/Tokyo"
    assert load_config(file="one.toml", environ=environ, working_dir=tmp_path).timezone.value == "UTC"
    with pytest.raises(ConfigError, match=r"nofile\.toml: no such file.*leave AGENTCRON_CONFIG out"):
        load_config(environ={"AGENTCRON_CONFIG": "nofile.toml"}, working_dir=tmp_path)
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(file=tmp_path, environ={}, working_dir=tmp_path)


def test_the_default_agent_is_the_only_definition_and_never_echo_by_itself(tmp_path: Path) -> None:
    one = "[agents.writer]\nkind = 'command'\ncommand = ['true']\n"
    assert read(tmp_path, "").default_agent.value == "background-job"
    config = read(tmp_path, one)
    assert config.default_agent.value == "writer"
    assert "the only definition" in config.default_agent.origin
    assert read(tmp_path, one + "[agents.other]\nkind = 'echo'\n").default_agent.value == "background-job"
    assert read(tmp_path, "[scheduler]\ndefault_agent = 'other'\n" + one).default_agent.value == "other"
    assert read(tmp_path, AGENTCRON_DEFAULT_AGENT="third").default_agent.value == "third"


def test_the_evaluation_interval_may_be_a_number_of_milliseconds(tmp_path: Path) -> None:
    assert read(tmp_path, "[scheduler]\nevaluation_interval_ms = 250\n").evaluation_interval.value == timedelta(
        milliseconds=250
    )
    config = read(tmp_path, AGENTCRON_EVALUATION_INTERVAL_MS="500")
    assert config.evaluation_interval.value == timedelta(milliseconds=500)
    assert config.evaluation_interval.origin == "env AGENTCRON_EVALUATION_INTERVAL_MS"


def test_a_slip_in_a_variable_is_a_warning_and_others_are_left_alone(tmp_path: Path) -> None:
    config = read(tmp_path, AGENTCRON_STOR="x", AGENTCRON_TIMEZON="UTC", AGENTCRON_JOB_ID="1", AGENTCRON_FOO="2")
    assert config.warnings == (
        "env AGENTCRON_STOR is not a setting and has no effect; did you mean AGENTCRON_STORE?",
        "env AGENTCRON_TIMEZON is not a setting and has no effect; did you mean AGENTCRON_TIMEZONE?",
    )
    # What a command agent is told must not make an agentcron that it calls complain.
    own = ("JOB_ID", "EXECUTION_ID", "SCHEDULED_FOR", "ATTEMPT", "IDEMPOTENCY_KEY", "MODEL")
    assert read(tmp_path, **{f"AGENTCRON_{name}": "x" for name in own}).warnings == ()


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("x =\n", r"is not TOML: .*line 1"),
        ("ok = 1\n", r"ok: is not a section; known are store, scheduler, retention, budgets, queues, scheduling"),
        ("[shceduler]\n", r"shceduler: is not a section; did you mean scheduler\?"),
        ("[scheduler]\ntimezon = 'UTC'\n", r"scheduler\.timezon: is not a setting; did you mean timezone\?"),
        ("[scheduler]\nstop_grace = 30\n", r"scheduler\.stop_grace: 30 is not a duration such as '30s'"),
        ("[scheduler]\nstop_grace = 'soon'\n", r"scheduler\.stop_grace: .*soon"),
        ("[scheduler]\nevaluation_interval = '1ms'\n", r"evaluation_interval: '1ms' is not a duration from 10ms to 1h"),
        ("[scheduler]\nevaluation_interval_ms = 5\n", r"evaluation_interval_ms: 5 is not a whole number from 10 to"),
        ("[scheduler]\nevaluation_interval_ms = 50\nevaluation_interval = '1s'\n", r"is given too"),
        ("[scheduler]\nmax_concurrent_agents = '3'\n", r"max_concurrent_agents: '3' is not a whole number"),
        ("[scheduler]\nmax_concurrent_agents = true\n", r"True is not a whole number from 1 to 100000"),
        ("[scheduler]\nmax_concurrent_agents = 0\n", r"0 is not a whole number"),
        ("[scheduler]\ntimezone = 3\n", r"timezone: 3 is not text such as 'Europe/Berlin'"),
        ("[scheduler]\ntimezone = 'Mars/Base'\n", r"Mars/Base"),
        ("[scheduler]\ndefault_agent = ''\n", r"default_agent: '' is not text that is not empty"),
        ("[store]\nurl = 3\n", r"store\.url: must be text"),
        ("agents = 3\n", r"agents: must be tables"),
        ("endpoints = 3\n", r"endpoints: must be tables such as \[endpoints\.NAME\]"),
        ("scheduler = 3\n", r"scheduler: must be a table; write \[scheduler\]"),
    ],
)
def test_a_wrong_file_is_told_with_its_name_and_key(tmp_path: Path, toml: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read(tmp_path, toml)
    assert str(tmp_path / "agentcron.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENTCRON_TIMEZONE", "Mars/Base"),
        ("AGENTCRON_STOP_GRACE", "soon"),
        ("AGENTCRON_MAX_CONCURRENT_AGENTS", "many"),
        ("AGENTCRON_MAX_CONCURRENT_AGENTS", "٣"),
        ("AGENTCRON_MAX_CONCURRENT_AGENTS", "9" * 5000),
    ],
)
def test_a_wrong_variable_is_told_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^env {name}: "):
        load_config(environ={name: value}, working_dir=tmp_path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read(tmp_path)


def test_a_password_in_a_url_is_not_shown() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert shown("sqlite:///a@b.sqlite") == "sqlite:///a@b.sqlite"
    assert shown(timedelta(minutes=90)) == "1h30m"


def test_the_machines_zone_is_a_name_that_can_be_used() -> None:
    assert machine_zone({"TZ": "Asia/Tokyo"}) == "Asia/Tokyo"
    assert machine_zone({"TZ": ":/usr/share/zoneinfo/Asia/Tokyo"}) == "Asia/Tokyo"
    assert machine_zone({"TZ": "nonsense"}) == machine_zone({})


def test_retention_is_on_by_default_and_each_limit_can_be_set_or_taken_away(tmp_path: Path) -> None:
    kept = read(tmp_path, "").retention
    assert {name: setting.value for name, setting in kept.items()} == {
        "max_age": timedelta(days=90), "max_per_job": 10_000, "max_bytes": 1 << 30, "keep_last": 50,
    }  # fmt: skip
    config = read(
        tmp_path,
        "[retention]\nmax_age = 'none'\nmax_per_job = 5\nmax_bytes = '500MB'\n",
        AGENTCRON_RETENTION_KEEP_LAST="7",
        AGENTCRON_RETENTION_MAX_PER_JOB="none",
    )
    assert {name: setting.value for name, setting in config.retention.items()} == {
        "max_age": None, "max_per_job": None, "max_bytes": 500_000_000, "keep_last": 7,
    }  # fmt: skip
    assert origin_of(config, "retention.keep_last") == "env AGENTCRON_RETENTION_KEEP_LAST"
    assert config.settings()["retention.max_age"].value == "none"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("max_age = 90", "retention.max_age: 90 is not a duration such as '90d', or 'none'"),
        ("max_per_job = 0", "retention.max_per_job: 0 is not a whole number from 1, or 'none'"),
        ("max_bytes = 'much'", "retention.max_bytes: 'much' is not a size such as '500MB' or '2GiB', or 'none'"),
        ("keep_last = 'none'", "retention.keep_last: 'none' is not a whole number from 1"),
        ("keep_last = true", "retention.keep_last: True is not a whole number from 1"),
        ("max_days = 3", "retention.max_days: is not a setting"),
    ],
)
def test_a_wrong_limit_is_told_with_what_was_expected(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        read(tmp_path, f"[retention]\n{line}\n")


def test_the_format_of_the_log_is_text_or_json(tmp_path: Path) -> None:
    assert load_config(environ={}, working_dir=tmp_path).log_format.value == "text"
    assert load_config(environ={"AGENTCRON_LOG_FORMAT": "json"}, working_dir=tmp_path).log_format.value == "json"
    with pytest.raises(ConfigError, match="log_format: 'xml' is not text or json"):
        load_config(environ={"AGENTCRON_LOG_FORMAT": "xml"}, working_dir=tmp_path)
