"""`vault verify`: every table that has something sealed is looked at, and what is wrong is named."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.vault.sealed import SEALED
from gateway.vault.verification import Finding, Flaw
from tests.collections.world import collecting
from tests.postgres import forget_databases
from tests.vault import makers, test_vault_foreign, writes
from tests.vault.makers import LATER, answer, booking, new, pan, rows
from tests.vault.rotating import BY, opened_all, rotate
from tests.vault.test_vault_cvc import held
from tests.vault.test_vault_retention import RULE, purge

NAMES = [one.name for one in SEALED]
# What is no record: keyed hashes, hashes of random secrets, and keys under the KEK, which every start
# opens (`unsealing.py`).
NOT_SEALED = {
    "keyring.wrapped", "card.look_up", "card.tokenuser_hash", "link.booking_hash", "api_key.hash",
    "answer.poll", "idempotent.asked", "idempotent.request", "charge.booking",
    "charge_consumed.booking", "page_link.secret", "collection.booking", "audit.hash",
    "digit_token.hash", "old_token.hash", "old_token.bound", "audit_anchor.hash", "stub.tokenuser_hash", "stub_booking.booking_hash", "audit_head.hash",
}  # fmt: skip
LONG = timedelta(days=1000)


def fill(world):
    """At least one row in each table."""
    makers.keep(world.vault, new(pan(1)))
    purge(world.vault)
    token = makers.keep(world.vault, held())[0].token
    makers.keep(world.vault, replace(new(pan(2)), digits=True))
    test_vault_foreign.keep_foreign(world.vault, token.iduser)
    makers.keep(world.vault, answer=lambda _: answer())
    makers.quarantine(world.vault, answer("refused"))
    for prepare in (
        writes.set_credentials, writes.make_link, writes.told, writes.two_people,
        writes.add_card, writes.make_import_key, writes.collected, writes.waiting, lambda world: world.charge(world.token()),
    ):  # fmt: skip
        prepare(world)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Gives a full vault in a store, which is made when it is wanted first."""
    worlds = {}
    with ExitStack() as stack:

        def in_store(store):
            if store not in worlds:
                directory = tmp_path_factory.mktemp("full")
                if store == "postgres":
                    stack.callback(forget_databases, directory)
                worlds[store] = stack.enter_context(collecting(directory))
                fill(worlds[store])
            return worlds[store]

        yield in_store


@pytest.fixture
def full(store, filled):
    return filled(store)


def check(world, at=None):
    seen = []
    report = world.vault.verification.check(
        RULE, at or world.clock.now, lambda *how: seen.append(how)
    )
    assert [done for done, _ in seen] == list(range(1, report.opened + 1))
    assert seen[-1][1] == report.opened
    return report


def test_every_column_of_the_schema_that_is_sealed_is_looked_at(full):
    with rows(full.directory) as connection:
        blobs = {f"{table}.{column}" for table, column in connection.blobs()}
    assert blobs - NOT_SEALED == {f"{name}.sealed" for name in NAMES}
    assert blobs >= NOT_SEALED


def test_where_nothing_is_wrong_nothing_is_found(full):
    with rows(full.directory) as connection:
        for name in NAMES:
            (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            assert count, name
    report = check(full)
    assert report.findings == ()
    assert report.opened >= len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_p18_a_damaged_record_of_each_table_is_named(full, name):
    some = f"{name} WHERE sealed IS NOT NULL"
    with rows(full.directory) as connection:
        (stood,) = connection.execute(f"SELECT sealed FROM {some} LIMIT 1").fetchone()
        changed = bytes([*stood[:-1], stood[-1] ^ 1])
        put = f"UPDATE {name} SET sealed = ? WHERE sealed = ?"
        connection.execute(put, (changed, stood))
        try:
            (found,) = check(full).findings
        finally:
            connection.execute(put, (stood, changed))
    assert (found.flaw, found.table, found.count) == (Flaw.DAMAGED, name, 1)
    assert found.first


@pytest.mark.parametrize("column", ["look_up", "tokenuser_hash"])
def test_p17_a_card_that_is_found_by_anothers_hash_is_damage(full, column):
    with rows(full.directory) as connection:
        id, stood = connection.execute(f"SELECT id, {column} FROM card LIMIT 1").fetchone()
        put = f"UPDATE card SET {column} = ? WHERE id = ?"
        connection.execute(put, (stood[:-1] + bytes([stood[-1] ^ 1]), id))
        try:
            (found,) = check(full).findings
        finally:
            connection.execute(put, (stood, id))
    assert (found.flaw, found.table) == (Flaw.DAMAGED, "card")


def test_what_is_beside_a_record_may_be_damaged_too(full):
    with rows(full.directory) as connection:
        (stood,) = connection.execute("SELECT created FROM recapture").fetchone()
        connection.execute("UPDATE recapture SET created = 'yesterday'")
        try:
            (found,) = check(full).findings
        finally:
            connection.execute("UPDATE recapture SET created = ?", (stood,))
    assert (found.flaw, found.table) == (Flaw.DAMAGED, "recapture")


def test_what_is_past_its_time_is_named(full):
    found = {one.table for one in check(full, LATER + LONG).findings if one.flaw is Flaw.EXPIRED}
    assert found == {"cvc", "answer", "idempotent", "page_link", "link", "stub", "stub_booking"}


def test_what_has_just_come_due_is_left_to_the_gateway(tmp_path):
    with makers.opened(tmp_path) as vault:
        makers.keep(vault, new(at=booking()))
        due = makers.NOON.replace(month=5, day=1, hour=0)
        for later, count in [(timedelta(minutes=59), 0), (timedelta(hours=1), 1)]:
            report = vault.verification.check(RULE, due + later, lambda *_: None)
            assert len(report.findings) == count


def test_counts_and_cards_without_a_booking(tmp_path):
    with makers.opened(tmp_path) as vault, rows(tmp_path) as connection:
        token = makers.keep(vault, new())[0].token
        connection.miscount()
        connection.unguard("link")
        connection.execute("DELETE FROM link")
        report = vault.verification.check(RULE, makers.NOON, lambda *_: None)
        assert report.findings == (
            Finding(Flaw.MISCOUNTED, "card_count", 1),
            Finding(Flaw.UNLINKED, "card", 1, str(token.iduser)),
        )


def test_more_than_one_page_is_read(tmp_path):
    with makers.opened(tmp_path) as vault:
        makers.keep(vault, *makers.many(1100))
        report = vault.verification.check(RULE, makers.NOON, lambda *_: None)
        assert (report.opened, report.findings) == (2200, ())


def test_p24_every_record_of_every_table_is_sealed_anew(tmp_path):
    with collecting(tmp_path) as world:
        fill(world)
        before = opened_all(world.vault)
        # Held security codes and answers to an Idempotency-Key end by themselves.
        others = {"cvc", "idempotent", "answer_body"}
        assert before.keys() == set(NAMES) - others | {"answer", "refused answer"}
        assert all(before.values())
        rotate(world.vault)
        done = world.vault.rewrap.run(BY)
        assert done.damaged == []
        assert done.rows == {name: len(all) for name, all in before.items()}
        assert world.vault.rewrap.left() == {}
        assert opened_all(world.vault) == before
        assert check(world).findings == ()
