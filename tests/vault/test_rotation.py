"""P23: new keys are known everywhere before they are used, and nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.vault import key_rows
from gateway.vault.kek.file import KekFile
from gateway.vault.kek_move import move
from gateway.vault.keyring import State
from gateway.vault.keyring_watch import SILENT
from gateway.vault.sealed_tables import ROTATED
from tests.vault.makers import NOON, Clock, find, keep, many, new, open_vault, opened, pan, place
from tests.vault.rotating import BY, renew, rotate


@pytest.mark.pooled
def test_p23_no_key_is_used_before_all_who_serve_have_it(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as one, opened(tmp_path, clock=clock) as other:
        for vault in (one, other):
            vault.watch.beat(clock.now)
        added = one.rotation.add(BY)
        assert {key.state for key in added} == {State.PENDING}
        one.watch.refresh()
        one.watch.beat(clock.now)
        assert one.rotation.activate(BY).behind == (other.watch.process,)
        assert one.rotation.behind() == [other.watch.process]
        assert len(one.rotation.waiting()) == len(ROTATED)
        other.watch.refresh()
        other.watch.beat(clock.now)
        assert len(one.rotation.activate(BY).keys) == len(ROTATED)


def test_p23_whoever_is_silent_is_not_waited_for(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as one, opened(tmp_path, clock=clock) as dead:
        dead.watch.beat(clock.now)
        one.rotation.add(BY)
        clock.now += SILENT
        assert one.rotation.activate(BY).behind == (dead.watch.process,)
        clock.now += timedelta(seconds=1)
        assert one.rotation.activate(BY).keys


def test_p23_a_second_rotation_goes_on_with_the_keys_that_wait(tmp_path):
    with opened(tmp_path) as vault:
        first = vault.rotation.add(BY)
        assert vault.rotation.add(BY) == first
        assert vault.rotation.activate(BY).keys == tuple(first)
        assert vault.rotation.activate(BY).keys == ()


def test_p23_a_key_that_the_kek_at_hand_does_not_open_is_not_said_to_be_known(tmp_path):
    """The KEK was moved after this process had started, to one that it was not told of."""
    clock, following = Clock(), KekFile(tmp_path / "next")
    with opened(tmp_path, clock=clock) as old:
        kept = keep(old, new())[0]
        move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)
        new_one = open_vault(tmp_path, clock=clock, next_kek=following)
        new_one.rotation.add(BY)
        assert (
            keep(old, new())[0].token == kept.token
        )  # it goes on: nothing is used that it has not
        with pytest.raises(VaultUnavailable):
            old.watch.refresh()
        old.watch.beat(clock.now)
        assert new_one.rotation.activate(BY).behind == (old.watch.process,)
        clock.now += 2 * SILENT
        assert new_one.rotation.activate(BY).keys
        # What it would write nobody could open: it writes nothing, and says so.
        with pytest.raises(VaultUnavailable):
            keep(old, new(pan(1)))
        fresh = keep(new_one, new(pan(2)))[0]
        with pytest.raises(VaultUnavailable):
            find(old, fresh.token)
        new_one.close()
    with opened(tmp_path, next_kek=following) as vault:
        assert find(vault, fresh.token) is not None


def test_p23_whoever_was_told_of_the_next_kek_fetches_it(tmp_path):
    following = KekFile(tmp_path / "next")
    with opened(tmp_path, next_kek=following) as old:
        kept = keep(old, new())[0]
        move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)
        with opened(tmp_path, next_kek=following) as other:
            renew(other)
        with pytest.raises(VaultUnavailable):
            keep(old, new())
        old.watch.refresh()
        assert keep(old, new())[0].token == kept.token


def test_p22_no_key_is_added_under_a_kek_that_was_moved_away(tmp_path, monkeypatch):
    following = KekFile(tmp_path / "next")
    with opened(tmp_path) as vault:
        refresh = vault.watch.refresh

        def then_moved():
            refresh()
            move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)

        monkeypatch.setattr(vault.watch, "refresh", then_moved)
        with pytest.raises(RecordDamaged):
            vault.rotation.add(BY)
    with opened(tmp_path, next_kek=following) as vault:
        assert vault.rotation.waiting() == []


def test_p25_a_gateway_that_knows_nothing_of_it_files_no_card_twice(tmp_path, monkeypatch):
    """Of version 15, say, and running since before: it reads no keyring again."""
    with opened(tmp_path) as vault, opened(tmp_path) as old:
        kept = keep(vault, new())[0]
        monkeypatch.setattr(old.watch, "check", lambda _: None)
        renew(vault)
        for cards in ([new()], [new(pan(1))], many(40)):
            with pytest.raises(VaultUnavailable):
                keep(old, *cards)
        assert vault.count_by_product() == {"seaside": 1}
        assert keep(vault, new())[0].token == kept.token


def test_p23_what_was_rolled_back_is_not_taken_for_what_came_after(tmp_path):
    names = set()
    with opened(tmp_path) as vault:
        for _ in range(3):
            rotate(vault)
            names.add(vault._database.read(key_rows.version))
        assert len(names) == 3
        assert all(len(name) == 32 for name in names)
