"""A server as its owner starts it, and where the browser is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

# What `make test-e2e` installs besides Python's packages.
INSTALLED = Path(__file__).parents[2] / ".e2e"


def chromium_path() -> str:
    """The browser of this machine."""
    found = os.environ.get("AGENTCRON_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium; 'make test-e2e' installs it on Debian, else name one in AGENTCRON_CHROMIUM"
    return found


@dataclass
class Server:
    """``agentcron serve`` in a folder, as its owner started it."""

    folder: Path
    store: str = ""
    url: str = ""
    token: str = ""
    login: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Its user's."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}

    def _store(self) -> list[str]:
        return ["--store", self.store] if self.store else []

    def start(self) -> None:
        """Serve; the second time on the same port."""
        port = self.url.rpartition(":")[2] or "0"
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agentcron", "serve", "--port", port, "--json", *self._store()],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines += line
            if line.startswith("}"):
                break
        assert lines, (self.folder / "log").read_text()
        told = json.loads(lines)
        self.url, self.login = told["url"], told["login"]
        self.token = told["token"] or self.token

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)

    def api(self) -> httpx.Client:
        """A program beside the browser."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )
