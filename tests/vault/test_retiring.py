"""P23: an old key goes when nothing is under it, whatever gateways do while it is looked for."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from gateway.vault import key_rows, keyring_watch, windows
from gateway.vault.keyring import Purpose, State
from gateway.vault.sealed_tables import KEYS, USES
from tests.charges.scripted import Scripted
from tests.collections.world import collecting
from tests.vault import test_vault_retention as retention
from tests.vault.makers import find, keep, many, new, opened, pan, rows
from tests.vault.rotating import BY, rotate, under, used
from tests.vault.writes import WRITES

LOOKED = "key_turn:looked"
# What makes no new row under a key, or is the rotation itself.
ROTATING = {"key_add", "key_activate", "key_turn", "key_retire", "rewrap", "rewrap_said"}


@pytest.fixture
def small(monkeypatch):
    """Windows of two rows: what has a few rows has many."""
    monkeypatch.setattr(windows, "ROWS", 2)


@contextmanager
def between(directory, do, time=1):
    """A vault; `do` is done once the `time`-th window was looked at: 0 says behind each."""
    done = []

    def step(reached):
        if reached == LOOKED:
            done.append(reached)
            if len(done) == time or not time:
                do()

    with opened(directory, step=step) as vault:
        yield vault
    assert done


def purposes(keys):
    return {key.purpose for key in keys}


# --- what others do between two windows -------------------------------------------------------------


@pytest.mark.pooled
def test_p23_others_write_between_two_windows(tmp_path, small):
    """It would wait for five seconds, and be refused, if a write were going on."""
    numbers = iter(range(100, 200))
    with opened(tmp_path, busy_seconds=0.5) as other:
        before = keep(other, *many(9))
        kept = []

        def write():
            kept.extend(keep(other, new(pan(next(numbers)))))

        with between(tmp_path, write, time=0) as vault:
            rotate(vault)
            vault.rewrap.run(BY)
            assert purposes(vault.rotation.retire(BY).needed) == {Purpose.AUDIT}
        assert len(kept) > len(before) / 2
        assert all(find(other, one.token) for one in (*before, *kept))


def test_p23_whoever_slept_through_the_rotation_writes_under_the_new_keys_while_it_is_looked(
    tmp_path, small
):
    with opened(tmp_path) as asleep:
        before = keep(asleep, *many(3))
        kept = []
        with between(
            tmp_path, lambda: kept.extend(keep(asleep, *many(3), new(pan(1)), *many(240, 2)))
        ) as vault:
            rotate(vault)
            vault.rewrap.run(BY)
            assert purposes(vault.rotation.retire(BY).needed) == {Purpose.AUDIT}
        assert [one.token for one in kept[:3]] == [one.token for one in before]
    with opened(tmp_path) as vault:
        assert all(find(vault, one.token) for one in kept)
        assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}


@pytest.mark.parametrize("time", range(1, len(KEYS) + 1))
def test_p23_a_hash_that_a_purge_takes_to_a_stub_is_not_missed(tmp_path, time):
    """Whichever of the tables, each of one window, are looked at before the only card goes."""
    with opened(tmp_path) as other:
        kept = keep(other, new())[0]
        with between(tmp_path, lambda: retention.purge(other), time) as vault:
            rotate(vault)
            old = {one.id: one for one in key_rows_of(vault) if one.state is State.RETIRING}
            gone = vault.rotation.retire(BY).keys
        assert Purpose.TOKENUSER not in purposes(gone)
        (hashed,) = under(tmp_path, "card", "tokenuser_hash") | under(
            tmp_path, "stub", "tokenuser_hash"
        )
        assert old[hashed].purpose is Purpose.TOKENUSER
        if time <= 10:  # later there is nothing left to look for
            assert find(other, kept.token) is None


def test_p23_a_key_that_becomes_an_old_one_meanwhile_is_not_among_them(tmp_path, small):
    """Rows under it may stand in a window that was looked at before."""
    with opened(tmp_path) as other:
        keep(other, *many(5))
        with between(tmp_path, lambda: rotate(other)) as vault:
            first = used(tmp_path)
            rotate(vault)
            second = used(tmp_path)
            vault.rewrap.run(BY)
            gone = {key.id for key in vault.rotation.retire(BY).keys}
        assert gone == {first[one] for one in USES}
        stand = {one.id: one.state for one in key_rows_of(other)}
        assert {stand[second[one]] for one in USES} == {State.RETIRING}
        assert all(find(other, one.token) for one in keep(other, *many(5)))


def test_p23_of_two_that_look_at_once_one_erases(tmp_path, small):
    with opened(tmp_path) as other:
        keep(other, *many(5))
        others = []
        with between(tmp_path, lambda: others.append(other.rotation.retire(BY))) as vault:
            rotate(vault)
            vault.rewrap.run(BY)
            mine = vault.rotation.retire(BY)
        assert purposes(others[0].keys) == set(USES)
        assert mine.keys == ()
        retired = [one for one in other.rotation.history() if one.event == "retired"]
        assert len(retired) == len(USES)


@pytest.mark.postgres_alone("SQLite writes one at a time")
def test_p23_p25_a_write_that_began_before_the_new_keys_is_waited_for(tmp_path):
    """It has read the keyring of its time, and PostgreSQL has it come first: its card is under the old key."""
    reached, go_on, held = threading.Event(), threading.Event(), []

    def step(name):
        if name == "keep:written" and held:
            reached.set()
            assert go_on.wait(30)

    with opened(tmp_path) as vault, opened(tmp_path, step=step, busy_seconds=60) as slow:
        keep(slow, new(pan(1)))
        held.append(True)
        kept, retired = [], []
        writing = threading.Thread(target=lambda: kept.extend(keep(slow, new())))
        writing.start()
        assert reached.wait(30)
        rotate(vault)
        vault.rewrap.run(BY)
        retiring = threading.Thread(target=lambda: retired.append(vault.rotation.retire(BY)))
        retiring.start()
        retiring.join(1)
        assert retiring.is_alive()
        assert not retired
        go_on.set()
        writing.join()
        retiring.join()
        assert find(vault, kept[0].token) is not None
        assert purposes(retired[0].needed) in ({Purpose.AUDIT}, {
            Purpose.DATA, Purpose.LOOK_UP, Purpose.TOKENUSER, Purpose.AUDIT,
        })  # fmt: skip
        if purposes(retired[0].needed) != {Purpose.AUDIT}:
            assert vault.rewrap.left() == {"card": 1, "link": 1}
        vault.rewrap.run(BY)
        vault.rotation.retire(BY)
        assert find(vault, kept[0].token) is not None


@pytest.mark.parametrize("behind", ["the windows", "the erasure"])
def test_p23_who_slept_over_a_keyring_that_he_had_read_does_not_go_back_to_it(
    tmp_path, monkeypatch, behind
):
    """He was stopped between his look at the keyring and taking it over, for longer than anybody waits; and goes
    on in the middle of a write of his own, which has compared the keyrings already."""
    read, go_on, kept, looked = threading.Event(), threading.Event(), [], []
    with opened(tmp_path) as asleep:

        def write():
            kept.extend(keep(asleep, new(pan(77))))

        def step(reached):
            if reached == LOOKED:
                looked.append(reached)
                if behind == "the windows" and len(looked) == 5:  # the last of a record's tables
                    write()

        with opened(tmp_path, step=step) as other:
            keep(asleep, *many(3))
            other.rotation.add(BY, [Purpose.DATA])
            opens = keyring_watch.opens

            def stopped(rows, kek):
                if threading.current_thread() is refreshing and not read.is_set():
                    read.set()
                    assert go_on.wait(30)
                return opens(rows, kek)

            monkeypatch.setattr(keyring_watch, "opens", stopped)
            refreshing = threading.Thread(target=asleep.watch.refresh)
            refreshing.start()
            assert read.wait(30)
            assert other.rotation.activate(BY).behind == ()
            other.rewrap.run(BY)
            store_keep = asleep._store.keep

            def with_sleeper(decide, **how):
                def decided():
                    go_on.set()
                    refreshing.join(0.5)  # or he waits for this write to end
                    return decide()

                return store_keep(decided, **how)

            monkeypatch.setattr(asleep._store, "keep", with_sleeper)
            assert purposes(other.rotation.retire(BY).keys) == {Purpose.DATA}
            if behind == "the erasure":
                write()
            refreshing.join(30)
            assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}
    with opened(tmp_path) as fresh:
        assert find(fresh, kept[0].token) is not None


@pytest.mark.parametrize("name", [name for name in WRITES if name not in ROTATING])
def test_p23_no_write_that_comes_after_puts_anything_under_an_old_key(tmp_path, monkeypatch, name):
    """What it sealed before its transaction, with the keys of that time, it seals again. Of a key that is
    not used any more no row is written: that is why it can be looked for beside those who write."""
    with collecting(tmp_path, Scripted()) as world, opened(tmp_path) as other:
        given = WRITES[name].prepare(world) or ""
        before, rotated = named(tmp_path), []
        write = world.vault._database.write

        def late(at, work, **how):
            if not rotated and at == name:
                rotated.append(at)
                rotate(other)
            return write(at, work, **how)

        monkeypatch.setattr(world.vault._database, "write", late)
        WRITES[name].do(world, given)
        assert rotated
        keys = {id.to_bytes(4, "big") for id in used(tmp_path).values()}
        assert {one for one in named(tmp_path) - before if key_of(one) not in keys} == set()


def named(directory):
    """What names a key, wherever it may stand: column, and what stands there."""
    found = set()
    with rows(directory) as connection:
        for column in {one for columns in USES.values() for one in columns}:
            read = connection.execute(f"SELECT {column.name} FROM {column.table}").fetchall()
            found |= {(column.name, column.at, bytes(one)) for (one,) in read if one is not None}
    return found


def key_of(one):
    _, at, content = one
    return content[at - 1 : at + 3]


def key_rows_of(vault):
    return vault._database.read(key_rows.read)
