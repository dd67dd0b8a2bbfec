"""One agent of each kind for each situation of the table; the programs are doubles that print what real ones print."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_ai.exceptions import ModelAuthenticationError, ModelHTTPError, ModelRateLimitError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo
from pydantic_ai.usage import RequestUsage

from agentcron.domain.outcomes import AgentOutcome, CostBasis, Usage
from agentcron.errors import AgentError
from agentcron.ports import RunContext
from tests.agents.fake_acp import FakeAcp
from tests.agents.fake_coder import KINDS, FakeCoder, answer, refusal
from tests.agents.model_doubles import Priced, loop
from tests.agents.test_looping_agents import looping

MODELS = {"codex": {"model": "gpt-5-codex"}, "gemini-cli": {"model": "gemini-2.5-pro"}}
_HANG = "import time; time.sleep(1000)"
_KILL = "import signal; os.kill(os.getpid(), signal.SIGKILL)"


class Player:
    """Its situations; the answer is ``done``, from 100 tokens and 5, for two cents where it says so itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def definition(self, situation: str) -> dict[str, Any] | None:
        """The agent of a situation; None where there is no such thing for the kind."""
        found: dict[str, Any] | None = getattr(self, situation)()
        return found

    def went_on(self) -> bool:
        """Whether the second run of ``answers`` went on with the first."""
        return False

    def denied(self) -> dict[str, Any] | None:
        return None

    def killed(self) -> dict[str, Any] | None:
        return None


class Function(Player):
    def _of(self, call: Callable[..., Any]) -> dict[str, Any]:
        return {"kind": "python", "callable": call}

    def answers(self) -> dict[str, Any]:
        used = Usage(input_tokens=100, output_tokens=5)
        told = AgentOutcome(output="done", usage=used, cost_usd=Decimal("0.02"), cost_basis=CostBasis.REPORTED)

        async def work(prompt: str) -> AgentOutcome:
            return told

        return self._of(work)

    def loops(self) -> dict[str, Any]:
        async def work(prompt: str, context: RunContext) -> str:
            for number in range(1, 100):
                context.report(Usage(tool_calls=number))
            return "never"

        return self._of(work)

    def refused(self, kind: str) -> dict[str, Any]:
        async def work(prompt: str) -> str:
            raise AgentError("refused", kind=kind)

        return self._of(work)

    def refused_401(self) -> dict[str, Any]:
        return self.refused("auth")

    def refused_429(self) -> dict[str, Any]:
        return self.refused("rate_limit")

    def hangs(self) -> dict[str, Any]:
        async def work(prompt: str) -> str:
            await asyncio.Event().wait()
            return "never"

        return self._of(work)


class Command(Player):
    def _of(self, work: str) -> dict[str, Any]:
        return {"kind": "command", "command": [sys.executable, "-ISc", f"import os\n{work}"], "grace": "200ms"}

    def answers(self) -> dict[str, Any]:
        return self._of("print('done', end='')")

    def loops(self) -> dict[str, Any]:
        return self._of("while True: print('once more')")

    def refused_401(self) -> dict[str, Any]:
        return self._of("os._exit(1)")

    def refused_429(self) -> dict[str, Any]:
        return self._of("os._exit(75)")

    def hangs(self) -> dict[str, Any]:
        return self._of(_HANG)

    def killed(self) -> dict[str, Any]:
        return self._of(_KILL)


