"""A backup is one state of the vault, whole, of nobody else's, without a security code, or it is not there."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from collections import Counter
from contextlib import closing

import pytest

from gateway.audit import Action, Outcome
from gateway.errors import BackupRefused, VaultClosed, VaultUnavailable
from gateway.vault import backup, drilling
from gateway.vault.backup import LEFT_OUT
from gateway.vault.copying import sums
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.backing import back_up, sink
from tests.vault.makers import Clock, entry, keep, many, new, opened, pan, place, rows
from tests.vault.test_vault_cvc import MARK, held
from tests.vault.test_vault_secrecy import spellings

KILLED = """
import os, pathlib, signal, sys
from tests.vault.backing import back_up
from tests.vault.makers import opened
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
with opened(directory, step=step) as vault:
    back_up(vault, directory)
"""
STEPS = ("backup_entry:begun", "backup_entry:written", "backup_entry:committed", "backup_entry:answer",
         "backup:begun", "backup:written", "backup:committed", "backup:answer",
         "copy:begun", "copy:written", "copy:committed", "copy:answer",
         "backup:filled", "backup:finished", "backup:named")  # fmt: skip


def read(file):
    """Table → how many rows it has."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in tables.fetchall()
        }


def said(vault):
    return [
        (one.entry.outcome, one.entry.detail)
        for one in vault.entries()
        if one.entry.action is Action.BACKUP
    ]


def test_it_has_every_row_and_says_so_and_the_audit_tells(tmp_path) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        keep(vault, *many(600), entries=[entry(str(n)) for n in range(600)])
        made = vault.backups.make(tmp_path / "one", entry(), store="sqlite", kek="file")
        assert vault._database.read(lambda c: sums(c, without=LEFT_OUT))["card"].rows == 600
        assert said(vault) == []  # the entry that was given is another action's
        recorded = [one.entry for one in vault.entries()][-2:]
        assert [one.outcome for one in recorded] == [Outcome.INTENT, Outcome.DONE]
        assert recorded[1].subject == made.manifest.digest
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir() if "one" in one.name) == ["one"]
    assert made.manifest.tables["card"].rows == read(made.file)["card"] == 600
    assert made.manifest.newest[0] == 601
    assert made.manifest.kek_id


def test_p21_it_holds_no_security_code(tmp_path) -> None:
    with opened(tmp_path, clock=Clock()) as vault:
        keep(vault, held(), new(pan(1)))
        with rows(tmp_path) as connection:
            (sealed,) = connection.execute("SELECT sealed FROM cvc").fetchone()
        file = back_up(vault, tmp_path)
    content = file.read_bytes()
    assert bytes(sealed) not in content
    assert not any(one in content for one in spellings(MARK))
    assert read(file)["card"] == 2
    assert read(file)["cvc"] == 0


def test_it_does_not_open_where_a_vault_should_be(tmp_path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
        file = back_up(vault, tmp_path)
    with pytest.raises(VaultClosed) as refused:
        Vault.open(file, KekFile(tmp_path / "kek"))
    assert "vault restore" in refused.value.why


def test_a_file_is_never_overwritten(tmp_path) -> None:
    with opened(tmp_path) as vault:
        (tmp_path / "vault.backup").write_text("mine")
        with pytest.raises(BackupRefused, match="there is a file already"):
            back_up(vault, tmp_path)

        def meanwhile(table, _rows):
            (tmp_path / "other.backup").write_text("mine")

        with pytest.raises(BackupRefused, match="there is a file already"):
            back_up(vault, tmp_path, "other.backup", progress=meanwhile)
        assert said(vault)[-1] == (Outcome.FAILED, "file_exists")
    assert (tmp_path / "vault.backup").read_text() == "mine"
    assert (tmp_path / "other.backup").read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(50))

        def full(*_):
            raise VaultUnavailable

        monkeypatch.setattr(backup, "_snapshot", full)
        monkeypatch.setattr(backup, "_no_room", lambda _: True)
        with pytest.raises(BackupRefused, match="no room"):
            back_up(vault, tmp_path)
        monkeypatch.setattr(backup, "_no_room", lambda _: False)
        with pytest.raises(VaultUnavailable):
            back_up(vault, tmp_path)
        monkeypatch.undo()
        assert said(vault)[1::2] == [
            (Outcome.FAILED, "no_room"),
            (Outcome.FAILED, "vault_unavailable"),
        ]
    assert not (tmp_path / "vault.backup").exists()
    assert [one.name for one in tmp_path.iterdir() if ".part" in one.name] == []


