"""The kind ``command``: a program is given the message as JSON on its standard input; exit code 0 means taken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from agentcron.agents.command import CommandRecipe, argv_of, env_of, settings_of
from agentcron.agents.supervised import Command as Launch
from agentcron.agents.supervised import Ended, Supervised
from agentcron.delivery.calls import plain
from agentcron.delivery.message import DeliveryError, Message
from agentcron.delivery.reading import Around, Given
from agentcron.errors import AgentcronError, AgentDefinitionError, ConfigError

KEYS: Final = ("command", "cwd", "env", "grace", "timeout")
_SECONDS: Final = 30.0
_MOST_OUTPUT: Final = 64 << 10
_GRACE: Final = timedelta(seconds=2)


class Command:
    """Runs one program for each message, without a shell."""

    def __init__(self, given: Given, around: Around) -> None:
        self._argv = argv_of(given)
        for name, value in env_of(given).items():
            given.check_clear("env", name, value)
        settings = settings_of(given, argv=self._argv, most_output=_MOST_OUTPUT)
        settings["grace"] = given.duration("grace", _GRACE)
        self._recipe = CommandRecipe(given.where, around, **settings)
        self._seconds = given.seconds(_SECONDS)

    def check(self) -> None:
        """Raise ``ConfigError`` where it could not run as things are now."""
        try:
            self._recipe.check()
        except AgentDefinitionError as error:
            raise ConfigError(str(error)) from None

    async def send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                # A cancel, and so the end of the time, ends the program with all that it started.
                ended = await Supervised(self._launch(message)).run(None)
        except TimeoutError:
            raise DeliveryError(f"the program was not done within {self._seconds:g} s", retryable=True) from None
        except (AgentcronError, OSError, ValueError) as error:
            raise DeliveryError(f"the program cannot be started: {error}", retryable=True) from None
        if (ended.how, ended.number) != ("exit", 0):
            raise DeliveryError(_told(ended), retryable=True)

    def _launch(self, message: Message) -> Launch:
        own = {
            "AGENTCRON_MESSAGE_ID": message.id,
            "AGENTCRON_EVENT": message.event,
            "AGENTCRON_SUBJECT": message.subject,
        }
        clean = {name: value.replace("\0", " ") for name, value in own.items()}
        # It belongs to no execution: what it does with agentcron is done by its owner, not by an agent.
        return self._recipe.launch(self._argv, message.body.encode(), clean, execution_id="")


def _told(ended: Ended) -> str:
    how = {"exit": "exit code", "signal": "ended by signal", "refused": "refused by the system, error"}
    lines = (ended.stderr.strip() or ended.stdout.strip()).decode("utf-8", "replace").splitlines()
    words = f": {plain(lines[-1])}" if lines else ""
    return f"the program: {how.get(ended.how, ended.how)} {ended.number}{words}"


def read(given: Given, around: Around) -> Command:
    """The sender of these values. Raises ``ConfigError``."""
    return Command(given, around)
