"""What a program says: run without a shell, under the same supervisor and in the same environment as ``command``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from agentcron.agents.command import CommandRecipe
from agentcron.agents.recipes import Surroundings
from agentcron.agents.supervised import Supervised
from agentcron.checks.place import LookFailed, Place
from agentcron.errors import AgentDefinitionError
from agentcron.redaction import Redactor

MOST_OUTPUT: Final = 1 << 20
_GRACE: Final = timedelta(seconds=2)
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``problem`` says how it ended unless with exit code 0."""

    output: bytes
    problem: str | None


async def run(place: Place, argv: Sequence[str], stdin: str | None = None, **environ: str) -> Said:
    """Run it to its end; ``stdin`` None is an empty input. A cancel ends it with all that it started. Raises
    ``LookFailed`` where it cannot be started."""
    assert place.context is not None
    try:
        command = _recipe(place, argv).command(stdin or "", place.context)
        ended = await Supervised(replace(command, environ={**command.environ, **environ})).run(None)
    except (AgentDefinitionError, OSError, ValueError) as error:
        raise LookFailed(_start(str(error))) from error
    if ended.how == "refused":
        raise LookFailed(f"cannot be started: error {ended.number} of the system")
    problem = None
    if (ended.how, ended.number) != ("exit", 0):
        how = {"exit": "exit code", "signal": "ended by signal"}.get(ended.how, ended.how)
        words = _last_line(ended.stderr) or _last_line(ended.stdout)
        problem = f"{how} {ended.number}" + (f": {words}" if words else "")
    elif ended.stdout_size > len(ended.stdout):
        problem = f"writes more than {MOST_OUTPUT >> 20} MiB"
    return Said(output=ended.stdout, problem=problem)


def check(place: Place, argv: Sequence[str]) -> None:
    """Raise ``LookFailed`` where there is no such program."""
    try:
        _recipe(place, argv).check()
    except AgentDefinitionError as error:
        raise LookFailed(_start(str(error))) from error


async def commit_of(place: Place, value: str) -> str:
    """The commit that a git reference names. Raises ``LookFailed``."""
    folder, _, reference = value.rpartition("#")
    argv = ("git", "-C", str(place.path(folder)), "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    said = await run(place, argv, GIT_OPTIONAL_LOCKS="0")
    if said.problem is not None:
        repository = await run(place, (*argv[:3], "rev-parse", "--git-dir"))
        what = repository.problem or f"there is no reference {reference}"
        raise LookFailed(f"{place.path(folder)}: {what}")
    return said.output.decode("ascii", "replace").strip()


async def check_repository(place: Place, value: str) -> None:
    """Raise ``LookFailed`` where git or the folder is missing."""
    if await asyncio.to_thread(shutil.which, "git", path=place.environ().get("PATH")) is None:
        raise LookFailed("the program git is not on PATH; install it")
    folder = place.path(value.rpartition("#")[0])
    if not await asyncio.to_thread(folder.is_dir):
        raise LookFailed(f"there is no folder {folder}")


def _recipe(place: Place, argv: Sequence[str]) -> CommandRecipe:
    environ: Mapping[str, str] = place.environ()
    return CommandRecipe(
        _WHERE,
        Surroundings(environ=lambda: environ, redactor=lambda: Redactor({}), base_dir=place.base_dir),
        argv=tuple(argv),
        cwd=None,
        env={},
        grace=_GRACE,
        most_output=MOST_OUTPUT,
    )


_WHERE: Final = "look"


def _start(message: str) -> str:
    return message.removeprefix(f"{_WHERE}: ").removeprefix("command: ")


def _last_line(data: bytes) -> str:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:_LONGEST] if lines else ""
