"""How a coding agent of the command line is run once: called, judged by what it printed, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentcron.agents.coding.reading import Reading, error_of, since
from agentcron.agents.coding.session import Session
from agentcron.agents.command import judged, not_started
from agentcron.agents.recipes import Done, OneRun
from agentcron.agents.supervised import Command, Ended, Supervised
from agentcron.domain.outcomes import AgentOutcome, Conversation, CostBasis
from agentcron.errors import AgentDefinitionError, AgentError

if TYPE_CHECKING:
    from agentcron.agents.coding.recipe import CodingRecipe
    from agentcron.ports import RunContext


@dataclass(frozen=True, kw_only=True)
class Call:
    """What one call of the program is made of. ``session`` is the one to go on with, ``fresh_session`` an id for a
    program that lets its caller choose one."""

    prompt: str
    home: str
    fresh_session: str
    session: str | None = None
    model: str | None = None
    instructions: str | None = None
    permissions: str = "read"
    max_turns: int | None = None
    max_cost: Decimal | None = None
    more: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cli:
    """One program: how it is called, and how its output is read. ``files`` are JSON files in its home."""

    kind: str
    program: str
    arguments: Callable[[Call], list[str]]
    environ: Callable[[Call], Mapping[str, str]]
    parse: Callable[[str], Reading]
    files: Callable[[Call], Mapping[str, Any]] = lambda _: {}
    native_limits: tuple[str, ...] = ()
    chooses_session: bool = False
    provider: str | None = None
    exit_limits: Mapping[int, str] = field(default_factory=dict)


class CodingAgent(OneRun):
    """Calls the program once."""

    __slots__ = ("_before", "_call", "_context", "_prompt", "_recipe", "_running")

    def __init__(self, agent_id: str, done: Done, recipe: CodingRecipe, context: RunContext) -> None:
        super().__init__(agent_id, done)
        self._recipe = recipe
        self._context = context
        self._prompt = ""
        self._call: Call | None = None
        self._before: Session | None = None
        self._running: Supervised | None = None

    async def run(self, prompt: str) -> AgentOutcome:
        recipe = self._recipe
        self._prompt = prompt
        try:
            command, self._call, self._before = recipe.command(prompt, self._context)
        except AgentDefinitionError as error:
            raise AgentError(str(error), kind="creation") from error
        self._running = Supervised(command)
        try:
            ended = await self._running.run(self._context.record_process)
        except OSError as error:
            raise not_started(command.program, error) from error
        except ValueError as error:
            raise AgentError(f"{command.program} cannot be started: {error}", kind="creation") from error
        reading = self._read(ended.stdout, ended.stderr)
        if reading.complete and reading.error is None and reading.session is not None:
            recipe.sessions.keep(self._context.job_id, Session(reading.session, dict(reading.totals or {})))
        elif not reading.complete and self._before is not None:
            # A session that the program does not find would fail every later run of the job.
            recipe.sessions.forget(self._context.job_id)
        return self._judged(command, ended, reading)

    def so_far(self) -> AgentOutcome | None:
        """What a run that was cut or that failed had said and used until then."""
        if self._running is None or self._call is None:
            return None
        return self._outcome(self._read(self._running.heard(), b""))

    async def close(self) -> None:
        try:
            if self._running is not None:
                await self._running.end()
        finally:
            await super().close()

    def _read(self, stdout: bytes, stderr: bytes) -> Reading:
        reading = self._recipe.cli.parse(stdout.decode("utf-8", "replace"))
        if not reading.complete and stderr:
            told = self._recipe.cli.parse(stderr.decode("utf-8", "replace"))
            reading = told if told.complete and told.error is not None else reading
        assert self._call is not None
        if reading.session is None and self._recipe.cli.chooses_session:
            reading = replace(reading, session=self._call.session or self._call.fresh_session)
        return reading

    def _judged(self, command: Command, ended: Ended, reading: Reading) -> AgentOutcome:
        """What the program printed counts before its exit code: a limit that was hit exits like a crash."""
        if reading.error is not None and reading.complete:
            raise error_of(f"{self._recipe.cli.kind}: {reading.error}")
        limit = self._recipe.cli.exit_limits.get(ended.number) if ended.how == "exit" else None
        if limit is not None and reading.failed is None:
            reading = replace(reading, complete=True, failed=f"limit: {limit}")
        if reading.failed is None and (ended.how != "exit" or ended.number != 0):
            if reading.error is not None:
                raise error_of(f"{self._recipe.cli.kind}: {reading.error}")
            judged("", command, ended)  # raises
        if not reading.complete:
            why = "its output holds no result"
            if ended.stdout_size > len(ended.stdout):
                why = f"it printed {ended.stdout_size} bytes, more than max_output_bytes = {len(ended.stdout)}"
            raise AgentError(f"{self._recipe.cli.kind}: {why}", kind="output")
        if reading.denied and reading.failed is None and self._recipe.strict:
            reading = replace(reading, failed=f"denied: {', '.join(reading.denied)}")
        return self._outcome(reading)

    def _outcome(self, reading: Reading) -> AgentOutcome:
        own = reading
        if self._before is not None and self._before.id == reading.session:
            own = since(reading, self._before.totals)
        cost, basis = own.cost_usd, CostBasis.REPORTED
        if cost is None:
            cost = self._recipe.estimate(own)
            basis = CostBasis.UNKNOWN if cost is None else CostBasis.ESTIMATED
        return AgentOutcome(
            output=reading.text,
            failed=reading.failed,
            usage=own.usage,
            cost_usd=cost,
            cost_basis=basis,
            conversation=Conversation(
                kind=self._recipe.cli.kind,
                format="coding-agent",
                format_version=1,
                native={
                    "prompt": self._prompt,
                    "answer": reading.text,
                    "turns": reading.turns,
                    "denied": list(reading.denied),
                    "events": list(reading.events),
                },
                session=reading.session,
            ),
        )
