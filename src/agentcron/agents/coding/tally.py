"""What the events of a coding agent came to until now: each program has one function that takes them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from agentcron.agents.coding.reading import Reading
from agentcron.domain.outcomes import Usage

# Beyond it a conversation is cut to its beginning anyway.
_KEPT_EVENTS: Final = 4 << 20


@dataclass
class Tally:
    """Counted while the program runs, so that one that loops is stopped in time.

    ``turns`` are answers of the model: as the program counts them, else as far as they can be told apart. Figures of
    ``cumulative`` are those of the whole session.
    """

    session: str | None = None
    turns: int = 0
    requests: int | None = None
    tool_calls: int = 0
    tokens: dict[str, int] | None = None
    cost_usd: Decimal | None = None
    model: str | None = None
    denied: list[str] = field(default_factory=list)
    failed: str | None = None
    error: str | None = None
    complete: bool = False
    lost: bool = False
    cumulative: tuple[str, ...] = ()
    written: int = 0
    events: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    """What one event has to know of those before it."""
    _said: list[str] = field(default_factory=list)
    _fresh: bool = True
    _between: bool = True
    _kept: list[Any] = field(default_factory=list)
    _room: int = _KEPT_EVENTS

    def begins(self) -> None:
        """An answer of the model begins."""
        self.turns += 1
        self._between, self._fresh = False, True

    def speaks(self) -> None:
        """What comes is said anew, and takes the place of what was said before."""
        self._fresh = True

    def goes_on(self) -> None:
        """The model answers; what it says after a tool ended belongs to a further answer."""
        if self._between:
            self.begins()

    def used_tool(self) -> None:
        """A tool ended."""
        self.tool_calls += 1
        self._between = True

    def say(self, text: str) -> None:
        """A piece of the answer that began last. An answer without words leaves those before it."""
        if self._fresh:
            self._said, self._fresh = [], False
        self._said.append(text)
        self.written += len(text.encode("utf-8", "surrogatepass"))

    def add_tokens(self, *, read: int, written: int, cached: int) -> None:
        """Tokens of one more answer."""
        before = self.tokens or dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens"), 0)
        added = {"input_tokens": read, "output_tokens": written, "cached_tokens": cached}
        self.tokens = {key: before[key] + count for key, count in added.items()}

    def keep(self, event: Mapping[str, Any], size: int) -> None:
        """Keep the event for the conversation, as long as there is room."""
        self.events += 1
        if self._room > 0:
            last = self._kept[-1] if self._kept else {}
            if event.get("delta") is True and (last.get("delta"), last.get("role")) == (True, event.get("role")):
                # In pieces nobody could find a secret in it.
                last["content"] = f"{last.get('content', '')}{event.get('content', '')}"
            else:
                self._kept.append(dict(event))
            self._room -= size

    def figures(self) -> Reading:
        """What can be held to limits as it stands, without what was said."""
        requests = self.turns if self.requests is None else self.requests
        counted = self.tokens is not None or requests or self.tool_calls
        found: dict[str, Any] = {**(self.tokens or {}), "cost_usd": self.cost_usd}
        totals = {key: str(value) for key in self.cumulative if (value := found.get(key)) is not None}
        return Reading(
            session=self.session,
            turns=self.turns,
            usage=Usage(**(self.tokens or {}), requests=requests, tool_calls=self.tool_calls) if counted else None,
            counted=self.tokens is not None,
            cost_usd=self.cost_usd,
            totals=totals or None,
            written=self.written,
        )

    def reading(self) -> Reading:
        """All of it as it stands."""
        return replace(
            self.figures(),
            text="".join(self._said) if self.error is None else "",
            model=self.model,
            denied=tuple(self.denied),
            failed=self.failed,
            error=self.error,
            complete=self.complete,
            lost=self.lost,
            events=tuple(self._kept),
        )
