"""What every kind of agent offers to the factory, and what its agents share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import AgentOutcome, Conversation
from agentcron.errors import AgentcronError, AgentDefinitionError, ConfigError, InvalidScheduleError

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext
    from agentcron.redaction import Redactor

Done = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What recipes may look at besides their own values; ``environ`` is asked at each use."""

    environ: Callable[[], Mapping[str, str]]
    redactor: Callable[[], Redactor]
    base_dir: Path | None = None
    others: Callable[[], Iterable[str]] = field(default=tuple)
    allowed_tools: tuple[str, ...] = ()

    def resolve(self, where: str, reference: str) -> str:
        """The value of a reference, known as secret from then on."""
        from agentcron.redaction import resolve

        try:
            value = resolve(reference, self.environ(), self.base_dir)
        except ConfigError as error:
            raise AgentDefinitionError(f"{where}: {error}") from None
        self.redactor().learn(value, reference.split(":", 1)[1])
        return value


class Recipe(Protocol):
    """One definition, read and checked in form; makes agents.

    It may have ``async prepare()``, awaited before ``make``: the place for what would hold the loop up;
    ``limits_kept``, the names of the limits that it can hold a run to (without it: all of them); and
    ``check_limits(limits)``, raising ``AgentDefinitionError`` where these could not be kept as things are now.
    """

    @property
    def description(self) -> str:
        """One line for people."""
        ...

    def check(self) -> None:
        """Raise ``AgentDefinitionError`` where an agent could not work as things are now."""
        ...

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        """One agent; it calls ``done`` once, when it is closed."""
        ...

    def print_of(self) -> Any:
        """A JSON value that is equal for definitions that do the same."""
        ...


class OneRun:
    """The part of an agent that is the same in every kind: its id, and its place among the living."""

    __slots__ = ("_done", "agent_id")

    def __init__(self, agent_id: str, done: Done) -> None:
        self.agent_id = agent_id
        self._done: Done | None = done

    def so_far(self) -> AgentOutcome | None:
        """What a run that was cut or failed had said and used until then; None where that is unknown."""
        return None

    async def close(self) -> None:
        """Give the place back; a second call does nothing."""
        done, self._done = self._done, None
        if done is not None:
            done()


def said(kind: str, prompt: str, answer: str, *asides: str) -> Conversation:
    """Question, answer, and what else a program said. Question and answer alone are kept already."""
    native = [{"role": "user", "text": prompt}, {"role": "assistant", "text": answer}]
    native += [{"role": "tool", "text": aside} for aside in asides]
    return Conversation(kind=kind, format="messages", format_version=1, native=native)


class Values:
    """The values of one definition, read key by key; a refusal names definition, key and remedy."""

    place = "agent {}"
    common: tuple[str, ...] = ("kind", "timeout", "limits")
    error: type[AgentcronError] = AgentDefinitionError

    def __init__(self, name: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
        self.where = self.place.format(name)
        self._values = values
        allowed = (*self.common, *known)
        for key in values:
            if key not in allowed:
                raise self.error(f"{self.where}: {key} is not a key of it; {nearest(str(key), allowed)}")

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        return self._values.get(key)

    def refuse(self, key: str, problem: str) -> AgentcronError:
        return self.error(f"{self.where}: {key}: {problem}")

    def text(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, f"a text that is not empty is needed, not {shown(value)}")
        return value

    def whole(self, key: str, default: int, least: int = 1) -> int:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.refuse(key, f"a whole number of at least {least} is needed, not {shown(value)}")
        return value

    def duration(self, key: str, default: timedelta | None = None) -> timedelta | None:
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, timedelta):
            length = value
        elif isinstance(value, str):
            from agentcron.schedule import parse_duration

            try:
                length = parse_duration(value)
            except InvalidScheduleError as error:
                raise self.refuse(key, str(error)) from None
        else:
            raise self.refuse(key, f"a duration such as 10s or 5m is needed, not {shown(value)}")
        if length < timedelta(0):
            raise self.refuse(key, f"a duration cannot be negative: {shown(value)}")
        return length


def check_kept(where: str, recipe: Recipe, limits: Limits) -> None:
    """Raise ``AgentDefinitionError`` for a limit that the kind cannot hold a run to: it would protect nobody."""
    kept = getattr(recipe, "limits_kept", None)
    for name, _ in limits:
        if kept is not None and name not in kept:
            raise AgentDefinitionError(
                f"{where}: limits: {name} is unknown to agents of this kind; "
                f"it can be held to {', '.join(sorted(kept))}"
            )
    check = getattr(recipe, "check_limits", None)
    if check is not None:
        check(limits)


def nearest(wrong: str, known: Iterable[str]) -> str:
    """``did you mean X?``, and all that is known."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}Known: {', '.join(names)}" if hint else f"known: {', '.join(names)}"


def shown(value: Any) -> str:
    """A value as it is shown in an error: short, on one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
