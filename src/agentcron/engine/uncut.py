"""Work for callers who may be cancelled: what they asked of the store is not forgotten with them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. A caller that is cancelled meanwhile, however often, is cancelled once it has ended.

    A store makes a change whose caller went away all the same: rows that were claimed by it, and that nobody heard of,
    would count as running until their deadline. Whoever comes next to this work is not let in before either.
    """
    task = asyncio.ensure_future(work)
    cut: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cut = error
    if cut is None:
        return task.result()
    if not task.cancelled():
        # Whoever was cancelled is told nothing else; unread, the loop would complain of an error that was lost.
        task.exception()
    raise cut
