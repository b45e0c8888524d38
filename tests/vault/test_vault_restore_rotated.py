"""A backup from before a rotation is restored, with what happened after it: the audit's new key comes from the
lines of its sinks, or from the old database, and from nowhere else."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from gateway.audit import Action
from gateway.secret import Secret
from gateway.vault import kek_move, key_rows, restoring
from gateway.vault.audit_line import AnchorLine, Line
from gateway.vault.chain import Anchor, Chain, write_heads
from gateway.vault.envelope import sealed_under
from gateway.vault.hashes import KeyedHash
from gateway.vault.kek.file import KekFile
from gateway.vault.keyring import Purpose, unwrap
from gateway.vault.places import open_database
from gateway.vault.service import Vault, utc_now
from tests import postgres
from tests.vault.backing import back_up, restore, restored, sink
from tests.vault.makers import booking, entry, find, keep, new, opened, pan, place
from tests.vault.outside import outside
from tests.vault.restoring import backed_up, forget, holds, may, purging, refused_with
from tests.vault.rotating import renew, rotate
from tests.vault.test_vault_retention import DUE, RULE

ORIGIN = "command line: alice"
NOW = "2026-03-01T12:00:00.000000+00:00"


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def target(request, tmp_path):
    """Where the vault is restored to, in either store."""
    directory = tmp_path / "target"
    if request.param == "to_sqlite":
        yield directory / "vault.db"
        return
    postgres.server_url()
    yield postgres.place_of(directory)
    postgres.forget_databases(directory)


def rotated_vault(directory, again=rotate):
    """A vault of which there is a backup; then its keys were rotated, and five things happened."""
    with opened(directory, sinks=[sink(directory)]) as vault:
        (stays, forgotten, purged), good, bad = backed_up(vault, directory)
        again(vault)
        forget(vault, forgotten.token)
    with opened(directory, sinks=[sink(directory)]) as vault:
        vault.retention.purge(RULE, DUE, purging())
        vault.keys.revoke(bad[1].id, datetime.now(UTC), ORIGIN)
        (lost,) = keep(vault, new(pan(4)), entries=[entry("lost")])
    return stays.token, forgotten.token, purged.token, lost.token, good, bad


def lines_of(directory):
    return [json.loads(line) for line in sink(directory).read_text().splitlines()]


def write(directory, lines):
    sink(directory).write_text("".join(json.dumps(line) + "\n" for line in lines))


def keys_in(lines):
    return [one for one in lines if "audit_key" in one]


# --- it is done again -----------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["files", "old"])
@pytest.mark.parametrize("again", [rotate, renew])
def test_p28_p36_what_was_erased_behind_a_rotation_stays_so(
    tmp_path, target, source, again
) -> None:
    made = rotated_vault(tmp_path, again)
    if source == "files":
        found = restore(tmp_path, target)
    else:
        old = open_database(place(tmp_path), now=NOW)
        with closing(old):
            found = restore(tmp_path, target, lost=restoring.from_database(old))
    assert found.again == {"cards": 2, "keys": 1}
    assert found.missing["cards"] == [str(made[3].iduser)]
    holds(target, tmp_path, made)


def test_p23_entries_after_the_restore_are_under_the_newest_key(tmp_path, target) -> None:
    rotated_vault(tmp_path)
    (named, *_) = {one["audit_key"] for one in keys_in(lines_of(tmp_path))}
    found = restore(tmp_path, target)
    # what else came into use since is not in the backup, and is said
    assert str(named) not in found.missing["vault_keys"]
    with restored(tmp_path, target, sinks=[sink(tmp_path)]) as vault:
        said = {one.event.value: one for one in vault.rotation.history() if one.key == named}
        assert set(said) == {"created", "activated"}
        assert {one.actor for one in said.values()} == {"test"}
        rotate(vault)
        keep(vault, new(pan(9)), entries=[entry("x")])
        assert vault.audit.check().findings == []
    with outside(target) as connection:
        (newest,) = connection.execute("SELECT hash FROM audit WHERE action = 'restore'").fetchone()
    assert int.from_bytes(newest[:4], "big") == named


def test_p28_of_several_rotations_each_key_follows_the_one_before(tmp_path, target) -> None:
    def thrice(vault):
        for number in range(3):
            rotate(vault)
            keep(vault, new(pan(100 + number)), entries=[entry(f"between {number}")])

    made = rotated_vault(tmp_path, thrice)
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        assert find(vault, made[0]) is not None
        assert find(vault, made[1]) is None
        assert not may(vault, made[5])
        assert vault.audit.check().findings == []


def test_p28_a_key_that_waited_at_the_backup_comes_before_one_that_was_made_since(
    tmp_path, target
) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        stays, goes = keep(vault, new(pan(1)), new(pan(2), at=booking("RES-2")))
        assert vault.rotation.add("alice")
        back_up(vault, tmp_path)
        assert vault.rotation.activate("alice").behind == ()
        rotate(vault)
        forget(vault, goes.token)
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        assert [find(vault, one.token) is not None for one in (stays, goes)] == [True, False]
        assert vault.audit.check().findings == []


def test_a_file_that_was_begun_after_the_rotation_has_the_key_too(tmp_path) -> None:
    rotated_vault(tmp_path)
    first = lines_of(tmp_path)
    sink(tmp_path).unlink()
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        keep(vault, new(pan(9)), entries=[entry("x")])
    named = {one["audit_key"] for one in keys_in(first)}
    later = lines_of(tmp_path)
    assert {one["audit_key"] for one in keys_in(later)} == named
    assert "audit_key" in later[0]


# --- the KEK ----------------------------------------------------------------------------------------


def test_p22_no_key_is_in_a_sink_as_it_is(tmp_path) -> None:
    rotated_vault(tmp_path)
    with opened(tmp_path) as vault:
        kek = vault.watch.kek
        keys = {row.id: key for (row, key) in audit_keys(vault)}
    text = sink(tmp_path).read_text()
    told = keys_in(lines_of(tmp_path))
    assert {one["audit_key"] for one in told} == set(sorted(keys)[1:])
    for key in keys.values():
        assert key.hex() not in text
    assert {sealed_under(bytes.fromhex(one["wrapped"])) for one in told} == {kek.current}


def audit_keys(vault):
    """The audit's keys, as the keyring has them and in the clear."""
    rows = [r for r in vault._database.read(key_rows.read) if r.purpose is Purpose.AUDIT]
    return [(row, unwrap(row, vault.watch.kek).reveal()) for row in rows]


