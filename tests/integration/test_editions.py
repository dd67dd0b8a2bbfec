"""Who read a job before changing it is told when somebody else was first; asking twice makes one job."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, ChangedError, MemoryStorage, SqliteStorage, StorageFsPlugin


@pytest.fixture(params=["sqlite", "folder", "memory"])
def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> BackgroundJobsPlugin:
    made = {
        "sqlite": lambda: SqliteStorage(tmp_path / "jobs.sqlite"),
        "folder": lambda: StorageFsPlugin(tmp_path),
        "memory": MemoryStorage,
    }
    return BackgroundJobsPlugin(storage_plugin=made[request.param]())


async def test_another_edition_is_left_alone(plugin: BackgroundJobsPlugin) -> None:
    job_id = await plugin.create_job("a", "0 9 * * *", "p", agent="echo")
    read = await plugin.find_job(job_id)
    assert await plugin.update_job(job_id, {"prompt": "q"}, edition=read.edition)
    changes = (
        lambda: plugin.update_job(job_id, {"prompt": "r"}, edition=read.edition),
        lambda: plugin.pause_job(job_id, edition=read.edition),
        lambda: plugin.resume_job(job_id, edition=read.edition),
        lambda: plugin.cancel_job(job_id, edition=read.edition),
        lambda: plugin.delete_job(job_id, edition=read.edition),
    )
    for change in changes:
        with pytest.raises(ChangedError, match=r"edition 2-ACTIVE-\w+, not 1-ACTIVE-\w+; read it again"):
            await change()
    left = await plugin.find_job(job_id)
    assert (left.prompt, left.edition) == ("q", read.edition.replace("1-ACTIVE", "2-ACTIVE"))
    assert await plugin.pause_job(job_id, edition=left.edition)
    assert (await plugin.find_job(job_id)).edition == left.edition.replace("ACTIVE", "PAUSED")
    await plugin.close()


async def test_a_job_that_was_deleted_and_made_again_is_another_edition(plugin: BackgroundJobsPlugin) -> None:
    job_id = await plugin.create_job("a", "0 9 * * *", "p", agent="echo", key="daily")
    read = await plugin.find_job(job_id)
    assert await plugin.delete_job(job_id)
    assert await plugin.create_job("a", "0 9 * * *", "q", agent="echo", key="daily") == job_id
    for change in (plugin.pause_job, plugin.cancel_job, plugin.delete_job):
        with pytest.raises(ChangedError, match="read it again"):
            await change(job_id, edition=read.edition)
    assert (await plugin.find_job(job_id)).prompt == "q"
    await plugin.close()


async def test_with_one_key_one_maker_makes_one_job(plugin: BackgroundJobsPlugin) -> None:
    first = await plugin.create_job("a", "0 9 * * *", "p", agent="echo", key="daily")
    assert await plugin.create_job("b", "0 8 * * *", "q", agent="echo", key="daily") == first
    job, made = await plugin.make_job("b", "0 8 * * *", "q", agent="echo", key="daily")
    assert (job.id, job.name, made) == (first, "a", False)
    assert [job.name for job in await plugin.get_jobs()] == ["a"]
    await plugin.close()


async def test_jobs_are_read_page_by_page(plugin: BackgroundJobsPlugin) -> None:
    for number in range(5):
        await plugin.create_job(f"job {number}", "0 9 * * *", "p", agent="echo")
    names, after = [], None
    while True:
        page = await plugin.list_jobs(limit=2, after=after)
        names.append([job.name for job in page.items])
        if (after := page.after) is None:
            break
    assert [name for part in names for name in part] == [f"job {number}" for number in range(5)]
    assert all(len(part) <= 2 for part in names)
    await plugin.close()
