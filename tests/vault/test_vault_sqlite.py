"""Files, transactions, and every way in which a database fails."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from gateway.errors import VaultUnavailable
from gateway.vault import files, store
from gateway.vault.database import Connection
from gateway.vault.service import Vault
from tests.vault.makers import (
    NOON,
    PAN,
    chain,
    entry,
    find,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    rows,
)

pytestmark = pytest.mark.sqlite_alone("what SQLite does with files and locks")

NOW = NOON.isoformat()


def unavailable(call, caplog=None) -> None:
    with pytest.raises(VaultUnavailable) as refused:
        call()
    shown = chain(refused.value)
    assert refused.value.__context__ is None
    for word in (PAN, "Ana Example", "INSERT", "SELECT", "card", "sqlite3"):
        assert word not in shown
    if caplog is not None:
        assert PAN not in caplog.text
        assert "INSERT" not in caplog.text


# --- P27: what the database can not do ------------------------------------------------------------


def test_p27_a_full_database_refuses_and_recovers(tmp_path: Path, caplog) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        writing = vault._database._writing
        assert writing is not None
        (pages,) = writing.execute("PRAGMA page_count").fetchone()
        writing.execute(f"PRAGMA max_page_count = {pages}")
        cards = many(500)
        unavailable(lambda: keep(vault, *cards, entries=[entry() for _ in cards]), caplog)
        assert any(record.fields["error"] == "SQLITE_FULL" for record in caplog.records)
        assert vault.count_by_product() == {"seaside": 1}
        assert vault.entries() == []
        assert find(vault, kept.token) is not None
        writing.execute("PRAGMA max_page_count = 1000000")
        assert len(keep(vault, *cards)) == 500


def test_p27_p36_a_full_disk_gives_no_card(tmp_path: Path) -> None:
    """The file size limit is the kernel's, so the failure is a real one, below SQLite."""
    script = (
        "import asyncio, pathlib, resource, signal, sys\n"
        "from gateway.errors import VaultUnavailable\n"
        "from tests.vault.makers import entry, find, keep, many, new, open_vault\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "vault = open_vault(pathlib.Path(sys.argv[1]))\n"
        "kept = keep(vault, new())[0]\n"
        "wal = pathlib.Path(sys.argv[1]) / 'state' / 'vault.db-wal'\n"
        "limit = wal.stat().st_size + 4000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "for call in (lambda: keep(vault, *many(300), entries=[entry()] * 300),\n"
        "             lambda: find(vault, kept.token, entries=[entry()]), vault.check):\n"
        "    try:\n"
        "        call()\n"
        "    except VaultUnavailable as error:\n"
        "        print('refused', error.__context__)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "assert find(vault, kept.token, entries=[entry('after')])\n"
        "print('found', len(vault.entries()), vault.count_by_product())\n"
        "vault.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode().splitlines() == [
        "refused None",
        "refused None",
        "refused None",
        "found 1 {'seaside': 1}",
    ]


def test_p27_a_locked_database_refuses_in_time_and_look_ups_go_on(tmp_path: Path, caplog) -> None:
    with opened(tmp_path, busy_seconds=0.2) as vault, rows(tmp_path) as connection:
        (kept,) = keep(vault, new())
        connection.execute("BEGIN IMMEDIATE")
        before = time.monotonic()
        unavailable(lambda: keep(vault, new(pan(1))), caplog)
        assert time.monotonic() - before < 5
        assert find(vault, kept.token) is not None
        assert vault.count_by_product() == {"seaside": 1}
        unavailable(lambda: find(vault, kept.token, entries=[entry()]), caplog)
        connection.execute("ROLLBACK")
        assert keep(vault, new(pan(1)))[0].created


def test_whoever_starts_waits_for_one_that_takes_longer_than_a_transaction(tmp_path: Path) -> None:
    """Another process brings a large vault to its newest version, say."""
    with opened(tmp_path) as vault:
        keep(vault, new())
    counts: list[dict[str, int]] = []

    def start() -> None:
        with opened(tmp_path, busy_seconds=1.0) as vault:
            counts.append(vault.count_by_product())
            writing = vault._database._writing
            assert writing is not None
            assert writing.execute("PRAGMA busy_timeout").fetchone() == (1000,)

    starting = threading.Thread(target=start)
    with rows(tmp_path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        starting.start()
        starting.join(2)
        assert starting.is_alive()
        connection.execute("ROLLBACK")
        starting.join(20)
    assert counts == [{"seaside": 1}]


def test_p27_a_read_only_database_refuses(tmp_path: Path, caplog) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        writing = vault._database._writing
        assert writing is not None
        writing.execute("PRAGMA query_only = ON")
        unavailable(lambda: keep(vault, new(pan(1))), caplog)
        unavailable(vault.check, caplog)
        assert any(record.fields["error"] == "SQLITE_READONLY" for record in caplog.records)
        assert find(vault, kept.token) is not None


def test_p27_p24_a_vault_that_was_moved_away_takes_no_more_cards(tmp_path: Path, caplog) -> None:
    """SQLite would go on writing to the file that no restart finds."""
    with opened(tmp_path) as vault:
        keep(vault, new())
        away = (tmp_path / "state").rename(tmp_path / "away")
        unavailable(lambda: keep(vault, new(pan(1))), caplog)
        unavailable(vault.check)
        with opened(tmp_path / "other"):
            pass
        shutil.copytree(tmp_path / "other" / "state", tmp_path / "state")
        unavailable(lambda: keep(vault, new(pan(1))), caplog)
        shutil.rmtree(tmp_path / "state")
        away.rename(tmp_path / "state")
        assert keep(vault, new(pan(1)))[0].created


def test_p27_a_corrupted_file_refuses(tmp_path: Path, caplog) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(300))
    path = tmp_path / "state" / "vault.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    unavailable(lambda: open_vault(tmp_path), caplog)
    assert len(kept) == 300


def test_p27_corruption_while_it_runs_refuses(tmp_path: Path, caplog) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(300))
        with rows(tmp_path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = tmp_path / "state" / "vault.db"
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (path.stat().st_size - 4096))
        database = vault._database
        assert database._writing is not None
        for connection in (*database._idle, database._writing):  # nothing of it is in a cache
            connection.execute("PRAGMA shrink_memory")
        unavailable(lambda: find(vault, kept[0].token), caplog)
        unavailable(lambda: keep(vault, new(pan(1))), caplog)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 100])
