"""Which agents there are, and how one is made."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.places import Places
from agentcron.agents.recipes import Recipe, Surroundings, Values, check_kept, nearest, shown
from agentcron.domain.limits import NO_LIMITS, Limits, read_limits
from agentcron.errors import AgentcronError, AgentDefinitionError, AgentError

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext
    from agentcron.redaction import Redactor

KINDS: Final = MappingProxyType(
    {
        "acp": "agentcron.agents.acp.recipe",
        "claude-code": "agentcron.agents.coding.claude",
        "codex": "agentcron.agents.coding.codex",
        "command": "agentcron.agents.command",
        "echo": "agentcron.agents.echo",
        "gemini-cli": "agentcron.agents.coding.gemini",
        "opencode": "agentcron.agents.coding.opencode",
        "pydantic-ai": "agentcron.agents.pydantic_ai",
        "python": "agentcron.agents.python",
    }
)
ENTRY_POINTS: Final = "agentcron.agents"
MODEL_VARIABLE: Final = "AGENTCRON_MODEL"
_BACKGROUND: Final = "background-job"
_BUILT_IN: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        _BACKGROUND: {"kind": "pydantic-ai", "model": f"env:{MODEL_VARIABLE}"},
        "echo": {"kind": "echo"},
    }
)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A named recipe for agents. ``source``: ``built-in`` or ``configured``; ``timeout`` and ``limits`` bound each run,
    as the job's do."""

    name: str
    kind: str
    source: str
    description: str
    timeout: timedelta | None = None
    limits: Limits = NO_LIMITS


def _reader(name: str, kind: str) -> Callable[[str, Mapping[str, Any], Surroundings], Recipe]:
    """What reads definitions of this kind: ours, else that of an installed package."""
    read: Callable[[str, Mapping[str, Any], Surroundings], Recipe]
    if kind in KINDS:
        read = importlib.import_module(KINDS[kind]).read
        return read
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if kind not in found:
        raise AgentDefinitionError(f"agent {name}: kind: there is no {kind}; {nearest(kind, (*KINDS, *found))}")
    try:
        read = found[kind].load()
    except Exception as error:
        raise AgentDefinitionError(
            f"agent {name}: kind {kind}: {found[kind].value} cannot be loaded: {type(error).__name__}: {error}; "
            "install its package again, or use another kind"
        ) from error
    return read


