"""An address is looked at within a time, a size and two schemes, whatever the server does."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agentcron import ExecutionStatus
from agentcron.checks import web
from agentcron.checks.place import LookFailed
from tests.checks.conftest import Bench, Site

S = ExecutionStatus


async def problem(bench: Bench, url: str) -> str | None:
    await bench.job(when_changed=f"url:{url}")
    row = await bench.slot()
    assert bench.factory.prompts == []
    assert row.error is not None
    return row.error.removeprefix(f"gate: url:{url}: ")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it likes with its first caller."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = listening.accept()
        with caller:
            try:
                caller.recv(65536)
                answer(caller)
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    listening.close()
    thread.join(10)
    assert not thread.is_alive()


async def test_a_redirect_within_http_is_followed(bench: Bench, site: Site) -> None:
    site.serve("/there", "one")
    await bench.job(when_changed=f"url:{site.serve('/here', status=302, Location='/there')}")
    assert (await bench.slot()).status is S.SUCCESS
    assert [path for path, _ in site.asked] == ["/here", "/there"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://x/"])
async def test_a_redirect_to_another_scheme_is_not_followed(bench: Bench, site: Site, target: str) -> None:
    url = site.serve("/here", status=302, Location=target)
    told = str(await problem(bench, url))
    assert told in (
        "is redirected from http to ftp, which is not followed",
        f"answers 302 Found - Redirection to url '{target}' is not allowed",
    )


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    request = urllib.request.Request("https://example.org/")
    with pytest.raises(LookFailed, match="from https to http"):
        web._Redirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/")


async def test_a_redirect_without_end_is_given_up(bench: Bench, site: Site) -> None:
    url = site.serve("/here", status=302, Location="/here")
    assert "infinite loop" in str(await problem(bench, url))
    assert len(site.asked) < 10


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(
    bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 1 << 20)
    url = site.serve("/large", "x" * (3 << 20))
    assert await problem(bench, url) == "answers with more than 1 MiB"


async def test_nobody_at_the_other_end_is_told(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "Connection refused" in str(await problem(bench, f"http://127.0.0.1:{port}/"))


async def test_what_is_no_http_is_told(bench: Bench) -> None:
    with server(lambda caller: caller.sendall(b"\x00\x01 hello\r\n\r\n")) as url:
        assert str(await problem(bench, url)).startswith("cannot be read: ")


async def test_a_server_that_drips_is_left_after_the_time_and_its_connection_closed() -> None:
    left = threading.Event()

    def drip(caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\n")
        try:
            while not left.wait(0.01):
                caller.sendall(b"X-Drip: 1\r\n"[:1])
        except OSError:
            left.set()

    with server(drip) as url:
        with pytest.raises(LookFailed, match=r"no answer within 0.2 s"):
            await web.fetch(url, seconds=0.2)
        # The server finds the connection closed: no thread of ours is left with it.
        assert await asyncio.to_thread(left.wait, 10)


async def test_a_proxy_of_the_environment_is_used_and_no_file_of_the_machine_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.serve("http://watched.example/page", "by proxy")
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await web.fetch("http://watched.example/page")).body == b"by proxy"
    with pytest.raises(LookFailed):
        await web.fetch("file:///etc/hostname")
