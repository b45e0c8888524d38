"""`card-gateway vault backup|restore|drill`: what is made, refused and said, and with which exit code."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from gateway.access.keys import Keys, NewKey, create
from gateway.audit import Action, Outcome
from gateway.cli import vault_drill, vault_restore
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests import children
from tests.vault.makers import booking, entry, find, keep, new, pan
from tests.vault.restoring import forget

ORIGIN = "command line"


def vault_of(run):
    return closing(
        Vault.open(
            run.state / "vault.db", KekFile(run.state / "kek"), sinks=[run.state / "audit.jsonl"]
        )
    )


def fill(run, count=3):
    run.config.write_text(run.config.read_text() + "audit: { file: state/audit.jsonl }\n")
    with vault_of(run) as vault:
        message = [new(pan(n), at=booking(f"RES-{n}", departure=None)) for n in range(count)]
        key = create(vault.keys, NewKey("front-desk", "pms"), datetime.now(UTC), ORIGIN)
        return [one.token for one in keep(vault, *message, entries=[entry("e")] * count)], key


def lose(run):
    """The vault is elsewhere; nothing stands in its place."""
    for path in run.state.glob("vault.db*"):
        path.rename(path.with_name(path.name.replace("vault.db", "lost.db")))


def last(run):
    with vault_of(run) as vault:
        return vault.entries()[-1].entry


def test_a_backup_is_made_and_said(run):
    fill(run)
    code, out, err = run("vault", "backup", str(run.directory))
    assert (code, err) == (0, "")
    (file,) = run.directory.glob("vault-*.backup")
    assert re.fullmatch(r"vault-\d{8}T\d{6}Z\.backup", file.name)
    assert "3 cards" in out
    assert "It opens with the KEK" in out
    with vault_of(run) as vault:
        newest = vault.audit.check().newest
        said = [one.entry for one in vault.entries() if one.entry.action is Action.BACKUP]
        assert [one.outcome for one in said] == [Outcome.INTENT, Outcome.DONE]
        assert all(one.origin.startswith("command line: ") for one in said)
    assert newest is not None
    code, out, _ = run("vault", "backup", str(run.directory / "second"), "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["rows"]["card"], made["kek"]["provider"]) == (3, "file")
    assert "cvc" not in made["rows"]
    code, _, err = run("vault", "backup", str(run.directory / "second"))
    assert code == 2
    assert "there is a file already" in err


def test_where_there_is_no_vault_nothing_is_made(run):
    code, _, err = run("vault", "backup", str(run.directory / "one"))
    assert code == 2
    assert "There is no vault" in err
    assert not run.state.exists()


@pytest.mark.parametrize("way", ["the file of gateway.yaml", "--audit", "--from-vault"])
def test_p28_what_was_erased_since_stays_so(run, way):
    (stays, goes, _), key = fill(run)
    assert run("vault", "backup", str(run.directory / "one"))[0] == 0
    with vault_of(run) as vault:
        forget(vault, goes)
    assert run("keys", "revoke", key[1].id)[0] == 0
    code, _, err = run("vault", "restore", str(run.directory / "one"))
    assert code == 2
    assert "never overwritten" in err
    lose(run)
    more = {
        "--audit": [str(run.state / "audit.jsonl")],
        "--from-vault": [str(run.state / "lost.db")],
    }
    options = [way, *more[way]] if way in more else []
    code, out, err = run("vault", "restore", str(run.directory / "one"), *options)
    assert (code, err) == (0, "")
    assert re.search(r"1 +cards were erased again", out)
    assert re.search(r"1 +keys were revoked again", out)
    with vault_of(run) as vault:
        assert find(vault, stays) is not None
        assert find(vault, goes) is None
        assert Keys(vault.keys, lambda: datetime.now(UTC)).verify(key[0].reveal()) is None
    assert run("vault", "verify")[0] == 0
    assert run("audit", "verify")[0] == 0


def test_the_newest_of_a_folder_is_restored_and_lost_cards_are_named(run):
    fill(run)
    folder = run.directory / "backups"
    folder.mkdir()
    (folder / "notes.txt").write_text("no backup")
    (folder / ".one.part").write_text("no backup")
    assert run("vault", "backup", str(folder / "z-older"))[0] == 0
    with vault_of(run) as vault:
        (later,) = keep(vault, new(pan(50)), entries=[entry("e")])
    assert run("vault", "backup", str(folder / "a-newer"))[0] == 0
    with vault_of(run) as vault:
        (lost,) = keep(vault, new(pan(60)), entries=[entry("e")])
    lose(run)
    code, out, err = run("vault", "restore", str(folder))
    assert code == 0
    assert "a-newer" in out
    assert (
        f"Cards came since the backup, and are lost; their tokens open nothing (iduser): {lost.token.iduser}"
        in err
    )
    with vault_of(run) as vault:
        assert find(vault, later.token) is not None
    code, _, err = run("vault", "drill", str(run.directory / "rules"))
    assert code == 2
    assert "no backup in this folder" in err


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_it_says_until_when_the_audit_reaches_and_asks_who_is_there(run, monkeypatch, answer, code):
    fill(run)
    one = str(run.directory / "one")
    assert run("vault", "backup", one)[0] == 0
    with vault_of(run) as vault:
        keep(
            vault, new(pan(60)), entries=[entry("e", at=datetime(2091, 3, 1, 2, 13, 5, tzinfo=UTC))]
        )
        newest = vault.audit.check().newest
    lose(run)
    monkeypatch.setattr(vault_restore, "_is_asked", lambda: True)
    said = run("vault", "restore", one, input=answer)
    assert said[0] == code
    assert f"The audit reaches until 2091-03-01 02:13:05 UTC (entry {newest.id})." in said[1]
    assert "Is that all of it?" in said[1]
    assert (run.state / "vault.db").exists() == (code == 0)


def test_an_entry_that_was_noted_down_is_asked_for(run):
    fill(run)
    one = str(run.directory / "one")
    assert run("vault", "backup", one)[0] == 0
    with vault_of(run) as vault:
        keep(vault, new(pan(60)), entries=[entry("e")])
        newest = vault.audit.check().newest
    lose(run)
    sink = run.state / "audit.jsonl"
    whole = sink.read_text()
    sink.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    noted = f"{newest.id}:{newest.hash}"
    code, _, err = run("vault", "restore", one, "--expect", noted)
    assert code == 2
    assert f"it has not the entry {newest.id}, which was noted down" in err
    assert not (run.state / "vault.db").exists()
    assert run("vault", "restore", one, "--expect", "no entry")[0] == 2
    sink.write_text(whole)
    code, out, _ = run("vault", "restore", one, "--expect", noted)
    assert code == 0
    assert f"(entry {newest.id})" in out


def test_without_an_audit_nothing_is_restored_unless_somebody_says_so(run):
    fill(run)
    assert run("vault", "backup", str(run.directory / "one"))[0] == 0
    lose(run)
    (run.state / "audit.jsonl").unlink()
    one = str(run.directory / "one")
    code, _, err = run("vault", "restore", one)
    assert code == 2
    assert "--without-audit" in err
    assert not (run.state / "vault.db").exists()
    assert run("vault", "restore", one, "--without-audit", "no spaces", "--yes")[0] == 2
    assert run("vault", "restore", one, "--without-audit", "X", "--audit", one)[0] == 2
    code, _, err = run("vault", "restore", one, "--without-audit", "INC-4711", "--yes")
    assert code == 0
    assert "Nothing is known of what was erased" in err
    assert (last(run).action, last(run).detail) == (Action.RESTORE, "without_audit:INC-4711")


def test_a_drill_says_whether_a_backup_would_do(run):
    (_, goes, _), key = fill(run)
    one = str(run.directory / "one")
    assert run("vault", "backup", one)[0] == 0
    with vault_of(run) as vault:
        forget(vault, goes)
    assert run("keys", "revoke", key[1].id)[0] == 0
    before = (run.state / "audit.jsonl").read_text()
    code, out, err = run("vault", "drill", one)
    assert (code, err) == (0, "")
    assert "would do: 3 cards" in out
    assert "seconds until the vault opens" in out
    said = last(run)
    assert (said.action, said.outcome) == (Action.DRILL, Outcome.DONE)
    assert said.detail.startswith("opened:")
    assert (run.state / "audit.jsonl").read_text().startswith(before)
    found = json.loads(run("vault", "drill", one, "--json")[1])
    assert found["passed"]
    assert found["again"] == {"cards": 1, "keys": 1}
    assert (found["flaws"], found["faults"], found["back"], found["valid"]) == ([], [], [], [])
    assert found["age_seconds"] >= 0
    assert not (run.state / "restoring").exists()
    # without one, a backup is made for it, and nothing stays
    assert run("vault", "drill")[0] == 0
    assert sorted(path.name for path in run.state.iterdir() if "backup" in path.name) == []
    assert run("vault", "verify")[0] == 0
    assert run("audit", "verify")[0] == 0


def test_whoever_waits_for_a_drill_is_told_of_each_of_its_steps(run, monkeypatch):
    fill(run, 7)
    told = Counter()

    @contextmanager
    def watched():
        yield lambda step, rows: told.update({step: rows})

    monkeypatch.setattr(vault_drill, "watched", watched)
    assert run("vault", "drill")[0] == 0
    # A backup is written and compared, believed, copied to its place and compared on both sides.
    assert told["card"] == 6 * 7
    assert told["card, compared"] == 7
    assert told["to be opened"] == 14
    assert told["audit, checked"] > 7
    assert told["audit, checked again"] >= 7


def test_p18_a_drill_finds_what_would_not_do(run, monkeypatch):
    fill(run)
    one = run.directory / "one"
    assert run("vault", "backup", str(one))[0] == 0
    whole = one.read_bytes()
    one.write_bytes(whole[: len(whole) // 2])
    code, _, err = run("vault", "drill", str(one))
    assert code == 2
    assert "not the backup that was made" in err
    assert (last(run).action, last(run).outcome, last(run).detail) == (
        Action.DRILL, Outcome.FAILED, "backup_changed",
    )  # fmt: skip
    # a record that was damaged before the backup was made
    with closing(sqlite3.connect(run.state / "vault.db")) as connection:
        connection.execute("UPDATE link SET sealed = zeroblob(length(sealed)) WHERE id = 1")
        connection.commit()
    code, _, err = run("vault", "drill")
    assert code == 1
    assert "1 in `link`: damaged" in err
    assert "would not do" in err
    assert (last(run).outcome, last(run).detail) == (Outcome.FAILED, "not_as_it_was")


def test_p28_a_drill_sees_what_a_restore_would_bring_back(run, monkeypatch):
    """Were nothing done again, it would be said."""
    (_, goes, _), key = fill(run)
    one = str(run.directory / "one")
    assert run("vault", "backup", one)[0] == 0
    with vault_of(run) as vault:
        forget(vault, goes)
    assert run("keys", "revoke", key[1].id)[0] == 0
    monkeypatch.setattr("gateway.vault.replaying.Replaying._cards", lambda *_: None)
    monkeypatch.setattr("gateway.vault.replaying.Replaying._people", lambda *_: None)
    code, _, err = run("vault", "drill", one)
    assert code == 1
    assert f"The key {key[1].id} works again, though it was revoked." in err
    # that the card was erased after the backup is in the audit, and so the drill knew of it
    found = json.loads(run("vault", "drill", one, "--json")[1])
    assert found["back"] == [goes.iduser]


def test_a_kek_that_is_another_says_which_one_it_takes(run):
    fill(run)
    one = str(run.directory / "one")
    assert run("vault", "backup", one)[0] == 0
    lose(run)
    (run.state / "kek").rename(run.state / "kek.old")
    KekFile(run.state / "kek").create()
    code, _, err = run("vault", "restore", one)
    assert code == 2
    assert "the KEK that is configured does not open it" in err
    assert not (run.state / "vault.db").exists()


KILLED = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from gateway.vault.workplace import workplace
from tests.vault.backing import BY, terms
from tests.vault.test_vault_retention import RULE
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = Vault.open(directory / 'state' / 'vault.db', KekFile(directory / 'state' / 'kek'), step=step)
with workplace(directory / 'state') as place:
    how = terms(directory / 'state', lost=vault.drills.lost())
    vault.drills.run(directory / 'one', how, place, RULE, BY)
"""


@pytest.mark.parametrize(
    "at",
    ["drill_entry:begun", "drill_entry:written", "drill_entry:committed", "drill_entry:answer"],
)
def test_p24_a_drill_that_is_killed_leaves_the_vault_and_the_next_one_alone(run, at):
    fill(run)
    assert run("vault", "backup", str(run.directory / "one"))[0] == 0
    done = children.run(KILLED, run.directory, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert run("vault", "drill", str(run.directory / "one"))[0] == 0
    assert not (run.state / "restoring").exists()
    assert run("audit", "verify")[0] == 0
