"""Pictures of the main pages for the documentation: ``make pictures``; ``docs/pictures/dashboard-*.png``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.e2e import story
from tests.e2e.served import Server, chromium_path

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SHELL = '"/bin/sh", "-c", "sleep 2; echo done"'
AGENTS = '[scheduler]\ntimezone = "Europe/Berlin"\nstop_grace = "100ms"\n' + "".join(
    f'[agents.{name}]\nkind = "command"\ncommand = [{SHELL}]\n' for name in story.PRICES
)
WIDE: Any = {"width": 1240, "height": 860}
NARROW: Any = {"width": 320, "height": 640}


def main(folder: Path) -> None:
    """Live through the story, serve it, and look at it."""
    (folder / "agentcron.toml").write_text(AGENTS)
    if not (folder / "store.sqlite").exists():
        story.live(folder)
    server = Server(folder, store="store.sqlite")
    server.start()
    try:
        with server.api() as api, sync_playwright() as playwright:
            jobs = {job["name"]: job["id"] for job in api.get("/jobs").json()}
            shot = api.get("/executions", params={"job": "nightly code review", "status": "SUCCESS"}).json()[0]["id"]
            places = {
                "overview": "/", "jobs": "/jobs", "job": f"/jobs/{jobs['nightly code review']}",
                "run": f"/executions/{shot}", "form": f"/jobs/{jobs['morning brief']}/edit",
                "timeline": "/timeline?span=24h", "inbox": "/inbox", "settings": "/settings",
            }  # fmt: skip
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            context = browser.new_context(base_url=server.url, viewport=WIDE, timezone_id="Europe/Berlin")
            page = context.new_page()
            page.goto(server.login)
            page.wait_for_url(f"{server.url}/")
            everything = len(sys.argv) > 1
            for name, place in places.items():
                page.goto(place)
                page.wait_for_timeout(300)  # the countdowns have begun, the preview is there
                for scheme, size in (("light", WIDE), ("dark", WIDE), ("light", NARROW)):
                    if not everything and (scheme, size) not in KEPT.get(name, ()):
                        continue
                    page.emulate_media(color_scheme=scheme)
                    page.set_viewport_size(size)
                    kind = "narrow" if size is NARROW else scheme
                    to = folder / f"{name}-{kind}.png" if everything else PICTURES / f"dashboard-{name}-{kind}.png"
                    page.screenshot(path=to, full_page=everything)
                    if shutil.which("pngquant"):
                        # A third of the bytes, and nobody sees it.
                        subprocess.run(["pngquant", "--force", "--strip", "--output", to, "64", to], check=True)
            browser.close()
    finally:
        server.stop()


KEPT: dict[str, list[tuple[str, Any]]] = {
    "overview": [("light", WIDE), ("dark", WIDE), ("light", NARROW)],
    "jobs": [("light", WIDE)],
    "job": [("light", WIDE)],
    "run": [("dark", WIDE)],
    "form": [("light", WIDE)],
    "timeline": [("light", WIDE)],
}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
