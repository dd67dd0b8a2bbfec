"""The kind ``acp``: what a definition may say about an agent of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.acp.agent import AcpAgent
from agentcron.agents.coding.recipe import PERMISSIONS, home_of, made_home, one_of
from agentcron.agents.coding.session import Sessions
from agentcron.agents.command import CommandRecipe, argv_of, settings_of
from agentcron.agents.recipes import Done, Surroundings, Values
from agentcron.agents.supervised import Command

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext

_KEYS: Final = (
    *("command", "instructions", "permissions", "denied_actions", "resume", "mode", "auth", "home"),
    *("cwd", "env", "grace", "max_output_bytes"),
)
_MOST_OUTPUT: Final = 64 * 1024 * 1024
# Of what it prints only the last words are looked at again, where it ends without an answer.
_LAST_WORDS: Final = 8 * 1024


class AcpRecipe:
    """A program that speaks the protocol, with its settings, its own home and the sessions kept there."""

    def __init__(self, given: Values, name: str, around: Surroundings) -> None:
        self._where = given.where
        self._argv = argv_of(given)
        self._home = home_of(given, name, around)
        self._instructions = given.text("instructions")
        self.permissions = one_of(given, "permissions", PERMISSIONS)
        self.strict = one_of(given, "denied_actions", ("record", "strict")) == "strict"
        self.goes_on = one_of(given, "resume", ("never", "last")) == "last"
        self.mode = given.text("mode")
        self.auth = given.text("auth")
        settings = settings_of(given, argv=self._argv, most_output=_MOST_OUTPUT)
        self.most_output = settings["most_output"]
        self._program = CommandRecipe(given.where, around, **settings)
        self._named = frozenset(settings["env"])
        self.sessions = Sessions(self._home)

    @property
    def description(self) -> str:
        return f"acp: talks with {Path(self._argv[0]).name}, permissions {self.permissions}"

    def check(self) -> None:
        self._program.check()

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        return AcpAgent(agent_id, done, self, context)

    def print_of(self) -> Any:
        own = (self._instructions, self.permissions, self.strict, self.goes_on, self.mode, self.auth)
        return {**self._program.print_of(), "kind": "acp", "own": list(own)}

    def prompt(self, prompt: str) -> str:
        """The prompt as it is sent."""
        return prompt if self._instructions is None else f"{self._instructions}\n\n{prompt}"

    def command(self, context: RunContext) -> Command:
        """What is started for this run."""
        command = self._program.command("", context)
        made_home(self._where, self._home)
        home = {} if "HOME" in self._named else {"HOME": str(self._home)}
        return replace(
            command,
            environ={**command.environ, **home},
            stdin=None,
            talks=True,
            most_output=_LAST_WORDS,
            limit_output=self.most_output,
        )


def read(name: str, values: Mapping[str, Any], around: Surroundings) -> AcpRecipe:
    """The recipe of a definition."""
    return AcpRecipe(Values(name, values, _KEYS), name, around)
