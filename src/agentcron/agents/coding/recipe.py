"""What a definition may say about a coding agent, and what is called for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.coding.agent import Call, Cli, CodingAgent
from agentcron.agents.coding.reading import Reading
from agentcron.agents.coding.session import Session, Sessions, put_json
from agentcron.agents.command import CommandRecipe, settings_of
from agentcron.agents.recipes import Done, Surroundings, Values, nearest, shown
from agentcron.agents.supervised import Command
from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import Usage
from agentcron.errors import AgentDefinitionError

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext

_KEYS: Final = (
    *("executable", "args", "model", "instructions", "permissions", "denied_actions", "resume", "home"),
    *("cwd", "env", "grace", "max_output_bytes"),
)
PERMISSIONS: Final = ("read", "edit", "all")
_MOST_OUTPUT: Final = 16 * 1024 * 1024
_PROBE: Final = Reading(usage=Usage(input_tokens=1000, output_tokens=1000))


class CodingRecipe:
    """A program with its settings, its own home and the sessions kept there."""

    def __init__(self, cli: Cli, given: Values, name: str, around: Surroundings) -> None:
        self.cli = cli
        self._where = given.where
        self._around = around
        self._executable = given.text("executable") or cli.program
        self._home = home_of(given, name, around)
        self._model = given.text("model")
        self._instructions = given.text("instructions")
        self._permissions = one_of(given, "permissions", PERMISSIONS)
        self._resume = one_of(given, "resume", ("never", "last"))
        self.strict = one_of(given, "denied_actions", ("record", "strict")) == "strict"
        self._more = _texts(given, "args")
        env = settings_of(given, argv=(self._executable,), key="executable", most_output=_MOST_OUTPUT)
        self.most_output = env["most_output"]
        self._program = CommandRecipe(given.where, around, **env)
        self._named = frozenset(env["env"])
        self.sessions = Sessions(self._home)

    @property
    def description(self) -> str:
        return f"{self.cli.kind}: runs {Path(self._executable).name}, permissions {self._permissions}"

    def check(self) -> None:
        self._program.check()

    def check_limits(self, limits: Limits) -> None:
        """Raise ``AgentDefinitionError`` for a limit of money where nobody will say what a run costs."""
        if limits.cost_usd is not None and not self.cli.tells_cost and self.estimate(_PROBE) is None:
            raise AgentDefinitionError(
                f"{self._where}: limits: cost_usd: the price is not known; name a model that is in the price list, "
                "or limit tokens instead"
            )

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        return CodingAgent(agent_id, done, self, context)

    def print_of(self) -> Any:
        return {
            **self._program.print_of(),
            "kind": self.cli.kind,
            "model": self._model,
            "instructions": self._instructions,
            "permissions": self._permissions,
            "resume": self._resume,
            "strict": self.strict,
            "args": list(self._more),
        }

    def command(self, prompt: str, context: RunContext) -> tuple[Command, Call, Session | None]:
        """What is run for this prompt, and the session it goes on with."""
        before = self.sessions.going_on(context, self.cli.kind, always=self._resume == "last")
        if self._instructions is not None and self.cli.kind != "claude-code":
            prompt = f"{self._instructions}\n\n{prompt}"
        call = Call(
            prompt=prompt,
            home=str(self._home),
            fresh_session=str(uuid.uuid4()),
            session=None if before is None else before.id,
            model=self._model,
            instructions=self._instructions,
            permissions=self._permissions,
            max_turns=context.limits.turns,
            max_cost=context.limits.cost_usd,
            more=self._more,
        )
        command = self._program.command("", context)
        own = {"HOME": str(self._home), **self.cli.environ(call)}
        self._prepare_home(call)
        environ = {**command.environ, **{key: value for key, value in own.items() if key not in self._named}}
        argv = (self._executable, *self.cli.arguments(call))
        # These programs wait for the end of their standard input before they begin.
        command = replace(command, argv=argv, environ=environ, stdin=None, limit_output=self.most_output)
        return command, call, before

    def estimate(self, reading: Reading) -> Decimal | None:
        """The cost by the price list, where the model is known and asked at its own provider."""
        model = reading.model or self._model
        if reading.usage is None or model is None or self.cli.provider is None:
            return None
        # Behind another address the same name may cost anything.
        if any(name.endswith("_BASE_URL") for name in self._named) or any("provider" in one for one in self._more):
            return None
        return _priced(model, self.cli.provider, reading.usage)

    def _prepare_home(self, call: Call) -> None:
        folders = [self._home]
        if (codex := self.cli.environ(call).get("CODEX_HOME")) is not None:
            folders.append(Path(codex))  # it makes no home of its own
        made_home(self._where, *folders)
        for name, value in self.cli.files(call).items():
            path = self._home / name
            try:
                put_json(path, value)
            except OSError as error:
                raise AgentDefinitionError(
                    f"{self._where}: home: {path} cannot be written: {error.strerror or error}; name another folder"
                ) from error


def reader(cli: Cli) -> Callable[[str, Mapping[str, Any], Surroundings], CodingRecipe]:
    """The ``read`` of the kind's module."""

    def read(name: str, values: Mapping[str, Any], around: Surroundings) -> CodingRecipe:
        return CodingRecipe(cli, Values(name, values, _KEYS), name, around)

    return read


def made_home(where: str, *folders: Path) -> None:
    """Make what is missing of these folders. Raises ``AgentDefinitionError``."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise AgentDefinitionError(
                f"{where}: home: {folder} cannot be used: {error.strerror or error}; name another folder"
            ) from error


def home_of(given: Values, name: str, around: Surroundings) -> Path:
    """The folder that the program takes for its home."""
    named = given.text("home")
    if named is not None:
        return ((around.base_dir or Path()).absolute() / Path(named).expanduser()).absolute()
    folder = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).lstrip(".") or "_"
    if around.base_dir is not None:
        return around.base_dir.absolute() / ".agentcron" / "homes" / folder
    from platformdirs import user_data_path

    return user_data_path("agentcron") / "homes" / folder


def one_of(given: Values, key: str, known: tuple[str, ...]) -> str:
    """A value out of a few; the first one where none is given."""
    value = given.text(key)
    if value is not None and value not in known:
        raise given.refuse(key, f"there is no {shown(value)}; {nearest(value, known)}")
    return value or known[0]


def _texts(given: Values, key: str) -> tuple[str, ...]:
    value = given.raw(key) or ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and "\0" not in one for one in value):
        raise given.refuse(key, f'a list of texts is needed, such as ["--option", "value"], not {shown(value)}')
    return tuple(value)


def _priced(model: str, provider: str, usage: Usage) -> Decimal | None:
    try:
        from genai_prices import Usage as Counted
        from genai_prices import calc_price

        counted = Counted(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
        )
        return calc_price(counted, model_ref=model, provider_id=provider).total_price
    except (ImportError, LookupError, ValueError):
        return None
