"""P18: a restore takes a backup only as it was made, and only with its own KEK."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from gateway.errors import BackupRefused
from gateway.vault.copying import sums
from gateway.vault.kek.file import KekFile
from gateway.vault.manifest import read_manifest
from gateway.vault.places import open_database
from gateway.vault.sqlite import schema as sqlite_schema
from tests.vault.backing import flipped, restore
from tests.vault.makers import place
from tests.vault.restoring import holds, refused_with

NOW = "2026-03-01T12:00:00.000000+00:00"


@pytest.mark.sqlite_alone
def test_p18_a_backup_that_was_cut_off_or_changed_is_refused_or_the_same(
    tmp_path, filled_vault
) -> None:
    made = filled_vault(tmp_path)
    whole = tmp_path / "vault.backup"
    good, bad = tmp_path / "good" / "vault.db", tmp_path / "bad.backup"
    restore(tmp_path, good)
    with closing(open_database(good, now=NOW)) as database:
        read = database.read(sums)
        # what is left of a card is sealed anew each time
        anew = {"audit", "audit_anchor", "audit_head", "stub", "stub_booking"}
        expected = {name: one for name, one in read.items() if name not in anew}
    content, refused = whole.read_bytes(), 0
    spoiled = [content[: len(content) * n // 8] for n in range(8)]
    spoiled += [flipped(whole, seed) for seed in range(60)]
    for number, one in enumerate(spoiled):
        bad.write_bytes(one)
        target = tmp_path / f"target-{number}" / "vault.db"
        try:
            restore(tmp_path, target, backup=bad)
        except BackupRefused:
            assert not target.exists()
            refused += 1
            continue
        with closing(open_database(target, now=NOW)) as database:
            found = database.read(sums)
            assert {name: found[name] for name in expected} == expected
    assert refused > 30
    assert made


@pytest.mark.sqlite_alone
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER back AFTER DELETE ON card BEGIN INSERT INTO probe VALUES (1, 'x'); END",
        "DROP TRIGGER audit_no_delete",
        "UPDATE api_key SET scopes = '[\"admin\"]'",
        "DELETE FROM card",
        "UPDATE keyring SET state = 'retiring' WHERE purpose = 'look_up'",
        "UPDATE backup_manifest SET manifest = replace(manifest, 'sqlite', 'other')",
        "UPDATE backup_manifest SET signature = 'x'",
        "DELETE FROM backup_manifest",
        "INSERT INTO backup_manifest SELECT * FROM backup_manifest",
    ],
)
def test_p18_who_has_no_key_changes_nothing_in_a_backup(tmp_path, statement, filled_vault) -> None:
    filled_vault(tmp_path)
    with closing(sqlite3.connect(tmp_path / "vault.backup", isolation_level=None)) as connection:
        connection.execute(statement)
    target = tmp_path / "target" / "vault.db"
    refused_with(tmp_path, target, "backup_changed")
    assert not target.exists()


@pytest.mark.sqlite_alone
def test_what_is_no_backup_is_told_from_one(tmp_path, monkeypatch, filled_vault) -> None:
    filled_vault(tmp_path)
    target, other = tmp_path / "target" / "vault.db", tmp_path / "other.backup"
    refused_with(tmp_path, target, "not_a_backup", backup=place(tmp_path))
    for content in (b"", b"no database", b"SQLite format 3\0" + b"x" * 5000):
        other.write_bytes(content)
        refused_with(tmp_path, target, "not_a_backup", "backup_changed", backup=other)
    with pytest.raises(FileNotFoundError):
        restore(tmp_path, target, backup=tmp_path / "missing")
    other.write_bytes((tmp_path / "vault.backup").read_bytes())
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'x')")
    refused_with(tmp_path, target, "newer_version", backup=other)
    for wrong in ("{}", "[]", '{"tables": {"card; DROP": {"key": ["a"], "rest": [], "rows": 1}}}'):
        with pytest.raises(ValueError, match="no manifest"):
            read_manifest(wrong)


@pytest.mark.sqlite_alone
def test_a_backup_of_the_version_before_is_brought_to_this_one(
    tmp_path, monkeypatch, filled_vault
) -> None:
    made = filled_vault(tmp_path)
    real = sqlite_schema.migrations()
    newer = [*real, (real[-1][0] + 1, "ALTER TABLE probe ADD COLUMN more TEXT;\n")]
    monkeypatch.setattr(sqlite_schema, "migrations", lambda: newer)
    before = (tmp_path / "vault.backup").read_bytes()
    target = tmp_path / "target" / "vault.db"
    restore(tmp_path, target)
    assert (tmp_path / "vault.backup").read_bytes() == before
    holds(target, tmp_path, made)


def test_p22_another_kek_opens_no_backup(tmp_path, target, filled_vault) -> None:
    filled_vault(tmp_path)
    KekFile(tmp_path / "other").create()
    for keks in ([KekFile(tmp_path / "other")], [KekFile(tmp_path / "missing")]):
        error = refused_with(tmp_path, target, "kek_of_another", keks=keks)
        assert "docs/keys.md" in str(error)
    assert restore(tmp_path, target, keks=[KekFile(tmp_path / "other"), KekFile(tmp_path / "kek")])
