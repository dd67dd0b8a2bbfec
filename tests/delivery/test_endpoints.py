"""The tables of endpoints are read strictly, each kind by its own keys; what only some need is imported for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentcron.delivery.endpoints import read_endpoints
from agentcron.errors import ConfigError
from tests.cli.conftest import Command

FILE = {"kind": "file", "path": "x"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            {"ops": {}},
            "endpoints.ops: kind: is missing; it is one of webhook, email, file, command, apprise, heartbeat",
        ),
        ({"ops": {"kind": "webhok"}}, "endpoints.ops: kind: 'webhok' is not a kind; did you mean webhook?"),
        ({"ops": {"kind": ["webhook"]}}, "endpoints.ops: kind: "),
        ({"ops": 3}, "endpoints.ops: must be a table; write [endpoints.ops]"),
        ({"a b": FILE}, "endpoints: 'a b' is not a name"),
        ({"a\n": FILE}, "endpoints: 'a\\n' is not a name"),
        ({"": FILE}, "endpoints: '' is not a name"),
        ({"x" * 65: FILE}, "endpoints: "),
    ],
)
def test_what_is_no_endpoint_is_refused_in_one_line(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_endpoints(written)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_each_is_known_by_its_name_and_a_heartbeat_takes_no_messages() -> None:
    found = read_endpoints({"a": FILE, "b.c-d_9": FILE, "beat": {"kind": "heartbeat", "url": "https://x.example/1"}})
    assert list(found) == ["a", "b.c-d_9"]


def test_reading_endpoints_imports_no_service() -> None:
    program = (
        "import sys\n"
        "from agentcron.delivery.endpoints import read_endpoints\n"
        "read_endpoints({'a': {'kind': 'apprise', 'url': 'env:X'}, 'f': {'kind': 'file', 'path': 'x'}})\n"
        "print(sorted({'apprise', 'requests', 'smtplib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_doctor_tells_which_endpoints_can_be_used(
    agentcron: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentcron.toml").write_text(
        "[scheduler]\nheartbeat = 'beet'\n"
        "[endpoints.good]\nkind = 'webhook'\nurl = 'https://hooks.example/x'\nsecret = 'env:GOOD'\n"
        "[endpoints.unset]\nkind = 'webhook'\nurl = 'https://hooks.example/x'\nsecret = 'env:UNSET'\n"
        "[endpoints.gone]\nkind = 'command'\ncommand = ['./gone.sh']\n"
        "[endpoints.odd]\nkind = 'file'\npaht = 'x'\n"
        "[endpoints.mail]\nkind = 'email'\nhost = 'h'\nfrom = 'a@h'\nto = 'b@h'\n"
        "[endpoints.beat]\nkind = 'heartbeat'\nurl = 'env:GOOD'\n"
    )
    monkeypatch.setenv("GOOD", "whsec_" + "bmV2ZXIgdXNlIHRoaXMga2V5IGZvciBhbnl0aGluZyE=")
    told = agentcron("doctor", "--json")
    found = {one["check"]: one for one in told.json if one["check"].startswith("endpoint ")}
    assert {name: one["verdict"] for name, one in found.items()} == {
        "endpoint good": "ok",
        "endpoint unset": "fail",
        "endpoint gone": "fail",
        "endpoint odd": "fail",
        "endpoint mail": "ok",
        "endpoint beat": "fail",
        "endpoint beet": "fail",
    }
    assert found["endpoint unset"]["detail"].startswith("secret: env:UNSET: the variable UNSET is not set")
    assert found["endpoint beat"]["detail"] == "url: the address must begin with https:// or http://"
    assert told.code == 1
    assert "whsec_" not in told.out
