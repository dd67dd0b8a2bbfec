"""An agent of kind `python` that does nothing, for a server's own process: it imports nothing else."""


async def work(prompt: str) -> str:
    return "ok"
