"""A slot runs where something changed since the last success; otherwise no agent is called."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from agentcron import AgentError, AgentOutcome, ExecutionStatus
from tests.checks.conftest import Bench, Site, git

S = ExecutionStatus
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>%s</channel></rss>"""


def feed(*names: str) -> str:
    return FEED % "".join(f"<item><guid>{name}</guid><title>{name}</title></item>" for name in names)


async def test_a_slot_whose_file_is_as_it_was_is_skipped_and_no_agent_called(stored: Bench) -> None:
    stored.write("notes.md", "one")
    await stored.job(when_changed="file:notes.md")
    assert (await stored.slot()).status is S.SUCCESS
    row = await stored.slot()
    assert (row.status, row.reason, row.begun) == (S.SKIPPED, "gate", False)
    assert row.findings is not None
    assert row.findings.gate is not None
    assert row.findings.gate.startswith("file:notes.md is as it was since 2026-01-01T01:00:00+00:00: 1 file ")
    assert len(stored.factory.prompts) == 1

    stored.write("notes.md", "two")
    row = await stored.slot()
    assert row.status is S.SUCCESS
    assert row.findings is not None
    assert ", was 1 file " in str(row.findings.gate)
    assert (await stored.slot()).status is S.SKIPPED
    assert len(stored.factory.prompts) == 2


async def test_gated_runs_are_counted_with_what_they_would_have_cost(stored: Bench) -> None:
    stored.factory.then(AgentOutcome(output="x", cost_usd=Decimal("0.02")))
    stored.write("a", "one")
    await stored.job(when_changed="file:a")
    for _ in range(4):
        await stored.slot()
    totals = (await stored.now()).totals
    assert (totals.success, totals.skipped, totals.gated, totals.saved_usd) == (1, 3, 3, Decimal("0.06"))
    figures = await stored.plugin.get_statistics()
    assert (figures.gated, figures.saved_usd) == (3, Decimal("0.06"))
    assert (figures.total_executions, figures.executions_by_status[S.SKIPPED]) == (1, 3)


async def test_without_known_costs_the_runs_are_counted_all_the_same(bench: Bench) -> None:
    bench.write("a", "one")
    await bench.job(when_changed="file:a")
    await bench.slot()
    await bench.slot()
    assert ((await bench.now()).totals.gated, (await bench.now()).totals.saved_usd) == (1, None)
    assert (await bench.plugin.get_statistics()).saved_usd is None


@pytest.mark.parametrize(
    "ending", [AgentOutcome(output="no", failed="refused"), AgentError("broken"), "FAILED: could not"]
)
async def test_only_a_success_moves_the_mark(bench: Bench, ending: object) -> None:
    bench.write("a", "one")
    await bench.job(when_changed="file:a")
    bench.factory.then(ending)  # type: ignore[arg-type]
    assert (await bench.slot()).status in (S.FAILURE, S.ERROR)
    assert (await bench.now()).marks == ()
    assert (await bench.slot()).status is S.SUCCESS
    assert (await bench.slot()).status is S.SKIPPED


async def test_what_changes_while_the_agent_works_is_seen_by_the_next_slot(bench: Bench) -> None:
    bench.write("a", "one")

    async def busy(prompt: str, context: object) -> str:
        bench.write("a", "two")
        return "done"

    bench.factory.then(busy)
    await bench.job(when_changed="file:a")
    assert (await bench.slot()).status is S.SUCCESS
    assert (await bench.slot()).status is S.SUCCESS
    assert (await bench.slot()).status is S.SKIPPED


async def test_a_touched_file_with_the_same_bytes_has_not_changed(bench: Bench) -> None:
    bench.write("a", "one")
    await bench.job(when_changed="file:a")
    await bench.slot()
    bench.write("a", "one")
    assert (await bench.slot()).status is S.SKIPPED