@pytest.mark.parametrize("order", ["moved, then rotated", "rotated, then moved"])
def test_p22_where_the_kek_was_moved_too_both_are_needed_and_it_is_said(
    tmp_path, target, order
) -> None:
    old, moved = KekFile(tmp_path / "kek"), KekFile(tmp_path / "moved")

    def change(directory):
        steps = [lambda: move(directory, old, moved), lambda: turn(directory, moved, old)]
        for step in steps if order.startswith("moved") else reversed(steps):
            step()

    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        stays, goes = keep(vault, new(pan(1)), new(pan(2), at=booking("RES-2")))
        back_up(vault, tmp_path)
    change(tmp_path)
    with closing(Vault.open(place(tmp_path), moved, sinks=[sink(tmp_path)])) as vault:
        forget(vault, goes.token)
    if order.startswith("moved"):
        error = refused_with(tmp_path, target, "kek_of_another")
        assert "vault.next_kek" in str(error)
    refused_with(tmp_path, target, "kek_of_another", keks=[moved])
    found = restore(tmp_path, target, keks=[moved, old])
    assert found.again == {"cards": 1}
    assert found.missing["kek"] == ["file:file"]
    with restored(tmp_path, target) as vault:  # under the backup's KEK, all of it
        assert [find(vault, one.token) is not None for one in (stays, goes)] == [True, False]
        assert vault.audit.check().findings == []


def move(directory, old, moved):
    assert kek_move.move(place(directory), old, moved, utc_now(), sinks=[sink(directory)])


def turn(directory, kek, other=None):
    """New keys, with whichever KEK there is."""
    at = place(directory)
    with closing(Vault.open(at, kek, next_kek=other, sinks=[sink(directory)])) as vault:
        rotate(vault)
        keep(vault, new(pan(7)), entries=[entry("turned")])


def test_p22_after_a_second_move_the_first_and_the_last_kek_do(tmp_path, target) -> None:
    keks = [KekFile(tmp_path / name) for name in ("kek", "second", "third")]
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (goes,) = keep(vault, new(pan(2)))
        back_up(vault, tmp_path)
    move(tmp_path, keks[0], keks[1])
    for _ in range(2):
        turn(tmp_path, keks[1])
    with closing(Vault.open(place(tmp_path), keks[1], sinks=[sink(tmp_path)])) as vault:
        forget(vault, goes.token)
    move(tmp_path, keks[1], keks[2])
    assert restore(tmp_path, target, keks=[keks[2], keks[0]]).again == {"cards": 1}


# --- it is not believed -----------------------------------------------------------------------------


