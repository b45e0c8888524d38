"""PgBouncer in transaction mode between the vault and PostgreSQL: nothing is left in a session, and four
server connections do for many clients. What else holds through it: the tests that are marked `pooled`."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from gateway.errors import VaultBusy, VaultUnavailable
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests import pooler, postgres
from tests.gate import together
from tests.vault.makers import entry, find, keep, many, new, pan

pytestmark = [pytest.mark.postgres_alone, pytest.mark.slow]

CONNECTIONS = 4  # default_pool_size
USER = "postgres"
LEFT = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
NODE = """
import asyncio, pathlib, sys
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault
from tests import gate
from tests.vault.makers import entry, many
vault = Vault.open(PostgresPlace(sys.argv[1]), KekFile(pathlib.Path(sys.argv[2])))
gate.wait(sys.argv[3])
async def main():
    cards = many(60)
    parts = [cards[n:n + 3] for n in range(0, 60, 3)] + [cards]
    kept = await asyncio.gather(*(vault.keep(part, [entry()] * len(part)) for part in parts))
    print([one.token.alias for part in kept for one in part])
asyncio.run(main())
vault.close()
"""


@pytest.fixture(scope="module")
def server():
    if pooler.why_not():
        pytest.skip(pooler.why_not())
    own = postgres.Server()
    yield own
    own.close()


@pytest.fixture
def between(server):
    """A pooler before an empty vault."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS vault WITH (FORCE)")
        admin.execute("CREATE DATABASE vault")
    made = pooler.Pooler(
        {"vault": f"host={server.data} dbname=vault"}, {USER: pooler.PASSWORD}, server.user,
        server_tls_sslmode="prefer",
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def where(between):
    return PostgresPlace(between.url(f"{USER}:{pooler.PASSWORD}", "vault"))


@pytest.fixture
def vault(where, tmp_path):
    opened = Vault.open(where, KekFile(tmp_path / "kek"), busy_seconds=1.0)
    yield opened
    opened.close()


def pools(between):
    (found,) = [
        one for one in between.show("POOLS", USER, pooler.PASSWORD) if one["database"] == "vault"
    ]
    return found


def test_p25_four_processes_on_four_connections_give_each_card_one_token(
    between, where, vault, tmp_path
):
    assert len(set(together(NODE, 4, where.url, tmp_path / "kek"))) == 1
    assert vault.count_by_product() == {"seaside": 60}
    report = vault.audit.check()
    assert (report.findings, report.entries) == ([], 4 * 120)
    found = pools(between)
    assert found["pool_mode"] == "transaction"
    (peak,) = [
        one for one in between.show("SERVERS", USER, pooler.PASSWORD) if one["database"] == "vault"
    ][:1]
    assert peak["application_name"] == "card-gateway"
    assert found["sv_active"] + found["sv_idle"] + found["sv_used"] <= CONNECTIONS


def test_nothing_of_ours_is_left_in_a_session(where, vault):
    """Whoever gets a server connection after us finds it as if it were new."""
    kept = keep(vault, *many(3000), entries=[entry()] * 3000)
    assert find(vault, kept[0].token, entries=[entry()]) is not None
    assert vault.audit.check().findings == []  # by a cursor
    vault.rotation.add("test")
    vault.rotation.activate("test")
    assert vault.rewrap.run("test").damaged == []
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(psycopg.connect(where.url, autocommit=True))
            for _ in range(CONNECTIONS)
        ]
        seen = set()
        for session in sessions:  # each holds one in its transaction
            session.execute("BEGIN")
            seen.add(session.execute("SELECT pg_backend_pid()").fetchone())
            for name in LEFT:
                assert session.execute(f"SHOW {name}").fetchone() == ("0",), name
            for what in ("pg_prepared_statements", "pg_cursors"):
                assert session.execute(f"SELECT * FROM {what}").fetchall() == []
            locks = "SELECT * FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
            assert session.execute(locks).fetchall() == []
            assert session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
        assert len(seen) == CONNECTIONS


def test_p27_whoever_holds_a_lock_is_waited_for_as_long_as_without_a_pooler(server, vault):
    direct = server.url.replace("/postgres?", "/vault?")
    with psycopg.connect(direct) as other:
        other.execute("LOCK TABLE card IN EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(VaultBusy):
            keep(vault, new(), entries=[entry()])
        assert 0.9 < time.monotonic() - started < 4
    assert keep(vault, new(), entries=[entry()])[0].created


def test_a_long_check_goes_on_while_many_write(vault):
    """More readers and writers than there are connections; the check has one to itself all the time."""
    keep(vault, *many(2500), entries=[entry()] * 2500)

    def write(number):
        return keep(vault, new(pan(9_000_000 + number)), entries=[entry()])[0].token

    with ThreadPoolExecutor(8) as pool:
        checks = [pool.submit(vault.audit.check) for _ in range(2)]
        tokens = list(pool.map(write, range(60)))
        assert [check.result().findings for check in checks] == [[], []]
    assert len(set(tokens)) == 60
    assert vault.audit.check().entries == 2560


def test_p27_behind_the_pooler_the_server_goes_away_and_comes_back(server, vault):
    (kept,) = keep(vault, new(), entries=[entry()])
    server.stop()
    try:
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(VaultUnavailable):
                keep(vault, new(pan(1)), entries=[entry()])
            assert time.monotonic() - started < 14  # query_wait_timeout, on two connections
    finally:
        server.start()
    until = time.monotonic() + 15
    while True:
        try:
            again = keep(vault, new(), entries=[entry()])
        except VaultUnavailable:
            assert time.monotonic() < until
        else:
            break
    assert (again[0].token, again[0].created) == (kept.token, False)
    assert asyncio.run(vault.keep([new(pan(1))], [entry()]))[0].created
    assert vault.audit.check().findings == []
