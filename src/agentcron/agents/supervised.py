"""How a command is run under its supervisor: pipes, bounded output, an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentcron.agents.pipes import Head, Reader, Tail, Writer, within_seconds

_SUPERVISOR: Final = str(Path(__file__).with_name("supervisor.py"))
_TAIL: Final = 8 * 1024
# The supervisor gives up 10 s after its KILL; a little more is for a busy machine.
_SUPERVISOR_GIVES_UP: Final = 13.0
_PIPES_MAY_LAG: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is to be run. ``stdin`` None is an empty input; ``grace`` are seconds between TERM and KILL. More
    output than ``limit_output`` bytes ends it at once. One that ``talks`` has a standard input that stays open."""

    program: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    stdin: bytes | None
    grace: float
    most_output: int
    execution_id: str
    limit_output: int | None = None
    talks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended: ``exit`` with a code, ``signal``, ``refused`` by the system, ``lost`` without a word.

    ``left`` counts processes that could not be ended (another user's, or stuck in the kernel).
    """

    how: str
    number: int
    stdout: bytes
    stdout_size: int
    stderr: bytes
    left: int = 0


class Supervised:
    """One command under its supervisor. Every way out of ``run`` goes through ``end``, which is done once.

    Each piece of its standard output is given to ``hears`` as it comes; ``say`` writes to one that talks.
    """

    def __init__(self, command: Command, hears: Callable[[bytes], None] | None = None) -> None:
        self._command = command
        self._hears = hears
        self._input: Writer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._control: int | None = None
        self._status = Tail(_TAIL)
        self._stdout = Head(command.most_output)
        self._stderr = Tail(_TAIL)
        self._readers: list[Reader] = []
        self._ending: asyncio.Task[None] | None = None

    async def run(self, record: Callable[[int, float], Awaitable[None]] | None) -> Ended:
        """Start it, store who it is, let it work, wait for its end. Raises ``OSError`` if it cannot start."""
        try:
            self._start()
            await self._record(record)
            self._order(b"g")
            await self._readers[0].over.wait()
        finally:
            await self.end()
        how, number, left = self._reported()
        return Ended(
            how=how,
            number=number,
            stdout=bytes(self._stdout.kept),
            stdout_size=self._stdout.size,
            stderr=bytes(self._stderr.kept),
            left=left,
        )

    @property
    def started(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def say(self, data: bytes) -> None:
        """Write to its standard input; lost where it is gone already."""
        if self._input is not None:
            self._input.write(data)

    def stop(self) -> None:
        """Begin its end: TERM, and after the grace KILL. ``run`` answers when it is gone."""
        self._order(b"t")

    def heard(self) -> bytes:
        """The beginning of its standard output until this moment."""
        return bytes(self._stdout.kept)

    async def end(self) -> None:
        """Make everything end, and return when it is gone: in the grace and 13 s. A cancel ends the grace."""
        if self._process is None:
            return
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end(self._process))
        cancelled: asyncio.CancelledError | None = None
        while not self._ending.done():
            try:
                await asyncio.shield(self._ending)
            except asyncio.CancelledError as error:
                cancelled = error
                self._order(b"k")
        if cancelled is not None:
            raise cancelled
        if not self._ending.cancelled():
            self._ending.result()

    def _start(self) -> None:
        command = self._command
        ours: list[int] = []
        theirs: list[int] = []
        try:
            for _ in range(3):
                reading, writing = os.pipe()
                ours.append(reading)
                theirs.append(writing)
            heard, told = os.pipe()
            ours.append(told)
            theirs.append(heard)
            if command.talks:
                given, talking = os.pipe()
                ours.append(talking)
                theirs.append(given)
            else:
                theirs.append(_input(command.stdin))
            status, out, err, control, given = theirs
            script = [sys.executable, "-I", "-S", _SUPERVISOR, str(control), str(status), str(os.getpid())]
            self._process = subprocess.Popen(
                [
                    *script,
                    repr(command.grace),
                    str(int("LC_CTYPE" in command.environ)),
                    command.program,
                    *command.argv,
                ],
                stdin=given,
                stdout=out,
                stderr=err,
                cwd=command.cwd,
                env=dict(command.environ),
                pass_fds=(control, status),
                start_new_session=True,
            )
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._control = ours[3]
        os.set_blocking(self._control, False)
        if command.talks:
            self._input = Writer(ours[4])
        sinks = (self._status.add, self._heard, self._stderr.add)
        self._readers = [Reader(reading, sink) for reading, sink in zip(ours[:3], sinks, strict=True)]

    def _heard(self, data: bytes) -> None:
        self._stdout.add(data)
        if self._hears is not None:
            self._hears(data)
        if self._command.limit_output is not None and self._stdout.size > self._command.limit_output:
            self._order(b"k")

    async def _record(self, record: Callable[[int, float], Awaitable[None]] | None) -> None:
        from agentcron.agents.processes import start_time

        assert self._process is not None
        self._started = start_time(self._process.pid) or 0.0
        if record is not None:
            await record(self._process.pid, self._started)

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        status, *outputs = self._readers
        try:
            self._order(b"t")
            if (
                not await within_seconds(self._command.grace + _SUPERVISOR_GIVES_UP, status.over)
                or not self._status.kept
            ):
                # The supervisor hangs or was killed: what it had in its care is looked for from outside.
                await self._end_from_outside(process.pid)
            # What still holds the pipes now is out of reach; waiting for it would be waiting for ever.
            for reader in outputs:
                await within_seconds(_PIPES_MAY_LAG, reader.over)
            while process.poll() is None:  # noqa: ASYNC110 - the last instants of a process raise no event
                await asyncio.sleep(0.002)
        finally:
            for reader in self._readers:
                reader.close()
            if self._input is not None:
                self._input.close()
            control, self._control = self._control, None
            if control is not None:
                os.close(control)

    async def _end_from_outside(self, pid: int) -> None:
        from agentcron.agents.processes import end_tree

        await asyncio.to_thread(end_tree, pid, self._started, self._command.execution_id)

    def _order(self, order: bytes) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                os.write(self._control, order)

    def _reported(self) -> tuple[str, int, int]:
        words = self._status.kept.decode("ascii", "replace").split()
        if len(words) >= 2 and words[0] in ("exit", "signal", "refused") and words[1].isdigit():
            left = words[-1] if words[-2] == "left" else "0"
            return words[0], int(words[1]), int(left)
        return "lost", 0, 0


def _input(data: bytes | None) -> int:
    """A descriptor to read ``data`` from. A file, not a pipe: a command that never reads cannot block it."""
    if data is None:
        return os.open(os.devnull, os.O_RDONLY)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        file.seek(0)
        return os.dup(file.fileno())
