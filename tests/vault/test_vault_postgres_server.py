"""A PostgreSQL that goes away and comes back, connections that it ends, and what stands in its files."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from gateway.errors import VaultUnavailable
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests import postgres
from tests.vault.makers import entry, find, keep, new, opened, pan, rows
from tests.vault.test_vault_secrecy import CANARY_PAN, canary, spellings

pytestmark = pytest.mark.postgres_alone


@pytest.fixture
def server(tmp_path_factory):
    own = postgres.Server()
    yield own
    own.close()


@pytest.mark.slow
def test_p27_while_the_server_is_away_all_is_refused_and_right_again_after(
    server, tmp_path
) -> None:
    """Under load: nothing that was answered is lost, nothing is there twice."""
    where = PostgresPlace(server.url)
    vault = Vault.open(where, KekFile(tmp_path / "kek"), busy_seconds=1.0)
    answered: dict[str, str] = {}
    refused = []
    ending = threading.Event()

    def load(worker: int) -> None:
        for number in range(100_000):
            if ending.is_set():
                return
            digits = pan(worker * 1_000_000 + number)
            try:
                (kept,) = keep(vault, new(digits), entries=[entry(f"{worker}-{number}")])
            except VaultUnavailable:
                refused.append(digits)
            else:
                answered[digits] = kept.token.alias

    threads = [threading.Thread(target=load, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    server.stop()
    away = time.monotonic()
    with pytest.raises(VaultUnavailable):
        vault.count_by_product()
    while not refused and time.monotonic() < away + 20:
        time.sleep(0.05)
    assert refused
    server.start()
    back, before = time.monotonic(), len(answered)
    while len(answered) < before + 20 and time.monotonic() < back + 20:
        time.sleep(0.05)
    ending.set()
    for thread in threads:
        thread.join()
    assert len(answered) >= before + 20
    again = keep(vault, *(new(digits) for digits in answered))
    assert [one.token.alias for one in again] == list(answered.values())
    assert not any(one.created for one in again)
    assert vault.audit.check().findings == []
    told = [one.entry.exchange for one in vault.entries(limit=1_000_000)]
    assert len(told) == len(set(told))  # nothing was written twice
    vault.close()


@pytest.mark.pooled
def test_p27_connections_that_the_server_ended_are_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new(), entries=[entry()])
        for _ in range(3):
            with rows(tmp_path) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert find(vault, kept.token, entries=[entry()]) is not None
        assert vault.audit.check().findings == []


@pytest.mark.pooled
def test_p27_a_connection_that_is_lost_within_a_transaction_refuses(tmp_path: Path) -> None:
    """Whether it may be done again is not ours to say once a job has begun."""

    def end(connection):
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with opened(tmp_path) as vault:
        with pytest.raises(VaultUnavailable) as refused:
            vault._database.write("test", end).result(10)
        assert refused.value.__context__ is None
        assert keep(vault, new())[0].created


def test_p16_p21_no_card_stands_in_any_of_the_servers_files(server, tmp_path: Path) -> None:
    vault = Vault.open(PostgresPlace(server.url), KekFile(tmp_path / "kek"))
    (kept,) = keep(vault, canary(), entries=[entry()])
    assert find(vault, kept.token, entries=[entry()]) is not None
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    files = [path for path in server.directory.rglob("*") if path.is_file()]
    assert any("pg_wal" in str(path) for path in files)
    assert any(b"seaside" in path.read_bytes() for path in files)  # what is not secret is there
    for path in files:
        content = path.read_bytes()
        for text in (CANARY_PAN, "Zebedee Quixotry", kept.token.tokenuser):
            for spelling in spellings(text):
                assert spelling not in content, (path.name, spelling)
    vault.close()
