"""A message in a file is one whole line on the disk, in a file that its owner alone reads."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from tests.delivery.conftest import message, sender


async def test_each_message_is_a_line_and_the_file_is_its_owners(tmp_path: Path) -> None:
    ours = sender({"kind": "file", "path": "told.jsonl"}, base_dir=tmp_path)
    await ours.send(message())
    await ours.send(message(body='{\n  "id": "two"\n}'))
    lines = (tmp_path / "told.jsonl").read_text("utf-8").splitlines()
    assert lines[0] == message().body
    assert [json.loads(line)["id"] for line in lines] == ["msg_01JABC", "two"]
    assert stat.S_IMODE((tmp_path / "told.jsonl").stat().st_mode) == 0o600


async def test_the_line_is_on_the_disk_when_it_counts_as_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    real = os.fsync

    def noted(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    ours = sender({"kind": "file", "path": "told.jsonl"}, base_dir=tmp_path)
    await ours.send(message())
    await ours.send(message())
    file = str(tmp_path / "told.jsonl")
    assert flushed == [file, str(tmp_path), file]


async def test_a_link_is_not_followed_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    for name, told in (
        ("link", "is a symbolic link, which is not followed"),
        ("pipe", "is no regular file"),
        (".", "Is a directory"),
        ("none/told.jsonl", "No such file or directory"),
    ):
        with pytest.raises(DeliveryError, match=told) as caught:
            await sender({"kind": "file", "path": name}, base_dir=tmp_path).send(message())
        assert caught.value.retryable
    assert (tmp_path / "target").read_text() == ""


async def test_half_a_line_of_a_machine_that_died_swallows_no_other(tmp_path: Path) -> None:
    (tmp_path / "told.jsonl").write_text('{"id":"whole"}\n{"id":"ha')
    await sender({"kind": "file", "path": "told.jsonl"}, base_dir=tmp_path).send(message())
    assert (tmp_path / "told.jsonl").read_text("utf-8").splitlines()[2] == message().body


async def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = sender({"kind": "file", "path": "told.jsonl"}, base_dir=tmp_path)
    await ours.send(message())
    real, wrote = os.write, []

    def full(handle: int, data: bytes) -> int:
        if wrote:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        wrote.append(real(handle, bytes(data)[:5]))
        return wrote[0]

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(DeliveryError, match="No space left on device"):
            await ours.send(message())
    await ours.send(message())
    assert (tmp_path / "told.jsonl").read_text("utf-8") == f"{message().body}\n" * 2


def test_processes_that_write_at_once_write_whole_lines(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.delivery.conftest import message, sender\n"
        "ours = sender({'kind': 'file', 'path': sys.argv[1]})\n"
        "text = '{\"id\":\"' + sys.argv[2] * 9000 + '\"}'\n"
        "async def work():\n"
        "    for _ in range(20): await ours.send(message(body=text))\n"
        "asyncio.run(work())\n"
    )
    path = str(tmp_path / "told.jsonl")
    running = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "abc"]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    lines = (tmp_path / "told.jsonl").read_text().splitlines()
    assert sorted(lines) == sorted('{"id":"' + name * 9000 + '"}' for name in "abc" for _ in range(20))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "endpoints.ops: path: is missing"),
        ({"path": 5}, "endpoints.ops: path: a text that is not empty is needed"),
        ({"path": "a\0b"}, "endpoints.ops: path: holds a NUL"),
        ({"paht": "x"}, "endpoints.ops: paht is not a key of it; did you mean path?"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sender({"kind": "file", **values})
    assert str(caught.value).startswith(told)
