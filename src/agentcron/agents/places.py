"""How many agents may live at once, and who is next when there is no room."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """A count with a queue, first come first served; for one event loop at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a place where there is one and nobody waits for it."""
        if self.taken >= self.most or self._waiting:
            return False
        self.taken += 1
        return True

    async def take(self) -> None:
        """Take a place, waiting for one."""
        if self.take_at_once():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The place was handed over in the moment of the cancel; kept, it would be lost for good.
                self.give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Hand the place to the next in line, or keep it free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done() and not turn.get_loop().is_closed():
                turn.set_result(None)
                return
        self.taken -= 1
