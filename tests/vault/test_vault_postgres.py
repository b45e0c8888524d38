"""What a PostgreSQL must be and hold before a vault is opened on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path

import psycopg
import pytest

from gateway.errors import ConfigurationError
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres import schema
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.schema import migrations
from gateway.vault.service import Vault
from gateway.vault.sqlite.schema import migrations as sqlite_migrations
from tests import postgres
from tests.vault.makers import PAN, find, keep, many, new, open_vault, opened, place, rows

NOW = "2026-03-01T12:00:00.000000+00:00"

pytestmark = pytest.mark.postgres_alone


def test_what_is_no_vault_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    where = place(tmp_path)
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE TABLE someone_elses (x int)")
    with pytest.raises(ConfigurationError, match="not a vault"):
        PostgresDatabase(where, now=NOW)
    with psycopg.connect(where.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == [("someone_elses",)]


def test_a_newer_vault_is_refused(tmp_path: Path) -> None:
    where = place(tmp_path)
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, '2099')")
    with pytest.raises(ConfigurationError, match="newer version"):
        PostgresDatabase(where, now=NOW)


@pytest.mark.slow
@pytest.mark.pooled
def test_four_that_start_together_on_an_empty_database_make_one_vault(tmp_path: Path) -> None:
    where = place(tmp_path)
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    tokens = []

    def start() -> None:
        vault = Vault.open(where, KekFile(tmp_path / "kek"))
        tokens.append(keep(vault, new())[0].token)
        vault.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    with rows(tmp_path) as connection:
        versions = connection.execute("SELECT version FROM schema_version ORDER BY 1").fetchall()
    assert versions == [(number,) for number, _ in migrations()]


def test_a_vault_that_another_process_makes_just_after_a_look_is_a_vault(
    tmp_path: Path, monkeypatch
) -> None:
    """Torture met it: no version yet, and then all the tables."""
    where, look = place(tmp_path), schema._row
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    looked: list[str] = []

    def first_of_two(raw, statement):
        row = look(raw, statement)
        if not looked:
            looked.append(statement)
            open_vault(tmp_path).close()
        return row

    monkeypatch.setattr(schema, "_row", first_of_two)
    with contextlib.closing(PostgresDatabase(where, now=NOW)):
        assert "schema_version" in looked[0]


def test_both_stores_have_the_same_newest_version() -> None:
    assert migrations()[-1][0] == sqlite_migrations()[-1][0]


def test_both_stores_have_the_same_columns(tmp_path: Path, monkeypatch) -> None:
    def columns() -> dict[str, set[str]]:
        with opened(tmp_path), rows(tmp_path) as connection:
            return {name: connection.columns(name) for name in connection.tables()}

    here = columns()
    monkeypatch.delenv(postgres.STORE)
    there = columns()
    assert here.pop("card_count_part")
    assert there.pop("card_count")
    assert there.pop("sqlite_sequence")
    assert here == there


def test_p24_a_database_that_answers_before_it_is_durable_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), rows(tmp_path) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone()
    for value, opens in (("local", True), ("off", False)):
        with rows(tmp_path) as connection:
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
        if opens:
            open_vault(tmp_path).close()
            continue
        with pytest.raises(ConfigurationError) as refused:
            open_vault(tmp_path)
        assert "synchronous_commit is off" in str(refused.value)


@pytest.mark.pooled
def test_what_opens_is_what_was_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(6000), new(PAN))
        found = [find(vault, one.token) for one in (kept[0], kept[5999], kept[6000])]
        assert all(found)
        assert found[2].card.pan.reveal() == PAN
        assert asyncio.run(vault.keep([new(PAN)]))[0].token == kept[6000].token
        assert os.environ[postgres.STORE] == "postgres"
