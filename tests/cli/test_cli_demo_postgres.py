"""`card-gateway demo --vault postgresql://…`: the same story, and the search goes through the server's tables."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gateway.cli import demo_operations, demo_pulls
from gateway.cli.demo_scan import look
from gateway.errors import VaultUnavailable
from gateway.sandbox.cards import VISA
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.values import tables, values
from tests import postgres
from tests.cli.test_cli_demo import few_chapters, forking, told  # noqa: F401 - fixtures


@pytest.fixture
def empty(monkeypatch):
    """The URL of a database that has nothing in it, as gateway.yaml takes one."""
    server, name = postgres.server_url(), f"demo_{os.getpid()}"
    said = conninfo_to_dict(server)
    if said.get("password"):
        monkeypatch.setenv("PGPASSWORD", str(said["password"]))
    where = urlencode({key: said[key] for key in ("host", "port") if said.get(key)})
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"postgresql://{quote(str(said['user']))}@/{name}?{where}"
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def run(url, statement, *parameters):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, parameters)


@pytest.mark.slow
def test_the_story_is_told_on_postgresql_and_its_tables_are_searched(
    tmp_path,
    empty,
    few_chapters,  # noqa: F811
) -> None:
    few_chapters(demo_pulls.one_booking, demo_operations.scan_running)
    keep = tmp_path / "kept"
    code, out, err = told("--vault", empty, "--keep", keep)
    assert code == 0, out + err
    assert "facts of 5 chapters are as told" in out
    assert "every value of every table" in " ".join(out.split())
    assert list(keep.rglob("vault.db")) == []
    assert {"card", "link", "audit"} <= {one.table for one in values(PostgresPlace(empty))}


@pytest.mark.slow
def test_a_clear_number_in_a_table_is_not_as_told(empty, few_chapters) -> None:  # noqa: F811
    def plant(_scene) -> None:
        run(empty, "CREATE TABLE planted (held bytea)")
        run(empty, "INSERT INTO planted VALUES (%s)", f"a {VISA} b".encode())

    few_chapters(demo_pulls.one_booking, plant)
    code, out, _ = told("--vault", empty)
    assert code == 1
    assert "planted.held: 444433******1111" in out
    assert VISA not in out[out.index("The same search") :]


@pytest.mark.parametrize("kind", ["text", "bytea", "bigint", "jsonb"])
def test_a_number_is_found_whatever_type_its_column_has(tmp_path, empty, kind) -> None:
    held = {"bytea": VISA.encode(), "bigint": int(VISA), "jsonb": f'{{"n": "{VISA}"}}'}
    run(empty, f'CREATE SCHEMA other CREATE TABLE "odd "" name" (beside text, held {kind})')
    run(empty, 'INSERT INTO other."odd "" name" VALUES (NULL, %s)', held.get(kind, VISA))
    found = look(tmp_path, known=(), database=PostgresPlace(empty))
    assert found.clear == ('odd " name.held: 444433******1111',)
    assert found.tables == ('odd " name',)


def test_a_database_that_is_in_use_is_left_alone(empty) -> None:
    run(empty, "CREATE TABLE somebodys (it text)")
    code, _, err = told("--vault", empty)
    assert code == 2
    assert "has tables already" in err
    assert tables(PostgresPlace(empty)) == ["somebodys"]


def test_a_server_that_is_away_is_told_without_a_trace(tmp_path) -> None:
    with pytest.raises(VaultUnavailable) as raised:
        tables(PostgresPlace(f"postgresql://nobody@/none?host={tmp_path}"))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