async def test_a_glob_sees_new_changed_and_removed_files(bench: Bench) -> None:
    bench.write("in/a.md", "one")
    await bench.job(when_changed="file:in/**/*.md")
    await bench.slot()
    bench.write("in/deep/b.md", "two")
    assert (await bench.slot()).status is S.SUCCESS
    bench.write("in/other.txt", "x")
    assert (await bench.slot()).status is S.SKIPPED
    (bench.folder / "in/a.md").unlink()
    assert (await bench.slot()).status is S.SUCCESS


async def test_where_nothing_is_there_yet_there_is_nothing_to_run_for(bench: Bench) -> None:
    await bench.job(when_changed="file:inbox")
    row = await bench.slot()
    assert (row.status, row.reason) == (S.SKIPPED, "gate")
    bench.write("inbox/letter", "x")
    assert (await bench.slot()).status is S.SUCCESS


async def test_one_of_several_sources_is_enough(bench: Bench) -> None:
    bench.write("a", "1")
    bench.write("b", "1")
    await bench.job(when_changed=["file:a", {"file": "b"}])
    await bench.slot()
    assert (await bench.slot()).status is S.SKIPPED
    bench.write("b", "2")
    row = await bench.slot()
    assert row.status is S.SUCCESS
    assert row.findings is not None
    assert [mark.source for mark in row.findings.marks] == ["file:a", "file:b"]
    assert (await bench.slot()).status is S.SKIPPED


async def test_an_edit_to_another_source_looks_at_it_for_the_first_time(stored: Bench) -> None:
    stored.write("a", "1")
    stored.write("b", "1")
    await stored.job(when_changed="file:a")
    await stored.slot()
    await stored.plugin.update_job(stored.job_id, when_changed="file:b")
    assert (await stored.slot()).status is S.SUCCESS
    assert (await stored.slot()).status is S.SKIPPED
    await stored.plugin.update_job(stored.job_id, when_changed=None)
    assert (await stored.slot()).status is S.SUCCESS
    assert (await stored.slot()).status is S.SUCCESS


async def test_an_address_is_asked_with_its_etag_and_a_304_is_no_change(bench: Bench, site: Site) -> None:
    url = site.serve("/page", "one", ETag='"v1"')
    await bench.job(when_changed=f"url:{url}")
    assert (await bench.slot()).status is S.SUCCESS
    row = await bench.slot()
    assert (row.status, row.reason) == (S.SKIPPED, "gate")
    assert site.asked[-1][1]["If-None-Match"] == '"v1"'
    site.serve("/page", "two", ETag='"v2"')
    assert (await bench.slot()).status is S.SUCCESS


async def test_an_address_without_an_etag_is_compared_by_its_body(bench: Bench, site: Site) -> None:
    url = site.serve("/page", "one")
    await bench.job(when_changed={"url": url})
    await bench.slot()
    assert (await bench.slot()).status is S.SKIPPED
    site.serve("/page", "two")
    assert (await bench.slot()).status is S.SUCCESS


async def test_a_gate_that_cannot_look_is_an_error_and_no_agent_is_called(bench: Bench, site: Site) -> None:
    await bench.job(when_changed=f"url:{site.url}/page")
    row = await bench.slot()
    assert (row.status, row.reason) == (S.ERROR, "gate")
    assert row.error == f"gate: url:{site.url}/page: answers 404 Not Found"
    assert bench.factory.prompts == []
    assert (await bench.now()).streak == 1
    site.serve("/page", "there")
    assert (await bench.slot()).status is S.SUCCESS


async def test_a_server_in_trouble_never_counts_towards_the_pause(bench: Bench, site: Site) -> None:
    site.serve("/page", status=503)
    await bench.job(when_changed=f"url:{site.url}/page", pause_after_failures=1)
    row = await bench.slot()
    assert (row.status, row.error) == (S.ERROR, f"gate: url:{site.url}/page: answers 503 Service Unavailable")
    assert ((await bench.now()).streak, (await bench.now()).state_reason) == (0, None)


