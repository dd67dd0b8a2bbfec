"""What the pages point at is there, and every page can be found from the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generator import DOCS

ROOT = DOCS.parent
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """The names that a heading can be linked by, as on GitHub."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(there), f"{target}#{anchor} is not there"


def test_the_index_lists_every_page_in_the_folder() -> None:
    listed = {target for target, _ in LINK.findall((DOCS / "README.md").read_text())}
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert pages <= listed, "add a line to docs/README.md"
