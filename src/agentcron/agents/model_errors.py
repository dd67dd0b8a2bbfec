"""What went wrong between us and a model, in words a person can act on."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic_ai import exceptions as theirs

from agentcron.errors import AgentError

_LONGEST: Final = 400


def explained(error: Exception, variable: str, base_url: str | None) -> AgentError:
    """The error of a run as an ``AgentError``. ``variable`` names what holds the key."""
    if isinstance(error, AgentError):
        return error
    at = f" at {_host(base_url)}" if base_url else ""
    if isinstance(error, theirs.ModelAPIError):
        return _of_provider(error, variable, at)
    if isinstance(error, theirs.UnexpectedModelBehavior):
        return AgentError(f"the model answered in a way that cannot be used: {_short(error)}", kind="model")
    if isinstance(error, theirs.UserError):
        return AgentError(f"the definition cannot work: {_short(error)}", kind="creation")
    return AgentError(f"{type(error).__name__}: {_short(error)}", kind="exception")


def _of_provider(error: theirs.ModelAPIError, variable: str, at: str) -> AgentError:
    model = error.model_name
    status = error.status_code if isinstance(error, theirs.ModelHTTPError) else None
    number = f" ({status})" if status else ""
    words = _words(error)
    wait = _retry_after(error)
    if isinstance(error, (theirs.ModelRequestTimeout, theirs.ModelTimeoutError)):
        return AgentError(f"{model}{at} did not answer in time: {_short(error)}", kind="timeout", retryable=True)
    if isinstance(error, theirs.ModelConnectionError):
        return AgentError(
            f"{model}{at} cannot be reached: {_cause(error)}; is the server up, and the address right?",
            kind="network",
            retryable=True,
        )
    if isinstance(error, theirs.ModelAuthenticationError):
        return AgentError(
            f"{model}{at} refused the key{number}; check {variable.removeprefix('env:')}: {words}",
            kind="auth",
        )
    if isinstance(error, theirs.ModelQuotaExceededError):
        return AgentError(f"the account behind {model}{at} is used up{number}: {words}", kind="quota")
    if isinstance(error, theirs.ModelRateLimitError):
        return AgentError(
            f"{model}{at} asks to wait{number}: {words}", kind="rate_limit", retryable=True, retry_after=wait
        )
    if isinstance(error, theirs.ModelNotFoundError):
        near = getattr(error, "suggested_model_id", None)
        hint = f"; did you mean {near}?" if near else "; check the name of the model and base_url"
        return AgentError(f"there is no {model}{at}{number}: {words}{hint}", kind="model_not_found")
    if isinstance(error, theirs.ModelContextWindowExceededError):
        return AgentError(f"the prompt is too long for {model}{at}{number}: {words}", kind="request")
    if isinstance(error, theirs.ModelRequestRejectedError) or (status is not None and status < 500):
        again = status in (408, 409, 425)
        return AgentError(
            f"{model}{at} refused the request{number}: {words}",
            kind="provider" if again else "request",
            retryable=again,
            retry_after=wait if again else None,
        )
    return AgentError(f"{model}{at} failed{number}: {words}", kind="provider", retryable=True, retry_after=wait)


def _words(error: theirs.ModelAPIError) -> str:
    """The provider's own message, without the JSON around it."""
    body: Any = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        said = inner.get("message") if isinstance(inner, dict) else inner
        if isinstance(said, str) and said.strip():
            return _cut(said)
    if isinstance(body, str) and body.strip():
        return _cut(body)
    return "no reason was given" if isinstance(error, theirs.ModelHTTPError) else _short(error)


def _retry_after(error: theirs.ModelAPIError) -> timedelta | None:
    headers = getattr(error, "headers", None) or {}
    seconds = _number(headers.get("retry-after-ms"))
    if seconds is not None:
        seconds /= 1000
    else:
        seconds = _number(headers.get("retry-after"))
    if seconds is None and "retry-after" in headers and "date" in headers:
        # By the provider's own clock: ours may be wrong.
        try:
            until, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
            seconds = max(0.0, (until - now).total_seconds())
        except (TypeError, ValueError):
            seconds = None
    if seconds is None:
        seconds = error.retry_after
    try:
        return None if seconds is None else timedelta(seconds=seconds)
    except OverflowError:
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _cause(error: BaseException) -> str:
    """The innermost reason: the outer ones say no more than ``Connection error``."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return _short(error)


def _host(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.hostname or url}{port}"


def _short(error: BaseException) -> str:
    return _cut(str(error) or type(error).__name__)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
