"""How PostgreSQL is spoken to: where it is, who it must be, and how statements are spelled there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config_vault import VaultSettings
from gateway.secret import Secret
from gateway.vault.postgres.place import PostgresPlace, is_local
from gateway.vault.postgres.spelling import insert_of, spelled, unnested


def test_marks_are_numbered_but_not_in_texts() -> None:
    assert spelled("SELECT ?, '?', ? WHERE x = ?") == "SELECT $1, '?', $2 WHERE x = $3"
    assert spelled("SELECT ?2, ?1, ?2") == "SELECT $2, $1, $2"


def test_lists_and_ordered_joins_are_spelled() -> None:
    assert spelled("x IN (SELECT value FROM json_each(?1))") == (
        "x IN (SELECT value FROM json_array_elements_text(($1)::json) AS value)"
    )
    assert spelled("FROM a CROSS JOIN b USING (c)") == "FROM a JOIN b USING (c)"


def test_an_insert_of_many_rows_is_one_statement() -> None:
    insert = insert_of("INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING")
    assert insert is not None
    assert unnested(insert, ("text", "bigint")) == (
        "INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::bigint[]) ON CONFLICT DO NOTHING"
    )
    for other in (
        "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET a = ?",
        "INSERT INTO t (a) VALUES (1)",
        "UPDATE t SET a = ?",
    ):
        assert insert_of(other) is None


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("postgresql://vault@localhost/vault", True),
        ("postgresql:///vault?host=/run/postgresql", True),
        ("postgresql://vault@127.0.0.1,db.example/vault", False),
        ("postgresql://vault@db.example/vault", False),
    ],
)
def test_p05_beyond_this_machine_the_server_is_verified(url: str, local: bool) -> None:
    assert is_local(url) is local
    options = PostgresPlace(url, Secret("s3cret"), Path("/ca.pem")).options(5)
    assert options.get("sslmode") == (None if local else "verify-full")
    assert options.get("sslrootcert") == (None if local else "/ca.pem")
    assert "s3cret" not in str(PostgresPlace(url, Secret("s3cret")))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://vault@one.example,two.example/vault", "read-write"),
        ("postgresql:///vault?host=/run/one,/run/two", "read-write"),
        ("postgresql://vault@one.example,two.example/vault?target_session_attrs=primary", None),
        ("postgresql://vault@one.example/vault", None),
    ],
)
def test_p23_of_several_servers_the_one_that_takes_writes_is_read(
    url: str, wanted: str | None
) -> None:
    """One that lags behind would say of an old key that nothing is under it any more."""
    assert PostgresPlace(url).options(5).get("target_session_attrs") == wanted


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://vault:secret@db.example/vault", "no password in the URL"),
        ("mysql://db.example/vault", "postgresql://"),
        ("host=db.example dbname=vault", "postgresql://"),
        ("postgresql://db.example/vault?sslmode=disable", "may stand behind"),
    ],
)
def test_a_url_says_where_and_nothing_else(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        VaultSettings(url=url)
    assert "secret@" not in str(refused.value.errors(include_input=False))


def test_a_password_without_a_server_is_refused() -> None:
    with pytest.raises(ValueError, match="name its `url`"):
        VaultSettings(ca="ca.pem")
