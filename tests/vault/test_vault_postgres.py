"""What PostgreSQL does that SQLite does not: many nodes, a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import psycopg
import pytest

from gateway.config_vault import VaultSettings
from gateway.errors import ConfigurationError, VaultBusy, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres import schema
from gateway.vault.postgres.database import PostgresDatabase
from gateway.vault.postgres.place import PostgresPlace, is_local
from gateway.vault.postgres.schema import migrations
from gateway.vault.postgres.spelling import insert_of, spelled, unnested
from gateway.vault.retention import Purged
from gateway.vault.service import Vault
from gateway.vault.sqlite.schema import migrations as sqlite_migrations
from tests import postgres
from tests.children import at_once, run
from tests.gate import Gate
from tests.vault.makers import (
    PAN,
    booking,
    entry,
    find,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    place,
    rows,
)
from tests.vault.test_vault_retention import BY, DUE, RULE
from tests.vault.test_vault_secrecy import CANARY_PAN, canary, spellings

NOW = "2026-03-01T12:00:00.000000+00:00"


pytestmark = pytest.mark.postgres_alone


# --- spelling -------------------------------------------------------------------------------------


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


# --- nodes ----------------------------------------------------------------------------------------

NODE = """
import asyncio, pathlib, sys
from tests import gate
from tests.vault.makers import entry, many, open_vault
vault = open_vault(pathlib.Path(sys.argv[1]))
gate.wait(sys.argv[2])
async def main():
    cards = many(40)
    parts = [cards[n:n + 4] for n in range(0, 40, 4)] + [cards, cards[:1]]
    kept = await asyncio.gather(*(vault.keep(part, [entry()] * len(part)) for part in parts))
    print([one.token.alias for part in kept for one in part])
asyncio.run(main())
vault.close()
"""


@pytest.mark.slow
@pytest.mark.pooled
def test_p25_four_nodes_give_one_token_to_cards_that_come_to_all_at_once(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    gate = Gate(4)
    nodes = at_once(NODE, [(tmp_path, gate.name)] * 4, gate.open)
    assert [node.returncode for node in nodes] == [0] * 4, nodes[0].stderr
    said = {node.stdout for node in nodes}
    assert len(said) == 1
    with opened(tmp_path) as vault:
        assert vault.count_by_product() == {"seaside": 40}
        assert len(vault.entries(limit=10_000)) == 4 * 81
        report = vault.audit.check()
        assert (report.findings, report.entries) == ([], 4 * 81)


@pytest.mark.pooled
def test_p25_what_two_nodes_decide_at_once_is_as_if_one_had_come_first(tmp_path: Path) -> None:
    """Each reads, and then writes what the other has read: PostgreSQL lets one through, the other one
    decides again."""
    seen = []
    with opened(tmp_path) as one, opened(tmp_path) as other:
        keep(one, new())
        both = threading.Barrier(2)

        def work(connection):
            (count,) = connection.execute("SELECT count(*) FROM refusal").fetchone()
            if not seen or len(seen) < 2:
                both.wait(10)
            seen.append(count)
            connection.execute(
                "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
                " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')",
                (count,),
            )

        futures = [vault._database.write("test", work) for vault in (one, other)]
        for future in futures:
            future.result(20)
        with rows(tmp_path) as connection:
            ports = connection.execute("SELECT port FROM refusal ORDER BY port").fetchall()
    assert ports == [(0,), (1,)]
    assert sorted(seen) == [0, 0, 1]


@pytest.mark.pooled
def test_p24_a_node_that_dies_within_its_transaction_leaves_nothing_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from tests.vault.makers import entry, keep, new, open_vault\n"
        "def step(name):\n"
        "    if name == 'keep:links': os.kill(os.getpid(), signal.SIGKILL)\n"
        "keep(open_vault(pathlib.Path(sys.argv[1]), step=step), new(), entries=[entry()])\n"
    )
    with opened(tmp_path) as vault:
        assert run(script, tmp_path).returncode == -signal.SIGKILL
        (kept,) = keep(vault, new(), entries=[entry()])
        assert kept.created
        assert len(vault.entries()) == 1
        assert vault.audit.check().findings == []


STANDS = """
import os, pathlib, signal, sys, time
from gateway.errors import VaultUnavailable
from tests.vault.makers import entry, keep, new, open_vault
def step(name):
    if name == "keep:written":
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.5)  # until it has come to this thread
try:
    keep(open_vault(pathlib.Path(sys.argv[1]), step=step, busy_seconds=0.5), new(), entries=[entry()])
except VaultUnavailable:
    print("refused")
