"""The kind ``python``: a function of the same process answers.

A coroutine function is awaited and ends at once when it is cancelled. A plain function runs in a thread, and
no thread can be ended from outside: after a cancel or a timeout it works on, unheard.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from agentcron.agent_ports import InputNeeded
from agentcron.agents.limited import Meter
from agentcron.agents.recipes import Done, OneRun, Surroundings, Values, shown
from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentDefinitionError, AgentError

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext

_FORM: Final = "write package.module:function"
_LONGEST_MESSAGE: Final = 2000


class PythonAgent(OneRun):
    """Calls the function once."""

    __slots__ = ("_call", "_context", "_is_async", "_meter")

    def __init__(
        self, agent_id: str, done: Done, call: Callable[..., Any], is_async: bool, context: RunContext | None
    ) -> None:
        super().__init__(agent_id, done)
        self._call = call
        self._is_async = is_async
        self._meter: Meter | None = None
        if context is not None:
            self._meter = Meter(context.limits)
            context = context.evolve(report=self._meter.report)
        self._context = context

    def so_far(self) -> AgentOutcome | None:
        """What the function had reported."""
        return self._meter.added_to(AgentOutcome()) if self._meter is not None and self._meter.usage else None

    async def run(self, prompt: str) -> AgentOutcome:
        given = (prompt,) if self._context is None else (prompt, self._context)
        try:
            if self._is_async:
                answer = await self._call(*given)
            else:
                answer = await asyncio.to_thread(self._call, *given)
                if inspect.isawaitable(answer):
                    answer = await answer
        except (AgentError, InputNeeded, KeyboardInterrupt, GeneratorExit):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody asked this run to stop: something inside it was cancelled, and passing that on would be
            # taken for an order to stop by everyone above.
            raise AgentError("CancelledError: cancelled from within", kind="exception") from error
        except BaseException as error:
            # SystemExit too: a function that calls sys.exit must end its own run, not the scheduler.
            raise AgentError(_said_by(error), kind="exception") from error
        outcome = _outcome(answer)
        return outcome if self._meter is None else self._meter.added_to(outcome)


class PythonRecipe:
    """A function, or where to import it from."""

    def __init__(self, where: str, target: Callable[..., Any] | str) -> None:
        self._where = where
        self._target = target
        self._ready: tuple[Callable[..., Any], bool, bool] | None = None
        if not isinstance(target, str):
            self._ready = _prepared(where, target)

    @property
    def description(self) -> str:
        return f"calls {_name_of(self._target)} in the scheduler's process"

    def check(self) -> None:
        self._prepare()

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        call, is_async, wants_context = self._ready or self._prepare()
        return PythonAgent(agent_id, done, call, is_async, context if wants_context else None)

    def print_of(self) -> Any:
        return {"kind": "python", "callable": _name_of(self._target)}

    def _prepare(self) -> tuple[Callable[..., Any], bool, bool]:
        if self._ready is None:
            call = imported(self._where, self._target) if isinstance(self._target, str) else self._target
            self._ready = _prepared(self._where, call)
        return self._ready


def read(name: str, values: Mapping[str, Any], around: Surroundings) -> PythonRecipe:
    """The recipe of a definition: ``callable`` is a function, or text such as ``package.module:function``."""
    given = Values(name, values, ("callable",))
    target = given.raw("callable")
    if target is None:
        raise given.refuse("callable", f"is missing; give a function, or {_FORM}")
    if isinstance(target, str):
        module, _, function = target.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
            raise given.refuse("callable", f"{shown(target)} cannot be read; {_FORM}")
    elif not callable(target):
        raise given.refuse("callable", f"{shown(target)} cannot be called; give a function, or {_FORM}")
    return PythonRecipe(given.where, target)


def imported(where: str, target: str, *, key: str = "callable") -> Callable[..., Any]:
    """The function that ``package.module:function`` names. Raises ``AgentDefinitionError``, naming the key."""
    module, _, function = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise AgentDefinitionError(
            f"{where}: {key}: there is no module {error.name}; install it, or put its folder on PYTHONPATH"
        ) from error
    except Exception as error:
        raise AgentDefinitionError(f"{where}: {key}: importing {module} failed: {_said_by(error)}") from error
    for part in function.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise AgentDefinitionError(f"{where}: {key}: the module {module} has no {function}") from None
    if not callable(found):
        raise AgentDefinitionError(f"{where}: {key}: {target} is no function, it is {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def _prepared(where: str, call: Callable[..., Any]) -> tuple[Callable[..., Any], bool, bool]:
    """The function, whether it is awaited, and whether it wants the context."""
    is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return call, is_async, False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    stray = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if stray or len(needed) > 2 or not (places or any_number):
        raise AgentDefinitionError(
            f"{where}: callable: {_name_of(call)} must take (prompt) or (prompt, context), "
            f"it takes {inspect.signature(call)}"
        )
    wants = len(needed) == 2 or (len(places) > 1 and places[1].name == "context")
    return call, is_async, wants


def _outcome(answer: Any) -> AgentOutcome:
    if isinstance(answer, str):
        return AgentOutcome.whole({"output": answer})
    if answer is None:
        return AgentOutcome()
    if isinstance(answer, AgentOutcome):
        return answer
    raise AgentError(
        f"the function answered with {type(answer).__name__}; it must return text, an AgentOutcome or None",
        kind="answer",
    )


def _said_by(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be read)"
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def _name_of(target: Callable[..., Any] | str) -> str:
    if isinstance(target, str):
        return target
    while hasattr(target, "func"):
        target = target.func
    named = target if hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}:{named.__qualname__}"
