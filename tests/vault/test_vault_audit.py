"""P36: the audit's chain. Any entry that is changed, removed or moved is found, and named."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit import Action, Entry, Outcome
from gateway.errors import VaultUnavailable
from gateway.vault.audits import KEPT, Selection
from gateway.vault.chain_check import Fault, Finding, Row
from gateway.vault.model import Taken
from tests.vault.makers import NOON, copy_vault, entry, keep, many, new, opened, rows
from tests.vault.outside import REFUSED

OLD = datetime(2020, 1, 1, tzinfo=UTC)
PURGE = Entry(NOON, "", Action.AUDIT_PURGE, Outcome.DONE, origin="test")


def write(vault, *names, **more) -> None:
    asyncio.run(vault.record([entry(name, **more) for name in names]))


def found(directory, **how) -> list[Finding]:
    with opened(directory) as vault:
        return vault.audit.check(**how).findings


@contextmanager
def unguarded(directory):
    """The database as whoever may change it has it: without triggers and checks."""
    with rows(directory) as connection:
        connection.unguard("audit", "audit_anchor")
        connection.execute("DROP INDEX audit_chain")
        yield connection


@pytest.fixture(scope="module")
def each(tmp_path_factory):
    """Store → the directory that `whole` was made in."""
    return {store: tmp_path_factory.mktemp(store) for store in ("sqlite", "postgres")}


@pytest.fixture
def whole(each, store):
    """Twelve entries of three processes; the first two had the vault open together."""
    directory = each[store]
    if (directory / "kek").exists():
        return directory
    with opened(directory) as first:
        write(first, "1", "2")
        with opened(directory) as second:
            write(second, "3", "4", iduser=7, booking="RES-é,\n]\n[1")
            write(first, "5")
            write(second, "6")
            write(first, "7", "8", detail='"')
    with opened(directory) as third:
        write(third, "9", "10", "11", "12")
    assert found(directory) == []
    return directory


@pytest.fixture
def damaged(whole, tmp_path):
    """A copy of it, and the connection of somebody who may change everything."""

    def make(number: int):
        copy_vault(whole, directory := tmp_path / str(number))
        return directory

    numbers = iter(range(10**6))
    return lambda: make(next(numbers))


TEXTS = (
    "at", "exchange", "action", "outcome", "client", "key", "origin", "route", "product", "booking",
    "detail", "subject",
)  # fmt: skip
slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ids = st.integers(1, 12)
# PostgreSQL has no text with a zero byte in it.
WRITABLE = st.characters(codec="utf-8", exclude_characters="\0")


@slow
@given(
    ids,
    st.sampled_from(TEXTS),
    # no text of PostgreSQL's holds a zero
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
)
def test_p36_any_text_that_was_changed_is_named(damaged, id, column, text) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        statement = f"UPDATE audit SET {column} = ? WHERE id = ? AND {column} <> ?"
        changed = connection.execute(statement, (text, id, text)).rowcount
    assert found(directory) == [Finding(Fault.CHANGED, id, id)] * changed


@pytest.mark.parametrize("change", ["iduser = 8", "iduser = NULL", "seq = seq + 1", "writer = 1"])
def test_p36_a_number_that_was_changed_is_named(damaged, change) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.execute(f"UPDATE audit SET {change} WHERE id = 4")
    assert 4 in {one.first for one in found(directory)}


@pytest.mark.parametrize("id", range(1, 13))
def test_p36_a_hash_that_was_changed_is_named_alone(damaged, id) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.execute("UPDATE audit SET hash = ? WHERE id = ?", (bytes(36), id))
    assert found(directory) == [Finding(Fault.CHANGED, id, id)]


@slow
@given(st.sets(ids, min_size=1, max_size=11))
def test_p36_any_entries_that_were_removed_are_named(damaged, store, gone) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.executemany("DELETE FROM audit WHERE id = ?", [(id,) for id in gone])
    missing = [one for one in found(directory) if one.fault is Fault.MISSING]
    named = {id for one in missing for id in range(one.first, one.last + 1)}
    # where ids may have gaps it is told between which two of a writer's they are
    assert named == gone if store == "sqlite" else named >= gone


@slow
@given(ids, ids)
def test_p36_any_two_that_changed_places_are_named(damaged, one, other) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        for old, now in ((one, 99), (other, one), (99, other)):
            connection.execute("UPDATE audit SET id = ? WHERE id = ?", (now, old))
    named = {id for f in found(directory) for id in range(f.first, f.last + 1)}
    assert named >= ({one, other} if one != other else set())
    assert bool(named) == (one != other)


def test_p36_an_entry_past_the_chain_is_named(damaged) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.execute(
            "INSERT INTO audit (id, at, exchange, action, outcome, client, key, origin, route, product,"
            " booking, detail) SELECT 13, at, 'made up', action, outcome, client, key, origin, route,"
            " product, booking, detail FROM audit WHERE id = 1"
        )
    assert found(directory) == [Finding(Fault.UNCHAINED, 13, 13)]


def test_p36_an_entry_in_the_place_of_another_is_named(damaged, store) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.execute("UPDATE audit SET writer = NULL, seq = NULL, hash = NULL WHERE id = 5")
    between = [Finding(Fault.MISSING, 3, 6)] if store == "postgres" else []  # of its writer
    assert found(directory) == [
        Finding(Fault.UNCHAINED, 5, 5), *between, Finding(Fault.UNCHECKED, 7, 7)
    ]  # fmt: skip


def test_p36_without_any_chain_all_of_it_is_named(damaged) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        connection.execute("UPDATE audit SET writer = NULL, seq = NULL, hash = NULL")
        connection.execute("DELETE FROM audit_anchor")
    assert found(directory)[0] == Finding(Fault.UNCHAINED, 1, 12)


@pytest.mark.parametrize("id", [1, 2, 3])
def test_p36_an_anchor_that_was_changed_or_removed_is_named(damaged, id) -> None:
    for change in ("newest = newest + 1", "at = '2026'", "through = 1", "heads = '{'"):
        directory = damaged()
        with unguarded(directory) as connection:
            connection.execute(f"UPDATE audit_anchor SET {change} WHERE id = ?", (id,))
        assert Finding(Fault.ANCHOR_CHANGED, id, id) in found(directory), change
    with unguarded(directory := damaged()) as connection:
        connection.execute("DELETE FROM audit_anchor WHERE id = ?", (id,))
    faults = {one.fault for one in found(directory)}
    # the newest one is missed by its entries, any other by the one after it
    assert (Fault.ANCHOR_MISSING in faults) == (id < 3)
    assert Fault.UNCHAINED in faults


def test_p36_a_process_begins_by_naming_how_far_the_others_came(whole) -> None:
    with opened(whole) as vault, rows(whole) as connection:
        lines = {one.id: one for one in vault.audit.lines(Selection())}
        made = connection.execute("SELECT newest, heads FROM audit_anchor ORDER BY id").fetchall()

    def head(id):
        return [lines[id].writer, lines[id].seq, lines[id].hash]

    assert [(newest, json.loads(heads)) for newest, heads in made] == [
        (0, []), (2, [head(2)]), (8, [head(8), head(6)])
    ]  # fmt: skip


def cut(connection, from_id: int) -> None:
    """Takes off the end, with the database's own counter, as whoever knows how it is found would."""
    connection.execute("DELETE FROM audit WHERE id >= ?", (from_id,))
    connection.forget_newest(from_id - 1)