def test_whoever_waits_is_told_of_each_row_that_is_written_and_compared(tmp_path) -> None:
    told = Counter[str]()
    with opened(tmp_path) as vault:
        keep(vault, *many(600), entries=[entry(str(n)) for n in range(600)])
        back_up(vault, tmp_path, progress=lambda table, rows: told.update({table: rows}))
    there = read(tmp_path / "vault.backup")
    assert {name: told[name] for name in ("card", "link", "audit")} == {
        name: 2 * there[name] for name in ("card", "link", "audit")
    }
    assert told["card"] == 1200


def test_what_is_written_otherwise_than_it_was_read_is_no_backup(tmp_path, monkeypatch) -> None:
    real = sums

    def wrong(connection, **how):
        found = real(connection, **how)
        return {**found, "card": found["card"]._replace(rows=found["card"].rows + 1)}

    monkeypatch.setattr(backup.copying, "sums", wrong)
    with opened(tmp_path) as vault:
        keep(vault, new())
        with pytest.raises(BackupRefused, match="not what was read"):
            back_up(vault, tmp_path)
    assert not (tmp_path / "vault.backup").exists()


def test_it_is_one_state_while_cards_come_and_go(tmp_path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(300))
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                keep(vault, new(pan(number)), entries=[entry(f"e{number}")])

        writing = threading.Thread(target=write)
        writing.start()
        try:
            files = [back_up(vault, tmp_path, f"{n}.backup") for n in range(3)]
        finally:
            stop.set()
            writing.join()
    for file in files:
        counted = read(file)
        # each card of the loop came with its entry and its link, in one transaction
        assert counted["card"] == counted["link"]
        with closing(sqlite3.connect(file)) as connection:
            (entries,) = connection.execute(
                "SELECT count(*) FROM audit WHERE exchange LIKE 'e%'"
            ).fetchone()
        assert counted["card"] - 300 == entries


@pytest.mark.parametrize("at", STEPS)
def test_p24_killed_at_each_step_a_backup_is_whole_or_not_there(tmp_path, at) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(20))
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    file = tmp_path / "vault.backup"
    assert file.exists() == (at == "backup:named")
    if file.exists():
        assert read(file)["backup_manifest"] == 1
        file.unlink()
    with opened(tmp_path) as vault:
        assert vault.audit.check().findings == []
        back_up(vault, tmp_path)
        asyncio.run(vault.record([entry("after")]))


def test_a_vault_that_was_there_before_is_read_and_not_changed(tmp_path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, *many(5))
        back_up(vault, tmp_path, "first.backup")
        before = vault._database.read(sums)
        back_up(vault, tmp_path, "second.backup")
        after = vault._database.read(sums)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"audit", "audit_head"}
    assert place(tmp_path)


# --- a large vault ------------------------------------------------------------------------------------


@pytest.mark.parametrize("portion", [1, 2, 3, 100])
def test_p28_a_drill_looks_at_cards_a_portion_at_a_time_and_misses_none(
    tmp_path, monkeypatch, portion
):
    """Of a million cards it holds a portion; one that is back is found at either end of it."""
    monkeypatch.setattr(drilling, "_PORTION", portion)
    other = tmp_path / "other"
    other.mkdir()
    with opened(tmp_path) as vault, opened(other) as restored:
        idusers = [one.token.iduser for one in keep(restored, *many(7))]
        assert vault.drills._back(restored._database, 0) == sorted(idusers)
        assert vault.drills._back(vault._database, 0) == []
        sizes = [len(one) for one in drilling._idusers(restored._database)]
        assert sum(sizes) == len(idusers)
        assert max(sizes) <= portion
