"""The lock that keeps writers of several processes apart: one holder, whoever holds and however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from agentcron.storage.lock_file import LockFile

HOLDER = """
import sys
from pathlib import Path
from agentcron.storage.lock_file import LockFile
lock = LockFile(Path(sys.argv[1]))
assert lock.take()
print("held", flush=True)
sys.stdin.readline()
lock.free()
print("free", flush=True)
sys.stdin.readline()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_kept_out_until_the_first_lets_go_and_keeps_its_descriptor(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "l")
    with holder(tmp_path / "l") as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert not lock.take()
        print(file=first.stdin, flush=True)
        assert first.stdout.readline() == "free\n"
        assert lock.take()
        lock.close()
        print(file=first.stdin, flush=True)


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path / "l") as first:
        first.kill()
    with LockFile(tmp_path / "l") as lock:
        assert not LockFile(tmp_path / "l").take()
    lock.close()


def test_it_excludes_releases_that_lock_with_filelock_and_they_exclude_it(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "l"), FileLock(tmp_path / "l", timeout=0)
    for _ in range(2):
        with ours, pytest.raises(Timeout):
            theirs.acquire()
        with theirs:
            assert not ours.take()
    ours.close()


def test_a_holder_that_stays_is_told_of_when_patience_is_over(tmp_path: Path) -> None:
    ours, other = LockFile(tmp_path / "l"), LockFile(tmp_path / "l", patience=0.01)
    with ours, pytest.raises(TimeoutError, match="is held by another process"), other:
        pass
    with other:
        pass
    ours.close()
    other.close()


def test_a_lock_whose_file_was_removed_is_taken_on_the_file_that_others_find(tmp_path: Path) -> None:
    ours, other = LockFile(tmp_path / "l"), LockFile(tmp_path / "l")
    with ours:
        pass
    (tmp_path / "l").unlink()
    with ours:
        assert (tmp_path / "l").stat().st_mode & 0o777 == 0o600
        assert not other.take()
    ours.close()
    other.close()


def test_a_place_where_no_file_can_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        LockFile(tmp_path / "missing" / "l").take()
