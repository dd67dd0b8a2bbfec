"""How a model's run is held while nobody can tell whether it still belongs to this process."""

from __future__ import annotations

from typing import Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import RunContext, ToolDefinition

from agentcron.current_run import stands


class StandingCapability(AbstractCapability[None]):
    """Asks before each request to the model and before each tool."""

    async def before_model_request(
        self, ctx: RunContext[None], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        await stands()
        return request_context

    async def before_tool_execute(
        self, ctx: RunContext[None], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any
    ) -> Any:
        await stands()
        return args
