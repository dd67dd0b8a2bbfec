"""Addresses that lead where nothing is to be sent: each is refused, and no connection is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from agentcron.delivery.addresses import objection, read_url
from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from agentcron.sockets import Sockets
from tests.delivery.conftest import Receiver, message, sender

PUBLIC: Final = "93.184.216.34"

# What cannot even be written down: two programs would read it in two ways.
UNREADABLE: Final = [
    "",
    "hooks.example/x",
    "//hooks.example/x",
    "ftp://hooks.example/x",
    "FILE:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "data:text/plain,x",
    "http:hooks.example",
    "http:///x",
    "https://",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://hooks.example./",
    "http://hooks..example/",
    "http://.hooks.example/",
    "http://-hooks.example/",
    "http://hooks.example@127.0.0.1/",
    "http://user:password@hooks.example/",
    "http://hooks.example\\@127.0.0.1/",
    "http://127.0.0.1\\.hooks.example/",
    "http://hooks.example%2f@127.0.0.1/",
    "http://127.0.0.1%00.hooks.example/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://ⓛocalhost/",
    "http://hooks.example/\r\nX-Injected: 1",
    "http://hooks.example\r\n/",
    "http://hooks.example/a b",
    "http://hooks.example/\tx",
    " http://hooks.example/",
    "http://hooks.example/x#@127.0.0.1/",
    "http://hooks.example:0/",
    "http://hooks.example:65536/",
    "http://hooks.example:-1/",
    "http://hooks.example:80:80/",
    "http://hooks.example:x/",
    "http://[::1/",
    "http://[::1]x/",
    "http://[fe80::1%25eth0]/",
    "http://[127.0.0.1]/",
    "http://[v1.x]/",
    "http://::1/",
    "http://" + "a" * 300 + "/",
    "http://hooks.example/" + "a" * 3000,
]

# What is written well and leads to an address of this machine, this network or this cloud.
INNER: Final = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:53aa:64c:0:0:80ff:fffe",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
]

# So they stay with allow_private too: nothing that takes messages lives there.
NEVER: Final = [
    "0.0.0.0",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "ff02::1",
]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which connections are made; none succeeds."""
    found: list[str] = []

    def refuse(self: Sockets, host: str, port: int, timeout: float) -> None:
        found.append(host)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(Sockets, "open", refuse)
    return found


async def told(url: str, answers: Sequence[str], **values: object) -> DeliveryError:
    ours = sender({"kind": "webhook", "url": url, **values}, resolver=lambda host, port: answers)
    with pytest.raises(DeliveryError) as caught:
        await ours.send(message())
    return caught.value


def test_at_least_forty_of_each_kind_are_tried() -> None:
    assert len(set(UNREADABLE)) >= 40
    assert len(set(INNER)) >= 40


@pytest.mark.parametrize("url", UNREADABLE)
async def test_an_address_that_can_be_read_in_two_ways_is_refused_in_the_file(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^endpoints\.ops: url: ") as caught:
        sender({"kind": "webhook", "url": url})
    assert "password" not in str(caught.value).replace("user or password", "")


@pytest.mark.parametrize("url", UNREADABLE)
async def test_the_same_holds_for_one_behind_a_reference(url: str, opened: list[str]) -> None:
    ours = sender({"kind": "webhook", "url": "env:HOOK"}, environ=lambda: {"HOOK": url or " "})
    with pytest.raises(DeliveryError) as caught:
        await ours.send(message())
    stripped = url.strip()
    if stripped != url and stripped:  # blanks around a secret are nobody's wish
        assert caught.value.retryable
    else:
        assert str(caught.value).startswith("endpoints.ops: url: ")
        assert opened == []


@pytest.mark.parametrize("address", INNER)
async def test_an_address_of_this_machine_or_network_is_never_called(address: str, opened: list[str]) -> None:
    if "%" not in address:
        literal = f"[{address}]" if ":" in address else address
        error = await told(f"http://{literal}/latest/meta-data/", [address])
        assert (error.retryable, opened) == (False, [])
    error = await told("https://hooks.example/x", [address])
    assert (error.retryable, opened) == (False, [])
    assert str(error).startswith(f"nothing is sent to hooks.example: {address} ")


@pytest.mark.parametrize("address", INNER)
async def test_a_name_with_one_inner_address_among_others_is_never_called(address: str, opened: list[str]) -> None:
    for answers in ([PUBLIC, address], [address, PUBLIC], [PUBLIC] * 9 + [address]):
        error = await told("https://hooks.example/x", answers)
        assert (error.retryable, opened) == (False, [])


@pytest.mark.parametrize("address", NEVER)
async def test_some_are_never_called_whatever_the_endpoint_allows(address: str, opened: list[str]) -> None:
    error = await told("https://hooks.example/x", [address], allow_private=True)
    assert (error.retryable, opened) == (False, [])


@pytest.mark.parametrize("address", sorted(set(INNER) - set(NEVER) - {"0.1.2.3", "239.255.255.250", "fe80::1"}))
async def test_others_are_called_where_the_endpoint_allows_it(address: str, opened: list[str]) -> None:
    error = await told("https://hooks.example/x", [address], allow_private=True)
    assert (error.retryable, opened) == (True, [address])


async def test_a_name_that_leads_elsewhere_at_the_second_look_is_looked_at_once(opened: list[str]) -> None:
    answers = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    ours = sender({"kind": "webhook", "url": "https://hooks.example/x"}, resolver=lambda host, port: answers.pop(0))
    with pytest.raises(DeliveryError) as caught:
        await ours.send(message())
    assert caught.value.retryable
    assert opened == [PUBLIC]
    with pytest.raises(DeliveryError) as again:
        await ours.send(message())
    assert not again.value.retryable
    assert opened == [PUBLIC]


async def test_localhost_is_refused_by_what_it_leads_to(receiver: Receiver) -> None:
    for host in ("localhost", "LOCALHOST", "127.0.0.1"):
        with pytest.raises(DeliveryError, match="is a loopback address; allow_private = true"):
            await sender({"kind": "webhook", "url": receiver.url(host=host)}).send(message())
    assert receiver.got == []


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"]
)
def test_an_address_of_the_internet_is_called(address: str) -> None:
    assert objection(address, allow_private=False) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTPS://Hooks.EXAMPLE", "https://hooks.example/"),
        ("https://hooks.example:443/a?b=c", "https://hooks.example/a?b=c"),
        ("http://hooks.example:443?x=1", "http://hooks.example:443/?x=1"),
        ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080/"),
        ("https://xn--bcher-kva.example/%C3%A4", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://my_host/x", "https://my_host/x"),
        ("https://0x7f000001.example/", "https://0x7f000001.example/"),
    ],
)
def test_what_is_written_well_is_called_as_it_is_written(text: str, shown: str) -> None:
    assert str(read_url(text)) == shown