class Model(Player):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._heard: list[int] = []

    def went_on(self) -> bool:
        return self._heard == [1, 3]

    def _of(self, call: Callable[..., Any]) -> dict[str, Any]:
        return {"kind": "pydantic-ai", "model": Priced(call, model_name="gpt-4o")}

    def answers(self) -> dict[str, Any]:
        def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            self._heard.append(len(messages))
            return ModelResponse(parts=[TextPart("done")], usage=RequestUsage(input_tokens=100, output_tokens=5))

        return self._of(say)

    def loops(self) -> dict[str, Any]:
        return loop()

    def refused(self, error: ModelHTTPError) -> dict[str, Any]:
        def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            raise error

        return self._of(say)

    def refused_401(self) -> dict[str, Any]:
        return self.refused(ModelAuthenticationError(401, "gpt-4o"))

    def refused_429(self) -> dict[str, Any]:
        return self.refused(ModelRateLimitError(429, "gpt-4o"))

    def hangs(self) -> dict[str, Any]:
        async def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            await asyncio.Event().wait()
            raise AssertionError

        return self._of(say)


class Coder(Player):
    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder)
        self._kind = kind
        self._answering = self._coder("answers")

    def _coder(self, situation: str) -> FakeCoder:
        folder = self._folder / situation
        folder.mkdir()
        return FakeCoder(folder, self._kind)

    def _of(self, situation: str, *events: Any, then: str = "", **more: Any) -> dict[str, Any]:
        coder = self._coder(situation)
        coder.prints(*events, then=then)
        return coder.definition(grace="200ms", **more)

    def went_on(self) -> bool:
        return ["s-1" in call["argv"] for call in self._answering.calls()] == [False, True]

    def answers(self) -> dict[str, Any]:
        self._answering.prints(*answer(self._kind))
        return self._answering.definition(resume="last", **MODELS.get(self._kind, {}))

    def denied(self) -> dict[str, Any]:
        return self._of("denied", *answer(self._kind, denied=True))

    def loops(self) -> dict[str, Any]:
        (self._folder / "loops").mkdir()
        return looping(self._kind, self._folder / "loops")

    def refused_401(self) -> dict[str, Any]:
        return self._of("401", *refusal(self._kind, 401))

    def refused_429(self) -> dict[str, Any]:
        return self._of("429", *refusal(self._kind, 429))

    def hangs(self) -> dict[str, Any]:
        return self._of("hangs", then=_HANG)

    def killed(self) -> dict[str, Any]:
        return self._of("killed", then=_KILL)


class Acp(Player):
    _SAYS = (
        'update(sessionUpdate="usage_update", used=1, size=2, cost={"amount": 0.02, "currency": "USD"})\n'
        'text("done"); answer(usage={"inputTokens": 100, "outputTokens": 5, "totalTokens": 105})'
    )

    def _agent(self, situation: str, work: str) -> FakeAcp:
        folder = self._folder / situation
        folder.mkdir()
        agent = FakeAcp(folder)
        agent.works(work, capabilities={"loadSession": True})
        return agent

    def _of(self, situation: str, work: str) -> dict[str, Any]:
        return self._agent(situation, work).definition(grace="200ms")

    def went_on(self) -> bool:
        return bool(self._answering.told("session/load"))

    def answers(self) -> dict[str, Any]:
        self._answering = self._agent("answers", self._SAYS)
        return self._answering.definition(resume="last")

    def denied(self) -> dict[str, Any]:
        return self._of("denied", "may(1)\n" + self._SAYS)

    def loops(self) -> dict[str, Any]:
        (self._folder / "loops").mkdir()
        return looping("acp", self._folder / "loops")

    def _refused(self, status: int) -> dict[str, Any]:
        return self._of(f"{status}", f'say(id=asked, error={{"code": -32603, "message": "HTTP {status}"}})')

    def refused_401(self) -> dict[str, Any]:
        return self._refused(401)

    def refused_429(self) -> dict[str, Any]:
        return self._refused(429)

    def hangs(self) -> dict[str, Any]:
        return self._of("hangs", _HANG)

    def killed(self) -> dict[str, Any]:
        return self._of("killed", _KILL)


def player(kind: str, folder: Path) -> Player:
    if kind in KINDS:
        return Coder(folder, kind)
    return {"python": Function, "command": Command, "pydantic-ai": Model, "acp": Acp}[kind](folder)
