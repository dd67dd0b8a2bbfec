"""The doctor says who has the port of ``agentcron serve``."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agentcron.cli.doctor_port import port_findings


def test_a_free_port_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert [finding.verdict for finding in port_findings(port)] == ["ok"]


@pytest.mark.parametrize(("said", "verdict"), [(b'{"status":"ok"}', "ok"), (b"<html>", "warn")])
def test_a_taken_port_is_told_by_what_answers(said: bytes, verdict: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    found = list(port_findings(server.server_port))
    thread.join()
    server.server_close()
    assert [(finding.check, finding.verdict) for finding in found] == [("port", verdict)]
