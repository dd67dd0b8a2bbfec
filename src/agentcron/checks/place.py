"""From where things are looked at: the folder that relative paths start at, the environment, and for which run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentcron.ports import RunContext


class LookFailed(Exception):  # noqa: N818 - it is no error of ours: what was to be looked at could not be seen
    """Something could not be looked at. ``retryable``: it may be there in a moment."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, kw_only=True)
class Place:
    """``base_dir`` None is the working folder; ``context`` is the run's, None while a job is being made."""

    base_dir: Path | None
    environ: Callable[[], Mapping[str, str]]
    context: RunContext | None = None

    def path(self, text: str) -> Path:
        """The absolute path that a person meant."""
        return (self.base_dir or Path()).absolute() / Path(text).expanduser()
