"""What the scheduler asks of the checks: is a job's list usable, has anything changed, does what it expects hold."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentcron.checks.place import LookFailed, Place
from agentcron.domain.answers import is_silent, silence_of
from agentcron.domain.checks import CheckKind, SourceKind, argv_of
from agentcron.domain.findings import Mark
from agentcron.domain.outcomes import AgentOutcome
from agentcron.domain.spec import JobSpec
from agentcron.errors import InvalidJobError
from agentcron.ports import RunContext

if TYPE_CHECKING:
    from agentcron.checks.gate import Verdict


class Checker:
    """Looks at the world from ``base_dir`` (default: the working folder), in an environment that is read at each
    look. What looks is imported when a job first needs it."""

    def __init__(
        self, base_dir: Path | None = None, environ: Callable[[], Mapping[str, str]] = lambda: os.environ
    ) -> None:
        self._base_dir = base_dir
        self._environ = environ

    async def is_silent(self, rule: str | None, answer: str) -> bool:
        """Whether the answer has nothing to tell by the job's rule. Raises ``LookFailed`` where that cannot be said."""
        expression = silence_of(rule)
        if expression is None or not answer.strip():
            return is_silent(rule, answer)
        from agentcron.checks import matching

        return await matching.found(expression, answer)

    async def check(self, spec: JobSpec) -> None:
        """Raise ``InvalidJobError`` for what could never be looked at: a missing program, repository, library or
        schema."""
        place = self._place(None)
        for source in spec.when_changed:
            try:
                if source.kind is SourceKind.COMMAND:
                    await self._check_program(place, source.value)
                elif source.kind is SourceKind.GIT:
                    from agentcron.checks import programs

                    await programs.check_repository(place, source.value)
                elif source.kind is SourceKind.FEED:
                    from agentcron.checks import feeds

                    feeds.check()
            except LookFailed as error:
                raise InvalidJobError(f"when_changed: {source.kind.value}: {error}", field="when_changed") from error
        for one in spec.expect:
            try:
                if one.kind is CheckKind.COMMAND:
                    await self._check_program(place, one.value)
                elif one.kind is CheckKind.SCHEMA:
                    from agentcron.checks import fitting

                    await asyncio.to_thread(fitting.check, one.value, place)
            except LookFailed as error:
                raise InvalidJobError(f"expect: {one.kind.value}: {error}", field="expect") from error

    async def look(self, spec: JobSpec, marks: Sequence[Mark], now: datetime, context: RunContext) -> Verdict:
        """Whether anything of ``when_changed`` is other than its mark says."""
        from agentcron.checks import gate

        return await gate.look(spec.when_changed, marks, now, self._place(context))

    async def before(self, spec: JobSpec, now: datetime, context: RunContext) -> tuple[Mark, ...]:
        """What the files are like that a run must change. Raises ``LookFailed``."""
        from agentcron.checks import files

        place = self._place(context)
        return tuple(
            [
                Mark(str(one), await files.writings(place, one.value), now)
                for one in spec.expect
                if one.kind is CheckKind.CHANGED
            ]
        )

    async def judge(
        self, spec: JobSpec, answer: AgentOutcome, seconds: float, before: Sequence[Mark], context: RunContext
    ) -> str | None:
        """What the job expects and does not hold, in one line; None where everything does."""
        from agentcron.checks import outcome

        run = outcome.Run(answer=answer, seconds=seconds, before=before)
        return await outcome.judge(spec.expect, run, self._place(context))

    async def _check_program(self, place: Place, value: str) -> None:
        from agentcron.checks import programs

        await asyncio.to_thread(programs.check, place, argv_of(value))

    def _place(self, context: RunContext | None) -> Place:
        return Place(base_dir=self._base_dir, environ=self._environ, context=context)
