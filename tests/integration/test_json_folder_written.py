"""What a run adds to a folder that was written by hand to the original's format, and what it leaves as it was."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.storage.json_files import StorageFsPlugin
from agentcron.testing import Environment, create_test_environment

FIXTURE = Path(__file__).parent.parent / "fixtures" / "original" / "background-jobs"
# The original ran the report last on the day before.
START = datetime(2026, 3, 1, 8, 59, tzinfo=UTC)


def on(folder: Path) -> Environment:
    return create_test_environment(start=START, storage_plugin=StorageFsPlugin(folder))


def entries(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((home / "jobs.json").read_text())
    return found


async def test_a_run_adds_itself_and_its_times_and_leaves_all_else(tmp_path: Path) -> None:
    home = Path(shutil.copytree(FIXTURE, tmp_path / "background-jobs"))
    found = entries(home)[:2]  # the other two: one left open by the original, one that is no job
    found[0]["executionHistory"][0]["model"] = "a key of somebody else"
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (home / "jobs.json").write_text(text)
    file = home / "executions" / "job-1-exec-1.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model": "theirs"}))
    (home / "executions" / "job-3-exec-3.json").unlink()
    files = {path.name: path.read_bytes() for path in (home / "executions").iterdir()}
    async with on(tmp_path) as env:
        await env.plugin.start_background_execution()
        await env.advance(61)
        [run] = [run for run in await env.runs("job-1") if not run.id.startswith("exec-")]
    report, digest = entries(home)
    assert digest == found[1]
    assert (home / "jobs.json").read_text().endswith(text[text.index('    "id": "job-2"') :])
    added = set(report) - set(found[0])
    changed = {key for key in found[0] if report[key] != found[0][key]}
    assert (added, changed) == ({"agentcron"}, {"lastRun", "nextRun", "executionHistory"})
    assert [key for key in report if key != "agentcron"] == list(found[0])
    assert (report["lastRun"], report["nextRun"]) == ("2026-03-01T09:00:00.000Z", "2026-03-02T09:00:00.000Z")
    *before, last = report["executionHistory"]
    assert before == found[0]["executionHistory"]
    nine = "2026-03-01T09:00:00.000Z"
    assert run.agent_id
    assert last == {"id": run.id, "agentId": run.agent_id, "startTime": nine, "endTime": nine, "status": "success",
                    "prompt": found[0]["prompt"], "result": "done"}  # fmt: skip
    name = f"job-1-{run.id}.json"
    assert {path.name for path in (home / "executions").iterdir()} == {*files, name}
    assert {key: (home / "executions" / key).read_bytes() for key in files} == files
    written = json.loads((home / "executions" / name).read_text())
    del written["agentcron"]
    assert written == last


@pytest.mark.parametrize("upper", [False, True])
async def test_the_statuses_of_what_is_added_are_written_as_those_that_are_there(tmp_path: Path, upper: bool) -> None:
    home = tmp_path / "background-jobs"
    home.mkdir()
    status = "WAITING" if upper else "waiting"
    entry = {"id": "job-1", "name": "n", "cronExpression": "0 9 * * *", "prompt": "p", "status": status,
             "created": "2026-02-20T08:15:30.123Z", "nextRun": "2026-03-01T09:00:00.000Z"}  # fmt: skip
    (home / "jobs.json").write_text(json.dumps([entry]))
    async with on(tmp_path) as env:
        await env.plugin.start_background_execution()
        await env.advance(61)
    [written] = entries(home)
    [path] = (home / "executions").iterdir()
    said = [written["status"], written["executionHistory"][0]["status"], json.loads(path.read_text())["status"]]
    assert said == (["WAITING", "SUCCESS", "SUCCESS"] if upper else ["waiting", "success", "success"])


async def test_nothing_is_due_nothing_is_written(tmp_path: Path) -> None:
    home = Path(shutil.copytree(FIXTURE, tmp_path / "background-jobs"))
    (home / "jobs.json").write_text(json.dumps(entries(home)[:2], indent=2))
    (home / "executions" / "job-3-exec-3.json").unlink()
    before = {path: path.read_bytes() for path in home.rglob("*.json")}
    async with on(tmp_path) as env:
        await env.plugin.start_background_execution()
        await env.advance(30)
        job = await env.plugin.get_job("job-1")
        assert job is not None
        assert job.next_run == START + timedelta(minutes=1)
    assert {path: path.read_bytes() for path in before} == before


def inline(job_id: str, run_id: str) -> dict[str, Any]:
    """A job of the original whose only run has no file of its own."""
    run = {"id": run_id, "agentId": "a", "startTime": "2026-02-21T09:00:00.000Z", "endTime": "2026-02-21T09:00:05.000Z",
           "status": "success", "prompt": "p", "result": f"of {job_id}"}  # fmt: skip
    return {"id": job_id, "name": "n", "cronExpression": "0 9 * * *", "prompt": "p", "status": "waiting",
            "created": "2026-02-20T08:15:30.123Z", "nextRun": "2026-03-01T09:00:00.000Z",
            "executionHistory": [run]}  # fmt: skip


async def test_runs_whose_ids_read_alike_in_a_file_name_have_a_file_each(tmp_path: Path) -> None:
    home = tmp_path / "background-jobs"
    home.mkdir()
    (home / "jobs.json").write_text(json.dumps([inline("report", "daily-1"), inline("report-daily", "1")]))
    for _ in range(2):
        async with on(tmp_path) as env:
            await env.plugin.pause_job("report")
            await env.plugin.resume_job("report")
        read = [json.loads(path.read_text()) for path in (home / "executions").iterdir()]
        found = sorted(
            (one["agentcron"]["job"], one["id"], one["result"]) for one in read if one["status"] == "success"
        )
        assert found == [("report", "daily-1", "of report"), ("report-daily", "1", "of report-daily")]


async def test_ids_that_are_long_for_a_file_name_hold_up_no_file(tmp_path: Path) -> None:
    home = tmp_path / "background-jobs"
    home.mkdir()
    (home / "jobs.json").write_text(json.dumps([inline("j" * 125, "r" * 125)]))
    async with on(tmp_path) as env:
        await env.plugin.pause_job("j" * 125)
    assert env.plugin.storage.problems == []  # type: ignore[attr-defined]
    assert [entry["status"] for entry in entries(home)] == ["paused"]
