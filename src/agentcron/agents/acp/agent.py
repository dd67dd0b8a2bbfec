"""How an agent of the protocol is run once: started, asked, held to its limits, told to stop, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agentcron._version import __version__
from agentcron.agents.acp.peer import Peer, PeerError
from agentcron.agents.acp.work import Work
from agentcron.agents.coding.reading import Reading, error_of, since, table
from agentcron.agents.coding.session import Session
from agentcron.agents.command import judged, not_started
from agentcron.agents.limited import unheld
from agentcron.agents.recipes import Done, OneRun
from agentcron.agents.supervised import Command, Ended, Supervised
from agentcron.domain.limits import NO_LIMITS
from agentcron.domain.outcomes import AgentOutcome, Conversation, CostBasis
from agentcron.errors import AgentDefinitionError, AgentError

if TYPE_CHECKING:
    from agentcron.agents.acp.recipe import AcpRecipe
    from agentcron.ports import RunContext

_VERSION: Final = 1
_AUTH_REQUIRED: Final = -32000
_NOT_FOUND: Final = -32002
_FAILURES: Final = {
    "max_tokens": "limit: output_tokens: the agent's own was reached",
    "max_turn_requests": "limit: turns: the agent's own was reached",
    "refusal": "the agent refused",
}
# How long an agent may take to say goodbye before its processes are ended, besides the grace that they have then.
_GOODBYE: Final = 1.0


class AcpAgent(OneRun):
    """One prompt to one process."""

    __slots__ = ("_before", "_context", "_hit", "_peer", "_prompt", "_recipe", "_running", "_session", "_work")

    def __init__(self, agent_id: str, done: Done, recipe: AcpRecipe, context: RunContext) -> None:
        super().__init__(agent_id, done)
        self._recipe = recipe
        self._context = context
        self._prompt = ""
        self._peer = Peer(self._send, self._serve, self._listen, recipe.most_output)
        self._running: Supervised | None = None
        self._session: str | None = None
        self._before: Session | None = None
        self._work: Work | None = None
        self._hit: str | None = None

    async def run(self, prompt: str) -> AgentOutcome:
        self._prompt = self._recipe.prompt(prompt)
        try:
            command = self._recipe.command(self._context)
        except AgentDefinitionError as error:
            raise AgentError(str(error), kind="creation") from error
        running = self._running = Supervised(command, self._peer.heard)
        process = asyncio.create_task(self._process(running, command))
        talk = asyncio.create_task(self._talk(command.cwd))
        try:
            await asyncio.wait((process, talk), return_when=asyncio.FIRST_COMPLETED)
            if not talk.done():
                self._peer.over()
                await asyncio.wait((talk,))
        except asyncio.CancelledError:
            if self._work is not None:
                self._tell_to_stop()
                await asyncio.wait((process, talk), timeout=_GOODBYE, return_when=asyncio.FIRST_COMPLETED)
            raise
        finally:
            talk.cancel()
            if not running.started:
                process.cancel()
            await running.end()
            await asyncio.gather(process, talk, return_exceptions=True)
        return self._judged(command, process, talk)

    def so_far(self) -> AgentOutcome | None:
        """What a run that was cut or that failed had said and used until then."""
        return None if self._work is None else self._outcome(self._work, None)

    async def close(self) -> None:
        try:
            if self._running is not None:
                await self._running.end()
        finally:
            await super().close()

    async def _process(self, running: Supervised, command: Command) -> Ended:
        try:
            return await running.run(self._context.record_process)
        except OSError as error:
            raise not_started(command.program, error) from error
        except ValueError as error:
            raise AgentError(f"{command.program} cannot be started: {error}", kind="creation") from error

    async def _talk(self, cwd: str) -> Mapping[str, Any]:
        """Greet, open a session, ask; answers what the agent says at the end of its work."""
        nothing = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        greeting = {
            "protocolVersion": _VERSION,
            "clientCapabilities": nothing,
            "clientInfo": {"name": "agentcron", "version": __version__},
        }
        told = await self._peer.ask("initialize", greeting)
        if (version := told.get("protocolVersion")) != _VERSION:
            raise AgentError(
                f"acp: the agent speaks version {version} of the protocol, not {_VERSION}", kind="creation"
            )
        if self._recipe.auth is not None:
            await self._peer.ask("authenticate", {"methodId": self._recipe.auth})
        self._session = await self._opened(cwd, table(told, "agentCapabilities"))
        if self._recipe.mode is not None:
            await self._peer.ask("session/set_mode", {"sessionId": self._session, "modeId": self._recipe.mode})
        self._work = Work()
        words = [{"type": "text", "text": self._prompt}]
        return await self._peer.ask("session/prompt", {"sessionId": self._session, "prompt": words})

    async def _opened(self, cwd: str, offered: Mapping[str, Any]) -> str:
        """The id of the session: the last one of the job where it is to go on, else a fresh one."""
        where = {"cwd": cwd, "mcpServers": []}
        recipe = self._recipe
        self._before = recipe.sessions.going_on(self._context, "acp", always=recipe.goes_on)
        if recipe.goes_on or self._before is not None:
            resumes = table(offered, "sessionCapabilities").get("resume") is not None
            if not resumes and offered.get("loadSession") is not True:
                raise AgentError(
                    'acp: the agent cannot go on with a session; leave resume = "last" out of its definition, '
                    "and conversation = continue out of the job",
                    kind="creation",
                )
            if self._before is not None:
                way = "session/resume" if resumes else "session/load"
                await self._peer.ask(way, {"sessionId": self._before.id, **where})
                return self._before.id
        session = (await self._peer.ask("session/new", where)).get("sessionId")
        if not isinstance(session, str):
            raise AgentError("acp: the agent opened no session", kind="output")
        return session

    def _send(self, data: bytes) -> None:
        if self._running is not None:
            self._running.say(data)

    def _serve(self, method: str, params: Mapping[str, Any]) -> Any:
        if method != "session/request_permission" or self._work is None:
            return None
        return self._work.permit(params, self._recipe.permissions)

    def _listen(self, method: str, params: Mapping[str, Any]) -> None:
        # Before the prompt is sent, a session that is loaded tells again what was said in it.
        if method != "session/update" or self._work is None or params.get("sessionId") != self._session:
            return
        work = self._work
        work.take(table(params, "update"))
        if self._context.limits is not NO_LIMITS and self._hit is None:
            self._hit = self._beyond(work)
            if self._hit is not None:
                self._tell_to_stop()
                asyncio.get_running_loop().call_later(_GOODBYE, self._peer.over)

    def _beyond(self, work: Work) -> str | None:
        cost = self._own(work).cost_usd
        return self._context.limits.hit(work.usage, cost, turns=work.turns, output_bytes=work.written)

    def _tell_to_stop(self) -> None:
        self._peer.tell("session/cancel", {"sessionId": self._session})

    def _judged(
        self, command: Command, process: asyncio.Task[Ended], talk: asyncio.Task[Mapping[str, Any]]
    ) -> AgentOutcome:
        work = self._work
        problem = talk.exception()
        if self._hit is not None and work is not None:
            if problem is None:
                work.count(talk.result())
            return self._outcome(work, self._hit)
        if problem is None and work is not None:
            return self._answered(work, talk.result())
        if isinstance(problem, PeerError) and problem.code is None:
            self._gone(command, process.result())
        if isinstance(problem, PeerError):
            raise self._refused(problem) from problem
        assert problem is not None
        raise problem

    def _answered(self, work: Work, answer: Mapping[str, Any]) -> AgentOutcome:
        work.count(answer)
        reason = answer.get("stopReason")
        if reason == "cancelled":
            raise AgentError("acp: the agent says that somebody else stopped it", kind="agent")
        failed = _FAILURES.get(str(reason))
        if failed is None:
            failed = unheld(self._context.limits, counted=work.counts is not None, cost_usd=work.cost_usd)
        if failed is None and work.denied and self._recipe.strict:
            failed = f"denied: {', '.join(work.denied)}"
        if self._session is not None:
            self._recipe.sessions.keep(self._context.job_id, Session(self._session, work.totals))
        return self._outcome(work, failed)

    def _gone(self, command: Command, ended: Ended) -> None:
        """Raise for a program that ended before it answered."""
        if ended.stdout_size > self._recipe.most_output:
            raise AgentError(
                f"acp: more than max_output_bytes = {self._recipe.most_output} were printed", kind="output"
            )
        judged("", command, ended)
        raise AgentError("acp: the program ended before it answered", kind="exit")

    def _refused(self, problem: PeerError) -> AgentError:
        if self._before is not None and self._work is None:
            # A session that the agent does not find would fail every later run of the job.
            self._recipe.sessions.forget(self._context.job_id, self._before.id if problem.code == _NOT_FOUND else None)
        if problem.code == _AUTH_REQUIRED:
            hint = "give its key by env, or name one of its authMethods by auth"
            return AgentError(f"acp: the agent wants to know who asks: {problem}; {hint}", kind="auth")
        return error_of(f"acp: {problem}")

    def _own(self, work: Work) -> Reading:
        """What this run used of what the session used."""
        whole = Reading(usage=work.usage, cost_usd=work.cost_usd, totals=work.totals)
        return whole if self._before is None else since(whole, self._before.totals)

    def _outcome(self, work: Work, failed: str | None) -> AgentOutcome:
        own = self._own(work)
        return AgentOutcome(
            output=work.text,
            failed=failed,
            usage=own.usage,
            cost_usd=own.cost_usd,
            cost_basis=CostBasis.UNKNOWN if own.cost_usd is None else CostBasis.REPORTED,
            conversation=Conversation(
                kind="acp",
                format="acp",
                format_version=1,
                native={"prompt": self._prompt, "denied": list(work.denied), "turns": work.turns, "parts": work.told},
                session=self._session,
            ),
        )
