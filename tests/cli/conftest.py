"""The command in a folder of its own, with nothing of the machine's settings."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentcron.cli import run


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def logger() -> Iterator[None]:
    """The command takes the package's logger over, as a program of its own may; here it is given back."""
    package = logging.getLogger("agentcron")
    before = package.level, package.propagate, list(package.handlers)
    yield
    package.setLevel(before[0])
    package.propagate = before[1]
    package.handlers[:] = before[2]


@pytest.fixture
def agentcron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command line as the shell would; answers exit code and both streams."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("AGENTCRON_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TZ", "Europe/Berlin")

    def call(*words: str) -> Result:
        code = run(words)
        told = capsys.readouterr()
        return Result(code, told.out, told.err)

    return call


@pytest.fixture
def job(agentcron: Command) -> dict[str, Any]:
    """A job named ``report`` that echoes."""
    made: dict[str, Any] = agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "echo", "--json").json
    return made