@pytest.mark.sqlite_alone
def test_p36_a_line_of_a_key_that_is_missing_changed_or_made_up_is_refused(tmp_path) -> None:
    rotated_vault(tmp_path)
    lines, target = lines_of(tmp_path), tmp_path / "target" / "vault.db"
    without = [one for one in lines if "audit_key" not in one]
    write(tmp_path, without)
    error = refused_with(tmp_path, target, "audit_key_missing")
    assert "from after the rotation" in str(error)
    for name, how in (
        ("audit_key", lambda one: one["audit_key"] + 1),
        ("at", lambda one: "2020" + one["at"][4:]),
        ("wrapped", lambda one: flip(one["wrapped"])),
        ("wrapped", lambda one: one["wrapped"][:-2]),
        ("hash", lambda one: flip(one["hash"])),
        ("hash", lambda one: "0000ffff" + one["hash"][8:]),
    ):
        changed = [{**one, name: how(one)} if "audit_key" in one else one for one in lines]
        write(tmp_path, changed)
        refused_with(tmp_path, target, "audit_made_up")
        # a second one, beside the one that is right
        write(tmp_path, [*lines, *keys_in(changed)])
        refused_with(tmp_path, target, "audit_made_up")
    assert not target.exists()


def flip(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.sqlite_alone
def test_p36_no_key_of_another_vault_under_the_same_kek_stands_for_one(tmp_path) -> None:
    """Whoever runs a second vault under the KEK may know its keys, and write entries of his own."""
    stays, *_ = rotated_vault(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "kek").write_bytes((tmp_path / "kek").read_bytes())
    (other / "kek").chmod(0o600)
    rotated_vault(other)
    with opened(other) as vault:
        *_, (row, key) = audit_keys(vault)
    theirs, ours = keys_in(lines_of(other))[0], keys_in(lines_of(tmp_path))[0]
    assert (theirs["audit_key"], ours["audit_key"]) == (row.id, row.id)
    lines = until_rotated(lines_of(tmp_path), row.id)
    write(tmp_path, [*lines, theirs, *forged(lines, row.id, key, stays.iduser)])
    refused_with(tmp_path, tmp_path / "target" / "vault.db", "audit_made_up")
    assert restore(other, other / "target.db").again  # and there it is what it says


def until_rotated(lines, id):
    """What came before the first line under this key, or of it."""
    first = next(
        number
        for number, one in enumerate(lines)
        if one.get("audit_key") == id or int(one["hash"][:8], 16) == id
    )
    return lines[:first]


def forged(lines, id, key, iduser):
    """An anchor behind the last one, and an entry that erases a card, under a key that is known."""
    chain = Chain(KeyedHash({id: Secret(key)}, id))
    before = [one for one in lines if "anchor" in one][-1]
    last = [one for one in lines if "id" in one][-1]
    anchor = chain.anchored(
        bytes.fromhex(before["hash"]), Anchor(before["anchor"] + 1, NOW, last["id"], None, ())
    )
    yield AnchorLine(
        anchor.id, anchor.at, anchor.newest, None, write_heads(()), anchor.hash.hex()
    )._asdict()
    gone = {"action": "forget", "outcome": "done", "iduser": iduser, "subject": ""}
    line = Line(**{**last, **gone, "id": last["id"] + 1, "writer": anchor.id, "seq": 1, "hash": ""})
    first, *entry, writer, seq, _ = line
    (hashed,) = chain.entries(anchor.hash, [(*entry, first, writer, seq)])
    yield line._replace(hash=hashed.hex())._asdict()


@pytest.mark.sqlite_alone
def test_p36_no_old_database_brings_a_key_that_the_kek_does_not_open(tmp_path) -> None:
    rotated_vault(tmp_path)
    with outside(place(tmp_path)) as connection:
        connection.execute(
            "UPDATE keyring SET wrapped = (SELECT wrapped FROM keyring WHERE purpose = 'data'"
            " AND state = 'active') WHERE purpose = 'audit' AND state = 'active'"
        )
    lost = restoring.from_old_file(place(tmp_path))
    refused_with(tmp_path, tmp_path / "target" / "vault.db", "kek_of_another", lost=lost)


@pytest.mark.sqlite_alone
def test_p36_an_entry_under_a_key_that_nobody_made_is_refused(tmp_path) -> None:
    rotated_vault(tmp_path)
    lines = lines_of(tmp_path)
    (last,) = [
        one for one in lines if one.get("action") == "tokenize" and one["exchange"] == "lost"
    ]
    last["hash"] = "0000ffff" + last["hash"][8:]
    write(tmp_path, lines)
    refused_with(tmp_path, tmp_path / "target" / "vault.db", "audit_made_up", "audit_not_whole")


def test_without_an_audit_it_is_restored_as_ever(tmp_path, target) -> None:
    made = rotated_vault(tmp_path)
    restore(tmp_path, target, lost=None, reason="INC-1")
    with restored(tmp_path, target) as vault:
        assert find(vault, made[1]) is not None
        assert vault.entries()[-1].entry.action is Action.RESTORE
        assert vault.audit.check().findings == []
