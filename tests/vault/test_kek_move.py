"""From one KEK to another: every key, or none, whatever is killed when."""

from __future__ import annotations

import signal

import pytest

from gateway.errors import RecordDamaged, VaultSealed
from gateway.secret import Secret
from gateway.vault.kek.file import KekFile
from gateway.vault.kek.passphrase import KekPassphrase
from gateway.vault.kek_move import move, status
from gateway.vault.keyring import Purpose
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import NOON, find, keep, new, open_vault, opened, place, rows

WORDS = "correct horse battery staple of ours"
KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import NOON
from gateway.vault.kek.file import KekFile
from gateway.vault.kek_move import move
from tests.vault.makers import place
directory, at, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = []
def step(name):
    seen.append(name)
    if seen.count(at) == count:
        os.kill(os.getpid(), signal.SIGKILL)
old, new = KekFile(directory / 'kek'), KekFile(directory / 'next')
if at == 'made':
    new.create()
    os.kill(os.getpid(), signal.SIGKILL)
move(place(directory), old, new, NOON, step=step)
"""


def keyring(directory):
    with rows(directory) as connection:
        return connection.execute("SELECT id, wrapped FROM keyring ORDER BY id").fetchall()


def moves(vault):
    return [one.entry.detail for one in vault.entries() if one.entry.action == "kek_move"]


def test_p22_every_key_is_wrapped_anew_and_the_old_kek_is_left(tmp_path):
    old = KekFile(tmp_path / "kek")
    new_kek = KekPassphrase(tmp_path / "kek.passphrase", lambda: Secret(WORDS))
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
        before = keyring(tmp_path)
        moved = move(place(tmp_path), old, new_kek, NOON)
        assert moved == len(before) == len(Purpose)
        assert find(vault, kept.token) is not None  # the one that runs notices nothing
        assert keep(vault, new())[0].token == kept.token
    assert not {wrapped for _, wrapped in before} & {wrapped for _, wrapped in keyring(tmp_path)}
    assert (tmp_path / "kek").exists()
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    with opened(tmp_path, next_kek=new_kek) as vault:  # as gateway.yaml stands meanwhile
        assert find(vault, kept.token) is not None
    vault = Vault.open(place(tmp_path), new_kek)  # and as it stands afterwards
    assert find(vault, kept.token) is not None
    assert moves(vault) == ["file:passphrase"]
    vault.close()
    assert move(place(tmp_path), old, new_kek, NOON) == 0


@pytest.mark.parametrize(
    ("at", "count", "durable"),
    [
        ("made", 1, 0),
        ("kek_move:begun", 1, 0),
        ("kek_move:row", 1, 0),
        ("kek_move:row", 9, 0),
        ("kek_move:row", len(Purpose), 0),
        ("kek_move:written", 1, 0),
        ("kek_move:committed", 1, 1),
        ("kek_move:answer", 1, 1),
    ],
)
def test_p24_killed_at_each_step_one_of_the_two_opens_all(tmp_path, at, count, durable):
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
    done = run(KILLED, tmp_path, at, str(count))
    assert done.returncode == -signal.SIGKILL, done.stderr
    old, following = KekFile(tmp_path / "kek"), KekFile(tmp_path / "next")
    with opened(tmp_path, next_kek=following) as vault:
        assert find(vault, kept.token) is not None
        assert len(moves(vault)) == durable
    found = status(place(tmp_path), [old, following], NOON)
    assert found.opened_by is (following if durable else old)
    assert len({key.kek for key in found.keys}) == 1
    moved = move(place(tmp_path), old, following, NOON)
    assert bool(moved) is not bool(durable)
    vault = Vault.open(place(tmp_path), following)
    assert find(vault, kept.token) is not None
    assert len(moves(vault)) == 1
    vault.close()


def test_p22_a_kek_of_another_vault_moves_nothing(tmp_path):
    with opened(tmp_path):
        before = keyring(tmp_path)
    KekFile(tmp_path / "other").create()
    with pytest.raises(VaultSealed, match="does not open"):
        move(place(tmp_path), KekFile(tmp_path / "other"), KekFile(tmp_path / "n"), NOON)
    assert keyring(tmp_path) == before


def test_p18_a_damaged_key_stops_the_move(tmp_path):
    with opened(tmp_path):
        before = keyring(tmp_path)
    key_id, wrapped = before[3]
    with rows(tmp_path) as connection:
        flipped = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        connection.execute("UPDATE keyring SET wrapped = ? WHERE id = ?", (flipped, key_id))
    with pytest.raises((VaultSealed, RecordDamaged)):
        move(place(tmp_path), KekFile(tmp_path / "kek"), KekFile(tmp_path / "n"), NOON)
    assert [row for row in keyring(tmp_path) if row[0] != key_id] == [
        row for row in before if row[0] != key_id
    ]


def test_p22_a_kek_that_was_moved_away_meanwhile_wraps_no_new_key(tmp_path):
    """A start fetches the KEK before it takes the lock: what it then finds may be newer."""
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
    late, moved = Purpose.COLLECTION.value, []
    following = KekFile(tmp_path / "next")

    class Slow(KekFile):
        def load(self):
            kek = super().load()
            if not moved:  # by an older version, which knows of no such key
                moved.append(move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON))
                with rows(tmp_path) as connection:
                    connection.execute("DELETE FROM keyring WHERE purpose = ?", (late,))
                    connection.execute("DELETE FROM keyring_made WHERE purpose = ?", (late,))
            return kek

    with pytest.raises(VaultSealed, match="does not open"):
        Vault.open(place(tmp_path), Slow(tmp_path / "kek"))
    now = status(place(tmp_path), [following], NOON)
    assert now.opened_by is following
    assert len({key.kek for key in now.keys}) == 1
    assert late not in {key.purpose for key in now.keys}
    vault = Vault.open(place(tmp_path), following)
    assert find(vault, kept.token) is not None
    vault.close()


def test_p22_a_lost_keyring_gets_no_new_kek(tmp_path):
    with opened(tmp_path):
        pass
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM keyring")
    (tmp_path / "kek").unlink()
    with pytest.raises(VaultSealed, match="can not be read"):
        open_vault(tmp_path)
    assert not (tmp_path / "kek").exists()


def test_a_new_vault_begins_under_the_first_even_where_a_next_one_is_named(tmp_path):
    following = KekFile(tmp_path / "next")
    following.create()
    with opened(tmp_path, next_kek=following):
        pass
    assert (tmp_path / "kek").exists()
    with opened(tmp_path):
        pass
