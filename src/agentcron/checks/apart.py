"""Work that can take for ever on some texts, done in a process of its own, which the system ends after so many seconds
of work: nothing ends it within this one, and no other job would run meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any, Final

from agentcron.checks.place import LookFailed

# A process that waits for a busy machine has not worked.
_WAIT: Final = 60.0
# What is imported beforehand is no work.
_BEFORE: Final = """
import json, resource, sys, time
paths, seconds, given = json.load(sys.stdin)
def answer(work):
    most = int(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(work(*given), sys.stdout)
"""


class TooLong(Exception):  # noqa: N818 - whoever asked knows what it means
    """It did not come to an end within its seconds of work."""


async def done(script: str, given: Any, *, seconds: int, installed: bool = False) -> Any:
    """What the ``work`` that ``script`` hands to ``answer`` comes to with the values of ``given``, as JSON.

    ``installed``: it imports what is installed beside us. Raises ``TooLong``, and ``LookFailed`` where it cannot work.
    """
    alone = ("-I",) if installed else ("-I", "-S")
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *alone, "-c", f"{_BEFORE}{script}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise LookFailed(f"no process for it can be started: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_WAIT):
            said, complaint = await process.communicate(json.dumps([sys.path, seconds, given]).encode())
    except TimeoutError:
        raise TooLong from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == 0:
        return json.loads(said)
    if process.returncode is not None and process.returncode < 0:
        raise TooLong
    last = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise LookFailed(f"could not be done: {last or f'exit code {process.returncode}'}")
