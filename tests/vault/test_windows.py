"""P23, P24, P27: how much of a vault is read and written at once, where keys change."""

from __future__ import annotations

import pytest

from gateway.vault import windows
from gateway.vault.rewrap import Rewrap
from gateway.vault.sealed_tables import KEYS, TABLES, USES
from tests.vault.makers import answer, find, keep, many, opened, rows
from tests.vault.rotating import BY, rotate


@pytest.mark.sqlite_alone("it counts the steps of SQLite's own machine")
def test_p27_no_write_takes_longer_in_a_larger_vault(tmp_path):
    """In steps of SQLite's machine, within any one of its transactions."""
    rewrapping, retiring = {}, {}
    for cards in (400, 1200):
        with opened(tmp_path / str(cards)) as vault:
            keep(vault, *many(cards))
            rotate(vault)
            rewrapping[cards] = longest(vault, lambda v=vault: v.rewrap.run(BY))
            retiring[cards] = longest(vault, lambda v=vault: v.rotation.retire(BY))
    assert 0 < retiring[1200] <= retiring[400] * 1.1
    assert 0 < rewrapping[1200] <= rewrapping[400] * 1.1


@pytest.mark.sqlite_alone("it counts the steps of SQLite's own machine")
def test_p27_no_read_takes_longer_in_a_larger_vault(tmp_path, monkeypatch):
    """Each is of one window, however many rows there are, and however many of them are done."""
    monkeypatch.setattr(windows, "ROWS", 100)
    most = {}
    for cards in (400, 1200):
        with opened(tmp_path / str(cards)) as vault:
            keep(vault, *many(cards))
            rotate(vault)
            for done in ("nothing", "all"):
                most[cards, done] = longest_read(vault, lambda v=vault: v.rewrap.run(BY))
            most[cards, "retired"] = longest_read(vault, lambda v=vault: v.rotation.retire(BY))
    for what in ("nothing", "all", "retired"):
        assert 0 < most[1200, what] <= most[400, what] * 1.1


def test_p24_what_is_sealed_anew_at_once_is_a_portion(tmp_path, monkeypatch):
    portions = []
    write = Rewrap._write

    def counted(self, table, rows, version):
        portions.append(len(rows))
        return write(self, table, rows, version)

    monkeypatch.setattr(Rewrap, "_write", counted)
    with opened(tmp_path) as vault:
        keep(vault, *many(450))
        rotate(vault)
        assert vault.rewrap.run(BY).rows == {"card": 450, "link": 450}
    assert portions == [200, 200, 50] * 2


@pytest.mark.parametrize("size", [1, 2, 3, 199, 200, 201, 1000])
def test_p24_windows_leave_no_row_out_and_none_comes_twice(tmp_path, monkeypatch, size):
    monkeypatch.setattr(windows, "ROWS", size)
    cards = 7 if size < 100 else 450
    told = []
    with opened(tmp_path) as vault:
        tokens = [one.token for one in keep(vault, *many(cards))]
        rotate(vault)
        assert vault.rewrap.left() == {"card": cards, "link": cards}
        done = vault.rewrap.run(BY, lambda *said: told.append(said))
        assert done.rows == {"card": cards, "link": cards}
        assert vault.rewrap.left() == {}
        assert told[-1] == ("link", cards, cards)
        assert vault.rotation.retire(BY).keys
        assert all(find(vault, token) for token in tokens)


def test_p27_a_window_of_kept_answers_has_few_of_them(tmp_path):
    """Each may be megabytes, and SQLite reads all of one for the key that it is under."""
    with opened(tmp_path) as vault:
        database = vault._database
        statement = f"SELECT {', '.join(KEYS['answer_body'])} FROM answer_body"
        for number in range(120):
            keep(vault, answer=lambda _, number=number: answer(f"a{number}"))
        found = [
            len(database.read(lambda c, w=window: _in_window(c, statement, w)))
            for window, _ in windows.windows(
                database, "answer_body", KEYS["answer_body"], lambda *_: None
            )
        ]
    assert sum(found) == 120
    assert max(found) == 50


def _in_window(connection, statement, window):
    where, values = window.where()
    return connection.execute(f"{statement} WHERE {where}", values).fetchall()


def test_every_table_in_which_a_key_may_be_named_has_what_tells_its_rows_apart(tmp_path):
    assert list(KEYS)[:2] == ["card", "stub"]  # what is taken from it later
    assert set(KEYS) == {column.table for columns in USES.values() for column in columns}
    for table in TABLES:
        assert tuple(name.rpartition(".")[2] for name in table.key) == KEYS[table.table]
    with opened(tmp_path), rows(tmp_path) as connection:
        for table, key in KEYS.items():
            unique = connection.execute(
                f"SELECT count(*) FROM {table} GROUP BY {', '.join(key)} HAVING count(*) > 1"
            )
            assert unique.fetchall() == []


def longest(vault, do):
    """The most steps of SQLite's machine in one transaction that writes."""
    connection, counts = vault._database._writing, []
    transact = vault._database._transact

    def counted(jobs):
        counts.append(0)
        return transact(jobs)

    connection.set_progress_handler(lambda: _count(counts), 10)
    vault._database._transact = counted
    try:
        do()
    finally:
        connection.set_progress_handler(None, 10)
        del vault._database._transact
    return max(counts)


def longest_read(vault, do):
    """The same of one transaction that reads."""
    counts, read = [], vault._database._read

    def counted(work):
        def on(connection):
            counts.append(0)
            connection.set_progress_handler(lambda: _count(counts), 10)
            try:
                return work(connection)
            finally:
                connection.set_progress_handler(None, 10)

        return read(on)

    vault._database._read = counted
    try:
        do()
    finally:
        del vault._database._read
    return max(counts)


def _count(counts):
    counts[-1] += 1
