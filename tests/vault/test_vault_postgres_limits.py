"""P27 on PostgreSQL: whatever it can not do now is refused in time, and is right again after.

Somebody else holds a table, a row or the lock of migrations; the disk is full while rows are written, at
the commit, and for real, on a small file system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import conninfo

from gateway.errors import VaultBusy, VaultUnavailable
from gateway.vault.kek.file import KekFile
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.schema import _LOCK, migrations
from gateway.vault.service import Vault
from tests import postgres
from tests.vault.makers import (
    PAN,
    answer,
    chain,
    entry,
    find,
    keep,
    listed,
    many,
    new,
    open_vault,
    opened,
    pan,
    place,
    rows,
)

pytestmark = pytest.mark.postgres_alone

BUSY = 0.3  # seconds
IN_TIME = 8.0
# In the transaction, and as it ends.
FULL = {
    "written": "CREATE TRIGGER full_ AFTER INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION full_()",
    "committed": "CREATE CONSTRAINT TRIGGER full_ AFTER INSERT ON {0} DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION full_()",
}


def refused(call, kind=VaultUnavailable):
    """It is, soon, and nothing of the card or of the database is in what is raised."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert time.monotonic() - began < IN_TIME
    assert caught.value.__context__ is None
    shown = chain(caught.value)
    assert not any(word in shown for word in (PAN, "INSERT", "SELECT", "card", "psycopg"))


def message(vault, number):
    """A card, its entry, and the answer that it came in."""
    exchange = f"exchange-{number}"
    return keep(
        vault, new(pan(number)), entries=[entry(exchange)], answer=lambda _: answer(exchange)
    )


def state(vault):
    """What there is: cards, entries, answers."""
    said = [row.entry.exchange for row in vault.entries()]
    return sum(vault.count_by_product().values()), said, [row.exchange for row in listed(vault)]


@contextmanager
def held(tmp_path, statement):
    """Somebody else's transaction."""
    with psycopg.connect(place(tmp_path).url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


# --- locked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "LOCK TABLE card IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE audit IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE answer IN SHARE MODE",
        "SELECT * FROM audit_head FOR UPDATE",
        "UPDATE keyring_version SET version = version; LOCK TABLE keyring_version",
    ],
)
def test_p24_p27_what_another_holds_is_refused_in_time_and_done_after(tmp_path, statement) -> None:
    with opened(tmp_path, busy_seconds=BUSY) as vault:
        message(vault, 1)
        before = state(vault)
        with held(tmp_path, statement):
            refused(lambda: message(vault, 2), VaultBusy)
        assert state(vault) == before
        (kept,) = message(vault, 2)
        assert kept.created
        assert state(vault) == (2, ["exchange-1", "exchange-2"], ["exchange-2", "exchange-1"])
        assert vault.audit.check().findings == []


def test_p27_while_rows_are_held_look_ups_go_on_but_none_without_its_entry(tmp_path) -> None:
    with opened(tmp_path, busy_seconds=BUSY) as vault:
        (kept,) = message(vault, 1)
        with held(tmp_path, "LOCK TABLE audit IN EXCLUSIVE MODE"):
            assert find(vault, kept.token) is not None
            refused(lambda: find(vault, kept.token, entries=[entry("find")]), VaultBusy)
        assert find(vault, kept.token, entries=[entry("find")]) is not None
        assert [row.entry.exchange for row in vault.entries()] == ["exchange-1", "find"]


@pytest.mark.parametrize("mode", ["SHARE", "ACCESS EXCLUSIVE"])
def test_what_was_erased_is_taken_out_though_another_holds_a_table_for_good(tmp_path, mode) -> None:
    """VACUUM would wait as long as that lasts: nothing were erased meanwhile, and none of us would know."""
    with opened(tmp_path, busy_seconds=BUSY) as vault:
        message(vault, 1)
        with held(tmp_path, f"LOCK TABLE link IN {mode} MODE"):
            began = time.monotonic()
            assert vault.retention.scrub() is False
            assert BUSY <= time.monotonic() - began < IN_TIME
            assert until(lambda: vacuumed(tmp_path, "card"))  # the others are not left for it
            assert not vacuumed(tmp_path, "link")
        assert vault.retention.scrub() is True
        assert until(lambda: vacuumed(tmp_path, "link"))


def test_whoever_holds_a_table_for_a_moment_is_waited_for(tmp_path) -> None:
    with opened(tmp_path) as vault:
        message(vault, 1)
        with ThreadPoolExecutor(1) as pool:
            with held(tmp_path, "LOCK TABLE link IN SHARE MODE"):
                scrubbed = pool.submit(vault.retention.scrub)
                time.sleep(0.5)
                assert not scrubbed.done()
            assert scrubbed.result(IN_TIME)


def vacuumed(tmp_path, table):
    with psycopg.connect(place(tmp_path).url, autocommit=True) as connection:
        asked = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = %s"
        return connection.execute(asked, [table]).fetchone()[0] > 0


