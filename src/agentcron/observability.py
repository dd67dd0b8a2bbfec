"""How what happens is told: every line of a plugin bears its name, on a logger that the user may supply."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from agentcron.current_run import CURRENT

LOGGER_NAME: Final = "agentcron"
# What a line is about, as attributes of its record.
IDS: Final = ("job_id", "execution_id")


def get_logger(name: str = LOGGER_NAME) -> logging.Logger:
    """The standard library's logger of this name, without handlers of its own: a library configures no logging."""
    return logging.getLogger(name)


@contextmanager
def logging_untouched() -> Iterator[None]:
    """What a package configures inside with ``logging.basicConfig`` when it is used has no effect."""
    root, stand_in = logging.getLogger(), logging.NullHandler()
    root.addHandler(stand_in)
    try:
        yield
    finally:
        root.removeHandler(stand_in)


@contextmanager
def in_our_log(*names: str) -> Iterator[None]:
    """For a while, what the loggers of these packages tell goes where our lines go, in their form."""
    ours = get_logger()

    class Handed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ours.handle(record)

    handed = Handed()
    before = [(one, one.propagate) for one in map(logging.getLogger, names)]
    for one, _ in before:
        one.addHandler(handed)
        one.propagate = False
    try:
        yield
    finally:
        for one, propagated in before:
            one.removeHandler(handed)
            one.propagate = propagated


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, the ids of what it is about
    where they are known, ``error`` with the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        run = CURRENT.get()
        known = {} if run is None else {"job_id": run.job_id, "execution_id": run.id}
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in IDS:
            if (value := getattr(record, name, known.get(name))) is not None:
                told[name] = str(value)
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True)


class Log:
    """Logs through one logger with one prefix, and lets no secret through.

    With ``debug`` every line reaches the logger's handlers, whatever the logger's level is. A logger that raises costs
    its lines and nothing else: a change that was made must not look refused, and no loop may end by it.
    """

    def __init__(
        self, logger: logging.Logger, prefix: str, redact: Callable[[str], str] = str, *, debug: bool = False
    ) -> None:
        self._logger = logger
        self._prefix = prefix
        self._redact = redact
        self._debug = debug
        self._failing = False

    @property
    def debugging(self) -> bool:
        """Whether debug lines are wanted, for callers whose words cost something to make."""
        return self._debug or self._enabled(logging.DEBUG)

    @property
    def telling(self) -> bool:
        """Whether lines of every run are wanted."""
        return self._debug or self._enabled(logging.INFO)

    def debug(self, message: str, **ids: Any) -> None:
        self._log(logging.DEBUG, message, ids)

    def info(self, message: str, **ids: Any) -> None:
        self._log(logging.INFO, message, ids)

    def warning(self, message: str, **ids: Any) -> None:
        self._log(logging.WARNING, message, ids)

    def error(self, message: str, **ids: Any) -> None:
        self._log(logging.ERROR, message, ids)

    def _enabled(self, level: int) -> bool:
        try:
            return self._logger.isEnabledFor(level)
        except Exception as error:
            self._told(error)
            return False

    def _log(self, level: int, message: str, ids: dict[str, Any]) -> None:
        try:
            self._hand_over(level, message, ids)
        except Exception as error:
            self._told(error)

    def _hand_over(self, level: int, message: str, ids: dict[str, Any]) -> None:
        run = CURRENT.get()
        if run is not None:
            ids = {"job_id": run.job_id, "execution_id": run.id, **ids}
        logger = self._logger
        if logger.isEnabledFor(level):
            logger.log(level, "[%s] %s", self._prefix, self._redact(message), extra=ids)
        elif self._debug and logger.manager.disable < level:
            # Past the level but not past handlers and filters; setting the level would change a logger of the user.
            told = (self._prefix, self._redact(message))
            logger.handle(logger.makeRecord(logger.name, level, __file__, 0, "[%s] %s", told, None, extra=ids))

    def _told(self, error: Exception) -> None:
        """Once, where the standard library tells of handlers that fail."""
        if not self._failing and logging.raiseExceptions:
            sys.stderr.write(f"[{self._prefix}] the logger fails, its lines are lost: {error!r}\n")
        self._failing = True
