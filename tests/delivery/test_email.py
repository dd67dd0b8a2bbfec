"""A message reaches a real mail server as one plain letter, once per id, and its errors say whether to try again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from agentcron.sockets import Sockets
from tests.delivery.conftest import NAME, message, sender

PASSWORD = "correct horse battery"


@dataclass
class Post:
    """A mail server: ``answers`` by command, all else is taken."""

    port: int = 0
    letters: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self.answers.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return self.answers.get("QUIT", "221 Bye")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if refusal := self.answers.get("DATA"):
            return refusal
        self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append((envelope, letter))
        return "250 OK"


Start = Callable[..., Awaitable[Post]]


@pytest.fixture
async def post() -> AsyncIterator[Start]:
    servers: list[asyncio.Server] = []

    async def start(context: ssl.SSLContext | None = None, *, implicit: bool = False, **options: Any) -> Post:
        opened = Post()
        # Its own loop keeps what the library warns of (calls of other threads) out of the way.
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(opened, hostname=NAME, tls_context=None if implicit else context, **options),
            "127.0.0.1",
            0,
            ssl=context if implicit else None,
        )
        servers.append(server)
        opened.port = server.sockets[0].getsockname()[1]
        return opened

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def letterbox(post: Post, **values: Any) -> dict[str, Any]:
    return {
        "kind": "email",
        "host": "127.0.0.1",
        "port": post.port,
        "tls": "none",
        "from": "agentcron <cron@example.com>",
        "to": ["ops@example.com", "Boss <boss@example.com>"],
        **values,
    }


async def refusal(values: dict[str, Any], **options: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender(values, **options).send(message())
    return caught.value


async def test_the_letter_says_what_happened_to_whom_and_when(post: Start) -> None:
    opened = await post()
    await sender(letterbox(opened)).send(message(subject="Bericht: FEHLER ä", text="Zeile 1 ä\nZeile 2"))
    envelope, letter = opened.letters[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("cron@example.com", ["ops@example.com", "boss@example.com"])
    assert letter["Subject"] == "Bericht: FEHLER ä"
    assert letter["From"] == "agentcron <cron@example.com>"
    assert letter["To"] == "ops@example.com, Boss <boss@example.com>"
    assert letter["Date"] == "Thu, 01 Jan 2026 09:00:00 +0000"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().splitlines() == ["Zeile 1 ä", "Zeile 2"]
    assert letter.get_content_type() == "text/plain"


async def test_a_repeat_is_known_by_its_message_id(post: Start) -> None:
    opened = await post()
    ours = sender(letterbox(opened))
    await ours.send(message(id="msg_1"))
    await ours.send(message(id="msg_1"))
    await ours.send(message(id="msg_2"))
    await ours.send(message(id="no <id>\r\nX: y"))
    ids = [letter["Message-ID"] for _, letter in opened.letters]
    assert ids[:3] == ["<msg_1@example.com>", "<msg_1@example.com>", "<msg_2@example.com>"]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    "evil", ["ok\r\nBcc: victim@example.com", "ok\nBcc: victim@example.com", "ok\r\n\r\nBody", "\u2028x"]
)
async def test_a_subject_brings_no_other_header_along(post: Start, evil: str) -> None:
    opened = await post()
    await sender(letterbox(opened)).send(message(subject=evil, event="success\r\nBcc: victim@example.com"))
    envelope, letter = opened.letters[0]
    assert letter["Bcc"] is None
    assert "victim@example.com" not in envelope.rcpt_tos
    assert letter.get_content().startswith("The run of 09:00 failed.")


async def test_a_line_with_one_dot_ends_no_letter(post: Start) -> None:
    opened = await post()
    await sender(letterbox(opened)).send(message(text="one\n.\nMAIL FROM:<x@example.com>\nlast"))
    assert opened.letters[0][1].get_content().splitlines() == ["one", ".", "MAIL FROM:<x@example.com>", "last"]


async def guarded(post: Start, context: ssl.SSLContext, implicit: bool) -> Post:
    """A server that wants a password, by STARTTLS or from the first byte on."""

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        opened.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=opened.logins[-1] == ("cron", PASSWORD), handled=False)

    # Over a connection that is encrypted from its first byte the library does not know that it is.
    wanted = {"auth_require_tls": False} if implicit else {"auth_required": True}
    opened = await post(context, implicit=implicit, authenticator=authenticate, **wanted)
    return opened


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_server_that_cannot_prove_its_name_is_told_no_password(
    post: Start, trusted: ssl.SSLContext, implicit: bool
) -> None:
    opened = await guarded(post, trusted, implicit)
    tls = "tls" if implicit else "starttls"
    error = await refusal(
        letterbox(opened, host="localhost", tls=tls, username="cron", password="env:P"), environ=lambda: {"P": PASSWORD}
    )
    assert "localhost cannot be reached: Hostname mismatch" in str(error)
    assert opened.logins == []


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_a_server_that_proves_its_name_is_told_the_password(
    post: Start, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, implicit: bool, password: str
) -> None:
    opened = await guarded(post, trusted, implicit)
    real = Sockets.open
    monkeypatch.setattr(Sockets, "open", lambda self, host, port, timeout: real(self, "127.0.0.1", port, timeout))
    tls = "tls" if implicit else "starttls"
    values = letterbox(opened, host=NAME, tls=tls, username="cron", password="env:P")
    if password == PASSWORD:
        await sender(values, environ=lambda: {"P": password}).send(message())
        assert opened.encrypted == [True]
    else:
        error = await refusal(values, environ=lambda: {"P": password})
        assert (error.retryable, opened.letters) == (False, [])
        assert str(error).startswith("the mail server answers 535 ")
    assert set(opened.logins) == {("cron", password)}


async def test_a_server_that_cannot_encrypt_is_told_nothing(post: Start) -> None:
    opened = await post()
    error = await refusal(
        letterbox(opened, tls="starttls", username="cron", password="env:P"), environ=lambda: {"P": PASSWORD}
    )
    assert not error.retryable
    assert "STARTTLS extension not supported by server" in str(error)
    assert opened.letters == []


@pytest.mark.parametrize(
    ("answers", "retryable", "told"),
    [
        ({"DATA": "451 try later"}, True, "the mail server answers 451 try later"),
        ({"DATA": "554 no spam here"}, False, "the mail server answers 554 no spam here"),
        ({"MAIL": "452 full"}, True, "the mail server answers 452 full"),
        ({"MAIL": "550 not you"}, False, "the mail server answers 550 not you"),
        (
            {"ops@example.com": "450 greylisted", "boss@example.com": "450 greylisted"},
            True,
            "the mail server refuses every recipient: 450 greylisted",
        ),
        (
            {"ops@example.com": "550 nobody", "boss@example.com": "550 nobody"},
            False,
            "the mail server refuses every recipient: 550 nobody",
        ),
        ({"boss@example.com": "550 nobody"}, False, "127.0.0.1 took it, but not for boss@example.com"),
    ],
)
async def test_4xx_is_tried_again_and_5xx_is_given_up(
    post: Start, answers: dict[str, str], retryable: bool, told: str
) -> None:
    opened = await post()
    opened.answers = answers
    error = await refusal(letterbox(opened))
    assert (error.retryable, str(error)) == (retryable, told)


async def test_what_is_said_at_parting_changes_nothing(post: Start) -> None:
    opened = await post()
    opened.answers = {"QUIT": "500 what?"}
    await sender(letterbox(opened)).send(message())
    assert len(opened.letters) == 1


async def test_nobody_there_may_be_there_later(post: Start) -> None:
    opened = await post()
    free = await post()
    error = await refusal(letterbox(opened, host="127.0.0.99", port=free.port))
    assert (error.retryable, str(error)) == (True, "127.0.0.99 cannot be reached: Connection refused")


async def test_a_server_that_says_a_letter_now_and_then_keeps_nobody() -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof():
                writer.write(b"2")
                await writer.drain()
                await asyncio.wait({asyncio.ensure_future(reader.read(1))}, timeout=0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    opened = Post(port=server.sockets[0].getsockname()[1])
    error = await refusal(letterbox(opened, timeout="200ms"))
    assert error.retryable
    assert str(error) in ("127.0.0.1 did not take it within 0.2 s", "127.0.0.1 cannot be reached: Line too long.")
    await gone.wait()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"password": "hunter2", "username": "x"}, "endpoints.ops: password: a secret does not belong in this file"),
        ({"username": "x"}, "endpoints.ops: username: goes with password"),
        ({"username": "x", "password": "env:P"}, 'endpoints.ops: tls: "none" would send the password in clear'),
        ({"tls": "ssl"}, "endpoints.ops: tls: 'ssl' is not one of starttls, tls, none"),
        ({"host": None}, "endpoints.ops: host: is missing"),
        ({"host": "a b"}, "endpoints.ops: host: 'a b' is no name of a host"),
        ({"port": 0}, "endpoints.ops: port: a whole number of at least 1 is needed"),
        ({"port": 70000}, "endpoints.ops: port: a whole number of at most 65535 is needed"),
        ({"from": "nobody"}, "endpoints.ops: from: 'nobody' is no address"),
        ({"from": "a@example.com\r\nBcc: x@example.com"}, "endpoints.ops: from: "),
        ({"to": []}, "endpoints.ops: to: an address or a list"),
        ({"to": ["a@example.com, b@example.com"]}, "endpoints.ops: to: 'a@example.com, b@example.com' is no address"),
        ({"to": ["a@example.com> NOTIFY=NEVER <b"]}, "endpoints.ops: to: "),
        ({"to": 5}, "endpoints.ops: to: "),
        ({"too": "x"}, "endpoints.ops: too is not a key of it; did you mean to?"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sender({**letterbox(Post(port=25)), **values})
    assert str(caught.value).startswith(told)
    assert "hunter2" not in str(caught.value)
