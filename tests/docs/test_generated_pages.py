"""Generated pages say what the code says."""

from __future__ import annotations

import re

import pytest

from docs.generator import DOCS, pages

PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_what_the_code_generates(name: str) -> None:
    path = DOCS / name
    fresh = path.exists() and path.read_text() == PAGES[name]
    assert fresh, f"docs/{name} is out of date; write it with 'python -m docs.generator' and commit it"


@pytest.mark.parametrize("name", sorted(name for name in PAGES if name.startswith("reference/")))
def test_everything_public_has_words(name: str) -> None:
    """A signature that is followed by the next heading has no docstring."""
    assert re.findall(r"^```\n{3,}(?:#+ (.*)|\Z)", PAGES[name], flags=re.MULTILINE) == []
