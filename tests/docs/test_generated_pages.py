"""Generated pages say what the code says."""

from __future__ import annotations

import re

import pytest

from docs.generator import DOCS, pages

pytestmark = pytest.mark.xdist_group("generated pages")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Made in the one process that runs these tests, not in each that collects them: they read the whole source."""
    return pages()


def test_a_generated_page_is_what_the_code_generates(made: dict[str, str]) -> None:
    old = [name for name, text in made.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != text]
    assert old == [], "out of date: write them with 'python -m docs.generator' and commit them"


def test_everything_public_has_words(made: dict[str, str]) -> None:
    """A signature that is followed by the next heading has no docstring."""
    references = {name: text for name, text in made.items() if name.startswith("reference/")}
    assert references
    silent = {name: re.findall(r"^```\n{3,}(?:#+ (.*)|\Z)", text, re.MULTILINE) for name, text in references.items()}
    assert {name for name, places in silent.items() if places} == set()
