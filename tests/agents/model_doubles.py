"""Models and tools for tests of what a run may use: a model that never stops calling a tool."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage


def look() -> str:
    """Look once more."""
    return "nothing yet"


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


class Priced(FunctionModel):
    """A model whose name stands in the price list."""

    @property
    def system(self) -> str:
        return "openai"


def looping(*, usage: RequestUsage | None = None, name: str | None = None) -> FunctionModel:
    """Writes ten bytes and calls ``look``, for ever."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        used = usage or RequestUsage(input_tokens=100, output_tokens=10)
        return ModelResponse(parts=[TextPart("once more,"), ToolCallPart("look", {})], usage=used)

    return Priced(answer, model_name=name) if name else FunctionModel(answer)


def costing(dollars: str) -> RequestUsage:
    return RequestUsage(input_tokens=100, output_tokens=10, cost=Decimal(dollars))


def loop(model: Any = None, **more: Any) -> dict[str, Any]:
    """The definition of an agent that loops."""
    return {"kind": "pydantic-ai", "model": model or looping(), "tools": [look], **more}
