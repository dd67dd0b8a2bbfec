"""How an error looks over HTTP: problem details (RFC 9457), one line that says what to do."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from agentcron.errors import (
    AgentcronError,
    ChangedError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    StoreConflict,
    StoreError,
)

MEDIA_TYPE: Final = "application/problem+json"


class Problem(Exception):  # noqa: N818 - it is one, in the words of the standard
    """An error that has no counterpart below HTTP. ``headers`` go with the answer."""

    def __init__(self, status: int, detail: str, *, field: str | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        """The answer to send."""
        told = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        told["detail"] = self.detail
        if self.field is not None:
            told["field"] = self.field
        return JsonAnswer(told, self.status, headers=self.headers, media_type=MEDIA_TYPE)


class JsonAnswer(JSONResponse):
    """JSON that every reader takes: half of a surrogate pair, which no UTF-8 has, is written as an escape."""

    def render(self, content: Any) -> bytes:
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def problem_of(error: AgentcronError) -> Problem:
    """The problem that an error of the facade is."""
    field = getattr(error, "field", None)
    if isinstance(error, NotFoundError):
        return Problem(404, str(error))
    if isinstance(error, ChangedError):
        return Problem(412, str(error))
    if isinstance(error, ConflictError | StoreConflict):
        return Problem(409, str(error))
    if isinstance(error, NotAllowedError):
        return Problem(403, str(error))
    if isinstance(error, StoreError):
        return Problem(503, str(error), Retry_After="1")
    return Problem(422 if isinstance(error, ValueError) else 500, str(error), field=field)
