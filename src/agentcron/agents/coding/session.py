"""Which session of a coding agent each job goes on with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentcron.ports import RunContext


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its last call left it, with the figures that the program counts over all calls of it."""

    id: str
    totals: Mapping[str, str]


class Sessions:
    """One small file per job in the home of a definition, beside what the program itself keeps of the session."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "agentcron-sessions"

    def last(self, job_id: str) -> Session | None:
        """The session of the job's last call; None where there is none to go on with."""
        return _session(self._kept(job_id))

    def going_on(self, context: RunContext, kind: str, *, always: bool) -> Session | None:
        """The session that a run goes on with: the job's last one where the definition wants that ``always``, else that
        of the conversation that the job goes on with."""
        kept = self._kept(context.job_id)
        last = _session(kept)
        if always:
            return last
        talk = context.conversation
        if talk is None or talk.kind != kind or talk.session in (None, kept.get("lost")):
            return None
        # Without its last figures a session that is counted over all calls would be paid for from its beginning.
        return last if last is not None and last.id == talk.session else Session(talk.session, {})

    def keep(self, job_id: str, session: Session) -> None:
        """Remember it. A full disk costs the memory, not the run that was paid for."""
        with contextlib.suppress(OSError):
            self._write(job_id, {"session": session.id, "totals": dict(session.totals)})

    def forget(self, job_id: str, lost: str | None = None) -> None:
        """The job's next call begins a fresh session, also where its conversation names the one that is ``lost``."""
        with contextlib.suppress(OSError):
            if lost is None:
                self._path(job_id).unlink(missing_ok=True)
            else:
                self._write(job_id, {"lost": lost})

    def _kept(self, job_id: str) -> Mapping[str, Any]:
        try:
            kept = json.loads(self._path(job_id).read_text())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, job_id: str, kept: Mapping[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        put_json(self._path(job_id), kept)

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(job_id.encode()).hexdigest()[:32]}.json"


def put_json(path: Path, value: Any) -> None:
    """Write the file so that it is whole at any moment: the program of another run may read it just now."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_text(json.dumps(value))
    beside.replace(path)


def _session(kept: Mapping[str, Any]) -> Session | None:
    try:
        return Session(str(kept["session"]), {str(key): str(value) for key, value in kept["totals"].items()})
    except (KeyError, AttributeError):
        return None
