"""JSON-RPC 2.0 with one program, a message per line: what is asked, what is answered, what is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from agentcron.agents.coding.reading import event_in
from agentcron.agents.pipes import Lines

METHOD_NOT_FOUND: Final = -32601
_FAILED: Final = -32603


class PeerError(Exception):
    """The program refused a request. ``code`` is that of JSON-RPC; None: it went away without an answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Peer:
    """The program at the other end. ``answer(method, params)`` serves its requests, None for one that is not served;
    ``listen(method, params)`` gets what it tells without waiting; more than ``most`` bytes are not looked at."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        answer: Callable[[str, Mapping[str, Any]], Any],
        listen: Callable[[str, Mapping[str, Any]], None],
        most: int,
    ) -> None:
        self._send = send
        self._answer = answer
        self._listen = listen
        self._lines = Lines(most)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its answer to a request; an empty one for none. Raises ``PeerError``."""
        self._asked += 1
        number = self._asked
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._write({"id": number, "method": method, "params": params})
            found = await future
        finally:
            del self._waiting[number]
        return found if isinstance(found, Mapping) else {}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Say something that has no answer."""
        self._write({"method": method, "params": params})

    def heard(self, data: bytes) -> None:
        """A piece of what it wrote; lines that are no message are passed over, as programs greet and warn there."""
        for line in self._lines.cut(data):
            if (message := event_in(line.lstrip())) is not None:
                self._take(message)

    def over(self) -> None:
        """It is gone: whoever waits for an answer is told."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(PeerError("it ended without an answer"))

    def _take(self, message: Mapping[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        given = message.get("params")
        params = given if isinstance(given, Mapping) else {}
        if isinstance(method, str) and number is not None:
            self._serve(number, method, params)
        elif isinstance(method, str):
            self._listen(method, params)
        elif isinstance(number, int) and (future := self._waiting.get(number)) is not None and not future.done():
            if (error := message.get("error")) is not None:
                future.set_exception(_refusal(error))
            else:
                future.set_result(message.get("result"))

    def _serve(self, number: Any, method: str, params: Mapping[str, Any]) -> None:
        answer = self._answer(method, params)
        if answer is None:
            self._write({"id": number, "error": {"code": METHOD_NOT_FOUND, "message": f"{method} is not offered"}})
        else:
            self._write({"id": number, "result": answer})

    def _write(self, message: Mapping[str, Any]) -> None:
        self._send(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n")


def _refusal(error: Any) -> PeerError:
    told = error if isinstance(error, Mapping) else {"message": error}
    code = told.get("code")
    words = str(told.get("message") or "an error without words")
    data = told.get("data")
    if data:
        # The words of the protocol are often "Internal error": what happened stands in the data.
        words += f": {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}"
    return PeerError(words[:2000], code if isinstance(code, int) else _FAILED)
