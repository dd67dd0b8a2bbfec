"""The page of errors: the tree as the classes make it, then each of them."""

from __future__ import annotations

from typing import Final

import griffe

from docs.generator import rendering

_INTRO: Final = """# Errors

Everything that agentcron raises on purpose is an `AgentcronError`. Messages say what is wrong, where, and what to do
next, in one line. A name in brackets is a class of Python's own that catches it too.

"""


def page(package: griffe.Module, public: list[str]) -> str:
    """The page; classes that are not public themselves are in the tree alone."""
    module = package["errors"]
    classes = {name: one for name, one in module.members.items() if isinstance(one, griffe.Class)}
    tree = "\n".join(_branch(classes, "AgentcronError", 0))
    parts = [rendering.named(one, f"agentcron.{name}") for name, one in classes.items() if name in public]
    return f"{_INTRO}```text\n{tree}\n```\n\n" + "\n".join(parts)


def _branch(classes: dict[str, griffe.Class], name: str, depth: int) -> list[str]:
    bases = {other: [str(base) for base in one.bases] for other, one in classes.items()}
    foreign = [base for base in bases[name] if base not in classes and base != "Exception"]
    told = "  " * depth + name + (f" ({', '.join(foreign)})" if foreign else "")
    below = [line for other, of in bases.items() if name in of for line in _branch(classes, other, depth + 1)]
    return [told, *below]
