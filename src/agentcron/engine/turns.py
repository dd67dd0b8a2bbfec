"""How long the engine holds the event loop: after so many runs of a long list it turns once.

Whoever else waits for the loop is served in between, and short runs end while they are still in the core's cache.
"""

from __future__ import annotations

from typing import Final

SLICE: Final = 64
