"""Write every generated page, and say which ones changed."""

from __future__ import annotations

import sys

from docs.generator import DOCS, pages

for name, text in pages().items():
    path = DOCS / name
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        sys.stdout.write(f"written: docs/{name}\n")