def test_p36_an_older_end_that_was_cut_off_is_named(damaged) -> None:
    directory = damaged()
    with unguarded(directory) as connection:
        cut(connection, 8)  # the third process's anchor names the eighth
    assert found(directory) == [Finding(Fault.MISSING, 8, 8)]


def test_p36_the_newest_end_is_found_by_its_counter_or_by_what_was_noted_down(damaged) -> None:
    directory = damaged()
    with opened(directory) as vault:
        noted = vault.audit.check().newest
    assert noted is not None
    assert noted.id == 12
    with unguarded(directory) as connection:
        connection.execute("DELETE FROM audit WHERE id >= 11")
    assert found(directory) == [Finding(Fault.MISSING, 11, 12)]
    with rows(directory) as connection:
        cut(connection, 11)
    with opened(directory) as vault:
        # the database alone can not know of it, whoever noted the newest entry down can
        assert vault.audit.check().findings == []
        assert vault.audit.check(expected=noted).expected is False
        assert vault.audit.check(expected=Row(10, vault.audit.check().newest.hash)).expected is True
        assert vault.audit.check(expected=Row(10, "00")).expected is False


def test_p36_a_running_gateway_does_not_go_on_from_a_cut_end(tmp_path, store) -> None:
    with opened(tmp_path) as vault:
        write(vault, "1", "2", "3")
        with unguarded(tmp_path) as connection:
            cut(connection, 3)
        write(vault, "4")
        expected = [Finding(Fault.UNCHECKED, 3, 3)]
        if store == "postgres":  # which gives no id twice
            expected = [Finding(Fault.MISSING, 3, 3), Finding(Fault.UNCHECKED, 4, 4)]
        assert vault.audit.check().findings == expected


def test_p36_another_key_makes_no_chain(damaged) -> None:
    directory = damaged()
    with opened(directory) as vault:
        vault.audit._chain._hashing = vault._keyring.booking
        findings = vault.audit.check().findings
    assert Finding(Fault.CHANGED, 1, 12) in findings


