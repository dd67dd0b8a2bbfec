"""Which row the beginning of an id means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from agentcron.errors import ConflictError

T = TypeVar("T")
# So many are named. A database is asked for one more, which tells that there are others.
_NAMED: Final = 4


def the_one(what: str, beginning: str, found: Sequence[T], id_of: Callable[[T], str]) -> T | None:
    """The one row whose id begins so; None where there is none. Raises ``ConflictError`` naming a few of several."""
    if len(found) > 1:
        some = ", ".join(id_of(one) for one in found[:_NAMED]) + (" and others" if len(found) > _NAMED else "")
        raise ConflictError(f"{what} {beginning!r} is ambiguous: {some}; give more of the id")
    return found[0] if found else None
