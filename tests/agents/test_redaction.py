"""What the funnel takes out, what it leaves alone, and how references are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcron.errors import ConfigError
from agentcron.redaction import Redactor, resolve


def test_values_of_variables_that_are_named_like_secrets_go() -> None:
    redactor = Redactor(
        {"MY_API_KEY": "abcdefgh-1", "db_password": "hunter2hunter2", "HOME": "/home/someone", "PIN_TOKEN": "1234567"}
    )
    text = redactor.text("abcdefgh-1, hunter2hunter2, /home/someone, 1234567")
    assert text == "[redacted:MY_API_KEY], [redacted:db_password], /home/someone, 1234567"


def test_the_longer_of_two_secrets_goes_whole() -> None:
    redactor = Redactor({"A_KEY": "prefix-secret", "B_KEY": "prefix-secret-and-more"})
    assert redactor.text("prefix-secret-and-more") == "[redacted:B_KEY]"


def test_what_is_learned_goes_from_then_on() -> None:
    redactor = Redactor({})
    redactor.learn("learned-value", "MAIL")
    redactor.learn("short", "NO")
    assert redactor.text("learned-value short") == "[redacted:MAIL] short"


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        ("sk-proj-abcdefghijklmnop123456", "api-key"),
        ("sk-ant-api03-abcdefghijklmnop", "anthropic-key"),
        ("ghp_" + "a1" * 18, "github-token"),
        ("github_pat_" + "a1" * 20, "github-token"),
        ("AKIAIOSFODNN7EXAMPLE", "aws-key"),
        ("AIza" + "b" * 35, "google-key"),
        ("xoxb-1234567890-abcdef", "slack-token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "private-key"),
        ("-----BEGIN PRIVATE KEY-----\nnever ends", "private-key"),
    ],
)
def test_what_can_only_be_a_key_goes(secret: str, name: str) -> None:
    assert Redactor({}).text(f"x {secret}") == f"x [redacted:{name}]"


def test_a_bearer_token_goes_and_the_word_stays() -> None:
    assert Redactor({}).text("Authorization: Bearer " + "t0k" * 10) == "Authorization: Bearer [redacted:bearer]"


@pytest.mark.parametrize(
    "innocent",
    [
        "task-list",
        "sk-learn is a library",
        "the bearer of news",
        "AKIA",
        "ghp_ is a prefix",
        "risk-averse-people-do-not-gamble",
    ],
)
def test_innocent_words_stay(innocent: str) -> None:
    assert Redactor({}).text(innocent) == innocent


def test_json_values_are_walked() -> None:
    redactor = Redactor({"A_KEY": "secret-value"})
    value = {"a": ["x secret-value", 1, None, True], "secret-value": {"b": ("secret-value",)}}
    assert redactor.value(value) == {
        "a": ["x [redacted:A_KEY]", 1, None, True],
        "[redacted:A_KEY]": {"b": ["[redacted:A_KEY]"]},
    }


def test_a_secret_of_several_lines_goes_from_json_text_too() -> None:
    assert Redactor({"A_KEY": "line one\nline two"}).text('"line one\\nline two"') == '"[redacted:A_KEY]"'


def test_references_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("  from a file \n")
    assert resolve("env:NAME", {"NAME": " value\n"}) == "value"
    assert resolve("file:secret", {}, tmp_path) == "from a file"
    assert resolve(f"file:{tmp_path}/secret", {}) == "from a file"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:", "env: names no variable"),
        ("env:NAME", "the variable NAME is not set"),
        ("file:", "file: names no file"),
        ("file:missing", "missing cannot be read: No such file"),
        ("file:empty", "empty is empty"),
        ("file:binary", "binary is not UTF-8 text"),
        ("file:huge", "larger than 64 KiB"),
        ("vault:x", "not a reference: write env:NAME or file:PATH, not vault:"),
        ("sk-literal", "not a reference: write env:NAME or file:PATH"),
    ],
)
def test_references_that_cannot_be_read_say_why(tmp_path: Path, reference: str, said: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_text("x" * 70_000)
    with pytest.raises(ConfigError) as refused:
        resolve(reference, {}, tmp_path)
    assert said in str(refused.value)
    assert "literal" not in str(refused.value)
