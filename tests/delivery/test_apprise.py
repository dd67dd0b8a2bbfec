"""Every service of apprise takes messages, by an address that is a secret."""

from __future__ import annotations

import json
import sys

import pytest

from agentcron.delivery.message import DeliveryError
from agentcron.errors import ConfigError
from agentcron.redaction import Redactor
from tests.delivery.conftest import Receiver, message, sender

# The library imports it on Pythons that have it still.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
VALUES = {"kind": "apprise", "url": "env:SERVICE"}


async def refusal(address: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender(VALUES, environ=lambda: {"SERVICE": address}).send(message())
    return caught.value


@pytest.mark.parametrize(("event", "kind"), [("failure", "failure"), ("recovered", "success"), ("paused", "warning")])
async def test_the_service_is_told_subject_and_text(receiver: Receiver, event: str, kind: str) -> None:
    address = f"json://user:a-password@127.0.0.1:{receiver.port}/x"
    redactor = Redactor({})
    ours = sender(VALUES, environ=lambda: {"SERVICE": address}, redactor=redactor)
    await ours.send(message(event=event))
    told = json.loads(receiver.got[0].body)
    assert (told["title"], told["message"], told["type"]) == (message().subject, message().text, kind)
    assert redactor.text(address) == "[redacted:SERVICE]"


async def test_a_service_that_refuses_is_tried_again(receiver: Receiver) -> None:
    receiver.answers = [(500, {})]
    error = await refusal(f"json://127.0.0.1:{receiver.port}/x")
    assert error.retryable
    assert str(error) == "the service did not take it; the logger apprise says why"


async def test_an_address_that_apprise_does_not_know_is_told_without_it() -> None:
    error = await refusal("nosuch://user:a-password@host")
    assert str(error) == "endpoints.ops: url: what env:SERVICE points to is no address of apprise"


async def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    error = await refusal("json://127.0.0.1/x")
    assert str(error) == "endpoints.ops: apprise is not installed; pip install 'agentcron[notify]'"
    assert error.retryable


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"url": "json://user:hunter2@host"}, "endpoints.ops: url: a secret does not belong in this file"),
        ({}, "endpoints.ops: url: is missing"),
        ({"url": "env:X", "urls": []}, "endpoints.ops: urls is not a key of it; did you mean url?"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sender({"kind": "apprise", **values})
    assert str(caught.value).startswith(told)
    assert "hunter2" not in str(caught.value)
