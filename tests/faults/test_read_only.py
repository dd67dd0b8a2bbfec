"""A place that cannot be written: told with what to do, read as far as it can be, written again when it can be."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, StoreUnavailable
from tests.faults.test_full_disk import tmpfs


@contextmanager
def place_that_can_be_locked(folder: Path) -> Iterator[tuple[Path, Callable[[bool], None]]]:
    """A folder, and what makes it read-only or writable again: modes bind everybody but root."""
    if os.geteuid() != 0:
        folder.mkdir()
        try:
            yield folder, lambda locked: folder.chmod(0o500 if locked else 0o700)
        finally:
            folder.chmod(0o700)
        return

    def lock(locked: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if locked else 'rw'}", folder], check=True)

    with tmpfs(folder, "8m"):
        yield folder, lock


@pytest.mark.parametrize("kind", ["sqlite:///", "fs:"])
async def test_a_read_only_place_is_told_and_written_again_when_it_can_be(kind: str, tmp_path: Path) -> None:
    with place_that_can_be_locked(tmp_path / "disk") as (folder, lock):
        store = f"{kind}{folder / 'store'}"
        plugin = BackgroundJobsPlugin(storage_plugin=store)
        job_id = await plugin.create_job("a", "every 1h", "look", agent="echo")
        await plugin.close()
        lock(True)
        plugin = BackgroundJobsPlugin(storage_plugin=store)
        with pytest.raises(StoreUnavailable) as caught:
            await plugin.create_job("b", "every 1h", "look", agent="echo")
        assert str(folder / "store") in str(caught.value)
        assert re.search("read-only|permission|can be written", str(caught.value)), str(caught.value)
        if kind == "fs:":
            assert await plugin.get_job(job_id) is not None
        await plugin.close()
        told = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "agentcron", "add", "b", "every 1h", "look", "--agent", "echo", "--store", store],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (told.returncode, told.stdout) == (5, "")
        assert str(folder / "store") in told.stderr
        lock(False)
        plugin = BackgroundJobsPlugin(storage_plugin=store)
        await plugin.create_job("b", "every 1h", "look", agent="echo")
        assert [job.name for job in await plugin.get_jobs()] == ["a", "b"]
        await plugin.close()


async def test_a_new_store_in_a_read_only_place_leaves_nothing(tmp_path: Path) -> None:
    with place_that_can_be_locked(tmp_path / "disk") as (folder, lock):
        lock(True)
        for kind in ("sqlite:///", "fs:"):
            plugin = BackgroundJobsPlugin(storage_plugin=f"{kind}{folder / 'store'}")
            with pytest.raises(StoreUnavailable, match=r"disk/store"):
                await plugin.create_job("a", "every 1h", "look", agent="echo")
            await plugin.close()
        assert list(folder.iterdir()) == []
        lock(False)
