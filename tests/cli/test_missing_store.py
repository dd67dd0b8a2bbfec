"""A store that ``--store`` names and that is not there."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize("store", ["typo.sqlite", "sqlite:///typo.sqlite", "fs:typo"])
@pytest.mark.parametrize("words", [("list",), ("show", "report"), ("runs",), ("usage",)], ids=lambda words: words[0])
def test_a_command_that_asks_of_a_store_tells_that_it_makes_an_empty_one(
    agentcron: Command, words: tuple[str, ...], store: str
) -> None:
    first, again = agentcron(*words, "--store", store), agentcron(*words, "--store", store)
    assert "there was no store at" in first.err
    assert "typo" in first.err
    assert "there was no store" not in again.err
    assert (first.code, first.out) == (again.code, again.out)


@pytest.mark.parametrize("store", ["new.sqlite", "fs:new"])
@pytest.mark.parametrize(
    "words", [("add", "report", "@daily", "Write it", "--agent", "echo"), ("start", "--for", "0s")], ids=lambda w: w[0]
)
def test_what_begins_a_store_makes_it_without_a_word(agentcron: Command, words: tuple[str, ...], store: str) -> None:
    done = agentcron(*words, "--store", store)
    assert (done.code, "there was no store" in done.err) == (0, False)


def test_where_nobody_names_a_store_the_first_list_is_empty_without_a_word(agentcron: Command) -> None:
    done = agentcron("list")
    assert (done.out, done.err) == ("no jobs\n", "")