async def test_a_retry_of_a_gate_looks_again(stored: Bench, site: Site) -> None:
    site.serve("/page", status=503)
    await stored.job(when_changed=f"url:{site.url}/page", retry="attempts=3,backoff=10s,jitter=0")
    row = await stored.slot()
    assert (row.status, row.attempt, row.retries, row.begun) == (S.PENDING, 2, 1, False)
    await stored.clock.advance(timedelta(seconds=10))
    row = await stored.look()
    assert (row.status, row.attempt, row.retries) == (S.PENDING, 3, 2)
    site.serve("/page", "well")
    await stored.clock.advance(timedelta(seconds=20))
    row = await stored.look()
    assert (row.status, row.attempt) == (S.SUCCESS, 3)
    assert (await stored.slot()).status is S.SKIPPED


async def test_the_last_retry_of_a_gate_is_the_end(stored: Bench, site: Site) -> None:
    site.serve("/page", status=503)
    await stored.job(when_changed=f"url:{site.url}/page", retry="attempts=2,backoff=10s,jitter=0")
    await stored.slot()
    await stored.clock.advance(timedelta(seconds=10))
    row = await stored.look()
    assert (row.status, row.reason, row.attempt) == (S.ERROR, "gate", 2)
    assert (await stored.now()).open == 0
    assert stored.factory.prompts == []


async def test_a_change_elsewhere_runs_though_one_source_is_out_of_sight(bench: Bench, site: Site) -> None:
    url = site.serve("/page", "one")
    bench.write("a", "1")
    await bench.job(when_changed=["file:a", f"url:{url}"])
    await bench.slot()
    site.serve("/page", status=500)
    bench.write("a", "2")
    row = await bench.slot()
    assert row.status is S.SUCCESS
    assert row.findings is not None
    assert "answers 500" in str(row.findings.gate)
    assert (await bench.slot()).status is S.ERROR
    site.serve("/page", "one")
    assert (await bench.slot()).status is S.SKIPPED


async def test_a_commit_on_the_watched_branch_is_a_change(bench: Bench) -> None:
    git(bench.folder, "init", "--quiet", "repo")
    repo = bench.folder / "repo"
    git(repo, "commit", "--quiet", "--allow-empty", "-m", "one")
    git(repo, "branch", "other")
    await bench.job(when_changed="git:repo#other")
    assert (await bench.slot()).status is S.SUCCESS
    git(repo, "commit", "--quiet", "--allow-empty", "-m", "two")
    row = await bench.slot()
    assert row.status is S.SKIPPED
    assert row.findings is not None
    assert git(repo, "rev-parse", "other").strip() in str(row.findings.gate)
    git(repo, "branch", "--force", "other", "main")
    assert (await bench.slot()).status is S.SUCCESS
    git(repo, "branch", "-D", "other")
    row = await bench.slot()
    assert row.error == f"gate: git:repo#other: {repo}: there is no reference other"


async def test_a_new_entry_of_a_feed_is_a_change_and_one_that_left_is_none(bench: Bench, site: Site) -> None:
    url = site.serve("/feed", feed("a", "b"))
    await bench.job(when_changed=f"feed:{url}")
    assert (await bench.slot()).status is S.SUCCESS
    site.serve("/feed", feed("b"))
    assert (await bench.slot()).status is S.SKIPPED
    site.serve("/feed", feed("c", "d", "b"))
    row = await bench.slot()
    assert row.status is S.SUCCESS
    assert row.findings is not None
    assert row.findings.gate == f"feed:{url} changed: 2 new entries"
    site.serve("/feed", "<html>down for maintenance</html>")
    assert (await bench.slot()).error == f"gate: feed:{url}: what it answers is no feed (RSS or Atom)"


async def test_a_program_is_compared_by_what_it_writes(bench: Bench) -> None:
    bench.write("count", "1")
    await bench.job(when_changed=[["command:cat count"]])
    assert (await bench.slot()).status is S.SUCCESS
    assert (await bench.slot()).status is S.SKIPPED
    bench.write("count", "2")
    assert (await bench.slot()).status is S.SUCCESS
    (bench.folder / "count").unlink()
    row = await bench.slot()
    assert row.status is S.ERROR
    assert row.error is not None
    assert 'gate: command:["cat", "count"]: exit code 1: cat: count: ' in row.error