class AgentFactoryPlugin:
    """Makes agents from named definitions, at most ``max_concurrent_agents`` alive at once.

    ``definitions`` maps names to values, or to a text that is the name of a model for pydantic-ai. One that
    has the name of a built-in replaces it. ``environ`` (default: the process's) is read when it is needed;
    relative paths in definitions start at ``base_dir``. ``redactor`` keeps secrets out of what is written.
    ``allowed_tools`` are the functions that definitions may name as text, ``package.module:function`` or patterns with
    ``*``; those given as functions need no permission. Raises
    ``AgentDefinitionError`` for a definition that cannot be read, and for a default that there is none of.
    """

    def __init__(
        self,
        definitions: Mapping[str, str | Mapping[str, Any]] | None = None,
        default_definition: str = _BACKGROUND,
        max_concurrent_agents: int = 10,
        environ: Mapping[str, str] | None = None,
        base_dir: Path | None = None,
        redactor: Redactor | None = None,
        allowed_tools: Iterable[str] = (),
    ) -> None:
        if max_concurrent_agents < 1:
            raise AgentDefinitionError(
                f"max_concurrent_agents: at least 1 is needed, not {shown(max_concurrent_agents)}"
            )
        self._environ = environ
        self._places = Places(max_concurrent_agents)
        self._redactor = redactor
        self._around = Surroundings(
            environ=self._read_environ,
            redactor=lambda: self.redactor,
            base_dir=base_dir,
            others=self._configured_names,
            allowed_tools=tuple(allowed_tools),
        )
        self._recipes: dict[str, Recipe] = {}
        self._definitions: dict[str, Definition] = {}
        for name, values in (definitions or {}).items():
            self.register(name, values)
        self._default = default_definition
        self._recipe(default_definition)

    @property
    def max_concurrent_agents(self) -> int:
        """How many agents may live at once."""
        return self._places.most

    @property
    def living(self) -> int:
        """How many agents live now."""
        return self._places.taken

    @property
    def default_definition(self) -> str:
        """The definition of a job that names none."""
        return self._default

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """All definitions by name; read-only."""
        self._read_built_in()
        return MappingProxyType(self._definitions)

    @property
    def redactor(self) -> Redactor:
        """Knows the secrets that definitions were given; whatever is written down goes through it."""
        if self._redactor is None:
            from agentcron.redaction import Redactor

            self._redactor = Redactor(self._read_environ())
        return self._redactor

    def register(self, name: str, definition: str | Mapping[str, Any]) -> None:
        """Add a definition, or replace the one of this name. Raises ``AgentDefinitionError``."""
        if not name.strip() or name != name.strip():
            raise AgentDefinitionError(f"agent {shown(name)}: a name is a text without blanks around it")
        if isinstance(definition, str):
            definition = {"kind": "pydantic-ai", "model": definition}
        if not isinstance(definition, Mapping):
            raise AgentDefinitionError(
                f"agent {name}: a definition is a mapping with a kind, or the name of a model, "
                f"not {type(definition).__name__}"
            )
        self._keep(name, definition, "configured")

    def check(self, definition: str) -> None:
        """Raise ``AgentDefinitionError`` where the definition is unknown or cannot work as things are now."""
        self._recipe(definition).check()
        self.check_limits(definition, NO_LIMITS)

    def check_limits(self, definition: str, limits: Limits) -> None:
        """Raise ``AgentDefinitionError`` where a run could not be held to these limits and those of the definition."""
        limits = self._definitions[definition].limits.tighter(limits)
        if limits != NO_LIMITS:
            check_kept(f"agent {definition}", self._recipes[definition], limits)

    async def create(self, definition: str, context: RunContext) -> BackgroundAgent:
        """A fresh agent; waits while ``max_concurrent_agents`` live. ``close()`` gives the place back.

        Raises ``AgentDefinitionError`` and ``AgentError`` (kind ``creation``).
        """
        recipe = self._recipes.get(definition) or self._recipe(definition)
        if not self._places.take_at_once():
            await self._places.take()
        try:
            bounds = self._definitions[definition].limits
            if bounds is not NO_LIMITS:
                context = context.evolve(limits=context.limits.tighter(bounds))
            prepare = getattr(recipe, "prepare", None)
            if prepare is not None:
                await prepare()
            agent_id = f"{definition}-{context.execution_id}-{context.attempt}"
            agent = recipe.make(context, agent_id, self._places.give_back)
        except BaseException as error:
            self._places.give_back()
            if isinstance(error, AgentcronError) or not isinstance(error, Exception):
                raise
            raise AgentError(
                f"agent {definition} could not be made: {type(error).__name__}: {error}", kind="creation"
            ) from error
        if context.limits is not NO_LIMITS:
            from agentcron.agents.limited import LimitedAgent

            agent = LimitedAgent(agent, context.limits)
        timeout = self._definitions[definition].timeout
        if timeout is None:
            return agent
        from agentcron.agents.bounded import BoundedAgent

        return BoundedAgent(agent, definition, timeout)

    async def create_agent(self, definition: str | None = None, *, context: RunContext) -> BackgroundAgent:
        """A fresh agent for callers outside a scheduler; without a definition, the default one.

        The caller runs the agent and closes it: until ``close()`` it holds one of the places. Raises
        ``AgentDefinitionError`` and ``AgentError`` (kind ``creation``).
        """
        return await self.create(self._default if definition is None else definition, context)

    def sharing(self, provider: str) -> list[str]:
        """The definitions that ask this provider: where it asks one of them to wait, it asks all."""
        self._read_built_in()
        return [name for name, recipe in self._recipes.items() if getattr(recipe, "provider", None) == provider]

    def fingerprint(self, name: str) -> str:
        """A short hash of what the definition does (16 hexadecimal digits of SHA-256): runs with the same one were
        made by the same recipe. Raises ``AgentDefinitionError``."""
        of = self._recipe(name).print_of()
        value = {"of": of, "timeout": str(self._definitions[name].timeout)}
        if self._definitions[name].limits != NO_LIMITS:
            value["limits"] = dict(self._definitions[name].limits)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self, *, check: bool = True) -> list[dict[str, Any]]:
        """One mapping per definition, for people and for JSON; ``problem`` is None where it can work, and without
        ``check``."""
        self._read_built_in()
        return [self._describe(one, check) for one in self._sorted()]

    def _describe(self, one: Definition, check: bool) -> dict[str, Any]:
        problem = None
        if check:
            try:
                self.check(one.name)
            except AgentcronError as error:
                problem = str(error)
        return {
            "name": one.name,
            "kind": one.kind,
            "source": one.source,
            "default": one.name == self._default,
            "description": one.description,
            "problem": problem,
        }

    def _sorted(self) -> Iterator[Definition]:
        yield from sorted(self._definitions.values(), key=lambda one: (one.source == "built-in", one.name))

    def _keep(self, name: str, values: Mapping[str, Any], source: str) -> None:
        kind = values.get("kind")
        if not isinstance(kind, str):
            raise AgentDefinitionError(f"agent {name}: kind is missing; known: {', '.join(sorted(KINDS))}")
        recipe: Recipe = _reader(name, kind)(name, values, self._around)
        timeout = Values(name, values, values).duration("timeout")
        if timeout is not None and not timeout:
            raise AgentDefinitionError(f"agent {name}: timeout: it must be longer than nothing")
        try:
            limits = read_limits(values["limits"]) if values.get("limits") else NO_LIMITS
        except ValueError as error:
            raise AgentDefinitionError(f"agent {name}: limits{error}") from None
        self._recipes[name] = recipe
        self._definitions[name] = Definition(
            name=name, kind=kind, source=source, description=recipe.description, timeout=timeout, limits=limits
        )

    def _recipe(self, name: str) -> Recipe:
        if name not in self._recipes:
            # A built-in is read, and the module of its kind imported, where somebody asks for it.
            self._read_built_in()
        try:
            return self._recipes[name]
        except KeyError:
            raise AgentDefinitionError(
                f"there is no agent {shown(name)}; {nearest(str(name), self._recipes)}"
            ) from None

    def _read_built_in(self) -> None:
        for name, values in _BUILT_IN.items():
            if name not in self._recipes:
                self._keep(name, values, "built-in")

    def _configured_names(self) -> list[str]:
        self._read_built_in()
        return sorted(one.name for one in self._definitions.values() if one.name != _BACKGROUND)

    def _read_environ(self) -> Mapping[str, str]:
        return os.environ if self._environ is None else self._environ
