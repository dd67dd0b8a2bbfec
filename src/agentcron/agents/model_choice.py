"""Which model a definition asks for, and how: the keys of the kind ``pydantic-ai``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from agentcron.agents.model_tools import ServerChoice, ToolChoice, servers_of, tools_of
from agentcron.agents.recipes import Surroundings, Values, nearest, shown
from agentcron.redaction import is_reference

KEYS: Final = ("ask_person", "model", "base_url", "api_key", "instructions", "mcp_servers", "output_schema",
               "request_timeout", "settings", "tools")  # fmt: skip
_SETTINGS: Final = (
    "extra_body",
    "frequency_penalty",
    "max_tokens",
    "parallel_tool_calls",
    "presence_penalty",
    "seed",
    "service_tier",
    "stop_sequences",
    "temperature",
    "thinking",
    "top_k",
    "top_p",
)
_OPENAI_PREFIXES: Final = ("openai:", "openai-chat:")


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model is asked, and how. ``model`` may be a reference to a variable that names it; ``instance`` is a model
    of pydantic-ai that a program handed over."""

    model: str
    base_url: str | None = None
    api_key: str | None = None
    instructions: str | None = None
    request_timeout: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[ToolChoice, ...] = ()
    servers: tuple[ServerChoice, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    ask_person: bool = False
    instance: Any = None

    @property
    def may_ask(self) -> bool:
        """Whether a run may have to wait for a person."""
        asks = [one.needs_approval for one in self.tools] + [one.needs_approval for one in self.servers]
        return self.ask_person or any(asks)


def choice_of(given: Values, around: Surroundings) -> ModelChoice:
    """The choice that a definition makes. Raises ``AgentDefinitionError``."""
    instance = given.raw("model")
    if hasattr(instance, "model_name") and hasattr(instance, "request"):
        model: str | None = str(instance.model_name)
    else:
        model, instance = given.text("model"), None
    if model is None:
        raise given.refuse("model", "is missing; write provider:model, such as openai:gpt-5-mini")
    base_url = given.text("base_url")
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise given.refuse("base_url", f"begins with http:// or https://, which {shown(base_url)} does not")
    if is_reference(model) and not model.startswith("env:"):
        raise given.refuse("model", "only env:NAME may stand for a model")
    if base_url is None and ":" not in model and model != "test" and instance is None:
        raise given.refuse("model", f"{shown(model)} names no provider; write provider:model, or add base_url")
    api_key = given.text("api_key")
    if api_key is not None and not is_reference(api_key):
        raise given.refuse(
            "api_key", "a key must not be written here; write env:NAME or file:PATH, where the key is kept"
        )
    request_timeout = given.duration("request_timeout")
    if request_timeout is not None and request_timeout <= timedelta(0):
        raise given.refuse("request_timeout", "it must be longer than nothing")
    return ModelChoice(
        model=model,
        base_url=base_url,
        api_key=api_key,
        instructions=given.text("instructions"),
        request_timeout=None if request_timeout is None else request_timeout.total_seconds(),
        settings=_table(given, "settings", _SETTINGS),
        tools=tools_of(given, around),
        servers=servers_of(given),
        output_schema=_schema(given),
        ask_person=_flag(given, "ask_person"),
        instance=instance,
    )


def _flag(given: Values, key: str) -> bool:
    value = given.raw(key)
    if value is not None and not isinstance(value, bool):
        raise given.refuse(key, f"true or false is needed, not {shown(value)}")
    return bool(value)


def _schema(given: Values) -> Mapping[str, Any] | None:
    schema = given.raw("output_schema")
    if schema is not None and not (isinstance(schema, Mapping) and schema.get("type") == "object"):
        raise given.refuse("output_schema", f'a JSON schema of type "object" is needed, not {shown(schema)}')
    return schema


def _table(given: Values, key: str, known: tuple[str, ...]) -> dict[str, Any]:
    table = given.raw(key)
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise given.refuse(key, f"a table is needed, not {shown(table)}")
    for name in table:
        if name == "max_retries":
            raise given.refuse(f"{key}.max_retries", "the job's retry policy decides how often; leave it out")
        if name in ("timeout", "request_timeout"):
            raise given.refuse(f"{key}.{name}", "write request_timeout beside the model instead")
        if name not in known:
            raise given.refuse(f"{key}.{name}", f"is not known; {nearest(str(name), known)}")
    return dict(table)


def bare_name(model: str) -> str:
    """The model's name as an OpenAI-compatible server knows it; other colons belong to the name."""
    for prefix in _OPENAI_PREFIXES:
        if model.startswith(prefix):
            return model.removeprefix(prefix)
    return model
