"""What ``jobs.json`` holds: its jobs, whole or damaged, and the shape that it is written in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentcron.domain.model import Job
from agentcron.storage.json_files.files import Folder, encode, keep_entry, kept, parse, read_bytes, set_aside
from agentcron.storage.original import Unsaid, job_of, says_upper


@dataclass(slots=True)
class Shape:
    """How the file is laid out: an array or an object by id, statuses in capitals or not, a last line end or not."""

    by_id: bool = False
    upper: bool = False
    line_end: bool = True


@dataclass(slots=True)
class JobsFile:
    """The file as it was found. ``damaged`` is set where nothing of it can be used."""

    present: bool = False
    sha: str | None = None
    shape: Shape = field(default_factory=Shape)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    bad: int = 0
    damaged: str | None = None
    problems: list[str] = field(default_factory=list)


def read_jobs(folder: Folder, unsaid: Unsaid, ours: Collection[str | None], known: Mapping[str, Job]) -> JobsFile:
    """Read the file; what is damaged is set aside with its bytes kept. Raises ``StoreUnavailable``.

    Where its hash is one of ``ours``, nobody else wrote it, and the jobs that are ``known`` are not read again.
    """
    data = read_bytes(folder.jobs)
    if data is None:
        return JobsFile()
    found = JobsFile(present=True, sha=hashlib.sha256(data).hexdigest())
    found.shape.line_end = data.endswith(b"\n")
    try:
        value = parse(data)
        if not isinstance(value, list | dict):
            raise ValueError("it is neither an array nor an object")
    except ValueError as error:
        _damaged(folder, found, data, str(error))
        return found
    found.shape.by_id = isinstance(value, dict)
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        _read_entry(folder, found, key, entry, unsaid, known if found.sha in ours else {})
    if found.bad and not found.objects:
        _damaged(folder, found, data, "none of its entries is a job")
    return found


def _read_entry(
    folder: Folder, found: JobsFile, key: str | int, entry: Any, unsaid: Unsaid, known: Mapping[str, Job]
) -> None:
    try:
        if not isinstance(entry, dict):
            raise ValueError("it is no object")
        if isinstance(key, str) and "id" not in entry:
            entry = {"id": key, **entry}
        job = known.get(str(entry.get("id"))) or job_of(entry, unsaid)
        if job.id in found.jobs:
            raise ValueError(f"the id {job.id} is there twice")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        found.bad += 1
        copy = keep_entry(folder, "job", encode(entry).encode())
        name = entry.get("name") if isinstance(entry, dict) else None
        what = f"job {key}" + (f" ({name!r})" if isinstance(name, str) else "")
        found.problems.append(f"{folder.jobs}: {what} is set aside: {error}; {kept(copy)}")
        return
    found.objects[job.id] = entry
    found.jobs[job.id] = job
    found.shape.upper = found.shape.upper or says_upper(entry)


def _damaged(folder: Folder, found: JobsFile, data: bytes, why: str) -> None:
    copy = set_aside(folder.jobs, data)
    found.damaged = f"{folder.jobs} is damaged ({why}); {kept(copy)}"
    found.problems = [found.damaged]


def assemble(texts: Iterable[tuple[str, str]], shape: Shape) -> bytes:
    """The file's bytes of the jobs' texts, each indented by one step."""
    if shape.by_id:
        body = ",\n".join(f"  {encode(key)}: {text.lstrip()}" for key, text in texts)
    else:
        body = ",\n".join(text for _, text in texts)
    first, last = "{}" if shape.by_id else "[]"
    whole = f"{first}\n{body}\n{last}" if body else first + last
    return (whole + "\n" * shape.line_end).encode()


def indented(found: dict[str, Any]) -> str:
    """One job's text, one step in."""
    return "  " + encode(found).replace("\n", "\n  ")
