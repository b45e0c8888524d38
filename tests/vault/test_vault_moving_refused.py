"""What is not moved: a place that is taken, a vault that is none, and rows that are not the same in the new place."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError, VaultSealed
from gateway.vault.closing import Closed
from gateway.vault.kek.file import KekFile
from gateway.vault.moving import Moving
from gateway.vault.moving_ends import Filling, Leaving, Mover
from gateway.vault.places import open_database
from gateway.vault.service import Vault, utc_now
from tests.vault.makers import (
    entry,
    find_all,
    keep,
    many,
    new,
    opened,
    pan,
    place,
)
from tests.vault.moving import NOW, Watching, everything, interrupt, move, moved, opens, state
from tests.vault.outside import outside


def test_a_place_that_has_a_vault_is_left_as_it_is(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, new(), entries=[entry()])
    Vault.open(target, KekFile(tmp_path / "other_kek")).close()
    before = everything(target), everything(place(tmp_path))
    with pytest.raises(ConfigurationError, match="there is a vault already"):
        move(tmp_path, target)
    assert (everything(target), everything(place(tmp_path))) == before


def test_an_unfinished_copy_of_another_vault_is_left_as_it_is(tmp_path, target):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name) as vault:
            keep(vault, new(), entries=[entry(name)])
    with pytest.raises(KeyboardInterrupt):
        move(tmp_path / "one", target, watcher=Watching(last=interrupt))
    before = everything(target)
    with pytest.raises(ConfigurationError, match="copy of another vault"):
        move(tmp_path / "two", target)
    assert everything(target) == before
    assert state(place(tmp_path / "two")) is Closed.OPEN
    assert move(tmp_path / "one", target).proof.holds


def test_a_vault_is_not_moved_to_itself(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
    with pytest.raises(ConfigurationError, match="there is a vault already"):
        move(tmp_path, place(tmp_path))
    with opened(tmp_path) as vault:
        keep(vault, new())


def test_what_was_moved_is_not_moved_elsewhere_nor_back_over_itself(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, new())
    move(tmp_path, target)
    with pytest.raises(ConfigurationError, match="was moved, and not to here"):
        move(tmp_path, tmp_path / "third" / "vault.db")
    assert not opens(tmp_path / "third" / "vault.db", tmp_path)
    with pytest.raises(ConfigurationError, match="a vault already"):
        back(tmp_path, target)
    assert opens(target, tmp_path)


def back(directory, target):
    """Moves it from the target to where it was."""
    mover = Mover("back", "test", [KekFile(directory / "kek")], utc_now)
    one, source = open_database(target, now=NOW), open_database(place(directory), now=NOW)
    try:
        Moving(
            Leaving(one, target, place(directory), mover),
            Filling(source, place(directory), mover),
            target,
        ).run()
    finally:
        one.close()
        source.close()


def test_what_is_no_vault_is_not_moved(tmp_path, target):
    with pytest.raises(ConfigurationError, match="there is no vault"):
        move(tmp_path, target)
    assert not (tmp_path / "kek").exists()  # none is made for it


def test_p22_without_its_kek_nothing_is_moved(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, new())
    (tmp_path / "kek").rename(tmp_path / "away")
    with pytest.raises(VaultSealed):
        move(tmp_path, target)
    assert state(place(tmp_path)) is Closed.OPEN
    (tmp_path / "away").rename(tmp_path / "kek")
    assert move(tmp_path, target).proof.holds


def change(at, statement):
    with outside(at) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE card SET tokenuser_hash = sealed WHERE id = 3", "card"),
        ("DELETE FROM link WHERE id = (SELECT max(id) FROM link)", "link"),
        ("UPDATE key_made SET purpose = 'other'", ""),
    ],
)
def test_p18_a_row_that_is_not_the_same_is_found_and_the_source_stays(
    tmp_path, target, statement, table
):
    if not table:
        statement, table = "DELETE FROM keyring_made WHERE purpose = 'cvc'", "keyring_made"
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(30))
    went = move(tmp_path, target, watcher=Watching(verify=lambda: change(target, statement)))
    assert not went.proof.holds
    assert table in went.proof.differing
    assert not opens(target, tmp_path)
    with opened(tmp_path) as vault:
        assert all(find_all(vault, (one.token for one in kept)))
        keep(vault, new(pan(1)), entries=[entry()])
    assert move(tmp_path, target).proof.holds  # the next run puts it right


def test_p36_a_fault_that_the_audit_had_before_moves_with_it_and_is_said(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, *many(3), entries=[entry() for _ in range(3)])
    with outside(place(tmp_path)) as connection:
        connection.unguard("audit")
        connection.execute("UPDATE audit SET origin = 'elsewhere' WHERE id = 2")
    went = move(tmp_path, target)
    assert (went.proof.holds, went.proof.audit_holds, went.proof.chained) == (True, False, True)
    with moved(tmp_path, target) as vault:
        assert [one.first for one in vault.audit.check().findings] == [2]


@pytest.mark.parametrize("table", ["audit", "audit_anchor"])
def test_p36_a_chain_that_does_not_hold_in_the_new_place_is_no_move(tmp_path, target, table):
    with opened(tmp_path) as vault:
        keep(vault, *many(3), entries=[entry() for _ in range(3)])

    def cut():
        with outside(target) as connection:
            connection.unguard("audit", "audit_anchor")
            connection.execute(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")

    went = move(tmp_path, target, watcher=Watching(verify=cut))
    assert not went.proof.holds
    assert state(place(tmp_path)) is Closed.OPEN
    assert not opens(target, tmp_path)


def test_a_wrong_count_of_cards_is_found(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, *many(3))

    def miscount():
        with outside(target) as connection:
            connection.miscount()

    went = move(tmp_path, target, watcher=Watching(verify=miscount))
    assert (went.proof.holds, went.proof.counted) == (False, False)
    assert state(place(tmp_path)) is Closed.OPEN
