"""Kinds that other packages bring, by the entry point group ``agentcron.agents``."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcron.errors import AgentDefinitionError
from tests.agents.helpers import answer_of, factory_of


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs_of_a_test.py").write_text(
        "from agentcron.agents.echo import read as echo\n\n\ndef read(name, values, around):\n"
        "    return echo(name, {'kind': 'echo'}, around)\n"
    )
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[agentcron.agents]\ntheirs = theirs_of_a_test:read\nbroken = no_such_module_of_a_test:read\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("installed")
async def test_a_kind_of_another_package_is_used_like_ours() -> None:
    assert (await answer_of({"kind": "theirs"}, "hello")).output == "hello"


@pytest.mark.usefixtures("installed")
def test_a_kind_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(AgentDefinitionError, match="kind broken: no_such_module_of_a_test:read cannot be loaded"):
        factory_of({"kind": "broken"})


@pytest.mark.usefixtures("installed")
def test_an_unknown_kind_names_those_that_are_installed() -> None:
    with pytest.raises(AgentDefinitionError, match="did you mean theirs"):
        factory_of({"kind": "their"})
