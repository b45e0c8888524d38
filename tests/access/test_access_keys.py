"""Gateway keys: their form, their storage, their life."""

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import DEFAULT_SCOPES, Keys, NewKey, TooManyKeys, create, key_id
from gateway.errors import VaultUnavailable
from tests.access.fakes import START, Clock, Table

NEW = NewKey(name="front-desk", client="pms")


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(table, clock):
    return Keys(table, clock)


def made(table, new=NEW, now=START):
    key, row = create(table, new, now, "test")
    return key.reveal(), row


def test_a_key_has_the_form_that_scanners_know(table):
    key, row = made(table)
    assert re.fullmatch(r"cgk_[0-9a-z]{12}_[0-9A-Za-z]{32}[0-9A-Za-z]{6}", key)
    assert key_id(key) == row.id == key[4:16]
    assert row.scopes == DEFAULT_SCOPES == ("proxy", "detokenize")


def test_no_two_keys_are_alike(table):
    keys = {made(table, replace(NEW, name=f"n{i}"))[0] for i in range(200)}
    assert len(keys) == len({key[17:49] for key in keys}) == 200


def test_p28_the_key_itself_is_not_stored(table):
    key, row = made(table)
    secret = key[17:49]
    assert len(row.hash) == 32
    assert secret not in repr(row)
    assert secret.encode() not in row.hash


@given(st.integers(0, 54), st.characters(codec="ascii", categories=["L", "Nd"]))
def test_one_wrong_character_is_noticed_without_a_look_up(place, sign):
    key, _ = made(Table())
    typo = key[:place] + sign + key[place + 1 :]
    assert (key_id(typo) is None) == (typo != key)


@pytest.mark.parametrize("text", ["", "cgk_", "sk_live_abc", "cgk_x_y", "cgk_" + "a" * 51])
def test_p28_what_has_not_the_form_is_no_key(keys, table, text):
    assert key_id(text) is None
    assert keys.verify(text) is None
    assert table.reads == 0


def test_p28_a_known_key_is_verified(keys, table):
    key, row = made(table)
    assert keys.verify(key) == row


def test_p28_a_key_with_a_known_id_and_another_secret_is_refused(keys, table):
    key, row = made(table)
    other, _ = made(Table())
    table.insert(replace(row, hash=bytes(32)), "test")
    assert keys.verify(key) is None
    assert keys.verify(other) is None


def test_p28_an_unknown_id_is_hashed_and_compared_too(keys, table, monkeypatch):
    compared = []
    monkeypatch.setattr(
        "gateway.access.keys.hmac.compare_digest",
        lambda left, right: compared.append((left, right)) or left == right,
    )
    key, _ = made(table)
    stranger, _ = made(Table())
    assert keys.verify(key) is not None
    assert keys.verify(stranger) is None
    assert [len(right) for _, right in compared] == [32, 32]


def test_p28_an_expired_key_is_refused(keys, table, clock):
    key, _ = made(table, replace(NEW, expires=START + timedelta(hours=1)))
    assert keys.verify(key)
    clock.forward(hours=1)
    assert keys.verify(key) is None


def test_p28_a_revoked_key_is_refused_within_two_seconds(keys, table, clock):
    key, row = made(table)
    assert keys.verify(key)
    assert keys.live(row.id)
    table.revoke(row.id, clock(), "test")
    clock.forward(seconds=2)
    assert keys.verify(key) is None
    assert keys.live(row.id) is None
    assert keys.live("unknown") is None


def test_a_hot_path_reads_the_table_once_in_two_seconds(keys, table, clock):
    key, _ = made(table)
    table.reads = 0
    for _ in range(50):
        keys.verify(key)
        clock.forward(milliseconds=30)
    assert table.reads == 1
    clock.forward(seconds=1)
    keys.verify(key)
    assert table.reads == 2


def test_guessing_reads_the_table_four_times_a_second_at_most(keys, table, clock):
    stranger, _ = made(Table())
    table.reads = 0
    for _ in range(50):
        assert keys.verify(stranger) is None
        clock.forward(milliseconds=10)
    assert table.reads == 2


def test_a_key_made_a_moment_ago_is_known(keys, table, clock):
    keys.refresh()  # as it happens every second, whoever asks
    key, _ = made(table)
    assert keys.verify(key)


def test_a_clock_that_is_set_back_does_not_keep_old_rows(keys, table, clock):
    key, row = made(table)
    assert keys.verify(key)
    table.revoke(row.id, clock(), "test")
    clock.forward(hours=-1)
    assert keys.verify(key) is None


def test_refreshing_aside_spares_the_requests(keys, table, clock):
    key, _ = made(table)
    keys.refresh()
    table.down = True
    assert keys.verify(key)
    clock.forward(seconds=2)
    with pytest.raises(VaultUnavailable):
        keys.verify(key)


def test_a_slow_reader_does_not_bring_older_rows_back(keys, table, monkeypatch):
    def started():
        thread = threading.Thread(target=keys.refresh)
        thread.start()
        return thread

    read, go_on, everything = threading.Event(), threading.Event(), table.all

    def slow():
        rows = everything()
        read.set()
        go_on.wait(10)
        return rows

    monkeypatch.setattr(table, "all", slow)
    older = started()
    assert read.wait(10)
    monkeypatch.setattr(table, "all", everything)
    key, row = made(table)
    newer = started()
    newer.join(0.2)  # where nothing holds it back it has ended by now
    go_on.set()
    older.join(10)
    newer.join(10)
    assert keys.verify(key) == row


def test_p27_p28_without_the_vault_nobody_is_let_in(keys, table):
    key, _ = made(table)
    table.down = True
    with pytest.raises(VaultUnavailable):
        keys.verify(key)


def test_last_use_is_written_in_batches(keys, table, clock):
    keys.save_uses()
    assert table.uses == []
    keys.note_use("a")
    clock.forward(seconds=1)
    keys.note_use("a")
    keys.note_use("b")
    keys.save_uses()
    keys.save_uses()
    assert table.uses == [{"a": clock.now, "b": clock.now}]


def test_uses_that_could_not_be_written_are_kept(keys, table, clock):
    keys.note_use("a")
    keys.note_use("b")
    table.down = True
    with pytest.raises(VaultUnavailable):
        keys.save_uses()
    clock.forward(seconds=1)
    keys.note_use("b")
    table.down = False
    keys.save_uses()
    assert table.uses == [{"a": START, "b": clock.now}]


def test_a_third_live_key_is_refused_and_names_the_two(table):
    _, first = made(table)
    _, second = made(table, now=START + timedelta(days=1))
    with pytest.raises(TooManyKeys) as caught:
        made(table)
    assert caught.value.live == (first, second)
    assert len(table.rows) == 2


def test_other_names_clients_and_dead_keys_do_not_count(table):
    _, first = made(table)
    made(table, replace(NEW, expires=START + timedelta(seconds=1)))
    made(table, replace(NEW, name="night-audit"))
    made(table, replace(NEW, client="other"))
    later = START + timedelta(seconds=1)
    made(table, now=later)  # one of the two has expired
    table.revoke(first.id, later, "test")
    made(table, now=later)
    with pytest.raises(TooManyKeys):
        made(table, now=later)
