"""A webhook is signed so that its receiver can tell ours from others, and goes nowhere else than it was meant for."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from agentcron.redaction import Redactor
from agentcron.testing import FakeClock
from tests.delivery.conftest import NAME, NOW, Got, Receiver, message, sender

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
KEYS = {"OLD": OLD, "NEW": NEW, "SHORT": "whsec_c2hvcnQ=", "BARE": base64.b64encode(b"b" * 32).decode()}


def hook(receiver: Receiver, **values: object) -> dict[str, object]:
    return {"kind": "webhook", "url": receiver.url(), "allow_private": True, **values}


async def refusal(values: dict[str, object], **options: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender(values, **options).send(message())
    return caught.value


def headers(got: Got) -> dict[str, str]:
    return {name.lower(): value for name, value in got.headers.items()}


async def sent(receiver: Receiver, **values: object) -> Got:
    """What arrives of a message that is sent at this very moment."""
    clock = FakeClock(datetime.now(UTC))
    await sender(hook(receiver, **values), environ=lambda: KEYS, clock=clock).send(message())
    return receiver.got[-1]


# --- signatures ---------------------------------------------------------------------------------------------------


async def test_the_receiver_verifies_the_signature_with_the_library_of_the_standard(receiver: Receiver) -> None:
    got = await sent(receiver, secret="env:NEW")
    assert Webhook(NEW).verify(got.body, headers(got)) == json.loads(message().body)
    assert got.body == message().body.encode()
    assert headers(got)["webhook-id"] == message().id
    assert headers(got)["content-type"] == "application/json"
    assert got.method == "POST"


async def test_a_message_that_was_changed_on_its_way_is_refused(receiver: Receiver) -> None:
    got = await sent(receiver, secret="env:NEW")
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(got.body.replace(b"failure", b"success"), headers(got))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(got.body, {**headers(got), "webhook-id": "another"})


async def test_a_message_that_is_sent_again_by_somebody_who_overheard_it_is_refused(receiver: Receiver) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(minutes=6))
    await sender(hook(receiver, secret="env:NEW"), environ=lambda: KEYS, clock=clock).send(message())
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(NEW).verify(receiver.got[0].body, headers(receiver.got[0]))


async def test_while_keys_change_a_receiver_with_either_key_verifies(receiver: Receiver) -> None:
    got = await sent(receiver, secret=["env:NEW", "env:OLD"])
    for key in (NEW, OLD):
        Webhook(key).verify(got.body, headers(got))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(got.body, headers(got))


async def test_each_try_is_signed_anew_and_bears_the_same_id_and_bytes(receiver: Receiver) -> None:
    clock = FakeClock(NOW)
    ours = sender(hook(receiver, secret="env:NEW"), environ=lambda: KEYS, clock=clock)
    await ours.send(message())
    await clock.advance(timedelta(minutes=10))
    await ours.send(message())
    first, second = (headers(got) for got in receiver.got)
    assert first["webhook-id"] == second["webhook-id"]
    assert receiver.got[0].body == receiver.got[1].body
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 600
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_without_a_key_nothing_is_signed(receiver: Receiver) -> None:
    assert "webhook-signature" not in headers(await sent(receiver))


@pytest.mark.parametrize("name", ["SHORT", "BARE"])
async def test_a_key_that_can_be_guessed_or_is_none_signs_nothing(receiver: Receiver, name: str) -> None:
    error = await refusal(hook(receiver, secret=f"env:{name}"), environ=lambda: KEYS)
    assert "endpoints.ops: secret: is no key; it is whsec_ and 24 to 64 bytes in base64" in str(error)
    assert receiver.got == []


async def test_a_key_that_is_missing_may_be_there_at_the_next_try(receiver: Receiver) -> None:
    error = await refusal(hook(receiver, secret="env:NONE"), environ=lambda: KEYS)
    assert error.retryable
    assert "endpoints.ops: secret: env:NONE: the variable NONE is not set" in str(error)


async def test_what_references_lead_to_is_secret_from_then_on(receiver: Receiver, tmp_path: Path) -> None:
    redactor = Redactor({})
    (tmp_path / "key").write_text(NEW)
    (tmp_path / "url").write_text(receiver.url("/services/T000/B000"))
    values = {"kind": "webhook", "url": "file:url", "secret": "file:key", "allow_private": True}
    await sender(values, base_dir=tmp_path, redactor=redactor).send(message())
    assert receiver.got[0].path == "/services/T000/B000"
    assert redactor.text(f"sent to {receiver.url('/services/T000/B000')} with {NEW}").count("[redacted:") == 2


async def test_headers_of_its_own_go_along_and_their_credentials_are_references(receiver: Receiver) -> None:
    got = await sent(receiver, headers={"X-Team": "ops", "Authorization": "env:OLD"})
    assert (headers(got)["x-team"], headers(got)["authorization"]) == ("ops", OLD)


async def test_a_credential_does_not_travel_in_clear_over_other_peoples_networks() -> None:
    values = {"kind": "webhook", "url": "http://hooks.example/x", "headers": {"Authorization": "env:OLD"}}
    error = await refusal(values, environ=lambda: KEYS)
    told = "endpoints.ops: headers: Authorization: is a secret that http would send in clear; use https"
    assert (str(error), error.retryable) == (told, True)


@pytest.mark.parametrize("value", ["two\nlines", "two\r\nX-More: 1", "ä"])
async def test_a_header_cannot_bring_another_one_along(receiver: Receiver, value: str) -> None:
    error = await refusal(hook(receiver, headers={"X-Team": "env:TEAM"}), environ=lambda: {"TEAM": value})
    assert "holds what no header can" in str(error)
    assert receiver.got == []


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_2xx_means_taken(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {})]
    await sender(hook(receiver)).send(message())


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, False) for status in (301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 413)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
async def test_other_answers_are_tried_again_where_they_may_change(
    receiver: Receiver, status: int, retryable: bool
) -> None:
    receiver.answers = [(status, {"Location": receiver.url("/elsewhere")})]
    error = await refusal(hook(receiver))
    assert error.retryable is retryable
    assert f"answers {status}" in str(error)
    assert [got.path for got in receiver.got] == ["/hook"]


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Thu, 01 Jan 2026 09:05:00 GMT", timedelta(minutes=5)),
        ("Thu, 01 Jan 2026 08:00:00 GMT", timedelta(0)),
        ("999999999999999", timedelta(hours=24)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_says_when_to_come_back(
    receiver: Receiver, status: int, value: str, wait: timedelta | None
) -> None:
    receiver.answers = [(status, {"Retry-After": value})]
    error = await refusal(hook(receiver), clock=FakeClock(NOW))
    assert (error.retryable, error.retry_after) == (True, wait)


async def test_nobody_there_may_be_there_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    error = await refusal({"kind": "webhook", "url": f"http://127.0.0.1:{port}/x", "allow_private": True})
    assert error.retryable
    assert str(error) == "127.0.0.1 cannot be reached: Connection refused"


async def test_a_name_that_is_not_known_may_be_known_later() -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    error = await refusal({"kind": "webhook", "url": "https://hooks.example/"}, resolver=nothing)
    assert error.retryable
    assert str(error) == "hooks.example cannot be reached: Name or service not known"


@pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_server_that_sends_a_byte_now_and_then_keeps_nobody(drip: bytes) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    left = threading.Event()

    def serve() -> None:
        caller, _ = listening.accept()
        with caller:
            try:
                while True:
                    caller.sendall(drip)
                    left.wait(0.01)
            except OSError:
                left.set()

    thread = threading.Thread(target=serve)
    thread.start()
    port = listening.getsockname()[1]
    values = {"kind": "webhook", "url": f"http://127.0.0.1:{port}/", "allow_private": True, "timeout": "200ms"}
    try:
        error = await refusal(values)
        # A server that fills a line faster than the time runs out is refused for the line.
        assert error.retryable
        assert str(error) == "no answer within 0.2 s" or "cannot be reached" in str(error)
        # The connection is ended, and with it the thread that read from it.
        thread.join(20)
        assert left.is_set()
    finally:
        listening.close()


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = listening.accept()
        with caller:
            try:
                caller.recv(65536)
                caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    caller.sendall(b"x" * 65536)
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    await sender(
        {"kind": "webhook", "url": f"http://127.0.0.1:{listening.getsockname()[1]}/", "allow_private": True}
    ).send(message())
    thread.join(20)
    assert not thread.is_alive()
    listening.close()


async def test_servers_that_do_not_answer_fill_no_threads_that_others_need(receiver: Receiver) -> None:
    receiver.answering.clear()
    sending = [asyncio.create_task(sender(hook(receiver, timeout="50s")).send(message())) for _ in range(40)]
    # Which waits in one of the loop's own threads.
    assert len(await receiver.paths(40)) == 40
    receiver.answering.set()
    await asyncio.gather(*sending)


async def test_a_loop_that_ends_waits_for_no_name_that_is_looked_up_without_end() -> None:
    going_on = threading.Event()

    def endless(host: str, port: int) -> list[str]:
        going_on.wait(60)
        return []

    error = await refusal({"kind": "webhook", "url": "https://hooks.example/", "timeout": "50ms"}, resolver=endless)
    assert str(error) == "no answer within 0.05 s"
    [left] = [one for one in threading.enumerate() if one.name == "agentcron-call"]
    assert left.daemon
    going_on.set()
    left.join(10)


# --- TLS and the pinned address -----------------------------------------------------------------------------------


async def test_the_connection_goes_to_the_address_that_was_judged_with_the_name_in_it(
    serve: Callable[..., Receiver], trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = serve(trusted)
    asked = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    real = socket.getaddrinfo

    def numbers_alone(host: str, *given: object, **options: object) -> object:
        assert host == "127.0.0.1", "the name is looked up again, and may lead elsewhere by then"
        return real(host, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", numbers_alone)
    url = receiver.url(host=NAME)
    await sender({"kind": "webhook", "url": url, "allow_private": True}, resolver=resolver).send(message())
    assert asked == [NAME]
    assert receiver.got[0].headers["Host"] == f"{NAME}:{receiver.port}"


async def test_a_server_that_cannot_prove_its_name_is_told_nothing(
    serve: Callable[..., Receiver], trusted: ssl.SSLContext
) -> None:
    receiver = serve(trusted)
    values = {"kind": "webhook", "url": receiver.url(host="another.example"), "allow_private": True}
    error = await refusal(values, resolver=lambda host, port: ["127.0.0.1"])
    assert error.retryable
    assert "another.example cannot be reached: Hostname mismatch" in str(error)
    assert receiver.got == []


async def test_a_proxy_in_the_environment_hears_nothing(
    receiver: Receiver, serve: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy.url(""))
    monkeypatch.setenv("no_proxy", "")
    await sender(hook(receiver)).send(message())
    assert (len(receiver.got), len(proxy.got)) == (1, 0)


async def test_where_one_address_does_not_answer_the_next_is_tried(receiver: Receiver) -> None:
    values = hook(receiver, url=receiver.url(host=NAME))
    await sender(values, resolver=lambda host, port: ["127.0.0.77", "127.0.0.1"]).send(message())
    assert len(receiver.got) == 1


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"secret": NEW}, 'endpoints.ops: secret: a secret does not belong in this file; write "env:NAME"'),
        ({"secret": ["env:NEW", NEW]}, "endpoints.ops: secret: a secret does not belong in this file"),
        ({"headers": {"Authorization": "Bearer x"}}, "endpoints.ops: headers: Authorization: a secret does not belong"),
        ({"headers": {"Host": "x"}}, "endpoints.ops: headers: 'Host' is not a header that can be given here"),
        ({"headers": {"webhook-id": "x"}}, "endpoints.ops: headers: 'webhook-id' is not a header"),
        ({"headers": {"X: y\r\nZ": "x"}}, "endpoints.ops: headers: 'X: y\\r\\nZ' is not a header"),
        ({"headers": ["X"]}, "endpoints.ops: headers: a table of names and texts is needed"),
        ({"urk": "x"}, "endpoints.ops: urk is not a key of it; did you mean url?"),
        ({"url": None}, "endpoints.ops: url: is missing; write url = "),
        ({"url": 5}, "endpoints.ops: url: a text that is not empty is needed, not 5"),
        ({"timeout": "2h"}, "endpoints.ops: timeout: must be more than 0 and at most 50 s"),
        ({"allow_private": "yes"}, "endpoints.ops: allow_private: true or false is needed, not 'yes'"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sender({"kind": "webhook", "url": "https://hooks.example/x", **values})
    assert str(caught.value).startswith(told)
    assert NEW not in str(caught.value)
