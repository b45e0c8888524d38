"""P23, P24: each record comes under the keys in use and says the same; a key goes when nothing is left under it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.errors import RecordDamaged
from gateway.vault import key_rows
from gateway.vault.key_rows import KeyEvent
from gateway.vault.keyring import Purpose
from gateway.vault.sealed_tables import CHECKED, STAY, USES
from tests.vault.makers import AUGUST, find, keep, many, new, opened, pan, rows
from tests.vault.old_vaults import VERSIONS
from tests.vault.rotating import BY, opened_all, renew, rotate, under, used


@pytest.mark.sqlite_alone("a vault from before there was PostgreSQL")
def test_p24_every_sealed_row_of_an_old_vault_is_sealed_anew_and_says_the_same(tmp_path):
    VERSIONS[-1].restore(tmp_path)
    with opened(tmp_path) as vault:
        before = opened_all(vault)
        rotate(vault)
        counted = vault.rewrap.left()
        done = vault.rewrap.run(BY)
        assert done.damaged == []
        assert done.rows == counted == {name: len(all) for name, all in before.items() if all}
        assert vault.rewrap.left() == {}
        assert opened_all(vault) == before
        vault.idempotency.purge(datetime(3000, 1, 1, tzinfo=UTC))
        vault.cvcs.purge(datetime(3000, 1, 1, tzinfo=UTC))
        assert {key.purpose for key in vault.rotation.retire(BY).needed} == CHECKED
    with opened(tmp_path) as vault:
        assert opened_all(vault) == before
    for purpose, columns in USES.items():
        for column in columns:
            names = under(tmp_path, column.table, column.name)
            assert names <= {used(tmp_path)[purpose], used(tmp_path)[Purpose.SPOOL],
                             used(tmp_path)[Purpose.QUARANTINE]}  # fmt: skip


@pytest.mark.sqlite_alone("a vault from before there was PostgreSQL")
def test_every_table_is_in_the_old_vault_that_this_is_shown_with(tmp_path):
    VERSIONS[-1].restore(tmp_path)
    with opened(tmp_path) as vault:
        assert {name for name, all in opened_all(vault).items() if not all} <= {
            "viewer", "stub", "stub_booking", "import_key", "digit_token",
        }  # fmt: skip


def test_p23_every_column_that_names_a_key_is_looked_at_before_one_goes(tmp_path):
    with opened(tmp_path):
        pass
    with rows(tmp_path) as connection:
        sealed = connection.blobs()
    named = {(column.table, column.name) for columns in USES.values() for column in columns}
    # Hashes of bookings, of other vaults' tokens and of the audit stay; the others are no names of our keys.
    others = {
        ("keyring", "wrapped"), ("audit", "hash"), ("audit_anchor", "hash"), ("api_key", "hash"),
        ("link", "booking_hash"), ("charge", "booking"), ("charge_consumed", "booking"),
        ("collection", "booking"), ("answer", "poll"), ("page_link", "secret"),
        ("stub_booking", "booking_hash"), ("old_token", "hash"), ("old_token", "bound"),
    }  # fmt: skip
    assert sealed - {("audit_head", "hash")} == named | others  # a note of the audit
    assert set(USES) | CHECKED | STAY == set(Purpose)
    assert not (set(USES) & (CHECKED | STAY))


@pytest.mark.pooled
def test_p24_a_row_that_is_changed_meanwhile_is_as_it_was_changed(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as gateway:
        kept = keep(vault, new())[0]
        rotate(vault)
        write = vault.rewrap._write
        changed = []

        def slow(table, *more):
            if table.name == "link" and not changed:
                changed.append(keep(gateway, new(holder="Ada Changed"))[0])
            return write(table, *more)

        monkeypatch.setattr(vault.rewrap, "_write", slow)
        done = vault.rewrap.run(BY)
        assert changed[0].token == kept.token
        assert done.rows == {"card": 1, "link": 0}
        assert vault.rewrap.left() == {}
        assert find(vault, kept.token).card.holder.reveal() == "Ada Changed"


@pytest.mark.pooled
def test_p23_keys_that_change_in_the_middle_are_the_ones_in_the_end(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        keep(vault, *many(30))
        rotate(vault)
        portion = vault.rewrap._portion
        calls = []

        def slow(*more):
            found = portion(*more)
            calls.append(1)
            if len(calls) == 1:
                rotate(other)
            return found

        monkeypatch.setattr(vault.rewrap, "_portion", slow)
        vault.rewrap.run(BY)
        assert vault.rewrap.left() == {}
        assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}


def test_p18_a_record_that_does_not_open_is_named_and_its_key_stays(tmp_path):
    with opened(tmp_path) as vault:
        good, bad = keep(vault, new(), new(pan(1)))
        with rows(tmp_path) as connection:
            (sealed,) = connection.execute(
                "SELECT sealed FROM card WHERE iduser = ?", (bad.token.iduser,)
            ).fetchone()
            flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
            connection.execute("UPDATE card SET sealed = ? WHERE sealed = ?", (flipped, sealed))
        rotate(vault)
        done = vault.rewrap.run(BY)
        assert [(one.table, one.key) for one in done.damaged] == [("card", "2")]
        needed = {key.purpose for key in vault.rotation.retire(BY).needed}
        assert needed == {Purpose.DATA, Purpose.LOOK_UP, Purpose.TOKENUSER, Purpose.AUDIT}
        assert find(vault, good.token) is not None
        with pytest.raises(RecordDamaged):
            find(vault, bad.token)


def test_p24_a_card_that_stands_twice_holds_nobody_up(tmp_path):
    """No gateway files one twice; whoever can write the database can."""
    with opened(tmp_path) as vault:
        keep(vault, new(), new(pan(1)), new(pan(2)))
        rotate(vault)
        vault.watch.refresh()
        twin = vault.watch.keyring.look_up.digest(
            b"seaside", b"test", pan(1).encode(), str(AUGUST).encode()
        )
        with rows(tmp_path) as connection:
            connection.execute("UPDATE card SET look_up = ? WHERE id = 3", (twin,))
        done = vault.rewrap.run(BY)
        assert [(one.table, one.key) for one in done.damaged] == [("card", "2")]
        assert vault.rewrap.left() == {"card": 1}


def test_p23_a_key_goes_only_when_nothing_is_left_under_it(tmp_path):
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
        rotate(vault)
        needed = {key.purpose for key in vault.rotation.retire(BY).needed}
        assert needed == {Purpose.DATA, Purpose.LOOK_UP, Purpose.TOKENUSER, Purpose.AUDIT}
        vault.rewrap.run(BY)
        gone = vault.rotation.retire(BY).keys
        assert {key.purpose for key in gone} == needed - {Purpose.AUDIT}
        with rows(tmp_path) as connection:
            stand = {one.id: one.wrapped for one in key_rows.read(connection)}
        assert not {key.id for key in gone} & stand.keys()
        assert vault.rotation.retire(BY).keys == ()
    with opened(tmp_path) as vault:
        assert find(vault, kept.token) is not None
        assert vault.audit.check().findings == []


@pytest.mark.sqlite_alone("it looks into SQLite's files")
def test_p23_of_a_key_that_went_no_byte_is_left(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        rotate(vault)
        vault.rewrap.run(BY)
        gone = vault.rotation.retire(BY).keys
        assert gone
    for file in (tmp_path / "state").iterdir():
        assert not any(key.wrapped in file.read_bytes() for key in gone), file


def test_no_id_is_used_twice(tmp_path):
    with opened(tmp_path) as vault:
        for _ in range(3):
            renew(vault)
        created = [one.key for one in vault.rotation.history() if one.event is KeyEvent.CREATED]
        assert created == list(range(1, len(created) + 1))
