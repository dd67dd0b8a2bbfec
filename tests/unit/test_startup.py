"""What the program loads before it answers; how long that takes is printed, never judged here."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

HEAVY = ("pydantic", "pydantic_ai", "httpx", "httpx2", "openai", "rich", "fastapi", "mcp", "psutil", "hypothesis")
PROGRAM = (
    "import sys; from agentcron.cli import run; code = run(sys.argv[1:]);"
    "print(sorted(m for m in sys.modules if m.partition('.')[0] in {heavy} or m.startswith('agentcron.cli.')),"
    "file=sys.stderr); sys.exit(code)"
)


def loaded(folder: Path, *words: str) -> list[str]:
    code = PROGRAM.replace("{heavy}", repr(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, env=environment(folder), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found: list[str] = ast.literal_eval(done.stderr.splitlines()[-1])
    return found


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def test_the_extra_all_holds_every_extra_that_is_for_users() -> None:
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extras = extras["project"]["optional-dependencies"]
    [everything] = extras["all"]
    named = set(everything.partition("[")[2].removesuffix("]").split(","))
    # "distributed" is what DBOS needs on top of "postgres", and has it.
    assert named | {"postgres"} == extras.keys() - {"all", "dev", "e2e"}


def test_help_loads_no_module_of_any_command(tmp_path: Path) -> None:
    assert loaded(tmp_path, "--help") == []


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["runs"], ["next", "@daily"], ["show", "--help"]])
def test_a_list_loads_no_framework_and_only_its_own_commands(tmp_path: Path, words: list[str]) -> None:
    names = loaded(tmp_path, *words)
    assert [name for name in names if not name.startswith("agentcron.cli.")] == []
    assert not {"agentcron.cli.demo", "agentcron.cli.doctor", "agentcron.cli.start"} & set(names)


def test_the_time_it_takes_is_printed(tmp_path: Path) -> None:
    for words in (
        ["-c", "pass"],
        ["-c", "import agentcron"],
        ["-m", "agentcron", "--help"],
        ["-m", "agentcron", "list"],
    ):
        taken = []
        for _ in range(3):
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, *words], cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL, check=True
            )
            taken.append(time.perf_counter() - begun)
        print(f"python {' '.join(words)}: {min(taken) * 1000:.0f} ms")  # noqa: T201
