"""`card-gateway scan` of databases: no value side by side with another is a card, and no card is lost."""

from __future__ import annotations

import io
import sqlite3
import string
from contextlib import closing
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cards.pan import luhn_ok
from gateway.cards.scan import find_cards
from gateway.cli import scan_files, scan_pages
from gateway.cli.scan_parts import Chunk

DATES = ("2027-03-15", "2026-11-22T04:00:00Z")
STATES = ("live", "wal", "rewritten", "emptied", "dropped")


def found(file):
    """The numbers that a scan of a database and of its write-ahead log tells."""
    numbers = set()
    for path in (file, file.with_name(file.name + "-wal")):
        if path.exists():
            for part in scan_files.parts(path):
                assert isinstance(part, Chunk), part
                numbers |= {one.digits.reveal() for one in find_cards(part.data)}
    return numbers


def filled(file, rows, state, *, page_size=4096, index=False, overwrite=False):
    """A table of text columns, with its rows in the file, in the log, or in pages that were freed."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute(f"PRAGMA page_size = {page_size}")
    database.execute(f"PRAGMA secure_delete = {overwrite}")
    database.execute("PRAGMA synchronous = OFF")
    if state in {"wal", "rewritten"}:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA wal_autocheckpoint = 0")
    names = [f"c{n}" for n in range(len(rows[0]))]
    database.execute(f"CREATE TABLE t ({', '.join(names)})")
    if index:
        database.execute(f"CREATE INDEX i ON t ({', '.join(names)})")
    database.execute("BEGIN")
    database.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", rows)
    database.execute("COMMIT")
    if state == "rewritten":  # the older frame is in the log still
        database.execute(f"UPDATE t SET {', '.join(f'{name} = NULL' for name in names)}")
    if state == "emptied":
        database.execute("DELETE FROM t")
    if state == "dropped":
        database.execute("DROP TABLE t")
    return database


def a_pan(start):
    """The number of sixteen digits that starts so and passes the check."""
    return next(start + digit for digit in string.digits if luhn_ok(start + digit))


pans = st.text(string.digits, min_size=9, max_size=9).map(lambda rest: a_pan("411111" + rest))
OLD, FAR = datetime(1990, 1, 1), datetime(2199, 12, 31)
dates = st.datetimes(OLD, FAR).flatmap(
    lambda at: st.sampled_from([str(at.date()), at.isoformat() + "Z"])
)
neighbours = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    dates,
    st.text(string.digits, max_size=30),
    st.text(max_size=300),
    st.binary(max_size=300),
)


@pytest.mark.parametrize("state", STATES)
@given(
    rows=st.lists(st.tuples(*[neighbours] * 4), min_size=1, max_size=12),
    pan=pans,
    row=st.integers(0, 11),
    column=st.integers(0, 3),
    page_size=st.sampled_from([512, 1024, 4096, 65536]),
    index=st.booleans(),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_p16_a_card_in_any_column_is_found(
    tmp_path_factory, state, rows, pan, row, column, page_size, index
):
    """Whatever stands beside it, also in frames of the log and pages that no table has any more."""
    file = tmp_path_factory.mktemp("d") / "some.db"
    rows = [list(one) for one in rows]
    rows[row % len(rows)][column] = pan
    if state == "dropped":  # one page: the first of several would list the others over its own
        page_size, index = 65536, False
    with closing(filled(file, rows, state, page_size=page_size, index=index)):
        assert pan in found(file)


short = st.one_of(st.none(), dates, st.text(string.digits, max_size=11))


def rows_of(values, most):
    return st.lists(st.tuples(*[values] * 6), min_size=1, max_size=most)


@pytest.mark.parametrize("state", STATES)
@given(rows=rows_of(short, 12), index=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_side_by_side_are_no_card(tmp_path_factory, state, rows, index):
    """A booking's number, a hotel's and dates: none of them alone has the digits of a card.
    Of a row that is rewritten nothing may be left, as in the gateway's own database."""
    file = tmp_path_factory.mktemp("d") / "some.db"
    overwrite, index = state == "rewritten", index and state != "dropped"
    with closing(filled(file, rows, state, index=index, overwrite=overwrite)):
        assert found(file) == set()


@pytest.mark.parametrize("state", STATES)
@given(rows=rows_of(dates, 60))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dates_are_no_card_in_what_is_left_of_pages_either(tmp_path_factory, state, rows):
    """A page that was divided keeps bytes that nothing describes any more."""
    file = tmp_path_factory.mktemp("d") / "some.db"
    with closing(filled(file, rows, state, page_size=512, index=True)):
        assert found(file) == set()


# A sealed value that ends in a digit, a departure, and a day: the number of a Mir card.
LINK = (b"\xff2", "2027-03-15", "2026-11-22T04:00:00Z")


@pytest.mark.parametrize("state", [*STATES, "deleted"])
def test_dates_side_by_side_are_no_card(tmp_path, state):
    file = tmp_path / "some.db"
    others = [(b"x", "here", str(n)) for n in range(5)]
    with closing(filled(file, [LINK, *others], state)) as database:
        if state == "deleted":
            database.execute("DELETE FROM t WHERE c1 LIKE '2027%'")
        written = [path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".db-shm"]
        assert any(find_cards(data) for data in written)
        assert found(file) == set()


@given(before=dates, after=dates, pan=pans)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_p16_a_card_between_dates_is_found_after_its_row_was_deleted(
    tmp_path_factory, before, after, pan
):
    file = tmp_path_factory.mktemp("d") / "some.db"
    rows = [("x", "here", "", ""), ("some booking", before, pan, after), ("y", "there", "", "")]
    with closing(filled(file, rows, "live")) as database:
        database.execute("DELETE FROM t WHERE c2 != ''")
        assert pan in found(file)


@pytest.mark.parametrize("state", ["wal", "rewritten", "dropped"])
def test_p16_pages_alone_tell_as_much(tmp_path, state):
    """A packed log comes without its database."""
    file, pan = tmp_path / "some.db", a_pan("411111222222222")
    with closing(filled(file, [("7", pan, "7"), LINK], state)):
        numbers = set()
        for path in (file, tmp_path / "some.db-wal"):
            if path.exists():
                packed = scan_files._stream(
                    "p", io.BytesIO(path.read_bytes()), 1, scan_files._Budget()
                )
                for part in packed:
                    assert isinstance(part, Chunk), part
                    numbers |= {one.digits.reveal() for one in find_cards(part.data)}
        assert numbers == {pan}


@pytest.mark.parametrize("size", [0, 2, 3000, 511])
def test_a_header_that_makes_no_sense_is_read_as_any_file(size):
    head = scan_pages.MAGIC + size.to_bytes(2, "big") + bytes(100)
    assert scan_pages.layout_of(head) is None
    assert scan_pages.layout_of(head[:50]) is None
    assert (
        scan_pages.layout_of(b"\x37\x7f\x06\x82" + bytes(4) + size.to_bytes(4, "big") + bytes(40))
        is None
    )


@given(data=st.binary(max_size=1200), kind=st.sampled_from([0, 2, 5, 10, 13]))
def test_no_byte_is_left_out_of_any_page(data, kind):
    """Whatever stands in it, breaks are all that is added."""
    data = bytes([kind]) + data + b"4111111111111111"
    (chunk,) = scan_pages.set_apart("p", io.BytesIO(data), scan_pages.Layout(2048), 4096)
    rest = iter(chunk.data)
    assert all(byte in rest for byte in data)
    assert set(chunk.data) <= set(data) | {1}
