"""The kind ``email``: the message as plain text, handed to a mail server over SMTP."""

from __future__ import annotations

import contextlib
import hashlib
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Any, Final

from agentcron.agents.recipes import shown
from agentcron.delivery.calls import plain
from agentcron.delivery.message import DeliveryError, Message
from agentcron.delivery.reading import Around, Given
from agentcron.domain.plain_text import is_plain
from agentcron.errors import ConfigError
from agentcron.sockets import Sockets, within

KEYS: Final = ("host", "port", "tls", "username", "password", "from", "to", "timeout")
_SECONDS: Final = 30.0
_STILL: Final = 20.0
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
_WRITTEN: Final = re.compile(rf"{_ADDRESS}|[^@<>,;:\"()\[\]\\]{{1,100}}<{_ADDRESS}>")
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)
_MOST_RECIPIENTS: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class _Server:
    host: str
    port: int
    tls: str
    username: str | None
    password: str | None
    sender: str
    recipients: tuple[str, ...]


class Email:
    """Sends to the addresses of one endpoint."""

    def __init__(self, given: Given, around: Around) -> None:
        self._where = given.where
        self._around = around
        self._host = given.needed("host", '"smtp.example.com"')
        if not _HOST.fullmatch(self._host):
            raise given.refuse("host", f"{shown(self._host)} is no name of a host")
        self._tls = given.text("tls") or "starttls"
        if self._tls not in _PORTS:
            raise given.refuse("tls", f"{shown(self._tls)} is not one of {', '.join(_PORTS)}")
        self._port = given.whole("port", _PORTS[self._tls])
        if self._port > 65535:
            raise given.refuse("port", "a whole number of at most 65535 is needed")
        self._username = given.text("username")
        self._password = given.secret("password")
        if (self._username is None) is not (self._password is None):
            raise given.refuse("username", "goes with password, and password with username; give both or neither")
        if self._password is not None and self._tls == "none":
            raise given.refuse("tls", '"none" would send the password in clear; write "starttls" or "tls"')
        self._from = _address(given, "from", given.needed("from", '"agentcron <cron@example.com>"'))
        self._to = _recipients(given)
        self._seconds = given.seconds(_SECONDS)

    def check(self) -> None:
        """Raise ``ConfigError`` where it could not send as things are now."""
        self._server()

    async def send(self, message: Message) -> None:
        try:
            server = self._server()
        except ConfigError as error:
            raise DeliveryError(str(error), retryable=True) from None
        letter = written(message, self._from, self._to)
        try:
            await within(self._seconds, partial(_send, server, letter))
        except TimeoutError:
            raise DeliveryError(f"{self._host} did not take it within {self._seconds:g} s", retryable=True) from None

    def _server(self) -> _Server:
        def value(key: str, written: str | None) -> str | None:
            return None if written is None else self._around.value(f"{self._where}: {key}", written)

        return _Server(
            host=self._host,
            port=self._port,
            tls=self._tls,
            username=value("username", self._username),
            password=value("password", self._password),
            sender=parseaddr(self._from)[1],
            recipients=tuple(parseaddr(one)[1] for one in self._to),
        )


def written(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The letter. Its ``Message-ID`` is made of the message's id, so that a repeat is known by it."""
    letter = EmailMessage(policy=SMTP)
    # A subject holds names of jobs, which agents may choose: what would begin another header is not in it.
    letter["Subject"] = " ".join("".join(one if is_plain(one) else " " for one in message.subject).split())[:250]
    letter["From"] = sender
    letter["To"] = ", ".join(recipients)
    letter["Date"] = format_datetime(message.created)
    known = message.id if _ID.fullmatch(message.id) else hashlib.sha256(message.id.encode()).hexdigest()
    letter["Message-ID"] = f"<{known}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    # Mail programs that answer by themselves (out of office) keep quiet.
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Agentcron-Event"] = message.event if message.event.isidentifier() else "other"
    letter.set_content(message.text.encode("utf-8", "replace").decode())
    return letter


class _Ended:
    """Encrypts as its context does, on sockets that can be ended from outside."""

    def __init__(self, sockets: Sockets, host: str) -> None:
        self._context = ssl.create_default_context()
        self._sockets = sockets
        self._host = host

    def wrap_socket(self, opened: socket.socket, **_: Any) -> socket.socket:
        return self._sockets.secure(opened, self._context, self._host)


class _Smtp(smtplib.SMTP):
    """A conversation whose sockets can be ended from outside."""

    def __init__(self, server: _Server, sockets: Sockets) -> None:
        self._sockets = sockets
        self._encrypting = _Ended(sockets, server.host)
        self._server = server
        super().__init__(timeout=_STILL)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = self._sockets.open(host, port, timeout)
        return self._encrypting.wrap_socket(opened) if self._server.tls == "tls" else opened

    def say(self, letter: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Hand the letter over; answers the recipients that were refused where others were taken."""
        server = self._server
        code, told = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, told)
        if server.tls == "starttls":
            self.starttls(context=self._encrypting)  # type: ignore[call-overload]
        if server.username is not None and server.password is not None:
            if not isinstance(self.sock, ssl.SSLSocket):
                raise smtplib.SMTPNotSupportedError("the connection is not encrypted")
            self.login(server.username, server.password)
        return self.send_message(letter, server.sender, server.recipients)


def _send(server: _Server, letter: EmailMessage, sockets: Sockets) -> None:
    smtp = _Smtp(server, sockets)
    try:
        refused = smtp.say(letter)
        # It is taken; what is said at parting changes nothing.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise _answered(code, words, "refuses every recipient: ") from None
    except smtplib.SMTPResponseException as error:
        raise _answered(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError(f"{server.host}: {plain(str(error))}", retryable=False) from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        told = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or plain(str(error))
        raise DeliveryError(f"{server.host} cannot be reached: {told}", retryable=True) from None
    finally:
        smtp.close()
    if refused:
        # Sent again, it would reach the others twice.
        names = ", ".join(sorted(refused))
        raise DeliveryError(f"{server.host} took it, but not for {names}", retryable=False)


def _answered(code: int, told: bytes | str, what: str = "answers ") -> DeliveryError:
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    # 5xx is meant to be final (RFC 5321); -1 is smtplib's word for a connection that broke.
    return DeliveryError(f"the mail server {what}{code} {plain(text)}".rstrip(), retryable=not 500 <= code < 600)


def _recipients(given: Given) -> tuple[str, ...]:
    value: Any = given.raw("to")
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_RECIPIENTS:
        raise given.refuse("to", f"an address or a list of at most {_MOST_RECIPIENTS} is needed, not {shown(value)}")
    return tuple(_address(given, "to", one) for one in listed)


def _address(given: Given, key: str, value: object) -> str:
    """An address as it stands in a header. Raises ``ConfigError`` for what could be read as more than one."""
    if isinstance(value, str) and value.isprintable() and _WRITTEN.fullmatch(value.strip()):
        return value.strip()
    raise given.refuse(key, f'{shown(value)} is no address; write "name@example.com" or "Name <name@example.com>"')


def read(given: Given, around: Around) -> Email:
    """The sender of these values. Raises ``ConfigError``."""
    return Email(given, around)
