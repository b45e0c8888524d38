"""A restored vault has what the backup had, less what was erased and revoked since; or it does not open."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest

from gateway.errors import BackupRefused, ConfigurationError
from gateway.vault import restoring
from gateway.vault.copied import TABLES
from gateway.vault.copying import sums
from gateway.vault.kek.file import KekFile
from gateway.vault.places import open_database
from gateway.vault.service import Vault
from gateway.vault.workplace import workplace
from tests.vault.backing import BY, restore, terms
from tests.vault.makers import find, keep, new, place
from tests.vault.restoring import holds

NOW = "2026-03-01T12:00:00.000000+00:00"


@pytest.mark.parametrize("source", ["files", "old"])
def test_p28_p36_what_was_erased_and_revoked_since_stays_so(
    tmp_path, target, source, filled_vault
) -> None:
    made = filled_vault(tmp_path)
    if source == "files":
        found = restore(tmp_path, target)
    else:
        old = open_database(place(tmp_path), now=NOW)
        with closing(old):
            found = restore(tmp_path, target, lost=restoring.from_database(old))
    assert found.again == {"cards": 2, "keys": 1}
    assert found.missing == {"cards": [str(made[3].iduser)]}
    holds(target, tmp_path, made)


@pytest.mark.sqlite_alone
def test_an_old_file_is_read_and_not_changed(tmp_path, filled_vault) -> None:
    made = filled_vault(tmp_path)
    old = place(tmp_path).rename(tmp_path / "vault.db.lost")
    before = old.read_bytes()
    restore(tmp_path, place(tmp_path), lost=restoring.from_old_file(old))
    assert old.read_bytes() == before
    holds(place(tmp_path), tmp_path, made)


def test_a_place_that_has_a_vault_is_left_alone(tmp_path, target, filled_vault) -> None:
    filled_vault(tmp_path)
    with closing(Vault.open(target, KekFile(tmp_path / "other-kek"))) as other:
        (kept,) = keep(other, new())
        before = other._database.read(sums)
        with pytest.raises(BackupRefused, match="never overwritten"):
            restore(tmp_path, target)
        assert other._database.read(sums) == before
        assert find(other, kept.token) is not None


def test_a_sink_that_can_not_be_written_is_no_restore(tmp_path, target, filled_vault) -> None:
    filled_vault(tmp_path)
    how = terms(tmp_path)
    with (
        workplace(tmp_path / "work") as work,
        restoring.staged(tmp_path / "vault.backup", how, work) as staged,
        pytest.raises(ConfigurationError),
    ):
        restoring.install(staged, target, how, BY, sinks=[tmp_path])


def test_whoever_waits_is_told_of_each_row_that_is_read(tmp_path, target, filled_vault) -> None:
    """It is read to be believed, copied, and compared, its audit checked before and after: none of it is silent in
    a large vault.
    """
    filled_vault(tmp_path)
    how, told, tables = terms(tmp_path), Counter[str](), {one.name for one in TABLES}

    def progress(table: str, rows: int) -> None:
        told["rows" if table in tables else table] += rows

    with workplace(tmp_path / "work") as work:
        with restoring.staged(tmp_path / "vault.backup", how, work, progress=progress) as staged:
            written = sum(one.rows for one in staged.manifest.tables.values())
            assert told["rows"] == written - staged.manifest.tables["audit_head"].rows
            assert told["audit, checked"] == staged.manifest.tables["audit"].rows
            (entries,) = staged.database.read(
                lambda c: c.execute("SELECT count(*) FROM audit").fetchone()
            )
            assert told["audit, checked again"] == entries > told["audit, checked"]
            assert {"the file, copied", "the file, checked", "audit since, read"} <= told.keys()
            told.clear()
            there = sum(one.rows for one in staged.database.read(sums).values())
            restoring.install(staged, target, how, BY, progress=progress)
        assert told["rows"] >= 3 * there - 20


def test_one_restore_at_a_time(tmp_path) -> None:
    with (
        workplace(tmp_path) as first,
        pytest.raises(BackupRefused, match="another restore"),
        workplace(tmp_path),
    ):
        pass
    assert not first.exists()
    (tmp_path / "restoring" / "old").mkdir(parents=True)
    (tmp_path / "restoring" / "backup.db").write_text("of one that was killed")
    with workplace(tmp_path) as again:
        assert list(again.iterdir()) == []
        assert again.stat().st_mode & 0o777 == 0o700
