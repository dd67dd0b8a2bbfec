"""What the image promises, read from the file: there is nothing here to build it with."""

from __future__ import annotations

import json
import re
from pathlib import Path

from agentcron.cli import COMMANDS
from agentcron.cli.serve import PORT

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the last stage with its words, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]
    last = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def test_the_image_runs_as_a_user_without_rights_who_owns_the_data_alone() -> None:
    said = instructions()
    user = next(number for number, (word, _) in enumerate(said) if word == "USER")
    assert said[user][1] == "10001:10001"
    assert "--uid 10001" in said[1][1]
    assert "install -d -o agentcron -g agentcron -m 0700 /data" in said[1][1]
    assert not [one for one in said[user:] if one[0] in ("RUN", "COPY", "ADD")]


def test_its_health_is_asked_where_it_serves_and_it_gets_signals() -> None:
    said = dict(instructions())
    health = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert f"http://127.0.0.1:{PORT}/readyz" in health[-1]
    compile(health[-1], "HEALTHCHECK", "exec")
    assert said["EXPOSE"] == str(PORT)
    assert json.loads(said["ENTRYPOINT"]) == ["tini", "--", "agentcron"]
    assert json.loads(said["CMD"])[0] in COMMANDS
    assert said["VOLUME"] == said["WORKDIR"] == "/data"
    assert "AGENTCRON_STORE=sqlite:////data/agentcron.sqlite" in said["ENV"]


def test_nothing_but_what_is_built_goes_into_the_image() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {word for line in copied for word in line.split()[:-1]} == kept
    assert all((ROOT / name).exists() for name in kept)