def until(there):
    """Whether it is so, a moment later at the most: the server tells of what it did now and then."""
    end = time.monotonic() + IN_TIME
    while not there():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_p27_those_who_wait_together_are_refused_together(tmp_path) -> None:
    with opened(tmp_path, busy_seconds=BUSY) as vault:
        message(vault, 1)
        with held(tmp_path, "LOCK TABLE audit IN EXCLUSIVE MODE"):
            began = time.monotonic()
            futures = [vault._store.record([entry(f"{n}")]) for n in range(20)]
            assert all(isinstance(one.exception(IN_TIME), VaultBusy) for one in futures)
            assert time.monotonic() - began < 10 * BUSY


@pytest.mark.parametrize(
    "statement", [f"SELECT pg_advisory_xact_lock({_LOCK})", "LOCK TABLE schema_version"]
)
def test_p27_whoever_starts_while_another_migrates_does_not_hang(tmp_path, statement) -> None:
    with opened(tmp_path):
        pass
    if "advisory" in statement:  # there is something to migrate
        with rows(tmp_path) as connection:
            connection.execute(
                "DELETE FROM schema_version WHERE version > ?", (migrations()[-1][0] - 1,)
            )
    caught = []

    def start() -> None:
        try:
            open_vault(tmp_path, busy_seconds=0.1)
        except VaultUnavailable as error:
            caught.append(error)

    with held(tmp_path, statement):
        starting = threading.Thread(target=start, daemon=True)
        starting.start()
        starting.join(IN_TIME)
        assert not starting.is_alive(), "it waits for ever"
    assert len(caught) == 1


def failures(caplog) -> list[str]:
    """The codes of what the log says of the database."""
    return [
        record.fields["error"]
        for record in caplog.records
        if record.getMessage().startswith("database_failed")
    ]


# --- full -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["card", "link", "audit", "answer_body"])
@pytest.mark.parametrize("when", FULL)
def test_p24_p27_p36_a_full_disk_leaves_nothing_of_a_message(tmp_path, caplog, table, when) -> None:
    """As PostgreSQL says it, wherever it is noticed."""
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        message(vault, 1)
        before = state(vault)
        connection.execute(
            "CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute(FULL[when].format(table))
        for _ in range(3):
            refused(lambda: message(vault, 2))
        assert failures(caplog) == ["53100"] * 3
        assert state(vault) == before
        connection.execute(f"DROP TRIGGER full_ ON {table}")
        assert message(vault, 2)[0].created
        assert state(vault) == (2, ["exchange-1", "exchange-2"], ["exchange-2", "exchange-1"])
        assert vault.audit.check().findings == []


@pytest.fixture
def small(tmp_path_factory):
    """A server with a table space on a file system of a few megabytes; and what makes that larger."""
    server = postgres.Server()
    disk = server.directory / "small"
    disk.mkdir()
    owner = (server.directory / "data").stat()
    options = f"size=24m,uid={owner.st_uid},gid={owner.st_gid},mode=700"
    mounted = False
    try:
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
        if (
            os.geteuid()
            or shutil.which("mount") is None
            or subprocess.run(mount, check=False).returncode
        ):
            pytest.skip("no small file system can be mounted")
        mounted = True
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            connection.execute("CREATE DATABASE small TABLESPACE small")

        def enlarge() -> None:
            larger = ["mount", "-o", f"remount,{options.replace('24m', '200m')}", str(disk)]
            subprocess.run(larger, check=True)

        yield PostgresPlace(conninfo.make_conninfo(server.url, dbname="small")), enlarge
    finally:
        server.stop()
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)
        server.close()


@pytest.mark.slow
def test_p24_p27_p36_a_disk_that_is_really_full_loses_and_doubles_nothing(
    tmp_path, small, caplog
) -> None:
    where, enlarge = small
    vault = Vault.open(where, KekFile(tmp_path / "kek"))
    answered = {}
    for series in range(1, 200):
        cards = many(200, seed=series)
        try:
            kept = keep(vault, *cards, entries=[entry(f"{series}")] * 200)
        except VaultUnavailable:
            break
        answered |= {one.card.pan.reveal(): k.token for one, k in zip(cards, kept, strict=True)}
    assert set(failures(caplog)) == {"53100"}
    assert 200 <= len(answered) < 40_000
    refused(lambda: keep(vault, *many(200, seed=999), entries=[entry("999")] * 200))
    assert vault.count_by_product() == {"seaside": len(answered)}
    assert len(vault.entries(limit=10**6)) == len(answered)
    digits, token = next(iter(answered.items()))
    assert find(vault, token).card.pan.reveal() == digits
    enlarge()
    again = keep(vault, *cards, entries=[entry("again")] * 200)
    assert all(one.created for one in again)
    stood = keep(vault, *(new(digits) for digits in answered))
    assert [one.token.alias for one in stood] == [one.alias for one in answered.values()]
    assert vault.count_by_product() == {"seaside": len(answered) + 200}
    assert vault.audit.check().findings == []
    vault.close()
