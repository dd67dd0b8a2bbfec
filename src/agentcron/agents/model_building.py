"""How a model and the agent around it are built, and what is missing when they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_ai import Agent, DeferredToolRequests, ModelRetry, StructuredDict
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import infer_provider_class

from agentcron.agents.model_choice import ModelChoice, bare_name
from agentcron.agents.model_standing import StandingCapability
from agentcron.agents.model_tools import toolsets
from agentcron.agents.recipes import Surroundings
from agentcron.errors import AgentDefinitionError

# Where each provider looks for its key. Looked up here as well, so that the environment that was given
# counts, not the one that happens to surround the process.
KEY_VARIABLES: Final = MappingProxyType(
    {
        "anthropic": ("ANTHROPIC_API_KEY",),
        "cerebras": ("CEREBRAS_API_KEY",),
        "cohere": ("CO_API_KEY",),
        "deepseek": ("DEEPSEEK_API_KEY",),
        "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        "groq": ("GROQ_API_KEY",),
        "mistral": ("MISTRAL_API_KEY",),
        "openai": ("OPENAI_API_KEY",),
        "openai-chat": ("OPENAI_API_KEY",),
        "openai-responses": ("OPENAI_API_KEY",),
        "openrouter": ("OPENROUTER_API_KEY",),
        "xai": ("XAI_API_KEY",),
    }
)


def build(
    where: str,
    model: str,
    *,
    api_key: str | None,
    choice: ModelChoice,
    around: Surroundings,
    journal: bool = False,
) -> tuple[Agent[None, Any], str]:
    """The agent, and the name of what holds its key. Raises ``AgentDefinitionError``."""
    key_name = choice.api_key
    try:
        if choice.instance is not None:
            built, variable = choice.instance, "the model that was handed over"
        elif choice.base_url is not None:
            built, variable = _compatible(model, choice.base_url, api_key), key_name or "api_key"
        else:
            built, variable = _of_provider(where, model, api_key, key_name, around.environ())
        agent: Agent[None, Any] = Agent(
            built,
            instructions=choice.instructions,
            output_type=_output(choice),
            toolsets=_toolsets(where, choice, around),
            name="agentcron",
            capabilities=[StandingCapability(), *(_journaled() if journal else ())],
            defer_model_check=True,
        )
        if choice.output_schema is not None:
            agent.output_validator(_judge(choice.output_schema))
    except ImportError as error:
        raise AgentDefinitionError(f"{where}: model: {_line(error)}") from error
    except (UserError, ValueError) as error:
        if isinstance(error, AgentDefinitionError):
            raise
        raise AgentDefinitionError(f"{where}: model: {_line(error)}") from error
    return agent, variable


def _output(choice: ModelChoice) -> Any:
    form = str if choice.output_schema is None else _form(choice.output_schema)
    return [form, DeferredToolRequests] if choice.may_ask else form


def _toolsets(where: str, choice: ModelChoice, around: Surroundings) -> list[Any]:
    found: list[Any] = list(toolsets(where, choice.tools, choice.servers, around))
    if choice.ask_person:
        from agentcron.agents.model_asking import asking_tools

        found.append(asking_tools())
    return found


def _journaled() -> list[Any]:
    # Imported where a job wants it: the base for durable execution is large.
    from agentcron.agents.durability import RunDurability

    return [RunDurability()]


def _form(schema: Mapping[str, Any]) -> Any:
    return StructuredDict(dict(schema), name=str(schema.get("title", "answer")))


def _judge(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Models are told the form and do not always keep to it: one that does not is asked again."""
    import jsonschema

    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(dict(schema))
    validator = kind(dict(schema))

    def judge(answer: Any) -> Any:
        if isinstance(answer, DeferredToolRequests):
            return answer
        error = jsonschema.exceptions.best_match(validator.iter_errors(answer))
        if error is not None:
            raise ModelRetry(f"{error.json_path}: {error.message}")
        return answer

    return judge


def _compatible(model: str, base_url: str, api_key: str | None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider("openai-compatible", base_url=base_url, api_key=api_key or "none")
    return OpenAIChatModel(bare_name(model), provider=provider)


def _of_provider(
    where: str, model: str, api_key: str | None, key_name: str | None, environ: Mapping[str, str]
) -> tuple[Model, str]:
    name = model.partition(":")[0]
    variables = KEY_VARIABLES.get(name, ())
    variable = key_name or (variables[0] if variables else "the provider's API key")
    more: dict[str, Any] = {}
    if api_key is None and variables:
        api_key = next((environ[one] for one in variables if environ.get(one)), None)
        if name.startswith("openai") and environ.get("OPENAI_BASE_URL"):
            more["base_url"] = environ["OPENAI_BASE_URL"]
            api_key = api_key or "none"
        if api_key is None:
            raise AgentDefinitionError(
                f"{where}: {model} needs a key: set {variables[0]} where agentcron runs, "
                "or write api_key = env:NAME or file:PATH"
            )
    if api_key is None:
        return infer_model(model), variable
    return infer_model(model, lambda provider: _provider(model, provider, api_key, more)), variable


def _provider(model: str, provider: str, api_key: str, more: Mapping[str, Any]) -> Any:
    try:
        kind: Any = infer_provider_class(provider)
    except ValueError:
        # Asked again without a key, pydantic-ai suggests the name that was meant.
        infer_model(model)
        raise
    try:
        return kind(api_key=api_key, **more)
    except TypeError:
        raise ValueError(f"provider {provider} takes no api_key; leave it out") from None


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 500 else f"{text[:499]}…"
