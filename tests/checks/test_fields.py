"""What a gate and a check may be made of: how they are written, and what is refused when the job is made."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agentcron import CheckKind, Expectation, InvalidJobError, JobSpec, Source, SourceKind
from agentcron.domain.spec_fields import read_spec, write_spec
from tests.checks.conftest import Bench


def spec(**values: Any) -> JobSpec:
    return read_spec({"name": "n", "prompt": "p", "schedule": "@daily", **values})


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("file:notes/*.md", ["file:notes/*.md"]),
        (["file:a", "url:https://example.org/x?y=1"], ["file:a", "url:https://example.org/x?y=1"]),
        ({"file": "a", "git": "repo"}, ["file:a", "git:repo#HEAD"]),
        (["file:a", "file: a "], ["file:a"]),
        ("git:../repo#feature/x-1", ["git:../repo#feature/x-1"]),
        ("feed:http://example.org:8080/rss", ["feed:http://example.org:8080/rss"]),
        ("command:./news --since 'last week'", ['command:["./news", "--since", "last week"]']),
        ('command:["a", "b c"]', ['command:["a", "b c"]']),
        ([{"command": ["a", "ü"]}], ['command:["a", "ü"]']),
        (Source(SourceKind.FILE, "x"), ["file:x"]),
        (None, []),
        ((), []),
    ],
)
def test_sources_are_read_from_text_mappings_and_lists(given: Any, written: list[str]) -> None:
    made = spec(when_changed=given)
    assert write_spec(made)["when_changed"] == written
    assert read_spec(json.loads(json.dumps(write_spec(made)))) == made
    assert hash(made) == hash(read_spec(write_spec(made)))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("regex:^a, b: c$", ["regex:^a, b: c$"]),
        (["min-tokens:5", "MAX_SECONDS:1.5"], ["min_tokens:5", "max_seconds:1.5"]),
        ({"min_tokens": 5, "max_seconds": 90}, ["min_tokens:5", "max_seconds:90"]),
        ({"schema": {"type": "object"}}, ['schema:{"type": "object"}']),
        ("schema:shape.json", ["schema:shape.json"]),
        ({"regex": re.compile("x+")}, ["regex:x+"]),
        (Expectation(CheckKind.CHANGED, "out.md"), ["changed:out.md"]),
    ],
)
def test_expectations_are_read_from_text_mappings_and_lists(given: Any, written: list[str]) -> None:
    made = spec(expect=given)
    assert write_spec(made)["expect"] == written
    assert read_spec(json.loads(json.dumps(write_spec(made)))) == made


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"when_changed": "notes.md"}, "when_changed: 'notes.md' does not begin with one of file:, url:, git:, feed:"),
        ({"when_changed": "https://x.org"}, "write url:https://x.org"),
        ({"when_changed": "regex:x"}, "when_changed: 'regex:x' does not begin with one of"),
        ({"when_changed": "file:"}, "when_changed: file: '' is not a text"),
        ({"when_changed": 5}, "when_changed: 5 is not a text such as file:VALUE"),
        ({"when_changed": "url:ftp://x.org/"}, "url: 'ftp://x.org/' is not an address; write http://… or https://…"),
        ({"when_changed": "url:file:///etc/passwd"}, "is not an address"),
        ({"when_changed": "url:http://"}, "is not an address"),
        ({"when_changed": "url:http://x.org:99999/"}, "is not an address"),
        ({"when_changed": "url:http://[::1"}, "is not an address"),
        ({"when_changed": "url:https://me:secret@x.org/"}, "the address of x.org holds a user or password"),
        ({"when_changed": "url:https://x.org/a b"}, "holds a blank or control character"),
        ({"when_changed": "feed:nowhere"}, "feed: 'nowhere' is not an address"),
        ({"when_changed": "git:repo#--upload-pack=x"}, "git: '--upload-pack=x' is not a reference"),
        ({"when_changed": "git:repo#a..b"}, "git: 'a..b' is not a reference"),
        ({"when_changed": "git:#main"}, "names no repository"),
        ({"when_changed": "git:https://x.org/r.git#main"}, "is not a folder on this machine"),
        ({"when_changed": "command:echo 'open"}, "cannot be read as a program and its arguments: No closing quotation"),
        ({"when_changed": {"command": []}}, "is not a list of texts"),
        ({"when_changed": {"command": ["a", 1]}}, "is not a list of texts"),
        ({"when_changed": {"command": ["a", "\0"]}}, "holds a NUL character"),
        ({"when_changed": [f"file:{n}" for n in range(21)]}, "when_changed: has 21 entries; at most 20 are allowed"),
        ({"when_changed": "file:\udc80"}, "file: holds half of a character (a surrogate) at 0; give whole text"),
        ({"expect": "regex: "}, "expect: regex: ' ' is not a text; write regex:VALUE"),
        ({"expect": "regex:("}, "expect: '(' is not a regular expression: missing ), unterminated subpattern"),
        ({"expect": "min_tokens:many"}, "expect: min_tokens: 'many' is not a number of 0 or more"),
        ({"expect": "min_tokens:1.5"}, "expect: min_tokens: '1.5' is not a whole number"),
        ({"expect": "max_seconds:-1"}, "is not a number of 0 or more"),
        ({"expect": "schema:{"}, "expect: schema: is not JSON"),
        ({"expect": "url:ftp://x"}, "expect: url: 'ftp://x' is not an address"),
        ({"expect": "git:x"}, "expect: 'git:x' does not begin with one of file:, changed:, regex:"),
        ({"silent": "regex:["}, "silent: '[' is not a regular expression"),
        ({"silent": "two\nlines"}, "silent: 'two\\nlines' is not a marker"),
        ({"failure_marker": ""}, "failure_marker: '' is not a marker; give 1 to 200 characters of one line, or none"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        spec(**values)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.field == next(iter(values))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"when_changed": "command:no-such-program-here x"}, "when_changed: command: no-such-program-here is not on"),
        ({"when_changed": "command:./missing"}, "when_changed: command: there is no file "),
        ({"when_changed": "git:missing#main"}, "when_changed: git: there is no folder "),
        ({"expect": "command:no-such-program-here"}, "expect: command: no-such-program-here is not on PATH"),
        ({"expect": "schema:missing.json"}, "expect: schema: the schema cannot be read: No such file or directory"),
        ({"expect": {"schema": {"type": "number!"}}}, "expect: schema: is no JSON schema: $.type: 'number!' is not"),
    ],
)
async def test_what_is_not_on_this_machine_is_refused_when_the_job_is_made_or_edited(
    bench: Bench, values: dict[str, Any], told: str
) -> None:
    await bench.job()
    with pytest.raises(InvalidJobError, match=re.escape(told)):
        await bench.plugin.create_job("another", "@daily", "p", **values)
    with pytest.raises(InvalidJobError, match=re.escape(told)):
        await bench.plugin.update_job(bench.job_id, **values)
    assert [job.version for job in await bench.plugin.get_jobs()] == [1]


async def test_a_library_that_is_missing_is_named_with_how_to_get_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "feedparser", None)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(
        InvalidJobError, match=r"when_changed: feed: needs feedparser; pip install 'agentcron\[checks\]'"
    ):
        await bench.job(when_changed="feed:https://x.org/rss")
    with pytest.raises(InvalidJobError, match=r"expect: schema: needs jsonschema; pip install"):
        await bench.job(expect={"schema": {}})
