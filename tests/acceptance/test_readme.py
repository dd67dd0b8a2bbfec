"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(language: str, page: str = "README.md") -> list[str]:
    return [body for name, body in BLOCK.findall((ROOT / page).read_text("utf-8")) if name == language]


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TZ": "Europe/Berlin",
        "LANG": "C.UTF-8",
    }


@pytest.mark.parametrize("code", blocks("python"))
def test_the_library_example_runs(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "SUCCESS Done: Write the report\n"), done.stderr


@pytest.mark.parametrize("script", blocks("bash"))
def test_the_command_example_runs_line_by_line(script: str, tmp_path: Path) -> None:
    import shlex

    seen: dict[str, str] = {}
    for line in script.splitlines():
        words = shlex.split(line, comments=True)
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=environment(tmp_path)
        )
        seen[line] = done.stdout
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    runs = next(out for line, out in seen.items() if line.startswith("agentcron runs"))
    assert runs.count("SUCCESS") >= 2
    assert any("Write the report" in out for line, out in seen.items() if line.startswith("agentcron run "))


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_configuration_example_is_read_and_only_lacks_what_is_not_installed(text: str, tmp_path: Path) -> None:
    from agentcron.agents.factory import AgentFactoryPlugin

    definitions = tomllib.loads(text)["agents"]
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    environ = {"PATH": str(tmp_path), "ANTHROPIC_API_KEY": "not-a-key"}
    factory = AgentFactoryPlugin(definitions, environ=environ)
    for name in definitions:
        factory.check(name)


def test_every_page_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
