"""A run that says that it is done is held against what its job expects."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from typing import Any

import pytest

from agentcron import AgentOutcome, ExecutionStatus, Usage
from agentcron.checks import fitting, matching
from agentcron.checks.place import LookFailed
from agentcron.testing import Delay
from tests.checks.conftest import Bench, Site

S = ExecutionStatus
SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}}


async def judged(bench: Bench, expect: Any, answer: Any = "done", **fields: Any) -> str | None:
    """The error of a run with this answer; None for a success."""
    await bench.plugin.clear_all_jobs()
    bench.factory.then(answer)
    await bench.job(expect=expect, **fields)
    row = await bench.slot()
    assert (row.status, row.reason) == ((S.SUCCESS, None) if row.error is None else (S.FAILURE, "check")), row.error
    return row.error


async def test_a_file_must_be_there(bench: Bench) -> None:
    missing = bench.folder / "out/report.md"
    assert await judged(bench, "file:out/report.md") == (f"check: file:out/report.md: there is no file {missing}")
    bench.write("out/report.md", "x")
    assert await judged(bench, "file:out/*.md") is None
    assert await judged(bench, f"file:{missing}") is None


async def test_a_failed_check_keeps_the_answer_and_counts_as_a_failure(stored: Bench) -> None:
    stored.factory.then(AgentOutcome(output="all good", usage=Usage(input_tokens=5)))
    await stored.job(expect="file:nope", pause_after_failures=2)
    row = await stored.slot()
    assert (row.status, row.reason, row.result) == (S.FAILURE, "check", "all good")
    assert row.usage == Usage(input_tokens=5)
    await stored.slot()
    await stored.look()
    assert (await stored.now()).state_reason == "streak"


async def test_a_file_must_be_written_since_the_run_began(bench: Bench) -> None:
    bench.write("report.md", "of yesterday")

    async def writes(prompt: str, context: object) -> str:
        bench.write("report.md", "of yesterday")
        os.utime(bench.folder / "report.md", ns=(1, 1))
        return "done"

    path = bench.folder / "report.md"
    assert await judged(bench, "changed:report.md") == (
        f"check: changed:report.md: {path} was not written since the run began"
    )
    assert await judged(bench, "changed:report.md", writes) is None
    path.unlink()
    assert await judged(bench, "changed:report.md") == f"check: changed:report.md: there is no file {path}"


async def test_the_answer_must_hold_an_expression(bench: Bench) -> None:
    assert await judged(bench, r"regex:^Total: \d+$", "Sums\nTotal: 12\nbye") is None
    assert await judged(bench, r"regex:^Total: \d+$", "Total: many") == (
        r"check: regex:^Total: \d+$: is not found in the answer"
    )


async def test_an_expression_that_takes_for_ever_ends_in_a_second_of_work(bench: Bench) -> None:
    assert await judged(bench, "regex:(a+)+$", "a" * 60 + "b") == (
        "check: regex:(a+)+$: takes too long to be searched for; write it without repetitions within repetitions"
    )


@pytest.mark.parametrize(
    ("schema", "answer"),
    [({"pattern": "^(a+)+$"}, f'"{"a" * 60}b"'), ({"type": "object"}, "```\n" + "\n" * 400_000 + "x")],
)
async def test_a_schema_that_takes_for_ever_holds_nothing_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], answer: str
) -> None:
    monkeypatch.setattr(fitting, "WORK", 1)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    beside = asyncio.create_task(others())
    error = await judged(bench, {"schema": schema}, answer)
    beside.cancel()
    assert str(error).endswith("write its patterns without repetitions within repetitions")
    assert turns > 10


async def test_an_answer_that_cannot_be_searched_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(pattern: str, text: str) -> bool:
        raise LookFailed("takes too long")

    monkeypatch.setattr(matching, "found", never)
    bench.factory.then("a" * 60)
    await bench.job(silent="regex:(a+)+$")
    row = await bench.slot()
    assert (row.status, row.silent) == (S.SUCCESS, False)


async def test_the_answer_must_be_json_that_keeps_a_schema(bench: Bench) -> None:
    assert await judged(bench, {"schema": SCHEMA}, '{"total": 3}') is None
    assert await judged(bench, {"schema": SCHEMA}, '```json\n{"total": 3}\n```') is None
    bench.write("total.json", json.dumps(SCHEMA))
    assert await judged(bench, "schema:total.json", '{"total": "3"}') == (
        "check: schema:total.json: $.total: '3' is not of type 'integer'"
    )
    assert str(await judged(bench, "schema:total.json", "three")).startswith(
        "check: schema:total.json: the answer is not JSON: Expecting value"
    )


async def test_a_schema_never_leads_to_an_address(bench: Bench, site: Site) -> None:
    url = site.serve("/schema.json", "{}")
    error = await judged(bench, {"schema": {"$ref": url}}, "1")
    assert str(error).endswith(f"the schema refers to {url}, which is not in it; addresses are not fetched")
    assert site.asked == []


async def test_a_program_must_end_with_0_and_is_given_the_answer(bench: Bench) -> None:
    assert await judged(bench, {"command": ["grep", "--quiet", "good"]}, "all good") is None
    assert await judged(bench, "command:grep --quiet bad", "all good") == (
        'check: command:["grep", "--quiet", "bad"]: exit code 1'
    )
    assert await judged(bench, {"command": ["ls", "./nowhere"]}) == (
        'check: command:["ls", "./nowhere"]: exit code 2: ls: cannot access \'./nowhere\': No such file or directory'
    )


async def test_an_address_must_answer(bench: Bench, site: Site) -> None:
    url = site.serve("/health", "ok")
    assert await judged(bench, f"url:{url}") is None
    site.serve("/health", status=503)
    assert await judged(bench, f"url:{url}") == f"check: url:{url}: answers 503 Service Unavailable"


@pytest.mark.parametrize(
    ("expect", "error"),
    [
        ("min_tokens:100", None),
        ("min_tokens:101", "check: min_tokens:101: the run took 100 tokens"),
        ("max_tokens:100", None),
        ("max_tokens:99", "check: max_tokens:99: the run took 100 tokens"),
    ],
)
async def test_tokens_have_a_least_and_a_most(bench: Bench, expect: str, error: str | None) -> None:
    answer = AgentOutcome(output="x", usage=Usage(input_tokens=60, output_tokens=40))
    assert await judged(bench, expect, answer) == error


async def test_tokens_that_nobody_counted_are_not_taken_for_few(bench: Bench) -> None:
    assert await judged(bench, "max_tokens:5") == "check: max_tokens:5: the agent does not say how many it used"


async def test_a_run_that_was_too_quick_to_have_worked_is_a_failure(bench: Bench) -> None:
    assert await judged(bench, "min-seconds:2") == "check: min_seconds:2: the run took 0 seconds"
    assert await judged(bench, "max_seconds:0.5") is None


async def test_every_check_that_does_not_hold_is_told_in_one_line(bench: Bench) -> None:
    error = await judged(bench, ["regex:x", "regex:d", {"file": "no\nsuch"}])
    assert error is not None
    assert error.startswith("check: regex:x: is not found in the answer; file:no")
    assert error.count("\n") <= 1  # the one of the file's own name


async def test_checks_wait_until_the_agent_is_closed_and_never_follow_a_failure(bench: Bench) -> None:
    bench.factory.then(AgentOutcome(output="x", failed="refused"))
    await bench.job(expect={"command": ["touch", "checked"]})
    assert (await bench.slot()).reason == "agent"
    assert not (bench.folder / "checked").exists()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("FAILED: no access to the site", "no access to the site"),
        ("\n**FAILED: no access**\nmore", "no access"),
        ("# FAILED:\nmore", "the agent says that it failed, and not why"),
        ("it FAILED: often", None),
        ("Done.\nFAILED: 0 tests", None),
    ],
)
async def test_an_agent_can_say_in_its_first_line_that_it_failed(bench: Bench, answer: str, why: str | None) -> None:
    bench.factory.then(answer)
    await bench.job()
    row = await bench.slot()
    assert (row.status, row.error) == ((S.FAILURE, why) if why is not None else (S.SUCCESS, None))
    assert row.result == answer


async def test_the_first_line_that_says_so_is_the_jobs_own_choice(bench: Bench) -> None:
    bench.factory.then("FAILED: build 7", "NICHT ERLEDIGT weil es regnet")
    await bench.job(failure_marker=None)
    assert (await bench.slot()).status is S.SUCCESS
    await bench.plugin.update_job(bench.job_id, failure_marker="NICHT ERLEDIGT")
    assert (await bench.slot()).error == "weil es regnet"


@pytest.mark.parametrize(
    ("rule", "answer", "silent"),
    [
        ("NOTHING_NEW", "NOTHING_NEW", True),
        ("NOTHING_NEW", "I looked at all pages.\n**NOTHING_NEW**\n", True),
        ("NOTHING_NEW", "NOTHING_NEW was the word yesterday", False),
        ("NOTHING_NEW", "", True),
        ("regex:^0 new", "All in all:\n0 new letters", True),
        ("regex:^0 new", "10 new letters", False),
        (None, "", False),
    ],
)
async def test_an_answer_may_have_nothing_to_tell(stored: Bench, rule: str | None, answer: str, silent: bool) -> None:
    stored.factory.then(answer)
    await stored.job(silent=rule)
    row = await stored.slot()
    assert (row.status, row.silent, row.result) == (S.SUCCESS, silent, answer)


async def test_a_failure_is_never_silent(bench: Bench) -> None:
    bench.factory.then("NOTHING_NEW")
    await bench.job(silent="NOTHING_NEW", expect="file:nope")
    assert (await bench.slot()).silent is False


async def test_a_secret_in_an_answer_is_not_told_by_the_check_that_quotes_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-ant-" + "a" * 30
    error = await judged(bench, {"schema": {"type": "integer"}}, json.dumps(key))
    assert error == "check: schema:{\"type\": \"integer\"}: $: '[redacted:anthropic-key]' is not of type 'integer'"


async def test_why_names_the_check_and_the_policy(bench: Bench) -> None:
    await judged(bench, "regex:x")
    told = await bench.plugin.explain(bench.job_id, bench.clock.now())
    assert "ended as FAILURE (check)" in told.sentence
    assert "regex:x: is not found in the answer" in told.sentence
    assert str(told.policy) == "policy expect = regex:x, set in version 1 of the job"


async def test_a_run_that_uses_up_its_time_is_cut_before_its_checks(bench: Bench) -> None:
    bench.factory.then(Delay(bench.clock, timedelta(days=1)))
    await bench.job(expect={"command": ["touch", "checked"]}, timeout="0.05s")
    assert (await bench.slot()).reason == "timeout"
    assert not (bench.folder / "checked").exists()
