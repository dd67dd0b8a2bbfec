"""The kind ``command``: a program answers; its standard output is the result."""

from __future__ import annotations

import codecs
import errno
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.recipes import Done, OneRun, Surroundings, Values, said, shown
from agentcron.agents.supervised import Command, Ended, Supervised
from agentcron.domain import limits
from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentDefinitionError, AgentError
from agentcron.redaction import is_reference

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext

PASSED: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
_PLACE: Final = "{prompt}"
_KEYS: Final = ("command", "cwd", "env", "grace", "max_output_bytes")
_GRACE: Final = timedelta(seconds=5)
_MOST_OUTPUT: Final = 1024 * 1024
_LONGEST_COMPLAINT: Final = 1000
_TRY_AGAIN_LATER: Final = 75
_SCARCE: Final = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class CommandAgent(OneRun):
    """Runs the program once."""

    __slots__ = ("_context", "_recipe", "_running")

    def __init__(self, agent_id: str, done: Done, recipe: CommandRecipe, context: RunContext) -> None:
        super().__init__(agent_id, done)
        self._recipe = recipe
        self._context = context
        self._running: Supervised | None = None

    async def run(self, prompt: str) -> AgentOutcome:
        try:
            command = self._recipe.command(prompt, self._context)
        except AgentDefinitionError as error:
            raise AgentError(str(error), kind="creation") from error
        self._running = Supervised(command)
        try:
            ended = await self._running.run(self._context.record_process)
        except OSError as error:
            raise not_started(command.program, error) from error
        except ValueError as error:
            raise AgentError(f"{command.program} cannot be started: {error}", kind="creation") from error
        return judged(prompt, command, ended)

    async def close(self) -> None:
        try:
            if self._running is not None:
                await self._running.end()
        finally:
            await super().close()


class CommandRecipe:
    """A program, its arguments and its surroundings."""

    # A program says nothing of tokens and money that could be held to a limit.
    limits_kept = frozenset({"output_bytes"})

    def __init__(
        self,
        where: str,
        around: Surroundings,
        *,
        argv: tuple[str, ...],
        cwd: str | None,
        env: Mapping[str, str],
        grace: timedelta,
        most_output: int,
        key: str = "command",
    ) -> None:
        self._where = where
        self._around = around
        self._argv = argv
        self._cwd = cwd
        self._env = env
        self._grace = grace
        self._most_output = most_output
        self._key = key

    @property
    def description(self) -> str:
        return f"runs {Path(self._argv[0]).name}, the prompt on its {self._way_in()}"

    def check(self) -> None:
        self._program(self._folder())
        self._environ()

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        return CommandAgent(agent_id, done, self, context)

    def print_of(self) -> Any:
        return {
            "kind": "command",
            "command": list(self._argv),
            "cwd": self._cwd,
            "env": dict(self._env),
            "max_output_bytes": self._most_output,
        }

    def command(self, prompt: str, context: RunContext) -> Command:
        """What is run for this prompt, as things are now."""
        own = {
            "AGENTCRON_JOB_ID": context.job_id,
            "AGENTCRON_EXECUTION_ID": context.execution_id,
            "AGENTCRON_ATTEMPT": str(context.attempt),
            "AGENTCRON_IDEMPOTENCY_KEY": context.idempotency_key,
        }
        if context.scheduled_for is not None:
            moment = context.scheduled_for.astimezone(UTC).isoformat()
            own["AGENTCRON_SCHEDULED_FOR"] = moment.removesuffix("+00:00") + "Z"
        return self.launch(
            tuple(part.replace(_PLACE, prompt) for part in self._argv),
            None if self._way_in() == "command line" else prompt.encode("utf-8", "surrogateescape"),
            own,
            execution_id=context.execution_id,
            limit_output=context.limits.output_bytes,
        )

    def launch(
        self,
        argv: Sequence[str],
        stdin: bytes | None,
        own: Mapping[str, str],
        *,
        execution_id: str,
        limit_output: int | None = None,
    ) -> Command:
        """The program with these arguments, this input and these variables besides its own, as things are now."""
        folder = self._folder()
        return Command(
            program=self._program(folder),
            argv=argv,
            environ={**self._environ(), **own},
            cwd=folder,
            stdin=stdin,
            grace=self._grace.total_seconds(),
            most_output=self._most_output,
            execution_id=execution_id,
            limit_output=limit_output,
        )

    def _way_in(self) -> str:
        return "command line" if any(_PLACE in part for part in self._argv) else "standard input"

    def _folder(self) -> str:
        folder = (self._around.base_dir or Path()).absolute() / Path(self._cwd or "").expanduser()
        if not folder.is_dir():
            raise AgentDefinitionError(f"{self._where}: cwd: there is no folder {folder}; create it or change cwd")
        return str(folder)

    def _program(self, folder: str) -> str:
        name = self._argv[0]
        if "/" in name:
            path = Path(folder) / Path(name).expanduser()
            if not path.is_file():
                raise AgentDefinitionError(f"{self._where}: {self._key}: there is no file {path}")
            if not os.access(path, os.X_OK):
                raise AgentDefinitionError(f"{self._where}: {self._key}: {path} is not executable; chmod +x it")
            return str(path)
        search = self._around.environ().get("PATH", os.defpath)
        found = shutil.which(name, path=search)
        if found is None:
            raise AgentDefinitionError(
                f"{self._where}: {self._key}: {name} is not on PATH ({shown(search)}); "
                "install it, or write its full path"
            )
        return str(Path(found).absolute())

    def _environ(self) -> dict[str, str]:
        outer = self._around.environ()
        passed = {name: outer[name] for name in outer if name in PASSED or name.startswith("LC_")}
        for name, value in self._env.items():
            where = f"{self._where}: env: {name}"
            passed[name] = self._around.resolve(where, value) if is_reference(value) else value
        return passed


