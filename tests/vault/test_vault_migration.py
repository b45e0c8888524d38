"""A vault that an older version wrote: it opens, keeps what it has, and learns what is new."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError, VaultSealed
from gateway.vault.chain_check import Fault, Finding
from gateway.vault.kek.file import KekFile
from gateway.vault.model import Wanted
from gateway.vault.service import Vault
from gateway.vault.sqlite import schema as sqlite
from tests.children import run
from tests.vault.makers import (
    PAN,
    answer,
    booking,
    entry,
    find,
    get,
    get_refused,
    keep,
    listed,
    new,
    open_vault,
    opened,
    pan,
    rows,
)
from tests.vault.old_vaults import ALL, VERSIONS, Old, migrate
from tests.vault.test_vault_sqlite import unavailable

pytestmark = pytest.mark.sqlite_alone("SQLite's migrations")

FOURTH = VERSIONS[3]
each_version = pytest.mark.parametrize("old", VERSIONS, ids=repr)


def check_cards(old: Old, vault: Vault) -> None:
    assert old.seaside is not None
    assert old.city is not None
    seaside, city = find(vault, old.seaside), find(vault, old.city, "city")
    assert seaside is not None
    assert city is not None
    assert (seaside.card.pan.reveal(), city.card.pan.reveal()) == (PAN, pan(7))
    assert seaside.booking == booking("RES-2", departure=date(2026, 4, 1))
    again = keep(vault, new())
    assert [(one.token, one.created) for one in again] == [(old.seaside, False)]


def purposes(directory: Path) -> list[str]:
    with rows(directory) as connection:
        found = connection.execute("SELECT purpose FROM keyring ORDER BY id").fetchall()
    return [purpose for (purpose,) in found]


@each_version
def test_a_vault_of_an_older_version_opens_and_goes_on(tmp_path: Path, old: Old) -> None:
    old.restore(tmp_path)
    for count in (4, 5):
        with opened(tmp_path) as vault:
            check_cards(old, vault)
            assert vault.count_by_product() == {"city": 1, "seaside": count - 3}
            assert len(vault.entries()) == old.entries
            assert vault.audit.check().entries == old.entries
            assert [row.id for row in vault.keys.all()] == ["k1"]
            assert len(vault.refusals.all()) == 1
            keep(vault, new(pan(count)))
    assert purposes(tmp_path) == ALL
    with rows(tmp_path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@each_version
def test_p22_another_kek_adds_no_key_to_an_older_vault(tmp_path: Path, old: Old) -> None:
    old.restore(tmp_path)
    (tmp_path / "kek").unlink()
    with pytest.raises(VaultSealed, match="can not be read"):
        open_vault(tmp_path)
    assert not (tmp_path / "kek").exists()
    KekFile(tmp_path / "kek").create()
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    assert not old.later & set(purposes(tmp_path))
    (tmp_path / "kek").write_text(old.kek)
    with opened(tmp_path) as vault:
        check_cards(old, vault)


@each_version
def test_four_that_open_an_older_vault_together_add_one_set_of_keys(
    tmp_path: Path, old: Old
) -> None:
    old.restore(tmp_path)
    vaults: list[Vault] = []
    threads = [
        threading.Thread(target=lambda: vaults.append(open_vault(tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vaults) == 4
    sealed = vaults[0]._keyring.recapture.seal(b"x", b"")
    assert {vault._keyring.recapture.open(sealed, b"") for vault in vaults} == {b"x"}
    for vault in vaults:
        check_cards(old, vault)
        vault.close()
    assert purposes(tmp_path) == ALL


def test_whoever_starts_waits_for_one_that_switches_to_the_log(tmp_path: Path) -> None:
    """SQLite refuses the second at once, for both would wait for each other."""
    FOURTH.restore(tmp_path)
    found: list[dict[str, int]] = []

    def start() -> None:
        with opened(tmp_path) as vault:
            found.append(vault.count_by_product())

    starting = threading.Thread(target=start)
    with rows(tmp_path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        starting.start()
        starting.join(1)
        assert starting.is_alive()
        connection.execute("ROLLBACK")
        starting.join(20)
    assert found == [{"city": 1, "seaside": 1}]


@each_version
@pytest.mark.parametrize("at", ["keyring:begun", "keyring:written", "keyring:committed"])
def test_p24_killed_while_it_adds_keys_an_older_vault_opens_again(
    tmp_path: Path, at: str, old: Old
) -> None:
    from tests.vault.test_vault_crash import FIRST_USE

    old.restore(tmp_path)
    done = run(FIRST_USE, tmp_path, at)
    assert done.returncode == -9
    assert bool(old.later & set(purposes(tmp_path))) == (
        at == "keyring:committed" and old.later != set()
    )
    with opened(tmp_path) as vault:
        check_cards(old, vault)
    assert purposes(tmp_path) == ALL


@pytest.mark.parametrize("lost", ALL)
def test_p22_a_key_that_was_lost_is_not_made_up_for(tmp_path: Path, lost: str) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM keyring WHERE purpose = ?", (lost,))
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    assert lost not in purposes(tmp_path)


@each_version
def test_p22_a_key_that_an_older_vault_had_lost_is_not_made_up_for(
    tmp_path: Path, old: Old
) -> None:
    had = [purpose for purpose in ALL if purpose not in old.later]
    old.restore(tmp_path)
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM keyring WHERE purpose = ?", (had[-1],))
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    assert had[-1] not in purposes(tmp_path)


def test_p22_a_vault_that_lost_every_key_gets_no_new_ones(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM keyring")
    with pytest.raises(VaultSealed, match="does not open"):
        open_vault(tmp_path)
    assert purposes(tmp_path) == []


@pytest.mark.parametrize("old", VERSIONS[1:], ids=repr)
def test_what_an_older_version_kept_besides_cards_opens(tmp_path: Path, old: Old) -> None:
    old.restore(tmp_path)
    with opened(tmp_path) as vault:
        assert old.seaside is not None
        assert get(vault).body == b"<kept/>"
        assert get_refused(vault, "exchange-2").body == b"<refused/>"
        issued = asyncio.run(vault.foreign.read(old.seaside.iduser, "seaside", "paycomet"))
        assert issued.reveal() == b'{"idUser": 778123}'
        wanted = Wanted(old.seaside, frozenset({"seaside"}), with_cvc=True)
        (found,) = asyncio.run(vault.find([wanted]))
        assert found.cvc.reveal() == "737"


def test_a_gateway_of_version_4_goes_on_beside_this_one(tmp_path: Path) -> None:
    """It knows no failed cards, and adds answers without."""
    with opened(tmp_path) as vault:
        keep(vault, answer=lambda kept: answer())
        columns = (
            "client, exchange, quarantined, state, code, at, expires, route, products, hotels, echo,"
            " poll, size"
        )
        with rows(tmp_path) as connection:
            connection.execute(
                f"INSERT INTO answer ({columns}) SELECT client, 'exchange-old', quarantined, state,"
                f" code, at, expires, route, products, hotels, echo, poll, size FROM answer"
            )
        found = {row.exchange: (row.failed, row.failures) for row in listed(vault)}
    assert found == {"exchange-1": (0, ()), "exchange-old": (0, ())}


def test_p24_what_every_version_made_is_what_the_migrations_make(tmp_path: Path) -> None:
    """A migration that is out is not changed: FOURTH is a whole dump, with its schema."""
    FOURTH.restore(tmp_path)
    schema = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"
    with rows(tmp_path) as connection, closing(sqlite3.connect(":memory:")) as made:
        migrate(made, FOURTH.version)
        assert connection.execute(schema).fetchall() == made.execute(schema).fetchall()


# --- the steps themselves -------------------------------------------------------------------------


def version(directory: Path) -> list[tuple]:
    with rows(directory) as connection:
        return connection.execute("SELECT version FROM schema_version ORDER BY version").fetchall()


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with rows(tmp_path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, '')")
    with pytest.raises(ConfigurationError, match="newer version"):
        open_vault(tmp_path)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE someone_elses (x)", "PRAGMA application_id = 5"]
)
def test_another_programs_database_is_refused_and_left_as_it_was(tmp_path, statement) -> None:
    (tmp_path / "state").mkdir()
    with rows(tmp_path) as connection:
        connection.execute(statement)
    with pytest.raises(ConfigurationError, match="not a vault"):
        open_vault(tmp_path)
    with rows(tmp_path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables in ([], [("someone_elses",)])


def test_a_migration_is_all_or_nothing_and_made_once(tmp_path: Path, monkeypatch) -> None:
    steps = sqlite.migrations()
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
    assert version(tmp_path) == [(number,) for number, _ in steps]
    newest = steps[-1][0] + 1
    more = "CREATE TABLE further (x TEXT) STRICT;\nALTER TABLE card ADD COLUMN note TEXT;\n"
    monkeypatch.setattr(sqlite, "migrations", lambda: [*steps, (newest, more + "NONSENSE;\n")])
    unavailable(lambda: open_vault(tmp_path))
    assert version(tmp_path) == [(number,) for number, _ in steps]
    with rows(tmp_path) as connection:
        assert not connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = 'further'"
        ).fetchall()
    monkeypatch.setattr(sqlite, "migrations", lambda: [*steps, (newest, more)])
    for _ in range(2):
        with opened(tmp_path) as vault:
            assert find(vault, kept.token) is not None
    assert version(tmp_path)[-1] == (newest,)


def test_the_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in sqlite.migrations()] == list(
        range(1, len(sqlite.migrations()) + 1)
    )


@each_version
def test_p36_entries_of_an_older_version_stay_out_of_the_chain_and_are_told(tmp_path, old) -> None:
    old.restore(tmp_path)
    with opened(tmp_path) as vault:
        # nothing says yet where the chain begins
        assert vault.audit.check().findings == [Finding(Fault.UNCHAINED, 1, old.entries)]
        asyncio.run(vault.record([entry()]))
        report = vault.audit.check()
        assert (report.findings, report.before) == ([], old.entries)
        assert report.newest.id == old.entries + 1
        with rows(tmp_path) as connection:  # as a gateway of version 14 that still runs does
            connection.execute(
                "INSERT INTO audit (at, exchange, action, outcome, client, key, origin, route,"
                " product, booking, detail) VALUES ('2026', '', 'tokenize', 'done', '', '', '', '',"
                " '', '', '')"
            )
        asyncio.run(vault.record([entry()]))
        late = old.entries + 2
        assert vault.audit.check().findings == [Finding(Fault.UNCHAINED, late, late)]
