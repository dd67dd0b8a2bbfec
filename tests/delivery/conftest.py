"""Real receivers on this machine: an HTTP server, one with TLS, and messages to send to them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from agentcron.delivery.endpoints import read_endpoints
from agentcron.delivery.message import Message, Sender
from tests.cli.conftest import agentcron, logger

__all__ = ["agentcron", "logger"]

NOW = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
NAME = "hooks.example"


def message(**changed: Any) -> Message:
    values: dict[str, Any] = {
        "id": "msg_01JABC",
        "event": "failure",
        "created": NOW,
        "subject": "report: FAILURE",
        "text": "The run of 09:00 failed.\nSee agentcron logs report.",
        "body": '{"id":"msg_01JABC","event":"failure","job":"report ä"}',
    }
    return Message(**{**values, **changed})


def sender(values: dict[str, Any], **options: Any) -> Sender:
    """What sends to the endpoint of these values."""
    return read_endpoints({"ops": values}, **options)["ops"]


@dataclass
class Got:
    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass
class Receiver:
    """Answers each caller with the next of ``answers``, at last with 204; keeps what it was sent."""

    port: int
    scheme: str = "http"
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    # While it is cleared, nobody is answered.
    answering: threading.Event = field(default_factory=threading.Event)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[str]:
        """What was asked for, once it was that often."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.got) >= count, 30), [got.path for got in self.got]
            return [got.path for got in self.got]

    async def paths(self, count: int) -> list[str]:
        """The same, for those who have an event loop to keep going."""
        return await asyncio.to_thread(self.wait, count)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers; with a context they speak TLS."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread, Receiver]] = []

    def start(context: ssl.SSLContext | None = None) -> Receiver:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                with receiver.heard:
                    receiver.got.append(Got(self.command, self.path, self.headers, body))
                    receiver.heard.notify_all()
                receiver.answering.wait(30)
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *given: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a caller that does not trust this server goes away in the middle of the handshake

        server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        receiver = Receiver(port=server.server_port, scheme="http" if context is None else "https")
        receiver.answering.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread, receiver))
        return receiver

    yield start
    for server, thread, receiver in running:
        receiver.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver(serve: Callable[..., Receiver]) -> Receiver:
    return serve()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server of the name ``hooks.example`` proves itself with; its maker is trusted here."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    return context