def test_p27_a_file_of_something_else_refuses(tmp_path: Path, content: bytes, caplog) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "vault.db").write_bytes(content)
    unavailable(lambda: open_vault(tmp_path), caplog)
    assert (tmp_path / "state" / "vault.db").read_bytes() == content


def test_p27_a_directory_that_can_not_be_made_refuses(tmp_path: Path, caplog) -> None:
    (tmp_path / "state").write_text("a file")
    unavailable(lambda: open_vault(tmp_path), caplog)
    (tmp_path / "state").unlink()
    (tmp_path / "state" / "vault.db").mkdir(parents=True)
    unavailable(lambda: open_vault(tmp_path), caplog)


class Ill:
    """A connection that fails at everything, and can not even roll back."""

    in_transaction = True

    def __init__(self, real: Connection) -> None:
        self.close = real.close

    def execute(self, _sql: str) -> None:
        raise sqlite3.OperationalError("SELECT secrets")


def test_p27_a_writer_that_lost_its_connection_gets_another(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        database = vault._database
        for _ in range(2):
            assert database._writing is not None
            database._writing = Ill(database._writing)  # type: ignore[assignment]
            unavailable(lambda: keep(vault, new(pan(1))))
            assert database._writing is None
            assert keep(vault, new(pan(1)))[0].token.iduser != kept.token.iduser
            assert find(vault, kept.token) is not None
        database._writing = Ill(database._writing)  # type: ignore[assignment]
        unavailable(lambda: keep(vault, new(pan(2))))


def test_a_reader_that_failed_is_not_used_again(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        database = vault._database

        def fail(connection: Connection) -> None:
            connection.execute("SELECT * FROM nowhere")

        unavailable(lambda: database.read(fail))
        assert database._idle == []
        assert vault.count_by_product() == {}
        assert len(database._idle) == 1


def test_a_reader_that_outlives_the_vault_is_closed(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    entered, leave = threading.Event(), threading.Event()
    connections = []

    def slow(connection: Connection) -> None:
        connections.append(connection)
        entered.set()
        leave.wait(10)

    reading = threading.Thread(target=lambda: vault._database.read(slow))
    reading.start()
    assert entered.wait(10)
    vault.close()
    leave.set()
    reading.join(10)
    with pytest.raises(sqlite3.ProgrammingError):
        connections[0].execute("SELECT 1")


# --- one commit for several -----------------------------------------------------------------------


def test_those_that_wait_together_share_a_commit_and_none_harms_another(tmp_path: Path) -> None:
    steps: list[str] = []
    with opened(tmp_path, step=steps.append) as vault:
        database = vault._database
        with rows(tmp_path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            first = vault._store.record([entry("first")])
            while not first.running():
                time.sleep(0.001)

            def fail(_connection: Connection) -> None:
                raise ZeroDivisionError

            waiting: list[Future[None]] = [vault._store.record([entry(f"{n}")]) for n in range(5)]
            failing = database.write("fail", fail)
            connection.execute("ROLLBACK")
        for future in waiting:
            future.result(10)
        assert isinstance(failing.exception(10), ZeroDivisionError)
        assert [row.entry.exchange for row in vault.entries()] == ["first", *"01234"]
        steps.clear()
        with rows(tmp_path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            first = vault._store.record([entry("first")])
            while not first.running():
                time.sleep(0.001)
            waiting = [vault._store.record([entry(f"{n}")]) for n in range(5)]
            connection.execute("ROLLBACK")
        for future in waiting:
            future.result(10)
        vault.check()
        place = steps.index("record:answer") + 1
        assert steps[place : place + 15] == (
            ["record:begun", "record:written"] * 5 + ["record:committed"] * 5
        )


def test_a_messages_cards_are_found_by_indexes(vault: Vault) -> None:
    asked = f"EXPLAIN QUERY PLAN {store._FILED % 'VALUES (?, ?, ?), (?, ?, ?)'}"
    plan = vault._database.read(lambda c: [row[3] for row in c.execute(asked, [b"", b"", 1] * 2)])
    names = {"card", "link", "other", "beside"}
    read = [step.split()[:2] for step in plan if step.split()[1] in names]
    assert read == [
        ["SEARCH", "card"],
        ["SEARCH", "link"],
        ["SEARCH", "other"],
        ["SEARCH", "beside"],
    ]
    assert any(step.startswith("SEARCH other USING COVERING INDEX") for step in plan)


def test_synchronous_is_full_and_the_journal_is_wal(vault: Vault) -> None:
    def settings(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "trusted_schema")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    expected = ["wal", 2, 1, 1, 0]
    assert vault._database.read(settings) == expected
    assert vault._database.write("test", settings).result() == expected


def test_a_file_that_was_readable_by_others_is_closed_to_them(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    path = tmp_path / "state" / "vault.db"
    path.chmod(0o644)
    with opened(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_appears_whole_and_only_once(tmp_path: Path) -> None:
    assert files.publish(tmp_path / "file", b"first")
    assert not files.publish(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_p24_a_second_opening_does_not_drop_the_first_ones_locks(tmp_path: Path) -> None:
    """POSIX drops a process's locks on a file when any of its descriptors is closed. Another process
    would then think itself the last one, and remove the WAL below us.
    """
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "print(connection.execute('SELECT count(*) FROM card').fetchone()[0])\n"
        "connection.close()\n"
    )
    path = tmp_path / "state" / "vault.db"
    with opened(tmp_path) as vault:
        keep(vault, new())
        open_vault(tmp_path).close()
        before = path.with_name("vault.db-wal").stat().st_ino
        done = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, check=True, timeout=60
        )
        assert done.stdout == b"1\n"
        assert path.with_name("vault.db-wal").stat().st_ino == before
        keep(vault, new(pan(1)))
    with opened(tmp_path) as vault:
        assert vault.count_by_product() == {"seaside": 2}
