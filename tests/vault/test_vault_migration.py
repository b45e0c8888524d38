"""A vault that an older version wrote: it opens, keeps what it has, and learns what is new."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from gateway.cards.token import parse_alias
from gateway.errors import ConfigurationError
from gateway.vault import kek
from gateway.vault.keyring import Purpose
from gateway.vault.service import Vault
from tests.vault.makers import PAN, booking, find, keep, new, open_vault, opened, pan, rows

OLD = (Path(__file__).parent / "version1.sql").read_text(encoding="utf-8")
KEK = re.findall(r"^-- (kek .*)$", OLD, re.MULTILINE)[0] + "\n"
SEASIDE, CITY = (parse_alias(alias) for alias in re.findall(r"tok_\w+", OLD)[:2])
LATER = {"spool", "quarantine", "cvc", "foreign"}


def restore(directory: Path) -> None:
    """The database of version 1, as that version's gateway wrote it, and its KEK."""
    (directory / "state").mkdir(mode=0o700)
    (directory / "kek").write_text(KEK)
    (directory / "kek").chmod(0o600)
    with rows(directory) as connection:
        connection.executescript(OLD)
        connection.execute("PRAGMA application_id = 1128748849")


def purposes(directory: Path) -> list[str]:
    with rows(directory) as connection:
        found = connection.execute("SELECT purpose FROM keyring ORDER BY id").fetchall()
    return [purpose for (purpose,) in found]


def check_old_cards(vault: Vault) -> None:
    assert SEASIDE is not None
    assert CITY is not None
    seaside, city = find(vault, SEASIDE), find(vault, CITY, "city")
    assert seaside is not None
    assert city is not None
    assert (seaside.card.pan.reveal(), city.card.pan.reveal()) == (PAN, pan(7))
    assert seaside.booking == booking("RES-2", departure=date(2026, 4, 1))
    again = keep(vault, new())
    assert [(one.token, one.created) for one in again] == [(SEASIDE, False)]


def test_a_vault_of_version_1_opens_and_goes_on(tmp_path: Path) -> None:
    restore(tmp_path)
    for count in (4, 5):
        with opened(tmp_path) as vault:
            check_old_cards(vault)
            assert vault.count_by_product() == {"city": 1, "seaside": count - 3}
            assert len(vault.entries()) == 4
            assert [row.id for row in vault.keys.all()] == ["k1"]
            assert len(vault.refusals.all()) == 1
            keep(vault, new(pan(count)))
    assert purposes(tmp_path) == [purpose.value for purpose in Purpose]
    with rows(tmp_path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_p22_another_kek_adds_no_key_to_an_older_vault(tmp_path: Path) -> None:
    restore(tmp_path)
    (tmp_path / "kek").unlink()
    with pytest.raises(ConfigurationError, match="can not be read"):
        open_vault(tmp_path)
    assert not (tmp_path / "kek").exists()
    kek.create(tmp_path / "kek")
    with pytest.raises(ConfigurationError, match="does not open"):
        open_vault(tmp_path)
    assert not LATER & set(purposes(tmp_path))
    (tmp_path / "kek").write_text(KEK)
    with opened(tmp_path) as vault:
        check_old_cards(vault)


def test_four_that_open_an_older_vault_together_add_one_set_of_keys(tmp_path: Path) -> None:
    restore(tmp_path)
    vaults: list[Vault] = []
    threads = [
        threading.Thread(target=lambda: vaults.append(open_vault(tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vaults) == 4
    sealed = vaults[0]._keyring.cvc.seal(b"x", b"")
    assert {vault._keyring.cvc.open(sealed, b"") for vault in vaults} == {b"x"}
    for vault in vaults:
        check_old_cards(vault)
        vault.close()
    assert purposes(tmp_path) == [purpose.value for purpose in Purpose]


@pytest.mark.parametrize("at", ["keyring:begun", "keyring:written", "keyring:committed"])
def test_p24_killed_while_it_adds_keys_an_older_vault_opens_again(tmp_path: Path, at: str) -> None:
    from tests.vault.test_vault_crash import FIRST_USE

    restore(tmp_path)
    done = subprocess.run([sys.executable, "-c", FIRST_USE, tmp_path, at], check=False, timeout=60)
    assert done.returncode == -9
    assert bool(LATER & set(purposes(tmp_path))) == (at == "keyring:committed")
    with opened(tmp_path) as vault:
        check_old_cards(vault)
    assert purposes(tmp_path) == [purpose.value for purpose in Purpose]


@pytest.mark.parametrize("lost", [purpose.value for purpose in Purpose])
def test_p22_a_key_that_was_lost_is_not_made_up_for(tmp_path: Path, lost: str) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM keyring WHERE purpose = ?", (lost,))
    with pytest.raises(ConfigurationError, match="does not open"):
        open_vault(tmp_path)
    assert lost not in purposes(tmp_path)
