"""What a run has finished already, so that going on after a crash pays for nothing twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One paid call, or one with an effect, within an attempt. ``n`` counts from 0 in the order of beginnings."""

    n: int
    name: str
    """The same at every going on."""
    result: str | None = None
    """JSON text; None: it was begun, and what became of it is unknown."""


class Journal(Protocol):
    """Keeps the steps of attempts that are under way; a store drops them with the final settlement."""

    async def load_steps(self, execution_id: str, attempt: int) -> Sequence[Step]:
        """The steps of the attempt, in their order."""
        ...

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        """Keep the step, or its result. False: the fence is old, and whoever holds it must stop."""
        ...


class Steps(Protocol):
    """What an agent does its calls through."""

    @property
    def run_id(self) -> str:
        """Names the attempt, the same at every going on."""
        ...

    async def step(
        self,
        name: str,
        call: Callable[[], Awaitable[Any]],
        *,
        repeatable: bool,
        instead: Callable[[str], Awaitable[Any]] | None = None,
    ) -> Any:
        """What ``call`` answers, a JSON value; what it answered before, where it was finished. One that was begun and
        not finished is called again if it is ``repeatable``, else by a person's word: where they say what came of it,
        ``instead`` makes an answer of their text. Raises ``StepUnknown`` until they do, and ``AgentError``."""
        ...
