"""A program is told by its standard input, and ends with all that it started."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from tests.delivery.conftest import message, sender


def program(text: str, **values: object) -> dict[str, object]:
    return {"kind": "command", "command": [sys.executable, "-c", text], **values}


async def refusal(values: dict[str, object], **options: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender(values, **options).send(message())
    return caught.value


async def test_the_message_is_on_its_input_and_its_kind_in_its_environment(tmp_path: Path) -> None:
    text = (
        "import json, os, sys\n"
        "told = {name: value for name, value in os.environ.items() if 'AGENTCRON' in name or name == 'TOKEN'}\n"
        "json.dump([sys.stdin.buffer.read().decode(), told, sys.argv[1:]], open('seen', 'w'))\n"
    )
    values = program(text, cwd=".", env={"TOKEN": "env:THEIRS"})
    values["command"] = [*values["command"], "{prompt}; rm -rf $HOME"]  # type: ignore[misc]
    environ = {"PATH": os.environ["PATH"], "THEIRS": "their-secret", "OTHER": "not handed on"}
    await sender(values, base_dir=tmp_path, environ=lambda: environ).send(message(subject="a\0b"))
    body, told, argv = json.loads((tmp_path / "seen").read_text())
    assert body == message().body
    assert told == {
        "AGENTCRON_MESSAGE_ID": "msg_01JABC",
        "AGENTCRON_EVENT": "failure",
        "AGENTCRON_SUBJECT": "a b",
        "TOKEN": "their-secret",
    }
    assert argv == ["{prompt}; rm -rf $HOME"]


async def test_an_exit_code_other_than_0_is_told_with_its_last_words() -> None:
    error = await refusal(program("import sys; sys.exit('first\\nno network')"))
    assert (error.retryable, str(error)) == (True, "the program: exit code 1: no network")


async def test_a_program_that_is_not_there_may_be_there_later(tmp_path: Path) -> None:
    error = await refusal({"kind": "command", "command": ["./missing"]}, base_dir=tmp_path)
    assert error.retryable
    assert f"there is no file {tmp_path / 'missing'}" in str(error)


async def test_beyond_its_time_it_is_tried_again_later() -> None:
    error = await refusal(program("import time; time.sleep(600)", timeout="100ms", grace="0s"))
    assert (error.retryable, str(error)) == (True, "the program was not done within 0.1 s")


async def test_it_ends_with_all_that_it_started(tmp_path: Path) -> None:
    text = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(600)\n"
    )
    os.mkfifo(tmp_path / "pids")
    ours = sender(program(text, timeout="50s", grace="0s"), base_dir=tmp_path)
    sending = asyncio.create_task(ours.send(message()))
    pids = [int(pid) for pid in (await asyncio.to_thread((tmp_path / "pids").read_text)).split()]
    assert len(pids) == 2
    assert all(psutil.pid_exists(pid) for pid in pids)
    # The end of its time cancels it as this does.
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"command": "notify-send x"}, "endpoints.ops: command: a list of texts is needed"),
        ({"command": []}, "endpoints.ops: command: a list such as"),
        ({"command": ["x"], "env": {"TOKEN": "plain"}}, "endpoints.ops: env: TOKEN: a secret does not belong in this"),
        ({"command": ["x"], "timeout": "2d"}, "endpoints.ops: timeout: must be more than 0 and at most 50 s"),
        ({"command": ["x"], "shell": True}, "endpoints.ops: shell is not a key of it"),
        ({"comand": ["x"]}, "endpoints.ops: comand is not a key of it; did you mean command?"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sender({"kind": "command", **values})
    assert str(caught.value).startswith(told)
