"""How a model's run goes through the steps of an execution: pydantic-ai's durable execution over our journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    DurableOperation,
    DurableOperationBackend,
    DurableOperationId,
    JournalCallableOperationBackend,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
    conversation_id_from_run_id,
)

from agentcron.agents.model_tools import REPEAT
from agentcron.current_run import STEPS
from agentcron.journal import Steps

# How many runs of agents have begun within each execution.
_BEGUN: Final[WeakKeyDictionary[Steps, int]] = WeakKeyDictionary()
_Config = Mapping[str, bool]
_ONCE: Final[_Config] = {"repeat": False}
_AGAIN: Final[_Config] = {"repeat": True}


class _Backend(JournalCallableOperationBackend[_Config]):
    """One operation is one step; its configuration is whether it may be repeated."""

    def config_for_tool(
        self, operation: DurableOperation[Any, Any, Any], *, tool: Any, tool_name: str
    ) -> _Config | Literal[False]:
        said = (tool.tool_def.metadata or {}).get(REPEAT) if tool is not None else None
        return _AGAIN if said and said.get("repeat") else _ONCE

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: _Config,
    ) -> object:
        steps = STEPS.get()
        # Only a call of a tool has an effect; what is asked of a model is paid once more and harms nobody.
        safe = not isinstance(operation_id, ToolsetCallToolId) or config["repeat"]
        if steps is None:
            return await body()
        return await steps.step(name, body, repeatable=safe, instead=None if safe else _said)


async def _said(text: str) -> Any:
    """A person's word as the answer of a tool, in the form in which pydantic-ai's ``CallToolResult`` is kept."""
    return {"kind": "tool_return", "result": text}


class RunDurability(BaseDurabilityCapability[None]):
    """Makes an agent of pydantic-ai go on where it was when its scheduler dies, in jobs with ``on_interrupt = resume``:
    what its models answered and its tools came to is written down, and answered from there.

    For the agent of a function, too: ``Agent(model, name="mine", capabilities=[RunDurability()])``. The names of agents
    and tools are written down: keep them while runs are under way. Tools are called one after another. One that may be
    called again when it was under way says so with ``Tool(call, metadata={"agentcron": {"repeat": True}})``; a person
    is asked about all others. In other jobs, and outside of any run, it does nothing.
    """

    engine_spec = DurabilityEngineSpec(
        engine_name="agentcron",
        durable_unit_noun="step",
        durable_container_noun="run",
        codec=JSON_CODEC,
        wrapped_toolset_kinds=frozenset({"function", "mcp", "dynamic"}),
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-always", "dynamic": "enter-never"},
        # The tools of a server may have changed meanwhile, and asking for them costs nothing.
        journal_discovery=False,
        # Steps of one name are told apart by their order.
        sequential_tools_in_durable_context=True,
        tool_config_key=REPEAT,
    )

    @property
    def in_durable_context(self) -> bool:
        """Whether what is called now goes through the steps of a run."""
        return STEPS.get() is not None

    def get_default_run_id(self) -> str | None:
        """Names a run of the agent, the same at every going on."""
        if (steps := STEPS.get()) is None:
            return None
        number = _BEGUN[steps] = _BEGUN.get(steps, 0) + 1
        # A later one may be given what the first one said, and must not bear its name.
        return steps.run_id if number == 1 else f"{steps.run_id}:{number}"

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """Names its conversation, the same at every going on."""
        return conversation_id_from_run_id(run_id) if self.in_durable_context else None

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        """What each call goes through."""
        config = RoleBasedOperationConfig(model=_AGAIN, event=_AGAIN, capability=_AGAIN, tool=_ONCE)
        return _Backend(agent_name=self.name, config=config)
