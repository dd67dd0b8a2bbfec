"""Whether a regular expression is found in a text, in bounded time: some take for ever on some texts.

It is looked for in a process of its own, which the system ends after a second of work: nothing ends a search within
this one, and no other job would run meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Final

from agentcron.checks.place import LookFailed

_WORK: Final = 1
# A process that waits for a busy machine has not worked.
_WAIT: Final = 60.0
_SEARCH: Final = f"""
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_WORK}, {_WORK}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
pattern, text = json.load(sys.stdin)
sys.exit(10 if re.search(pattern, text, re.MULTILINE) else 11)
"""


async def found(pattern: str, text: str) -> bool:
    """Whether it is found, as with ``re.MULTILINE``. Raises ``LookFailed`` where that takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _SEARCH),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise LookFailed(f"no process to search in can be started: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_WAIT):
            await process.communicate(json.dumps([pattern, text]).encode())
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode in (10, 11):
        return process.returncode == 10
    raise LookFailed("takes too long to be searched for; write it without repetitions within repetitions")