async def test_a_program_gets_no_shell_and_only_the_variables_of_a_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET_TOKEN", "canary-canary")
    script = bench.folder / "tell"
    script.write_text('#!/bin/sh\nenv > seen\nprintf "%s" "$1" > first\n')
    script.chmod(0o755)
    await bench.job(when_changed={"command": ["./tell", "$(touch owned); *"]})
    assert (await bench.slot()).status is S.SUCCESS
    assert (bench.folder / "first").read_text() == "$(touch owned); *"
    assert not (bench.folder / "owned").exists()
    seen = (bench.folder / "seen").read_text()
    assert "canary" not in seen
    assert f"AGENTCRON_JOB_ID={bench.job_id}" in seen


async def test_a_run_by_hand_is_never_held_up_and_its_success_counts(bench: Bench, site: Site) -> None:
    url = site.serve("/page", "one")
    await bench.job(when_changed=f"url:{url}")
    await bench.slot()
    row = await bench.plugin.run_here(await bench.plugin.run_job_now(bench.job_id))
    assert (row.status, row.manual) == (S.SUCCESS, True)
    site.serve("/page", "two")
    await bench.plugin.run_here(await bench.plugin.run_job_now(bench.job_id))
    assert (await bench.slot()).status is S.SKIPPED
    site.serve("/page", status=500)
    assert (await bench.plugin.run_here(await bench.plugin.run_job_now(bench.job_id))).status is S.SUCCESS
    site.serve("/page", "two")
    assert (await bench.slot()).status is S.SKIPPED


async def test_slots_that_a_gate_skips_use_up_none_of_the_runs(bench: Bench) -> None:
    bench.write("a", "1")
    await bench.job(when_changed="file:a", max_runs=2)
    for _ in range(4):
        await bench.slot()
    assert ((await bench.now()).runs, (await bench.now()).state.value) == (1, "ACTIVE")
    bench.write("a", "2")
    assert (await bench.slot()).status is S.SUCCESS
    await bench.look()
    assert (await bench.now()).state.value == "COMPLETED"


async def test_a_slot_that_is_caught_up_asks_the_gate(bench: Bench) -> None:
    bench.write("a", "1")
    await bench.job(when_changed="file:a", catch_up="latest", catch_up_window="24h")
    await bench.slot()
    await bench.clock.advance(timedelta(hours=5, minutes=20))
    row = await bench.look()
    assert (row.status, row.reason) == (S.SKIPPED, "gate")
    bench.write("a", "2")
    await bench.clock.advance(timedelta(hours=5))
    assert (await bench.look()).status is S.SUCCESS


async def test_a_look_never_moves_the_time_of_the_last_run(stored: Bench) -> None:
    stored.write("a", "1")
    await stored.job(when_changed="file:a")
    await stored.slot()
    ran = (await stored.now()).last_run
    await stored.slot()
    assert (await stored.now()).last_run == ran == stored.clock.now() - timedelta(hours=1)


async def test_why_tells_what_was_compared(bench: Bench) -> None:
    bench.write("a", "1")
    await bench.job(when_changed="file:a")
    await bench.slot()
    await bench.slot()
    told = await bench.plugin.explain(bench.job_id, bench.clock.now())
    assert "was skipped: nothing changed: file:a is as it was since 2026-01-01T01:00:00+00:00: 1 file " in told.sentence
    assert told.policy is not None
    assert str(told.policy) == "policy when_changed = file:a, set in version 1 of the job"
    ran = await bench.plugin.explain(bench.job_id, bench.clock.now() - timedelta(hours=1))
    assert "ended as SUCCESS" in ran.sentence
    assert "file:a changed: was not looked at before" in ran.sentence
