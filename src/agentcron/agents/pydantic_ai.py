"""The kind ``pydantic-ai``: a model of any provider answers, in this process.

pydantic-ai is imported when a definition is first checked or used, never before.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import sys
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.model_choice import KEYS, ModelChoice, choice_of
from agentcron.agents.model_tools import printed
from agentcron.agents.recipes import Done, OneRun, Surroundings, Values
from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import AgentOutcome, Conversation, CostBasis
from agentcron.errors import AgentDefinitionError, AgentError, LimitReached
from agentcron.redaction import is_reference

if TYPE_CHECKING:
    from pydantic_ai import Agent, DeferredToolResults
    from pydantic_ai import Conversation as Native
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.usage import RunUsage

    from agentcron.ports import BackgroundAgent, RunContext

FORMAT: Final = "pydantic-ai"
_BUILDING: Final = "agentcron.agents.model_building"
# A client's own patience must outlast the run, or a slow answer ends as a network error before its time.
_PATIENCE: Final = 5.0


class PydanticAgent(OneRun):
    """Asks the model once; tools and requests within are bounded by the limits."""

    __slots__ = ("_agent", "_choice", "_context", "_messages", "_provider", "_usage", "_variable")

    def __init__(
        self,
        agent_id: str,
        done: Done,
        agent: Agent[None, Any],
        choice: ModelChoice,
        context: RunContext,
        variable: str,
        provider: str,
    ) -> None:
        super().__init__(agent_id, done)
        self._agent = agent
        self._choice = choice
        self._context = context
        self._variable = variable
        self._provider = provider
        self._messages: list[ModelMessage] = []
        self._usage: RunUsage | None = None

    async def run(self, prompt: str) -> AgentOutcome:
        from pydantic_ai import DeferredToolRequests, capture_run_messages

        from agentcron.agents.model_limits import RunLimits

        history, results, self._usage = self._begin()
        # The price list knows providers by name; behind another address the same name may cost anything.
        priced = self._choice.base_url is None
        limits = RunLimits(self._context.limits, lambda: self._messages, priced=priced)
        with capture_run_messages() as self._messages:
            try:
                # Entered, it closes its connections when the last run that shares it ends.
                async with self._agent:
                    result = await self._agent.run(
                        prompt if results is None else None,
                        message_history=history,
                        deferred_tool_results=results,
                        usage=self._usage,
                        usage_limits=limits,
                        model_settings=self._settings(),
                        infer_name=False,
                    )
            except LimitReached as error:
                return self._answer("", failed=str(error))
            except Exception as error:
                from agentcron.agents.model_errors import explained

                told = explained(error, self._variable, self._choice.base_url)
                if told.kind == "rate_limit":
                    told.provider = self._provider
                raise told from error
        self._messages = result.all_messages()
        said = result.output
        if isinstance(said, DeferredToolRequests):
            from agentcron.agents.model_asking import questions_of

            asking = questions_of(said)
            return replace(self._answer("", conversation_id=result.conversation.conversation_id), asking=asking)
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return self._answer(text, conversation_id=result.conversation.conversation_id)

    def _begin(self) -> tuple[list[ModelMessage] | None, DeferredToolResults | None, RunUsage]:
        """What the run goes on with: the messages, what people said of the calls that it stopped at, and what it had
        used until then, which its limits count too."""
        from pydantic_ai.usage import RunUsage

        gone_on = self._context.going_on
        if gone_on is None or gone_on.conversation is None:
            return _messages(self._context.conversation), None, RunUsage()
        from agentcron.agents.model_asking import results_of

        kept = _native(gone_on.conversation)
        results = results_of(gone_on.answers, kept.messages) if kept is not None else None
        if kept is None or results is None:
            # Begun afresh it would call again what was called already.
            raise AgentError("what was said before the question was not kept whole, it cannot go on", kind="parked")
        return list(kept.messages), results, kept.usage

    def so_far(self) -> AgentOutcome | None:
        """What a run that was cut or that failed had said and used until then."""
        return self._answer("") if self._usage is not None and self._messages else None

    def _settings(self) -> Any:
        settings: dict[str, Any] = {
            "max_retries": 0,  # the scheduler retries; both together would multiply what is paid
            "timeout": self._context.timeout.total_seconds() + _PATIENCE,
            **self._choice.settings,
        }
        if self._choice.request_timeout is not None:
            settings["request_timeout"] = self._choice.request_timeout
        return settings

    def _answer(self, output: str, *, failed: str | None = None, conversation_id: str | None = None) -> AgentOutcome:
        from pydantic_ai import Conversation as Native
        from pydantic_ai import ConversationTypeAdapter

        from agentcron.agents.model_limits import usage_of

        used = self._usage
        assert used is not None
        known_id: dict[str, Any] = {"conversation_id": conversation_id} if conversation_id else {}
        native = Native(messages=self._messages, usage=used, **known_id)
        cost = used.cost if self._choice.base_url is None and not used.unmeasured_requests else None
        return AgentOutcome(
            output=output,
            failed=failed,
            usage=usage_of(used),
            cost_usd=cost,
            cost_basis=CostBasis.UNKNOWN if cost is None else CostBasis.ESTIMATED,
            conversation=Conversation(
                kind="pydantic-ai",
                format=FORMAT,
                format_version=1,
                native=ConversationTypeAdapter.dump_python(native, mode="json", warnings=False),
                session=native.conversation_id,
            ),
        )


def _messages(kept: Conversation | None) -> list[ModelMessage] | None:
    """The messages to go on with. One of another kind of agent, or that is not whole, is none: the job's definition was
    changed, and a run that begins afresh is better than none."""
    native = _native(kept)
    return list(native.messages) if native is not None else None


def _native(kept: Conversation | None) -> Native | None:
    if kept is None or kept.format != FORMAT:
        return None
    from pydantic import ValidationError
    from pydantic_ai import ConversationTypeAdapter

    try:
        return ConversationTypeAdapter.validate_python(kept.native)
    except ValidationError:
        return None


class PydanticRecipe:
    """A model with its settings; the built agent is kept and shared by all runs of the definition."""

    def __init__(self, where: str, around: Surroundings, choice: ModelChoice) -> None:
        self._where = where
        self._around = around
        self._choice = choice
        # One with a journal, one without: most runs need none.
        self._built: dict[bool, tuple[tuple[str, str | None], weakref.ref[Any] | None, Agent[None, Any], str]] = {}

    @property
    def description(self) -> str:
        model = self._choice.model
        if is_reference(model):
            return f"asks the model named in {model.split(':', 1)[1]}"
        return f"asks the model {model}" + (f" at {self._choice.base_url}" if self._choice.base_url else "")

    @property
    def provider(self) -> str:
        """Whom it asks, and for whose account: what one of its agents is told holds for all that share it."""
        choice, model = self._choice, self._choice.model
        if is_reference(model):
            model = self._around.environ().get(model.split(":", 1)[1], "")
        name = choice.base_url.split("://")[1].split("/")[0] if choice.base_url else model.partition(":")[0]
        return name + (f" with {choice.api_key}" if choice.api_key else "")

    def check(self) -> None:
        self._ready()

    def check_limits(self, limits: Limits) -> None:
        """A limit of money is refused where nobody knows what the model costs: it would never be reached."""
        if limits.cost_usd is None:
            return
        agent, _ = self._ready()
        from agentcron.agents.model_limits import has_price

        if self._choice.base_url is not None or not has_price(agent.model):  # type: ignore[arg-type]
            raise AgentDefinitionError(
                f"{self._where}: limits: cost_usd cannot be kept: the price of {self._choice.model} is unknown; "
                "limit total_tokens or requests instead"
            )

    async def prepare(self) -> None:
        """Import what takes seconds on a busy machine beside the loop, not in it."""
        if _BUILDING not in sys.modules and importlib.util.find_spec("pydantic_ai") is not None:
            await asyncio.to_thread(importlib.import_module, _BUILDING)

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        agent, variable = self._ready(journal=context.steps is not None)
        return PydanticAgent(agent_id, done, agent, self._choice, context, variable, self.provider)

    def print_of(self) -> Any:
        choice = self._choice
        model: str | None = choice.model
        if is_reference(choice.model):
            model = self._around.environ().get(choice.model.split(":", 1)[1])
        return {
            "kind": "pydantic-ai",
            "model": model,
            "base_url": choice.base_url,
            "instructions": choice.instructions,
            "request_timeout": choice.request_timeout,
            "settings": dict(choice.settings),
            **({"ask_person": True} if choice.ask_person else {}),
            **({"output_schema": choice.output_schema} if choice.output_schema is not None else {}),
            **printed(choice.tools, choice.servers),
        }

    def _ready(self, *, journal: bool = False) -> tuple[Agent[None, Any], str]:
        """The agent, and the name of the variable or file that holds its key."""
        model = self._model()
        key = None
        if self._choice.api_key is not None:
            key = self._around.resolve(f"{self._where}: api_key", self._choice.api_key)
        try:
            loop: Any = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if (built := self._built.get(journal)) is not None:
            made_of, seen, agent, variable = built
            # Connections belong to the loop that opened them: another loop needs a client of its own.
            if made_of == (model, key) and (seen is None or loop is None or seen() is loop):
                if seen is None and loop is not None:
                    self._built[journal] = (made_of, weakref.ref(loop), agent, variable)
                return agent, variable
        if importlib.util.find_spec("pydantic_ai") is None:
            raise AgentDefinitionError(f"{self._where}: pydantic-ai is not installed: pip install 'agentcron[ai]'")
        from agentcron.agents.model_building import build

        agent, variable = build(
            self._where,
            model,
            api_key=key,
            choice=self._choice,
            around=self._around,
            journal=journal,
        )
        self._built[journal] = ((model, key), weakref.ref(loop) if loop is not None else None, agent, variable)
        return agent, variable

    def _model(self) -> str:
        model = self._choice.model
        if not is_reference(model):
            return model
        variable = model.split(":", 1)[1]
        named = self._around.environ().get(variable, "").strip()
        if not named:
            others = ", ".join(self._around.others())
            raise AgentDefinitionError(
                f"{self._where}: no model is named. Set {variable}=provider:model (openai:gpt-5-mini), "
                f"or define [agents.NAME] in agentcron.toml, or use another agent: {others}"
            )
        return named


def read(name: str, values: Mapping[str, Any], around: Surroundings) -> PydanticRecipe:
    """The recipe of a definition."""
    given = Values(name, values, KEYS)
    return PydanticRecipe(given.where, around, choice_of(given, around))
