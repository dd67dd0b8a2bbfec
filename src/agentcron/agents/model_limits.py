"""How a model's run is stopped at the limit that comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage, RunUsage, UsageLimits

from agentcron.domain.limits import Limits, said
from agentcron.domain.outcomes import Usage
from agentcron.errors import LimitReached

# A loop that nobody bounded ends here.
REQUESTS: Final = 50
_OF_TOKENS: Final = ("input_tokens", "output_tokens", "total_tokens")


class RunLimits(UsageLimits):
    """Judges a run before each request and each tool, and after each answer; ``said_so_far`` is its conversation.

    pydantic-ai goes on where it does not know what an answer used or cost. A limit that is not known to hold is
    taken for reached here. Raises ``LimitReached``.
    """

    def __init__(self, limits: Limits, said_so_far: Callable[[], Sequence[ModelMessage]], *, priced: bool) -> None:
        # Without a number of its own pydantic-ai does not ask before it calls tools.
        super().__init__(request_limit=None, tool_calls_limit=limits.tool_calls)
        self._limits = limits
        self._said_so_far = said_so_far
        self._priced = priced

    def check_before_request(self, usage: RunUsage) -> None:
        for name, most in (("turns", self._limits.turns), ("requests", self._limits.requests or REQUESTS)):
            if most is not None and usage.requests >= most:
                raise LimitReached(said(name, most, usage.requests + 1, "wanted"))

    def check_before_tool_call(self, projected_usage: RunUsage) -> None:
        most = self._limits.tool_calls
        if most is not None and projected_usage.tool_calls > most:
            raise LimitReached(said("tool_calls", most, projected_usage.tool_calls, "wanted"))

    def check_tokens(self, usage: RunUsage) -> None:
        limits = self._limits
        written = _written(self._said_so_far()) if limits.output_bytes is not None else 0
        cost = usage.cost if self._priced else None
        if (hit := limits.hit(usage_of(usage), cost, output_bytes=written)) is not None:
            raise LimitReached(hit)
        for name, most in limits:
            if name == "cost_usd" and (cost is None or usage.unmeasured_requests):
                raise LimitReached(f"limit: cost_usd: the price of an answer is unknown, at most {most:f} allowed")
            if name in _OF_TOKENS and usage.unmeasured_requests:
                raise LimitReached(f"limit: {name}: the model does not say how many it used, at most {most} allowed")

    def check_cost(self, usage: RunUsage, *, warn_if_cost_unavailable: bool = True) -> None:
        """Money is judged together with the tokens."""


def usage_of(used: RunUsage) -> Usage:
    """What pydantic-ai counted, in our words."""
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_tokens=used.cache_read_tokens,
        requests=used.requests,
        tool_calls=used.tool_calls,
    )


def has_price(model: Model) -> bool:
    """Whether the price list knows what this model costs."""
    probe = ModelResponse(
        parts=[],
        usage=RequestUsage(input_tokens=1000, output_tokens=1000),
        model_name=model.model_name,
        provider_name=model.system,
        provider_url=model.base_url,
    )
    try:
        return probe.cost().total_price >= Decimal(0)
    except (LookupError, ValueError, AssertionError):
        return False


def _written(messages: Sequence[ModelMessage]) -> int:
    """Bytes that the model wrote: text, thoughts, and the arguments of tools."""
    return sum(len(_text_of(part).encode("utf-8", "surrogatepass"))
               for message in messages if isinstance(message, ModelResponse) for part in message.parts)  # fmt: skip


def _text_of(part: Any) -> str:
    if isinstance(part, (TextPart, ThinkingPart)):
        return part.content
    return part.args_as_json_str() if isinstance(part, ToolCallPart) else ""
