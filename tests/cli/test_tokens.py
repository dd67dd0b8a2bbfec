"""The command makes tokens, shows each once, and revokes them."""

from __future__ import annotations

from tests.cli.conftest import Command


def test_a_token_is_made_listed_without_its_secret_and_revoked(agentcron: Command) -> None:
    made = agentcron("token", "create", "--name", "page", "--scope", "read", "--json")
    assert made.json == {"name": "page", "scope": "read", "token": made.json["token"]}
    assert "shown this once" in made.err
    listed = agentcron("token", "list", "--json")
    assert [(row["name"], row["scope"]) for row in listed.json] == [("page", "read")]
    assert made.json["token"] not in listed.out
    assert agentcron("token", "create", "--name", "page", "--scope", "run").code == 4
    assert agentcron("token", "revoke", "page", "--json").json == {"name": "page", "revoked": True}
    assert agentcron("token", "revoke", "page").code == 3
    assert agentcron("token", "list").out == "no tokens\n"


def test_a_scope_that_does_not_exist_is_bad_input(agentcron: Command) -> None:
    refused = agentcron("token", "create", "--name", "x", "--scope", "root")
    assert refused.code == 2
    assert "'read', 'run', 'write', 'admin'" in refused.err
