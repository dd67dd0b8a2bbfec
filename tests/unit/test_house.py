"""The rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentcron

SOURCE = Path(agentcron.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))


def test_every_public_name_is_exported_and_can_be_imported() -> None:
    assert agentcron.__all__ == sorted(agentcron.__all__, key=lambda name: (name.lower() == name, name))
    for name in agentcron.__all__:
        assert getattr(agentcron, name) is not None
    assert set(agentcron._HOME_OF) | {"__version__"} == set(agentcron.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        agentcron.Nope  # noqa: B018


def test_only_the_system_clock_reads_the_clock() -> None:
    reads = re.compile(r"\b(?:datetime\.(?:now|utcnow|today)|date\.today|time\.time(?:_ns)?)\(")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in MODULES
        if any(reads.search(line) for line in path.read_text().splitlines())
    }
    assert found == {"ports.py"}


def test_nothing_is_evaluated_unpickled_or_given_to_a_shell() -> None:
    forbidden = re.compile(r"\b(?:pickle|marshal|shelve)\b|(?<![.\w])(?:eval|exec)\(|shell=True|os\.system\(")
    for path in MODULES:
        assert not forbidden.search(path.read_text()), path


def test_no_module_has_outgrown_its_one_question() -> None:
    long = {
        path.relative_to(SOURCE).as_posix(): n for path in MODULES if (n := len(path.read_text().splitlines())) > 320
    }
    assert set(long) <= {
        "testing/store_contract.py",  # one behaviour after another; it has no inside to split
        "storage/sqlite/apply.py",  # one function for each kind of change
        "plugin.py",  # one method a capability
        "ports.py",  # the contracts of the rooms, one after another
        "storage/memory.py",  # the reference store is read as one page beside the contract
        "storage/sqlite/store.py",  # one method of the port after another
        "storage/postgres/store.py",  # the same
        "storage/json_files/store.py",  # one method of the port after another, and the lock and log beside them
    }


def test_every_module_says_which_question_it_answers() -> None:
    for path in MODULES:
        assert path.read_text().startswith('"""'), path


def test_importing_the_package_loads_nothing_that_is_not_used() -> None:
    code = "import sys, agentcron; print(sorted(m for m in sys.modules if m.startswith('agentcron')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "['agentcron', 'agentcron._version']"


def test_the_facade_loads_no_agent_framework() -> None:
    heavy = ("pydantic", "pydantic_ai", "httpx", "httpx2", "openai", "rich", "click", "fastapi", "mcp", "psutil")
    code = f"import sys, agentcron.plugin; print([m for m in {heavy!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
