"""SQLite's log after a long read: who read writes it back, so that no card waits for that."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.vault.service import Vault
from gateway.vault.sqlite import database
from tests.vault.makers import keep, many, open_vault, opened, place

pytestmark = pytest.mark.sqlite_alone("the log is a file of SQLite's")

CARDS = 40


@contextmanager
def one_state_is_read(vault: Vault):
    """While a state is read, as a backup reads it, in a thread of its own."""
    begun, ending = threading.Event(), threading.Event()

    def work(connection) -> None:
        connection.execute("SELECT count(*) FROM card").fetchone()
        begun.set()
        assert ending.wait(20)

    reader = threading.Thread(target=vault._database.read, args=(work,))
    reader.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        ending.set()
        reader.join()


def in_the_file(directory: Path) -> int:
    """How many cards the file has without its log, as a copy of it alone shows."""
    alone = directory / "alone.db"
    # By another process: this one would drop SQLite's locks when it closes the file.
    subprocess.run(["cp", str(place(directory)), str(alone)], check=True)
    with closing(sqlite3.connect(f"file:{alone}?immutable=1", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM card").fetchone()
    return int(count)


def read_while_cards_come(directory: Path, seconds: float, monkeypatch) -> int:
    """How many of the cards that came during a read are in the file when it has ended, before anybody writes."""
    monkeypatch.setattr(database, "_LONG_READ_SECONDS", seconds)
    with opened(directory) as vault:
        with one_state_is_read(vault):
            keep(vault, *many(CARDS))
            assert in_the_file(directory) == 0
        return in_the_file(directory)


def test_p27_who_read_for_long_writes_back_what_came_meanwhile(tmp_path: Path, monkeypatch) -> None:
    assert read_while_cards_come(tmp_path, 0, monkeypatch) == CARDS


def test_p27_a_short_read_writes_nothing_back(tmp_path: Path, monkeypatch) -> None:
    assert read_while_cards_come(tmp_path, 60, monkeypatch) == 0


def test_p27_what_was_read_stands_where_another_state_is_read_still(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(database, "_LONG_READ_SECONDS", 0)
    with opened(tmp_path) as vault, one_state_is_read(vault):
        keep(vault, *many(CARDS))
        assert vault.count_by_product() == {"seaside": CARDS}
        assert in_the_file(tmp_path) == 0


def test_p27_cards_come_while_the_log_is_written_back(tmp_path: Path, monkeypatch) -> None:
    """Its lock keeps no writer out: two processes' worth of connections, one writing back all the time."""
    monkeypatch.setattr(database, "_LONG_READ_SECONDS", -1)
    ended = threading.Event()
    with closing(open_vault(tmp_path)) as one, closing(open_vault(tmp_path)) as two:

        def read() -> None:
            while not ended.is_set():
                two.count_by_product()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            waited = []
            for card in many(CARDS):
                began = time.monotonic()
                keep(one, card)
                waited.append(time.monotonic() - began)
        finally:
            ended.set()
            reader.join()
        assert max(waited) < 4  # busy for five seconds: refused
        assert two.count_by_product() == {"seaside": CARDS}
