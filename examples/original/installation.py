"""Installation: `pip install agentcron`, or `pip install 'agentcron[ai]'` for pydantic-ai; nothing to build."""

import shutil
import sys

import agentcron

print(f"agentcron {agentcron.__version__} on Python {sys.version_info.major}.{sys.version_info.minor}")
print(f"the command: {shutil.which('agentcron') or f'{sys.executable} -m agentcron'}")
