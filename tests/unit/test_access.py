"""Tokens are kept as hashes, in a file that only its owner reads, and die when they are revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentcron.access import Scope, TokenFile
from agentcron.errors import ConflictError, InvalidJobError, NotFoundError, StoreUnavailable

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "folder" / "jobs.sqlite.tokens.json")


def test_a_token_is_known_by_its_secret_which_is_not_kept(tokens: TokenFile) -> None:
    secret = tokens.create("reader", Scope.READ, NOW)
    found = tokens.match(secret)
    assert found is not None
    assert (found.name, found.scope) == ("reader", Scope.READ)
    assert tokens.match(secret[:-1]) is None
    assert tokens.match("\ud800") is None
    assert secret not in tokens.path.read_text()
    assert tokens.path.stat().st_mode & 0o777 == 0o600


def test_a_revoked_token_is_refused_by_those_who_read_the_file_before(tokens: TokenFile) -> None:
    secret = tokens.create("reader", Scope.READ, NOW)
    server = TokenFile(tokens.path)
    assert server.match(secret) is not None
    tokens.revoke("reader")
    assert server.match(secret) is None
    with pytest.raises(NotFoundError, match="token list"):
        tokens.revoke("reader")


def test_a_name_is_given_once_and_is_plain(tokens: TokenFile) -> None:
    tokens.create("a", Scope.READ, NOW)
    with pytest.raises(ConflictError, match="revoke it first"):
        tokens.create("a", Scope.ADMIN, NOW)
    with pytest.raises(InvalidJobError, match="no name of a token"):
        tokens.create("a b", Scope.READ, NOW)


@pytest.mark.parametrize("damage", ["", "[]", '{"tokens": [{"name": "x"}]}', '{"tokens": 1}', "[" * 100_000])
def test_a_damaged_file_is_no_empty_one(tokens: TokenFile, damage: str) -> None:
    tokens.path.parent.mkdir()
    tokens.path.write_text(damage)
    with pytest.raises(StoreUnavailable, match="is no file of tokens"):
        tokens.match("x")
    with pytest.raises(StoreUnavailable):
        tokens.create("x", Scope.READ, NOW)
    assert tokens.path.read_text() == damage


def test_each_scope_includes_those_before_it() -> None:
    for needed in Scope:
        assert [scope for scope in Scope if scope.includes(needed)] == list(Scope)[list(Scope).index(needed) :]
