"""P16, P21: what SQLite leaves of erased rows in the unused room of its pages goes, too."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import threading
import time

import pytest

from gateway.errors import VaultUnavailable
from gateway.vault.sqlite import compaction, database
from gateway.vault.sqlite.compaction import BY_ITSELF, EACH_TIME, Compaction
from tests.vault.makers import keep, new, opened, rows

pytestmark = pytest.mark.sqlite_alone("it looks into SQLite's pages")

ROWS, TABLES = 3000, 6


def leave_copies(directory) -> set[bytes]:
    """Keys that fall all over an index, so that SQLite divides and joins its pages, and half of which
    go. What of these is in the file still: always the same, for it is no draw."""
    with rows(directory) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for table in range(TABLES):
            connection.execute(f"CREATE TABLE filler_{table} (id INTEGER PRIMARY KEY, key UNIQUE)")
            connection.execute("BEGIN")
            for number in range(ROWS):
                key = hashlib.sha256(b"%d %d" % (table, number)).digest()[:20]
                key += b"<%s%d%05d>" % (b"gone" if number % 2 else b"here", table, number)
                connection.execute(f"INSERT INTO filler_{table} VALUES (?, ?)", (number, key))
            connection.execute("COMMIT")
            connection.execute(f"DELETE FROM filler_{table} WHERE id % 2")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if not left(directory):
        pytest.skip(f"SQLite {sqlite3.sqlite_version} leaves no copies of these rows")
    return left(directory)


def left(directory) -> set[bytes]:
    """Which of the keys that went are in the file."""
    return set(re.findall(rb"<gone\d{6}>", (directory / "state" / "vault.db").read_bytes()))


def log_size(directory) -> int:
    return (directory / "state" / "vault.db-wal").stat().st_size


def test_p16_no_copy_of_an_erased_row_stays_beside_its_page(tmp_path):
    with opened(tmp_path) as vault:
        leave_copies(tmp_path)
        assert vault.retention.scrub()
        assert not left(tmp_path)
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM filler_0").fetchone() == (ROWS // 2,)


def test_p16_a_large_file_is_compacted_when_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "EACH_TIME", 0)
    monkeypatch.setattr(compaction, "BY_ITSELF", 0)
    with opened(tmp_path) as vault:
        gone = leave_copies(tmp_path)
        assert vault.retention.scrub()
        assert left(tmp_path) == gone
        assert vault.retention.scrub(compact=True)
        assert not left(tmp_path)


def test_p16_it_is_done_by_itself_as_the_size_allows():
    now = [0.0]
    due = Compaction(lambda: now[0])
    assert due.is_due(EACH_TIME)
    assert due.is_due(BY_ITSELF)
    assert not due.is_due(BY_ITSELF + 1)
    due._last = 0.0
    assert due.is_due(EACH_TIME)
    assert not due.is_due(EACH_TIME + 1)
    now[0] = 24 * 3600.0
    assert due.is_due(EACH_TIME + 1)


def test_p16_who_writes_meanwhile_is_not_driven_out(tmp_path):
    """Another writer's transaction goes on; this turn says that it did nothing, and the next one does it."""
    with opened(tmp_path, busy_seconds=0.3) as vault, rows(tmp_path) as writer:
        leave_copies(tmp_path)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM filler_0 WHERE id = 0")
        assert not vault.retention.scrub()
        writer.execute("COMMIT")
        assert vault.retention.scrub()
        assert not left(tmp_path)


def test_p24_cards_are_kept_while_it_goes_on(tmp_path):
    """Compacting again and again beside who writes: each card that was answered is there."""
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        ended, compacted = threading.Event(), []

        def compact():
            while not ended.is_set():
                compacted.append(other.retention.scrub(compact=True))

        thread = threading.Thread(target=compact)
        thread.start()
        kept = []
        until = time.monotonic() + 60
        try:
            while (len(kept) < 60 or not any(compacted)) and time.monotonic() < until:
                kept.append(keep(vault, new(f"4{len(kept):015d}"))[0].token)
        finally:
            ended.set()
            thread.join()
        assert any(compacted)
        assert len(kept) >= 60
        assert vault.count_by_product() == {"seaside": len({one.iduser for one in kept})}
        with rows(tmp_path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class Failing:
    """A connection whose `VACUUM` fails."""

    def __init__(self, code: int) -> None:
        self._code = code

    def execute(self, statement):
        if statement == "VACUUM":
            error = sqlite3.OperationalError("it failed")
            error.sqlite_errorcode = self._code
            raise error


def test_p16_it_is_tried_again_where_others_wrote_all_the_time():
    compacting = Compaction()
    assert not compacting.run(Failing(sqlite3.SQLITE_BUSY_SNAPSHOT))
    assert compacting.is_due(EACH_TIME + 1)


def test_p27_a_disk_that_is_full_is_no_success():
    with pytest.raises(sqlite3.OperationalError):
        Compaction().run(Failing(sqlite3.SQLITE_FULL))


def test_p16_a_reader_of_an_older_state_makes_no_log_grow(tmp_path, monkeypatch):
    """What is written anew goes into the log, which can not begin anew while somebody reads what was before."""
    monkeypatch.setattr(database, "_SCRUB_SECONDS", 0.02)
    with opened(tmp_path) as vault, rows(tmp_path) as reader:
        leave_copies(tmp_path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM card").fetchone()
        assert not vault.retention.scrub()
        first = log_size(tmp_path)
        for compact in (False, True):
            assert not vault.retention.scrub(compact=compact)
            assert log_size(tmp_path) == first
        reader.execute("COMMIT")
        assert vault.retention.scrub()
        assert log_size(tmp_path) == 0
        assert not left(tmp_path)


def test_p16_without_room_the_log_is_cut_off_and_the_rest_told(tmp_path, monkeypatch, caplog):
    usage = shutil.disk_usage(tmp_path)
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        gone = leave_copies(tmp_path)
        size = (tmp_path / "state" / "vault.db").stat().st_size
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size))
        connection.execute("UPDATE filler_0 SET id = id")
        assert log_size(tmp_path)
        assert not vault.retention.scrub()
        assert "no_room_to_compact" in caplog.text
        assert log_size(tmp_path) == 0
        assert left(tmp_path) == gone
        caplog.clear()
        assert vault.retention.scrub(compact=True)  # whoever asks for it knows better
        assert not left(tmp_path)
        assert not caplog.text


def test_p16_a_compaction_that_failed_leaves_no_log(tmp_path, monkeypatch):
    """It has filled the log, and perhaps the disk."""

    def fails(_, connection):
        connection.execute("UPDATE filler_0 SET id = id")
        assert log_size(tmp_path)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with opened(tmp_path) as vault:
        leave_copies(tmp_path)
        with monkeypatch.context() as full:
            full.setattr(Compaction, "run", fails)
            with pytest.raises(VaultUnavailable):
                vault.retention.scrub()
        assert log_size(tmp_path) == 0
        assert vault.retention.scrub()
        assert not left(tmp_path)
