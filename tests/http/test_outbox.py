"""What is told to others, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentcron.delivery.message import DeliveryError
from agentcron.domain.letters import LetterStatus
from tests.http.conftest import Service, serving
from tests.outbox.conftest import Recorder
from tests.outbox.test_given_up import REFUSED

API = "/api/v1/outbox"


@pytest.fixture
def ops() -> Recorder:
    return Recorder()


@pytest.fixture
async def service(tmp_path: Path, ops: Recorder) -> AsyncIterator[Service]:
    async with serving(tmp_path, endpoints={"ops": ops}) as found:
        yield found


async def told(service: Service, count: int = 1, name: str = "report") -> str:
    """The id of a job whose so many runs were told, or tried to be."""
    job_id = await service.plugin.create_job(name, "every 1d", "p", agent="echo", notify="ops: success")
    for _ in range(count):
        await service.plugin.run_job_now(job_id)
        await service.plugin.force_evaluation()
    return job_id


async def test_who_may_read_sees_what_was_told_to_whom(service: Service, ops: Recorder) -> None:
    job_id = await told(service)
    async with service.client("read") as reader:
        [letter] = (await reader.get(API)).json()
        assert (await reader.get(f"{API}/{letter['id'][:8]}")).json() == letter
    [run] = await service.plugin.get_executions(job_id)
    assert letter == {
        "id": ops.sent[0].id, "job_id": job_id, "job_name": "report", "execution_id": run.id, "event": "success",
        "target": "ops", "status": "SENT", "tries": 1, "created": letter["created"], "wake_at": None,
        "ended_at": letter["ended_at"], "error": None, "subject": "report succeeded",
    }  # fmt: skip


async def test_letters_are_filtered_and_come_in_pages(service: Service, ops: Recorder) -> None:
    job_id = await told(service, 3)
    ops.errors.append(REFUSED)
    await told(service, 1, "other")
    newest = [letter.id for letter in await service.plugin.outbox()]
    [run, *_] = await service.plugin.get_executions(job_id)
    async with service.client("read") as client:
        for asked, wanted in (
            ({"job": "report"}, newest[1:]),
            ({"status": "FAILED"}, newest[:1]),
            ({"status": "PENDING"}, []),
            ({"status": "SENT", "job": job_id}, newest[1:]),
            ({"status": "SENT", "job": "other"}, []),
            ({"execution": run.id}, newest[1:2]),
            ({"execution": run.id, "job": "other"}, []),
        ):
            assert [one["id"] for one in (await client.get(API, params=asked)).json()] == wanted, asked
        seen, place = [], f"{API}?limit=3"
        for count in (3, 1):
            page = await client.get(place)
            seen += [one["id"] for one in page.json()]
            assert len(page.json()) == count
            place = page.links.get("next", {}).get("url", "")
        assert (seen, place) == (newest, "")
        assert (await client.get(API, params={"before": "unknown"})).json() == []
        for asked, code in (
            ({"job": "nobody"}, 404),
            ({"execution": "nobody"}, 404),
            ({"status": "LOST"}, 422),
            ({"limit": "0"}, 422),
            ({"target": "ops"}, 422),
        ):
            assert (await client.get(API, params=asked)).status_code == code, asked
        assert (await client.get(f"{API}/zz")).status_code == 404


async def test_a_letter_that_was_given_up_is_sent_afresh_by_who_may_run(service: Service, ops: Recorder) -> None:
    ops.errors.append(REFUSED)
    job_id = await told(service)
    [letter] = await service.plugin.outbox()
    place = f"{API}/{letter.id}/resend"
    async with service.client("read") as reader:
        assert (await reader.post(place)).status_code == 403
    async with service.client("run") as runner:
        answer = await runner.post(place)
        assert (answer.status_code, answer.json()["status"], answer.json()["tries"]) == (200, "PENDING", 0)
        await service.plugin.force_evaluation()
        again = await runner.post(place)
        assert (again.status_code, "was not given up" in again.json()["detail"]) == (409, True)
    first, second = ops.tried
    assert first == second
    assert (await service.plugin.get_letter(letter.id)).status is LetterStatus.SENT
    assert len(await service.plugin.get_executions(job_id)) == 1


async def _figures(service: Service) -> dict[str, float]:
    """The figures about letters."""
    async with service.client("read") as client:
        lines = (await client.get("/metrics")).text.splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith(("agentcron_deliveries", "agentcron_letters"))]
    return {name: float(value) for name, _, value in found if "_created" not in name}


async def test_figures_count_what_became_of_each_try_and_what_waits(service: Service, ops: Recorder) -> None:
    waiting = 'agentcron_letters_waiting{endpoint="ops"}'
    tries = 'agentcron_deliveries_total{{kind="Recorder",outcome="{}"}}'.format
    assert await _figures(service) == {waiting: 0}
    ops.errors.extend([REFUSED, DeliveryError("busy", retryable=True)])
    await told(service, 4)
    counted = {waiting: 1, tries("sent"): 2, tries("given_up"): 1, tries("retried"): 1}
    assert await _figures(service) == counted
    [lost] = await service.plugin.outbox(status="FAILED")
    await service.plugin.retry_letter(lost.id)
    assert await _figures(service) == {**counted, waiting: 2}, "a person's word is no try"
    await service.plugin.force_evaluation()
    assert await _figures(service) == {**counted, tries("sent"): 3}


async def test_figures_are_there_though_no_endpoint_can_be_made(tmp_path: Path) -> None:
    async with serving(tmp_path, endpoints={"ops": {"kind": "pigeon"}}) as service:
        assert await _figures(service) == {}


async def test_figures_read_no_letter_that_was_sent(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scan(*given: object) -> object:
        raise AssertionError("the whole outbox was read")

    for name in ("count_letters", "list_letters"):
        monkeypatch.setattr(type(service.plugin.storage._store), name, scan)
    assert await _figures(service) == {'agentcron_letters_waiting{endpoint="ops"}': 0}