def test_what_is_rolled_back_leaves_no_hole(tmp_path, store) -> None:
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        write(vault, "1")
        connection.refuse_entries("no")
        with pytest.raises(VaultUnavailable):
            write(vault, "2", "no")
        write(vault, "2")

        def taken(inside):
            inside.journal.append(inside, [("at", *[""] * 8, None, "", "", "")])
            raise Taken

        with pytest.raises(Taken):
            vault._database.write("test", taken).result()
        write(vault, "3")
        assert [one.entry.exchange for one in vault.entries()] == ["1", "2", "3"]
        report = vault.audit.check()
        assert (report.findings, report.entries) == ([], 3)
        assert (report.newest.id == 3) == (store == "sqlite")
        assert connection.execute("SELECT count(*) FROM audit_anchor").fetchone() == (1,)


def test_a_first_entry_that_is_rolled_back_takes_its_anchor_with_it(tmp_path) -> None:
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        connection.refuse_entries()
        with pytest.raises(VaultUnavailable):
            write(vault, "1")
        connection.take_entries()
        write(vault, "1")
        assert vault.audit.check().findings == []


def test_after_a_commit_that_failed_a_new_chain_begins(tmp_path) -> None:
    with opened(tmp_path) as vault:
        write(vault, "1")
        journal = vault._database._journal
        journal.committing()  # and then the disk was full
        journal.rolled_back()
        write(vault, "2")
        assert vault.audit.check().findings == []
        lines = vault.audit.lines(Selection())
        assert [(one.writer, one.seq) for one in lines] == [(1, 1), (2, 1)]


def test_a_message_of_many_cards_is_one_stretch_of_the_chain(tmp_path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(300), entries=[entry()] * 300)
        keep(vault, new(), entries=[entry()])
        report = vault.audit.check()
        assert (report.findings, report.entries) == ([], 301)


def test_progress_is_told(whole) -> None:
    told = []
    assert found(whole, progress=lambda done, of: told.append((done, of))) == []
    assert told == [(12, 12)]


# --- twelve months -----------------------------------------------------------------------------------


def old_and_new(directory) -> None:
    with opened(directory) as vault:
        asyncio.run(vault.record([replace(entry(str(n)), at=OLD) for n in range(1, 6)]))
    with opened(directory) as vault:
        fresh = [replace(entry(str(n)), at=datetime.now(UTC)) for n in (7, 8)]
        asyncio.run(vault.record([replace(entry("6"), at=OLD), *fresh]))


def test_p36_what_is_older_than_twelve_months_goes_and_the_chain_holds(tmp_path) -> None:
    old_and_new(tmp_path)
    with opened(tmp_path) as vault:
        until = datetime.now(UTC) - KEPT
        by = replace(PURGE, at=datetime.now(UTC))
        assert vault.audit.purge(until, by) == 6
        assert vault.audit.purge(until, by) == 0
        lines = vault.audit.lines(Selection())
        assert [(one.id, one.action, one.subject) for one in lines] == [
            (7, "tokenize", ""), (8, "tokenize", ""), (9, "audit_purge", "6")
        ]  # fmt: skip
        report = vault.audit.check(expected=Row(3, "whatever it was"))
        assert (report.findings, report.purged, report.expected) == ([], 6, True)
    for id in (7, 8, 9):
        with opened(tmp_path) as vault, rows(tmp_path) as connection:
            connection.unguard("audit")
            connection.execute("UPDATE audit SET client = 'other' WHERE id = ?", (id,))
            assert Finding(Fault.CHANGED, id, id) in vault.audit.check().findings
            connection.execute("UPDATE audit SET client = '' WHERE id = ?", (id,))
            assert vault.audit.check().findings == []


def test_p36_nothing_younger_goes(tmp_path) -> None:
    old_and_new(tmp_path)
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        with pytest.raises(ValueError, match="twelve months"):
            vault.audit.purge(datetime.now(UTC) - timedelta(days=365), PURGE)
        vault.audit._clock = lambda: datetime(2099, 1, 1, tzinfo=UTC)  # a clock that is wrong
        with pytest.raises(VaultUnavailable):
            vault.audit.purge(datetime(2098, 1, 1, tzinfo=UTC) - timedelta(days=2), PURGE)
        for statement in ("DELETE FROM audit WHERE id = 1", "DELETE FROM audit_anchor"):
            with pytest.raises(REFUSED, match="append only"):
                connection.execute(statement)
        with pytest.raises(REFUSED, match="append only"):
            connection.execute("UPDATE audit_anchor SET through = 8")
        assert len(vault.entries()) == 8


def test_p36_a_purge_that_nobody_made_is_found(tmp_path) -> None:
    old_and_new(tmp_path)
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        # the triggers let it pass: it is old enough. Only the key makes it a purge.
        connection.execute(
            "INSERT INTO audit_anchor SELECT 3, at, 8, 2, heads, hash FROM audit_anchor WHERE id = 2"
        )
        connection.execute("DELETE FROM audit WHERE id <= 2")
        assert vault.audit.check().findings == [
            Finding(Fault.ANCHOR_CHANGED, 3, 3), Finding(Fault.UNCHECKED, 3, 3)
        ]  # fmt: skip
