"""Where messages may be sent over HTTP: how an address is written, and which hosts it may lead to.

Whoever can choose where a webhook goes could otherwise make the scheduler call what only it can reach: databases on
this machine, the router, the service that hands out the keys of a cloud's machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from agentcron.errors import ConfigError

Resolver = Callable[[str, int], Sequence[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST: Final = 2048
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A name that ends so is read as a number by some programs: 0x7f000001, 2130706433 and 017700000001 are 127.0.0.1.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}


def _networks(kinds: dict[str, str]) -> tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...]:
    return tuple((ipaddress.ip_network(one), kind) for kind, listed in kinds.items() for one in listed.split())


# Nothing that takes messages lives there, whatever an endpoint allows.
_NEVER: Final = _networks(
    {
        "an unspecified": "0.0.0.0/8 ::/128",
        "a link-local": "169.254.0.0/16 fe80::/10",
        "a multicast": "224.0.0.0/4 ff00::/8",
        "a broadcast": "255.255.255.255/32",
        # What hands out a machine's keys in clouds that keep it outside of the link-local range.
        "a cloud's metadata": "100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128",
    }
)
# From the registries of special addresses of IANA, which the tables in Python's own releases follow with delay.
_PRIVATE: Final = _networks(
    {
        "a loopback": "127.0.0.0/8 ::1/128",
        "a private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7",
        "a carrier's inner": "100.64.0.0/10",
        "a reserved": "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
        "240.0.0.0/4 2001::/23 2001:db8::/32 2002::/16 3fff::/20",
    }
)
_PUBLIC_V6: Final = ipaddress.ip_network("2000::/3")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An address that was taken apart once, so that what was judged is what is called. ``target`` is the path with the
    query; ``host`` is in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's, as the header ``Host`` names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def read_url(text: str) -> Url:
    """The parts of an address of http or https. Raises ``ConfigError`` for everything that two programs could read in
    two ways; it never shows the address, which may be a secret."""
    if len(text) > _LONGEST:
        raise ConfigError(f"the address is longer than {_LONGEST} characters")
    if not text.isascii():
        raise ConfigError("the address holds characters beyond ASCII; write its host in the form xn--...")
    if not text.isprintable() or any(one in text for one in ' \\"<>^`{|}'):
        raise ConfigError("the address holds a blank, a backslash or another character that belongs in no address")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigError("the address cannot be read; write https://host/path") from None
    if parts.scheme not in _PORTS:
        raise ConfigError("the address must begin with https:// or http://")
    if "@" in parts.netloc:
        raise ConfigError("the address holds a user or password; give the credential in headers")
    if "#" in text:
        raise ConfigError("the address holds a fragment (#...), which is never sent; leave it out")
    port = _PORTS[parts.scheme] if port is None else port
    if not 0 < port < 65536:
        raise ConfigError("the port of the address is out of range (1 to 65535)")
    target = parts.path or "/"
    if not target.startswith("/"):
        raise ConfigError("the address cannot be read; write https://host/path")
    target += f"?{parts.query}" if parts.query else ""
    return Url(scheme=parts.scheme, host=_host(parts.netloc), port=port, target=target)


def _host(netloc: str) -> str:
    if netloc.startswith("["):
        inner, _, rest = netloc[1:].partition("]")
        if rest and not re.fullmatch(r":[0-9]{0,5}", rest, re.ASCII):
            raise ConfigError("the host of the address cannot be read; write https://[IPv6 address]:port/path")
        try:
            return str(ipaddress.IPv6Address(inner)) if "%" not in inner else _refused(inner)
        except ValueError:
            raise ConfigError("the host of the address is no IPv6 address") from None
    host, colon, port = netloc.partition(":")
    if colon and not re.fullmatch(r"[0-9]{0,5}", port, re.ASCII):
        raise ConfigError("the port of the address is no number")
    host = host.lower()
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ConfigError("the host of the address is a number that is no plain IPv4 address") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigError("the host of the address is no name of a host")
    return host


def _refused(inner: str) -> str:
    raise ConfigError("the host of the address names an interface (%), which is only known on this machine")


def objection(address: str, *, allow_private: bool) -> str | None:
    """Why nothing may be sent to this IP address; None: it may."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = _inner(found)
    for one in (found, inner):
        if one is not None and (kind := _kind(one, _NEVER)):
            return f"{address} is {kind} address"
    if allow_private:
        return None
    if inner is not None:
        return f"{address} leads to {inner} through a translation"
    if kind := _kind(found, _PRIVATE):
        return f"{address} is {kind} address"
    return None if found.version == 4 or found in _PUBLIC_V6 else f"{address} is no public address"


def _kind(
    address: Address, networks: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...]
) -> str | None:
    return next((kind for network, kind in networks if address in network), None)


def _inner(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, NAT64, 6to4 or Teredo."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)


def resolve(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host, in the order in which they are to be tried. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))
