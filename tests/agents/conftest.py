"""Gives the fake model server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.agents.fake_openai import FakeOpenAI, fake_openai


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as server:
        yield server
