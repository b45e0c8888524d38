"""The tables before version 14 and after it: nothing of a charge is lost, and what saw it sees it still."""

from __future__ import annotations

import sqlite3

import pytest

from gateway.vault.sqlite.schema import migrations, statements

pytestmark = pytest.mark.sqlite_alone("a migration of SQLite's")

CHARGE = (
    "INSERT INTO charge (id, client, product, test, iduser, booking, reference, amount, currency,"
    " initiator, capture_now, processor, created, changed, state, has_network_id, captured, refunded,"
    " asked, attempt, look_tries, sealed) VALUES (?, 'pms', 'seaside', 1, 7, X'', ?, 1000, 'EUR',"
    " 'guest', 1, 'sandbox', 't', 't', 'refunded', 0, ?, ?, 0, 1, 0, X'00')"
)


@pytest.fixture
def connection():
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("PRAGMA foreign_keys = ON")
    yield opened
    opened.close()


def migrate(connection, versions):
    connection.execute("BEGIN")
    for number, text in migrations():
        if number in versions:
            for statement in statements(text):
                connection.execute(statement)
    connection.execute("COMMIT")


def schema(connection):
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE '%charge%'")
    return {name: sql for name, sql in found if sql is not None}


def test_sums_and_history_stay(connection):
    migrate(connection, range(1, 14))
    before = schema(connection)
    connection.execute(CHARGE, ("one", "R-1", 900, 400))
    connection.execute(
        "INSERT INTO charge_event (charge, at, state, operation, amount, actor)"
        " VALUES (1, 't', 'refunded', 'refund', 400, 'sandbox')"
    )
    migrate(connection, {14})
    kept = connection.execute("SELECT captured, refunded, stated_amount, sealed FROM charge")
    assert kept.fetchall() == [(900, 400, None, b"\x00")]
    events = connection.execute("SELECT amount, stated_amount, stated_currency FROM charge_event")
    assert events.fetchall() == [(400, None, None)]
    after = schema(connection)
    changed = {name for name in after if after[name] != before[name]}
    assert (after.keys(), changed) == (before.keys(), {"charge", "charge_event"})
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_more_may_be_taken_than_was_asked_for_but_not_given_back(connection):
    migrate(connection, range(1, 15))
    connection.execute(CHARGE, ("one", "R-1", 2000, 2000))
    for captured, refunded in ((2000, 2001), (-1, 0), (1, -1)):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(CHARGE, ("two", "R-2", captured, refunded))
