"""How a coding agent of the command line is run once: called, judged by what it printed, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentcron.agents.coding.reading import Reading, error_of, event_in, objects, since
from agentcron.agents.coding.session import Session
from agentcron.agents.coding.tally import Tally
from agentcron.agents.command import judged, not_started
from agentcron.agents.limited import unheld
from agentcron.agents.pipes import Lines
from agentcron.agents.recipes import Done, OneRun
from agentcron.agents.supervised import Command, Ended, Supervised
from agentcron.domain.limits import NO_LIMITS
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
    """One program: how it is called, and how each event that it prints is taken in. ``files`` are JSON files in its
    home, ``cumulative`` figures those of the whole session."""

    kind: str
    program: str
    arguments: Callable[[Call], list[str]]
    environ: Callable[[Call], Mapping[str, str]]
    take: Callable[[Tally, Mapping[str, Any]], None]
    cumulative: tuple[str, ...] = ()
    files: Callable[[Call], Mapping[str, Any]] = lambda _: {}
    tells_cost: bool = False
    chooses_session: bool = False
    provider: str | None = None
    exit_limits: Mapping[int, str] = field(default_factory=dict)


class CodingAgent(OneRun):
    """Calls the program once."""

    __slots__ = ("_before", "_call", "_context", "_hit", "_lines", "_prompt", "_recipe", "_running", "_tally")

    def __init__(self, agent_id: str, done: Done, recipe: CodingRecipe, context: RunContext) -> None:
        super().__init__(agent_id, done)
        self._recipe = recipe
        self._context = context
        self._prompt = ""
        self._call: Call | None = None
        self._before: Session | None = None
        self._running: Supervised | None = None
        self._lines = Lines(recipe.most_output)
        self._tally = Tally(cumulative=recipe.cli.cumulative)
        self._hit: str | None = None

    async def run(self, prompt: str) -> AgentOutcome:
        recipe = self._recipe
        self._prompt = prompt
        try:
            command, self._call, self._before = recipe.command(prompt, self._context)
        except AgentDefinitionError as error:
            raise AgentError(str(error), kind="creation") from error
        self._running = Supervised(command, self._heard)
        try:
            ended = await self._running.run(self._context.record_process)
        except OSError as error:
            raise not_started(command.program, error) from error
        except ValueError as error:
            raise AgentError(f"{command.program} cannot be started: {error}", kind="creation") from error
        reading = self._read(ended.stdout, ended.stderr)
        if reading.complete and reading.error is None and reading.session is not None:
            recipe.sessions.keep(self._context.job_id, Session(reading.session, dict(reading.totals or {})))
        elif (reading.lost or not reading.complete) and self._hit is None and self._before is not None:
            # A session that the program does not find would fail every later run of the job. A program that crashed in
            # the middle of its work had found it: what the job's conversation names is there to go on with.
            lost = self._before.id if reading.lost or reading.turns == 0 else None
            recipe.sessions.forget(self._context.job_id, lost)
        return self._judged(command, ended, reading)

    def so_far(self) -> AgentOutcome | None:
        """What a run that was cut or that failed had said and used until then."""
        if self._running is None or self._call is None:
            return None
        return self._outcome(self._named(self._tally.reading()))

    async def close(self) -> None:
        try:
            if self._running is not None:
                await self._running.end()
        finally:
            await super().close()

    def _heard(self, data: bytes) -> None:
        for line in self._lines.cut(data):
            self._take(line)

    def _take(self, line: bytes) -> None:
        if (event := event_in(line)) is None:
            return
        self._tally.keep(event, len(line))
        self._recipe.cli.take(self._tally, event)
        limits = self._context.limits
        if limits is NO_LIMITS or self._hit is not None or self._tally.complete:
            return
        own = self._own(self._tally.figures())
        self._hit = limits.hit(own.usage, own.cost_usd, turns=own.turns, output_bytes=own.written)
        if self._hit is not None and self._running is not None:
            self._running.stop()

    def _read(self, stdout: bytes, stderr: bytes) -> Reading:
        self._take(self._lines.last())
        reading = self._tally.reading()
        # One object over many lines, or what is said where warnings are.
        for output in (stdout if not self._tally.events else b"", stderr if not reading.complete else b""):
            told = Tally(cumulative=self._recipe.cli.cumulative)
            for event in objects(output.decode("utf-8", "replace")):
                told.keep(event, 0)
                self._recipe.cli.take(told, event)
            if told.complete and (output is stdout or told.error is not None):
                self._tally, reading = told, told.reading()
        return self._named(reading)

    def _named(self, reading: Reading) -> Reading:
        assert self._call is not None
        if reading.session is None and self._recipe.cli.chooses_session:
            return replace(reading, session=self._call.session or self._call.fresh_session)
        return reading

    def _judged(self, command: Command, ended: Ended, reading: Reading) -> AgentOutcome:
        """What the program printed counts before its exit code: a limit that was hit exits like a crash."""
        if self._hit is not None:
            return self._outcome(replace(reading, failed=self._hit))
        if reading.error is not None and reading.complete:
            raise error_of(f"{self._recipe.cli.kind}: {reading.error}")
        if ended.stdout_size > len(ended.stdout):
            why = f"it printed more than max_output_bytes = {len(ended.stdout)}"
            raise AgentError(f"{self._recipe.cli.kind}: {why}", kind="output")
        limit = self._recipe.cli.exit_limits.get(ended.number) if ended.how == "exit" else None
        if limit is not None and reading.failed is None:
            reading = replace(reading, complete=True, failed=f"limit: {limit}")
        if reading.failed is None and (ended.how != "exit" or ended.number != 0):
            if reading.error is not None:
                raise error_of(f"{self._recipe.cli.kind}: {reading.error}")
            judged("", command, ended)  # raises
        if not reading.complete:
            raise AgentError(f"{self._recipe.cli.kind}: its output holds no result", kind="output")
        if reading.denied and reading.failed is None and self._recipe.strict:
            reading = replace(reading, failed=f"denied: {', '.join(reading.denied)}")
        found = self._outcome(reading)
        if found.failed is None:
            failed = unheld(self._context.limits, counted=reading.counted, cost_usd=found.cost_usd)
            found = replace(found, failed=failed)
        return found

    def _own(self, reading: Reading) -> Reading:
        """What this run used of what the session used."""
        if self._before is not None and self._before.id == reading.session:
            return since(reading, self._before.totals)
        return reading

    def _outcome(self, reading: Reading) -> AgentOutcome:
        own = self._own(reading)
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