def read(name: str, values: Mapping[str, Any], around: Surroundings) -> CommandRecipe:
    """The recipe of a definition."""
    given = Values(name, values, _KEYS)
    return CommandRecipe(given.where, around, **settings_of(given, argv=argv_of(given), most_output=_MOST_OUTPUT))


def settings_of(given: Values, *, argv: tuple[str, ...], most_output: int, key: str = "command") -> dict[str, Any]:
    """What every definition that runs a program may say about it, as arguments of ``CommandRecipe``."""
    return {
        "argv": argv,
        "key": key,
        "cwd": given.text("cwd"),
        "env": env_of(given),
        "grace": given.duration("grace", _GRACE) or timedelta(0),
        "most_output": given.whole("max_output_bytes", most_output),
    }


def argv_of(given: Values) -> tuple[str, ...]:
    """The program of a definition and its arguments."""
    command = given.raw("command")
    if isinstance(command, str):
        raise given.refuse("command", 'a list of texts is needed, such as ["program", "argument"]; no shell reads it')
    if not isinstance(command, (list, tuple)) or not command:
        raise given.refuse("command", f'a list such as ["program", "argument"] is needed, not {shown(command)}')
    for part in command:
        if not isinstance(part, str) or "\0" in part:
            raise given.refuse("command", f"every element must be text without NUL, {shown(part)} is not")
    if not command[0] or _PLACE in command[0]:
        raise given.refuse("command", "the first element is the program; the prompt cannot choose it")
    return tuple(command)


def env_of(given: Values) -> dict[str, str]:
    """Variables by name: a value, or a reference to one."""
    env = given.raw("env")
    if env is None:
        return {}
    if isinstance(env, (list, tuple)):
        pairs: dict[Any, Any] = {
            name: f"env:{name}" if isinstance(name, str) else name for name in env if name is not None
        }
    elif isinstance(env, Mapping):
        pairs = dict(env)
    else:
        raise given.refuse("env", f"a list of names or a table of values is needed, not {shown(env)}")
    for name, value in pairs.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise given.refuse("env", f"{shown(name)} is not the name of a variable")
        if not isinstance(value, str) or "\0" in value:
            raise given.refuse("env", f"{name}: text is needed, not {shown(value)}")
    return pairs


def judged(prompt: str, command: Command, ended: Ended) -> AgentOutcome:
    """What a program that ended came to by its exit code. Raises ``AgentError`` unless that is 0."""
    name = Path(command.argv[0]).name
    most = command.limit_output
    if most is not None and ended.stdout_size > most:
        text = ended.stdout[:most].decode("utf-8", "ignore")
        hit = limits.said("output_bytes", most, ended.stdout_size)
        return AgentOutcome(output=text, failed=hit, conversation=said("command", prompt, text))
    if ended.how == "exit" and ended.number == 0:
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(
            ended.stdout, final=ended.stdout_size == len(ended.stdout)
        )
        asides = []
        if complaint := _last_lines(ended.stderr):
            asides.append(f"stderr: {complaint}")
        if ended.left:
            asides.append(f"{ended.left} processes could not be ended")
        if ended.stdout_size > len(ended.stdout):
            text += f"\n[cut: the first {len(ended.stdout)} of {ended.stdout_size} bytes]"
        return AgentOutcome(output=text, conversation=said("command", prompt, text, *asides) if asides else None)
    if ended.how == "refused":
        raise not_started(command.program, OSError(ended.number, os.strerror(ended.number)))
    if ended.how == "lost":
        raise AgentError(f"{name}: its supervisor was killed; what was left of the command was ended", kind="exit")
    if ended.how == "signal":
        what = f"was ended by {_signal_name(ended.number)}"
    else:
        what = f"ended with exit code {ended.number}"
    if words := _last_lines(ended.stderr):
        what += f": {words}"
    elif words := _last_lines(ended.stdout):
        what += f", nothing on stderr; stdout ends: {words}"
    else:
        what += ", without a word"
    raise AgentError(
        f"{name} {what}",
        kind="exit",
        retryable=ended.how == "exit" and ended.number == _TRY_AGAIN_LATER,
    )


def not_started(program: str, error: OSError) -> AgentError:
    """The error of a program that the system refused to start."""
    why = error.strerror or str(error)
    if error.errno == errno.E2BIG:
        why += "; the prompt is too long for an argument: leave {prompt} out, and it goes to standard input"
    elif error.errno == errno.ENOEXEC:
        why += "; a script needs a first line such as #!/bin/sh"
    elif error.errno == errno.ENOENT:
        why += "; the program, or the interpreter in its first line, is gone"
    return AgentError(f"{program} cannot be started: {why}", kind="creation", retryable=error.errno in _SCARCE)


def _last_lines(data: bytes) -> str:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    text = " | ".join(lines[-5:])
    return text if len(text) <= _LONGEST_COMPLAINT else f"…{text[-_LONGEST_COMPLAINT + 1 :]}"


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"
