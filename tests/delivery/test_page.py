"""What docs/endpoints.md shows works as it stands."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.config import load_config
from agentcron.delivery.endpoints import KINDS, read_all
from agentcron.testing import FakeClock
from tests.delivery.conftest import Receiver, message, sender

PAGE = (Path(__file__).parents[2] / "docs" / "endpoints.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_settings_are_read_and_show_every_kind(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(block("toml"))
    config = load_config(environ={}, working_dir=tmp_path)
    found = read_all(config.endpoints, base_dir=tmp_path)
    assert {*found.senders, *found.heartbeats} == set(config.endpoints)
    assert {table["kind"] for table in config.endpoints.values()} == set(KINDS)


async def test_the_lines_that_verify_take_ours_and_refuse_others(receiver: Receiver) -> None:
    page: dict[str, Any] = {}
    exec(block("python"), page)
    secret = "whsec_" + "bmV2ZXIgdXNlIHRoaXMga2V5IGZvciBhbnl0aGluZyE="
    values = {"kind": "webhook", "url": receiver.url(), "secret": ["env:OLD", "env:NEW"], "allow_private": True}
    environ = {"NEW": secret, "OLD": "whsec_" + "YW5vdGhlciBrZXkgdGhhdCBpcyBub3QgdGhlaXJzIQ=="}
    for late in (timedelta(0), timedelta(minutes=6)):
        clock = FakeClock(datetime.now(UTC) - late)
        await sender(values, environ=lambda: environ, clock=clock).send(message())
    new, old = ({name.lower(): value for name, value in got.headers.items()} for got in receiver.got)
    body = receiver.got[0].body
    assert page["verify"](secret, new, body) == message().id
    with pytest.raises(ValueError, match="not signed with this key"):
        page["verify"](secret, new, body + b" ")
    with pytest.raises(ValueError, match="too old"):
        page["verify"](secret, old, body)
