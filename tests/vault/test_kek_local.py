"""The KEK from the environment, and under a passphrase."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys

import pytest

from gateway.config_vault import PassphraseKek
from gateway.errors import VaultSealed
from gateway.secret import Secret
from gateway.vault.kek import environment, passphrase
from gateway.vault.kek.environment import KekVariable
from gateway.vault.kek.passphrase import KekPassphrase
from gateway.vault.service import Vault
from tests.vault.makers import chain, find, keep, new

NAME = "CARD_GATEWAY_TEST_KEK"
GOOD = bytes(range(32)).hex()
WORDS = "correct horse battery staple of ours"


@pytest.fixture(autouse=True)
def nothing_taken(monkeypatch):
    monkeypatch.setattr(environment, "_TAKEN", {})


def refusal(provider, act="load"):
    with pytest.raises(VaultSealed) as refused:
        getattr(provider, act)()
    assert not refused.value.again
    assert refused.value.__cause__ is None
    assert WORDS not in chain(refused.value)
    assert GOOD not in chain(refused.value)
    return str(refused.value)


# --- env ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [GOOD, f"{GOOD}\n", f"kek 1 {GOOD}", f"kek 1 {GOOD}\n"])
def test_p22_a_variable_holds_bare_digits_or_the_lines_of_a_file(tmp_path, monkeypatch, text):
    monkeypatch.setenv(NAME, text)
    vault = Vault.open(tmp_path / "vault.db", KekVariable(NAME))
    kept = keep(vault, new())[0]
    vault.close()
    vault = Vault.open(tmp_path / "vault.db", KekVariable(NAME))  # once more in one process
    assert find(vault, kept.token) is not None
    vault.close()
    assert {file.name for file in tmp_path.iterdir()} <= {
        "vault.db",
        "vault.db-wal",
        "vault.db-shm",
    }


def test_p22_children_do_not_inherit_what_was_read(monkeypatch):
    monkeypatch.setenv(NAME, GOOD)
    KekVariable(NAME).load()
    assert NAME not in os.environ
    script = "import os; print([v for v in os.environ.values() if len(v) == 64])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert GOOD not in done.stdout


@pytest.mark.parametrize(
    "text",
    ["", GOOD[:-2], GOOD.upper(), f"kek 0 {GOOD}", "00" * 32, f"kek 1 {GOOD}\nkek 1 {GOOD}", "kéy"],
)
def test_p22_a_variable_that_is_no_key_is_refused_without_repeating_it(monkeypatch, text):
    monkeypatch.setenv(NAME, text)
    assert NAME in refusal(KekVariable(NAME))


def test_p22_a_variable_that_is_not_set_makes_no_vault(tmp_path):
    assert "openssl rand -hex 32" in refusal(KekVariable(NAME), "create")
    with pytest.raises(VaultSealed, match="is not set"):
        Vault.open(tmp_path / "vault.db", KekVariable(NAME))


def test_p22_a_vault_does_not_open_under_another_variables_key(tmp_path, monkeypatch):
    monkeypatch.setenv(NAME, GOOD)
    Vault.open(tmp_path / "vault.db", KekVariable(NAME)).close()
    monkeypatch.setenv(NAME, secrets.token_hex(32))  # under the same id
    with pytest.raises(VaultSealed, match="does not open"):
        Vault.open(tmp_path / "vault.db", KekVariable(NAME))


# --- passphrase -----------------------------------------------------------------------------------


def under(tmp_path, words=WORDS):
    return KekPassphrase(tmp_path / "kek.passphrase", lambda: Secret(words))


@pytest.fixture
def quick(monkeypatch):
    """A passphrase that is not hard to guess: where that is not what is asked."""
    monkeypatch.setattr(passphrase, "_PASSES", 1)
    monkeypatch.setattr(passphrase, "_MEMORY_KIB", 8192)  # the least that a file may say


def test_p22_the_kek_under_a_passphrase_opens_the_vault(tmp_path):
    vault = Vault.open(tmp_path / "state" / "vault.db", under(tmp_path))
    kept = keep(vault, new())[0]
    vault.close()
    file = tmp_path / "kek.passphrase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = json.loads(file.read_text())
    assert (held["argon2id"]["passes"], held["argon2id"]["memory_kib"]) == (3, 65536)
    vault = Vault.open(tmp_path / "state" / "vault.db", under(tmp_path))
    assert find(vault, kept.token) is not None
    (key,) = (one.reveal() for one in under(tmp_path).load()._keys.values())
    assert key.hex() not in file.read_text()
    vault.close()


def test_p22_two_files_of_one_passphrase_have_nothing_in_common(tmp_path, quick):
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        under(tmp_path / name).create()
        files.append(json.loads((tmp_path / name / "kek.passphrase").read_text()))
    assert files[0]["argon2id"]["salt"] != files[1]["argon2id"]["salt"]
    assert files[0]["keks"] != files[1]["keks"]


def test_p19_another_passphrase_does_not_open(tmp_path, quick):
    under(tmp_path).create()
    assert "this passphrase does not open" in refusal(under(tmp_path, WORDS + "."))


@pytest.mark.parametrize(
    "change",
    [
        {"keks": [7]},
        {"wrapped": "*"},
        {"wrapped": "AAAA"},
        {"version": 2},
        {"provider": "transit"},
        {"more": 1},
        {"argon2id": None},
        {"argon2id": {"salt": "00" * 16, "passes": 3, "memory_kib": 65536, "lanes": 4}},
        # A file that asks for all of the memory there is: refused before it is tried.
        {"argon2id": {"salt": "00" * 16, "passes": 3, "memory_kib": 2**31, "lanes": 4}},
    ],
)
def test_p18_a_changed_file_does_not_open(tmp_path, change, quick):
    under(tmp_path).create()
    file = tmp_path / "kek.passphrase"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert "backup" in refusal(under(tmp_path))


def test_p22_a_short_passphrase_is_refused(tmp_path):
    assert "at least 20 characters" in refusal(under(tmp_path, "nineteen characters"), "create")
    assert not list(tmp_path.iterdir())


def test_a_passphrase_from_a_file_a_variable_or_a_credential_of_systemd(tmp_path, monkeypatch):
    (tmp_path / "words").write_text(WORDS + "\n")
    (tmp_path / "words").chmod(0o600)
    monkeypatch.setenv("WORDS", WORDS)
    assert PassphraseKek(file=tmp_path / "words").secret().reveal() == WORDS
    assert PassphraseKek(env="WORDS").secret().reveal() == WORDS
    given = PassphraseKek(credential="words")
    with pytest.raises(ValueError, match="LoadCredential=words"):
        given.secret()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "words").chmod(0o440)  # an ACL of systemd's shows as the group's right
    assert given.secret().reveal() == WORDS
    with pytest.raises(ValueError, match="does not exist"):
        PassphraseKek(credential="absent").secret()


def test_p18_a_file_opens_for_the_keys_that_it_names_alone(tmp_path, quick):
    under(tmp_path).create()
    file = tmp_path / "kek.passphrase"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"keks": [7]}))
    assert "this passphrase does not open" in refusal(under(tmp_path))
