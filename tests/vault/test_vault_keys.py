"""The KEK's file and the keyring."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import RecordDamaged, VaultSealed
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.kek.file import KekFile
from gateway.vault.keyring import Purpose, State, new_keys, unlock
from tests.vault.makers import NOON, find, keep, new, open_vault, opened, rows

KEY = Sealer({1: Secret(bytes(range(32)))}, 1)
GOOD = bytes(range(32)).hex().encode()


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(VaultSealed) as refused:
        KekFile(path).load()
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_p22_the_kek_is_made_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KekFile(tmp_path / "kek").create()
    finally:
        os.umask(before)
    status = (tmp_path / "kek").stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "kek"]
    KekFile(tmp_path / "kek").load()


def test_p22_a_kek_is_never_overwritten(tmp_path: Path) -> None:
    KekFile(tmp_path / "kek").create()
    before = (tmp_path / "kek").read_bytes()
    KekFile(tmp_path / "kek").create()
    assert (tmp_path / "kek").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "kek"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_p22_a_kek_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "kek", b"kek 1 " + GOOD + b"\n", mode)
    assert "can be read by others" in refusal(path)
    path.chmod(0o400)
    KekFile(path).load()


def test_p22_a_kek_of_another_user_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = written(tmp_path / "kek", b"kek 1 " + GOOD + b"\n")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "belongs to another user" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"kek 1 " + GOOD[:-2] + b"\n",
        b"kek 1 " + GOOD + b"00\n",
        b"kek 0 " + GOOD,
        b"kek 4294967296 " + GOOD,
        b"kek 1 " + GOOD.upper(),
        GOOD,
        bytes(range(32)),
        b"kek 1 " + b"00" * 32,
        b"kek 1 " + b"0123456789abcdef" * 4,
        b"kek 1 " + GOOD + b"\nkek 1 " + GOOD[::-1],
        b"kek 1 " + GOOD + b"\n\n",
    ],
)
def test_p22_a_kek_that_is_short_damaged_or_not_random_is_refused(tmp_path, content) -> None:
    text = refusal(written(tmp_path / "kek", content))
    assert GOOD.decode() not in text


def test_p22_what_is_no_file_is_no_kek(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "not a regular file" in refusal(tmp_path / "directory")
    assert "not a regular file" in refusal(tmp_path / "fifo")
    assert "can not be read" in refusal(tmp_path / "absent")


@pytest.mark.parametrize("path", ["absent/kek", "file/kek"])
def test_p22_a_kek_that_can_not_be_written_is_said(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultSealed, match="can not be written"):
        KekFile(tmp_path / path).create()


def test_several_keks_are_read_and_the_last_one_wraps(tmp_path: Path) -> None:
    one = KekFile(written(tmp_path / "one", b"kek 1 " + GOOD + b"\n")).load()
    both = KekFile(
        written(tmp_path / "two", b"kek 1 " + GOOD + b"\nkek 2 " + GOOD[::-1] + b"\n")
    ).load()
    assert both.open(one.seal(b"x", b""), b"") == b"x"
    with pytest.raises(RecordDamaged):
        one.open(both.seal(b"x", b""), b"")


# --- the keyring ----------------------------------------------------------------------------------


def test_p20_no_key_serves_two_purposes() -> None:
    keys = new_keys(KEY)
    assert [key.purpose for key in keys] == list(Purpose)
    ring = unlock(keys, KEY)
    hashes = {h.digest(b"same")[4:] for h in (ring.look_up, ring.tokenuser, ring.booking)}
    assert len(hashes) == 3


def test_a_pending_and_a_retiring_key_read_but_do_not_write() -> None:
    first, second = new_keys(KEY), new_keys(KEY)
    joined = first + [replace(key, id=key.id + len(Purpose)) for key in second]
    with pytest.raises(RecordDamaged):  # its id is part of what is sealed
        unlock(joined, KEY)
    old = unlock([replace(key, state=State.ACTIVE) for key in first], KEY)
    with pytest.raises(RecordDamaged):
        unlock([replace(key, state=State.RETIRING) for key in first], KEY)
    assert unlock(first, KEY).look_up.digest(b"x") == old.look_up.digest(b"x")


@pytest.mark.parametrize("place", range(len(Purpose)))
def test_p17_a_wrapped_key_serves_no_other_purpose(place: int) -> None:
    keys = new_keys(KEY)
    swapped = list(keys)
    other = (place + 1) % len(Purpose)
    swapped[place] = replace(keys[place], wrapped=keys[other].wrapped)
    with pytest.raises(RecordDamaged):
        unlock(swapped, KEY)
    with pytest.raises(RecordDamaged):
        unlock([key for key in keys if key is not keys[place]], KEY)


@pytest.mark.parametrize("place", range(len(Purpose)))
def test_p17_a_wrapped_key_that_was_given_another_purpose_does_not_open(place: int) -> None:
    """Its id alone does not bind it: the rows keep their ids, and two purposes change places."""
    keys = new_keys(KEY)
    other = (place + 1) % len(Purpose)
    relabelled = list(keys)
    relabelled[place] = replace(keys[place], purpose=keys[other].purpose)
    relabelled[other] = replace(keys[other], purpose=keys[place].purpose)
    with pytest.raises(RecordDamaged):
        unlock(relabelled, KEY)


def test_a_key_of_another_length_is_refused() -> None:
    keys = new_keys(KEY)
    from gateway.vault.keyring import _slot

    short = replace(keys[1], wrapped=KEY.seal(b"x" * 31, _slot(keys[1].id, keys[1].purpose)))
    with pytest.raises(RecordDamaged):
        unlock([keys[0], short, *keys[2:]], KEY)


# --- in a vault -----------------------------------------------------------------------------------


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p22_the_kek_is_not_in_the_database_and_the_keys_are_not_in_clear(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
        text = (tmp_path / "kek").read_text().split()[2]
        data_key = vault._keyring.sealer._keys[1].reveal()
        for file in (tmp_path / "state").iterdir():
            content = file.read_bytes()
            for secret in (bytes.fromhex(text), data_key):
                assert secret not in content
                assert secret.hex().encode() not in content


def test_p22_a_vault_without_its_kek_stays_shut_and_makes_no_new_one(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
    saved = (tmp_path / "kek").rename(tmp_path / "saved")
    with pytest.raises(VaultSealed, match="can not be read"):
        open_vault(tmp_path)
    assert not (tmp_path / "kek").exists()
    KekFile(tmp_path / "kek").create()
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    saved.rename(tmp_path / "kek")
    with opened(tmp_path) as vault:
        assert find(vault, kept.token) is not None


def test_a_kek_that_the_operator_supplies_is_taken(tmp_path: Path) -> None:
    written(tmp_path / "kek", b"kek 5 " + GOOD + b"\n")
    with opened(tmp_path) as vault:
        keep(vault, new())
    assert GOOD in (tmp_path / "kek").read_bytes()
    with rows(tmp_path) as connection:
        wrapped = connection.execute("SELECT wrapped, created FROM keyring").fetchall()
    assert {row[0][1:5] for row in wrapped} == {(5).to_bytes(4, "big")}
    assert wrapped[0][1] > NOON.isoformat()


def test_two_that_start_together_share_one_keyring(tmp_path: Path) -> None:
    vaults = []
    threads = [
        threading.Thread(target=lambda: vaults.append(open_vault(tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = {keep(vault, new())[0].token for vault in vaults}
    assert len(vaults) == 4
    assert len(tokens) == 1
    for vault in vaults:
        vault.close()