"""


@pytest.mark.pooled
def test_p24_p27_a_node_that_stands_still_within_its_transaction_holds_nobody_up_for_long(
    tmp_path: Path,
) -> None:
    """Its rows are free after six times what others wait for them; once it goes on, it has written nothing."""
    with opened(tmp_path, busy_seconds=0.5) as vault:
        node = subprocess.Popen(
            [sys.executable, "-c", STANDS, tmp_path], stdout=subprocess.PIPE, text=True
        )
        os.waitid(os.P_PID, node.pid, os.WSTOPPED)
        with pytest.raises(VaultUnavailable):  # the same card: its token is not known yet
            keep(vault, new(), entries=[entry()])
        until, kept = time.monotonic() + 30, None
        while kept is None and time.monotonic() < until:
            with contextlib.suppress(VaultUnavailable):
                (kept,) = keep(vault, new(), entries=[entry()])
        assert kept is not None
        assert kept.created
        node.send_signal(signal.SIGCONT)
        assert node.communicate(timeout=20)[0] == "refused\n"
        assert len(vault.entries()) == 1
        assert vault.audit.check().findings == []


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


AGAIN = """
import os, pathlib, signal, sys
from tests.vault.makers import open_vault
def step(name):
    if name == sys.argv[2]: os.kill(os.getpid(), signal.SIGKILL)
def add(port):
    def work(connection):
        connection.execute("SELECT count(*) FROM refusal").fetchone()
        if port == 1:
            other._database.write("test", add(2)).result(20)
        connection.execute(
            "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
            " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')", (port,))
    return work
one, other = [open_vault(pathlib.Path(sys.argv[1]), step=by) for by in (step, lambda _: None)]
one._database.write("test", add(1)).result(20)
"""


@pytest.mark.parametrize("at", ["postgres:again"])
@pytest.mark.pooled
def test_p24_a_node_that_is_killed_before_it_decides_again_leaves_nothing(
    tmp_path: Path, at: str
) -> None:
    assert run(AGAIN, tmp_path, at).returncode == -signal.SIGKILL
    with opened(tmp_path) as vault:
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT port FROM refusal").fetchall() == [(2,)]
        assert keep(vault, new(), entries=[entry()])[0].created
        assert vault.audit.check().findings == []


@pytest.mark.pooled
def test_p25_p27_whoever_is_always_disturbed_writes_alone_in_the_end(tmp_path: Path) -> None:
    """An import of hundreds of cards at a time, among gateways that write all the while."""
    disturbed, refused = [], []

    def add(port):
        def work(connection):
            connection.execute("SELECT count(*) FROM refusal").fetchone()
            if port < 100:
                try:
                    other._database.write("test", add(100 + len(disturbed))).result(20)
                except VaultBusy:
                    refused.append(port)  # it is not its turn
            connection.execute(
                "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
                " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')",
                (port,),
            )

        return work

    def step(name):
        if name == "postgres:again":
            disturbed.append(name)

    with opened(tmp_path, step=step) as one, opened(tmp_path, busy_seconds=0.3) as other:
        one._database.write("test", add(1)).result(30)
        assert len(disturbed) == 4
        assert refused == [1]
        other._database.write("test", add(200)).result(10)  # and it holds nobody up after
        with rows(tmp_path) as connection:
            ports = connection.execute("SELECT port FROM refusal ORDER BY port").fetchall()
    assert ports == [(1,), (100,), (101,), (102,), (103,), (200,)]


@pytest.mark.pooled
def test_p27_a_large_write_has_its_turn_at_once_and_others_wait_for_that_one(
    tmp_path: Path,
) -> None:
    """A purge and an import of hundreds of cards, which would meet somebody each time."""
    begun, disturbed, waited, ending = [""], [], [], threading.Event()

    def step(name):
        if name == "postgres:again":
            disturbed.append(begun[-1])
        elif name.endswith(":begun"):
            begun.append(name)

    def busily(vault):
        number = 5_000
        while not ending.is_set():
            number += 1
            began = time.monotonic()
            stays = booking(f"RES-{number}", departure=date(2027, 1, 1))
            keep(vault, new(pan(number), at=stays), entries=[entry()])
            waited.append(time.monotonic() - began)

    with (
        opened(tmp_path, step=step) as one,
        opened(tmp_path) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        keep(one, *[new(pan(place), at=booking(f"RES-{place}")) for place in range(1_000)])
        beside = pool.submit(busily, other)
        purged = one.retention.purge(RULE, DUE, BY)
        ending.set()
        beside.result(30)
        assert purged == Purged(1_000, 1_000)
        assert "expire:begun" not in disturbed
        assert begun.count("expire:begun") == 5
        assert waited
        assert other.audit.check().findings == []


# --- a server that goes away ----------------------------------------------------------------------


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


# --- opening --------------------------------------------------------------------------------------


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


# --- where it is ----------------------------------------------------------------------------------


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


@pytest.mark.pooled
def test_what_opens_is_what_was_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(6000), new(PAN))
        found = [find(vault, one.token) for one in (kept[0], kept[5999], kept[6000])]
        assert all(found)
        assert found[2].card.pan.reveal() == PAN
        assert asyncio.run(vault.keep([new(PAN)]))[0].token == kept[6000].token
        assert os.environ[postgres.STORE] == "postgres"
