"""Which errors callers may catch.

::

    AgentcronError
    ├── InvalidScheduleError      (also ValueError)  a cron expression, interval, instant or zone
    ├── InvalidJobError           (also ValueError)  any other field of a job
    ├── ConfigError               (also ValueError)  agentcron.toml, AGENTCRON_*, arguments
    ├── AgentDefinitionError      (also ValueError)  a definition that cannot work
    ├── AgentError                raised by an agent: the run could not do its work
    │   ├── LimitReached          raised into an agent that went beyond a limit
    │   └── StepUnknown           raised into an agent that cannot go on after a crash without a person's word
    ├── InvalidAnswerError        (also ValueError)  an answer that does not fit what a run asks
    ├── NotFoundError             (also LookupError) no such job, execution or question
    ├── ConflictError             an ambiguous name, or a change that the state forbids
    ├── NotAllowedError           the caller may not do this
    └── StoreError                the store
        ├── StoreConflict         a change that a rule of the schema forbids
        ├── StoreUnavailable      cannot be read or written at the moment; names the path and the remedy
        └── StoreTooNew           written by a newer release

Messages say what is wrong, where, and what to do next.
"""

from __future__ import annotations

from datetime import timedelta


class AgentcronError(Exception):
    """Root of every error that agentcron raises on purpose."""


class InvalidScheduleError(AgentcronError, ValueError):
    """A schedule that cannot be used.

    ``kind`` is one of: field_count, out_of_range, bad_step, malformed, bad_character, reversed_range, bad_name,
    bad_special, bad_alias, never_fires, bad_timezone, bad_interval, bad_instant.
    ``field`` names the field of a cron expression, where one is at fault.
    """

    def __init__(self, message: str, *, kind: str = "malformed", field: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.field = field


class InvalidJobError(AgentcronError, ValueError):
    """A field of a job that cannot be used; ``field`` names it."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ConfigError(AgentcronError, ValueError):
    """A setting that cannot be used."""


class AgentDefinitionError(AgentcronError, ValueError):
    """An agent definition that cannot work: unknown, unknown key, missing API key, program not found."""


class AgentError(AgentcronError):
    """Raised by an agent that could not do its work; the execution ends as ERROR.

    ``kind`` is a short stable word for machines (``auth``, ``rate_limit``, ``network``, ``provider``, ``exit``,
    ``exception``, ``creation``). Only a ``retryable`` error is retried, never sooner than ``retry_after``. With
    ``provider``, its name, nobody asks it before ``retry_after`` is over: the run waits, and so do all others of it.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "exception",
        retryable: bool = False,
        retry_after: timedelta | None = None,
        provider: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.provider = provider


class LimitReached(AgentError):  # noqa: N818 - named for what happened, as a report of it reads
    """Raised into an agent that went beyond a limit of its run; the execution ends as FAILURE(limit)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="limit")


class StepUnknown(AgentError):  # noqa: N818 - named for what is wrong, as StoreUnavailable is
    """Raised into an agent that goes on after a crash, at a call whose outcome nobody knows. The run is parked until a
    person says what to do; ``key`` is what their answer is looked up by, ``tool`` what was called."""

    def __init__(self, message: str, *, key: str = "", tool: str | None = None) -> None:
        super().__init__(message, kind="unknown_step")
        self.key = key
        self.tool = tool


class InvalidAnswerError(AgentcronError, ValueError):
    """An answer that does not fit what a run asks."""


class NotFoundError(AgentcronError, LookupError):
    """No job, execution or question of that id or name."""


class ConflictError(AgentcronError):
    """An ambiguous name, or a change that the present state forbids."""


class ChangedError(ConflictError):
    """Somebody else changed the job since the caller read it; nothing was changed. Read it again."""


class NotAllowedError(AgentcronError):
    """The caller may not do this."""


class StoreError(AgentcronError):
    """The store refused or failed."""


class StoreUnavailable(StoreError):  # noqa: N818 - the name is part of the public contract
    """The store cannot be read or written at the moment; the message names the path and the remedy."""


class StoreConflict(StoreError):  # noqa: N818 - named for what is wrong, as StoreUnavailable is
    """A change that a rule of the schema forbids; nothing of it was kept."""


class StoreTooNew(StoreError):  # noqa: N818 - named for what is wrong, as StoreUnavailable is
    """The store was written by a newer release; nothing was touched."""
