"""What a job's rule asks for reaches a real receiver, signed, once, whatever the receiver does first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from standardwebhooks import Webhook

from agentcron import AgentError
from agentcron.testing import create_test_environment
from tests.delivery.conftest import Receiver

SECRET = "whsec_bmV2ZXIgdXNlIHRoaXMga2V5IGZvciBhbnl0aGluZyE="


async def test_a_failure_is_told_signed_and_again_until_it_is_taken(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    table = {"kind": "webhook", "url": receiver.url(), "secret": "file:key", "allow_private": True}
    receiver.answers = [(503, {"Retry-After": "30"})]
    # The signature bears the time of the try, which a real receiver compares with its own clock.
    start = datetime.now(UTC) - timedelta(hours=1)
    async with create_test_environment(
        endpoints={"ops": table, "log": {"kind": "file", "path": "told.jsonl"}}, base_dir=tmp_path, start=start
    ) as env:
        env.agent_factory.then(AgentError(f"broken, says {SECRET}"))
        await env.plugin.create_job("report", "every 1h", "hi", notify=["ops: failure", "log: failure"])
        await env.clock.advance(timedelta(hours=1))
        await env.plugin.force_evaluation()
        assert {letter.target: letter.status for letter in await env.plugin.outbox()} == {
            "ops": "PENDING",
            "log": "SENT",
        }
        await env.clock.advance(timedelta(seconds=29))
        await env.plugin.force_evaluation()
        assert len(receiver.got) == 1
        await env.clock.advance(timedelta(seconds=91))
        await env.plugin.force_evaluation()
        assert {letter.status for letter in await env.plugin.outbox()} == {"SENT"}
        [failed] = await env.runs()
    first, second = receiver.got
    told = Webhook(SECRET).verify(second.body, {name.lower(): value for name, value in second.headers.items()})
    assert (told["type"], told["data"]["execution"]["id"]) == ("failure", failed.id)
    assert "broken, says [redacted:key]" in told["data"]["text"]
    assert SECRET.encode() not in first.body
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert json.loads((tmp_path / "told.jsonl").read_text())["data"]["execution"]["id"] == failed.id
