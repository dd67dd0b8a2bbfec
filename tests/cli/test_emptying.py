"""Tags and metadata that are taken away again."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Command


@pytest.fixture
def labelled(agentcron: Command) -> dict[str, Any]:
    made: dict[str, Any] = agentcron(
        "add", "labelled", "@daily", "x", "--agent", "echo", "--tag", "a", "--tag", "b", "--metadata", "team=ops",
        "--metadata", "size=3", "--json",
    ).json  # fmt: skip
    return made


def test_tags_and_metadata_are_emptied_each_alone(agentcron: Command, labelled: dict[str, Any]) -> None:
    changed = agentcron("edit", "labelled", "--no-tags", "--json").json
    assert (changed["tags"], changed["metadata"]) == ([], {"team": "ops", "size": 3})
    assert agentcron("list", "--tag", "a", "--json").json == []
    agentcron("edit", "labelled", "--tag", "c", "--no-metadata")
    shown = agentcron("show", "labelled", "--json").json
    assert (shown["tags"], shown["metadata"], shown["version"]) == (["c"], {}, 3)


def test_what_is_given_replaces_the_whole(agentcron: Command, labelled: dict[str, Any]) -> None:
    changed = agentcron("edit", "labelled", "--tag", "c", "--metadata", "size=4", "--json").json
    assert (changed["tags"], changed["metadata"]) == (["c"], {"size": 4})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--no-tags", "--tag", "a"], "give --no-tags or --tag, not both"),
        (["--no-metadata", "--metadata", "a=1"], "give --no-metadata or --metadata, not both"),
        (["--tag", ""], "--tag: '' is no tag; --no-tags takes every tag away"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    agentcron: Command, labelled: dict[str, Any], words: list[str], told: str
) -> None:
    done = agentcron("edit", "labelled", *words)
    assert (done.code, told in done.err) == (2, True), done.err
    assert agentcron("show", "labelled", "--json").json["version"] == 1
