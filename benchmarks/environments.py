"""Where each peer runs: a virtual environment of its own under `.bench/`, made when it is first needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BENCH: Final = ROOT / ".bench"

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "ours": ("-e", str(ROOT)),
    "apscheduler3": ("apscheduler==3.11.3", "sqlalchemy==2.1.9"),
}
"""What is installed for each peer; a peer that is not named here runs in the environment of ours."""


class UnavailableError(Exception):
    """This machine cannot install a peer; the message ends with what pip or npm said."""


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment. Raises ``UnavailableError`` where it cannot be installed."""
    name = peer if peer in PACKAGES else "ours"
    folder, wanted = BENCH / name, PACKAGES[name]
    python, mark = folder / "bin" / "python", folder / ".installed"
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if name == "ours":
        digest += hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        _install(folder, [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        mark.write_text(digest)
    return python


def _install(folder: Path, install: Sequence[str]) -> None:
    print(f"making {folder.relative_to(ROOT)} …", file=sys.stderr, flush=True)
    for command in ([sys.executable, "-m", "venv", str(folder)], install):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError((done.stderr or done.stdout).strip()[-400:])
