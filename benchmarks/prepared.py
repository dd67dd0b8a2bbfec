"""Stores with very many jobs or runs, made once and used by every round. Standard library only."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_SCHEMA: Final = _ROOT / "src" / "agentcron" / "storage" / "sqlite" / "migrations"


async def prepared(name: str, fill: Callable[[Path], Awaitable[None]]) -> Path:
    """The folder of the prepared data of this name; ``fill`` makes what it holds where it is missing.

    A store of another schema is another one: data of an earlier release would measure its migration.
    """
    schema = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_SCHEMA.glob("*.sql")))).hexdigest()[:8]
    folder = _ROOT / ".bench" / "prepared" / f"{name}-{schema}"
    if not folder.exists():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        await fill(half)
        half.rename(folder)
    return folder
