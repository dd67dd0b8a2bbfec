"""How a model's run goes through steps: pydantic-ai's base for durable execution over our journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Literal

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
from agentcron.journal import Steps

STEPS: ContextVar[Steps | None] = ContextVar("agentcron_steps", default=None)


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


class JournalCapability(BaseDurabilityCapability[None]):
    """Routes model requests and tool calls of a run with ``STEPS`` through them."""

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
        return STEPS.get() is not None

    def get_default_run_id(self) -> str | None:
        steps = STEPS.get()
        return None if steps is None else steps.run_id

    def get_default_conversation_id(self, run_id: str) -> str | None:
        return conversation_id_from_run_id(run_id) if self.in_durable_context else None

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        config = RoleBasedOperationConfig(model=_AGAIN, event=_AGAIN, capability=_AGAIN, tool=_ONCE)
        return _Backend(agent_name="agentcron", config=config)
