"""A restored vault has what the backup had, less what was erased and revoked since; or it does not open."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.access.keys import Keys, NewKey, create
from gateway.audit import Action, Entry, Outcome
from gateway.errors import BackupRefused, CardErased, ConfigurationError, VaultClosed
from gateway.vault import restoring
from gateway.vault.copying import sums
from gateway.vault.kek.file import KekFile
from gateway.vault.manifest import read_manifest
from gateway.vault.places import open_database
from gateway.vault.service import Vault
from gateway.vault.sqlite import schema as sqlite_schema
from gateway.vault.workplace import workplace
from tests import postgres
from tests.children import run
from tests.vault.backing import BY, back_up, flipped, restore, restored, sink, terms
from tests.vault.makers import NOON, booking, entry, find, keep, many, new, opened, pan, place
from tests.vault.outside import outside
from tests.vault.test_vault_cards import ASKED, once, want
from tests.vault.test_vault_retention import DUE, RULE
from tests.vault.test_vault_verification import filled, full  # noqa: F401 - fixtures

ORIGIN = "command line: alice"
NOW = "2026-03-01T12:00:00.000000+00:00"
KILLED = """
import os, pathlib, signal, sys
from tests.postgres import STORE
from tests.vault.backing import restore
from tests.vault.test_vault_restore import target_of
directory, kind, at = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
restore(directory, target_of(directory, kind), step=step)
"""


def target_of(directory, kind):
    if kind == "to_sqlite":
        return directory / "target" / "vault.db"
    return postgres.place_of(directory / "target")


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def kind(request, tmp_path):
    if request.param == "to_postgres":
        postgres.server_url()
    yield request.param
    postgres.forget_databases(tmp_path / "target")


@pytest.fixture
def target(kind, tmp_path):
    """Where the vault is restored to, in either store."""
    return target_of(tmp_path, kind)


def filled_vault(directory):
    """A vault of which there is a backup, and then five things that happened."""
    with opened(directory, sinks=[sink(directory)]) as vault:
        stays, forgotten, purged = keep(
            vault, new(pan(1), at=booking("RES-1", departure=None)),
            new(pan(2), at=booking("RES-2", departure=None)), new(pan(3)),
            entries=[entry("e")] * 3,
        )  # fmt: skip
        now = datetime.now(UTC)
        good = create(vault.keys, NewKey("front-desk", "pms"), now, ORIGIN)
        bad = create(vault.keys, NewKey("left", "pms"), now, ORIGIN)
        back_up(vault, directory)
    with opened(directory, sinks=[sink(directory)]) as vault:
        forget(vault, forgotten.token)
        vault.retention.purge(RULE, DUE, purging())
        vault.keys.revoke(bad[1].id, datetime.now(UTC), ORIGIN)
        (lost,) = keep(vault, new(pan(4)), entries=[entry("lost")])
    return stays.token, forgotten.token, purged.token, lost.token, good, bad


def may(vault, key):
    """Whether the gateway takes this key."""
    return Keys(vault.keys, lambda: datetime.now(UTC)).verify(key[0].reveal()) is not None


def purging():
    return Entry(datetime.now(UTC), "", Action.PURGE, Outcome.DONE, origin=ORIGIN)


def forget(vault, token):
    asked = replace(ASKED, action=Action.FORGET)
    asyncio.run(vault.cards.forget(want(token), asked, once(token.alias)))


def is_refused(target, directory):
    with pytest.raises(VaultClosed) as refused:
        Vault.open(target, KekFile(directory / "kek"))
    return "vault restore" in refused.value.why


def holds(target, directory, made):
    """The vault at `target` has what it should: what was there, less what was taken away since."""
    stays, forgotten, purged, lost, good, bad = made
    with restored(directory, target, sinks=[sink(directory)]) as vault:
        assert find(vault, stays).card.pan.reveal() == pan(1)
        for gone in (forgotten, purged, lost):
            assert find(vault, gone) is None
        with pytest.raises(CardErased):
            raise asyncio.run(vault.stubs.why_unknown(want(purged)))
        assert may(vault, good)
        assert not may(vault, bad)
        report = vault.audit.check()
        assert report.findings == []
        said = [one.entry for one in vault.entries()]
        assert [one.action for one in said].count(Action.KEY_REVOKE) == 1  # carried over, once
        assert said[-1].action is Action.RESTORE
        assert said[-1].origin == BY.origin
        (again, new_one) = keep(
            vault,
            new(pan(1), at=booking("RES-1", departure=None)),
            new(pan(5)),
            entries=[entry("x")] * 2,
        )
        assert (again.token, new_one.created) == (stays, True)
        assert vault.count_by_product() == {"seaside": 2}
        assert vault.verification.check(RULE, NOON, lambda *_: None).findings == ()
        assert vault.audit.check().findings == []
    ids = [json.loads(line).get("id") for line in sink(directory).read_text().splitlines()]
    given = [id for id in ids if id is not None]
    assert len(given) == len(set(given))  # no id was given to two entries


@pytest.mark.parametrize("source", ["files", "old"])
def test_p28_p36_what_was_erased_and_revoked_since_stays_so(tmp_path, target, source) -> None:
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
def test_an_old_file_is_read_and_not_changed(tmp_path) -> None:
    made = filled_vault(tmp_path)
    old = place(tmp_path).rename(tmp_path / "vault.db.lost")
    before = old.read_bytes()
    restore(tmp_path, place(tmp_path), lost=restoring.from_old_file(old))
    assert old.read_bytes() == before
    holds(place(tmp_path), tmp_path, made)


def test_a_place_that_has_a_vault_is_left_alone(tmp_path, target) -> None:
    filled_vault(tmp_path)
    with closing(Vault.open(target, KekFile(tmp_path / "other-kek"))) as other:
        (kept,) = keep(other, new())
        before = other._database.read(sums)
        with pytest.raises(BackupRefused, match="never overwritten"):
            restore(tmp_path, target)
        assert other._database.read(sums) == before
        assert find(other, kept.token) is not None


BEFORE = (
    "restore:believed", "unpack:begun", "unpack:written", "unpack:committed", "unpack:answer",
    "audit:begun", "audit:written", "audit:committed", "audit:answer", "restore:audit",
    "replay:begun", "replay:written", "replay:committed", "replay:answer", "restore:replayed",
    "restore_close:begun", "restore_close:written",
)  # fmt: skip
CLOSED = (
    "restore_close:committed", "restore_close:answer", "restore:closed", "copy:card:going",
    "copy:keyring:coming", "copy:card:coming", "copy:audit:coming", "copy:heads", "restore:copied",
    "restore_open:begun", "restore_open:written",
)  # fmt: skip
OPEN = ("restore_open:committed", "restore_open:answer", "restore:opened")  # fmt: skip


@pytest.mark.sqlite_alone  # what a backup came from makes no difference any more
@pytest.mark.parametrize("at", [*BEFORE, *CLOSED])
def test_p24_killed_at_each_step_it_does_not_open_and_may_be_done_again(
    tmp_path, kind, target, at
) -> None:
    made = filled_vault(tmp_path)
    done = run(KILLED, tmp_path, kind, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if at in CLOSED:
        assert is_refused(target, tmp_path)
    restore(tmp_path, target)
    holds(target, tmp_path, made)
    assert not (tmp_path / "work" / "restoring").exists()


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("at", OPEN)
def test_p24_killed_once_it_is_open_it_is_whole(tmp_path, kind, target, at) -> None:
    made = filled_vault(tmp_path)
    done = run(KILLED, tmp_path, kind, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    holds(target, tmp_path, made)
    refused_with(tmp_path, target, "place_taken")


def test_begun_with_another_audit_it_is_refused_and_not_mixed(tmp_path, target) -> None:
    filled_vault(tmp_path)

    def stop(name):
        if name == "restore:copied":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path, target, step=stop)
    with pytest.raises(BackupRefused, match="another restore was begun"):
        restore(tmp_path, target, lost=None, reason="INC-1")
    assert is_refused(target, tmp_path)


# --- whether the audit is all of it, and as it was written ------------------------------------------


def lines_of(directory):
    return sink(directory).read_text().splitlines(keepends=True)


def refused_with(directory, target, *codes, **more):
    with pytest.raises(BackupRefused) as refused:
        restore(directory, target, **more)
    assert refused.value.code in codes, refused.value
    return refused.value


def after(lines):
    """The places of the lines that came after the backup's intent, which it ends with."""
    first = next(n for n, line in enumerate(lines) if '"backup"' in line)
    return range(first + 1, len(lines))


@pytest.mark.sqlite_alone
def test_p36_a_line_that_is_missing_or_changed_is_noticed(tmp_path) -> None:
    filled_vault(tmp_path)
    lines = lines_of(tmp_path)
    target = tmp_path / "target" / "vault.db"
    for place_of_line in after(lines)[:-1]:
        sink(tmp_path).write_text("".join(lines[:place_of_line] + lines[place_of_line + 1 :]))
        refused_with(tmp_path, target, "audit_not_whole", "audit_made_up")
    for place_of_line in after(lines):
        for old, new_text in (
            ('"iduser": ', '"iduser": 1'),
            ('"at": "2', '"at": "1'),
            ('"hash": "0', '"hash": "1'),
        ):
            changed = lines[place_of_line].replace(old, new_text)
            if changed == lines[place_of_line] or '"iduser": 1null' in changed:
                continue
            sink(tmp_path).write_text(
                "".join([*lines[:place_of_line], changed, *lines[place_of_line + 1 :]])
            )
            refused_with(tmp_path, target, "audit_made_up", "audit_not_whole")
    assert not target.exists()
    sink(tmp_path).write_text("".join(lines[max(after(lines)) - 2 :]))
    refused_with(tmp_path, target, "audit_does_not_reach")
    sink(tmp_path).write_text("")
    refused_with(tmp_path, target, "audit_does_not_reach")


def test_p36_an_end_that_was_cut_off_shows_by_what_somebody_noted_down(tmp_path, target) -> None:
    filled_vault(tmp_path)
    with opened(tmp_path) as vault:
        noted = vault.audit.check().newest
    lines = lines_of(tmp_path)
    sink(tmp_path).write_text("".join(lines[:-1]))
    refused_with(tmp_path, target, "audit_ends_early", expected=noted)
    sink(tmp_path).write_text("".join(lines))
    other = noted._replace(hash="0" * len(noted.hash))
    refused_with(tmp_path, target, "audit_ends_early", expected=other)
    found = restore(tmp_path, target, expected=noted)
    assert found.last == noted.id
    assert found.until == max(json.loads(lines[number])["at"] for number in after(lines))


def test_p36_an_old_database_whose_end_was_cut_off_says_so(tmp_path, target) -> None:
    """It counts by itself how far it came."""
    filled_vault(tmp_path)
    with outside(place(tmp_path)) as connection:
        connection.unguard("audit")
        connection.execute("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    old = open_database(place(tmp_path), now=NOW)
    with closing(old):
        lost = restoring.from_database(old)
        refused_with(tmp_path, target, "audit_ends_early", lost=lost)


@pytest.mark.sqlite_alone
def test_p36_an_entry_that_was_made_up_is_refused(tmp_path) -> None:
    """Who has no key of the vault can erase no card by a restore."""
    stays, *_ = filled_vault(tmp_path)
    lines = lines_of(tmp_path)
    last = json.loads(lines[-1])
    forged = {
        **last,
        "action": "erase",
        "iduser": stays.iduser,
        "seq": last["seq"] + 1,
        "id": last["id"] + 1,
    }
    sink(tmp_path).write_text("".join([*lines, json.dumps(forged) + "\n"]))
    refused_with(tmp_path, tmp_path / "target" / "vault.db", "audit_made_up")


def test_p36_another_vaults_audit_is_refused(tmp_path, target) -> None:
    filled_vault(tmp_path)
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "other", sinks=[tmp_path / "other.jsonl"]) as other:
        keep(other, *many(20), entries=[entry("e")] * 20)
    lost = restoring.from_files([tmp_path / "other.jsonl"])
    refused_with(tmp_path, target, "audit_does_not_reach", lost=lost)


def test_rotated_files_logs_and_lines_that_were_cut_off_do_no_harm(tmp_path, target) -> None:
    made = filled_vault(tmp_path)
    lines = lines_of(tmp_path)
    half = len(lines) // 2
    first, second = tmp_path / "a.1", tmp_path / "a"
    first.write_text("".join(lines[: half + 1]) + '{"id": 99, "at"\n')
    second.write_text('{"event": "started"}\n\nno json\n' + "".join(lines[half:]))
    found = restore(tmp_path, target, lost=restoring.from_files([first, second]))
    assert found.entries == len(after(lines)) - sum('"anchor"' in lines[n] for n in after(lines))
    holds(target, tmp_path, made)


def test_what_was_told_and_never_committed_keeps_no_restore_back(tmp_path, target) -> None:
    """A sink has a line more than the vault, when a process dies between the two."""
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        kept = keep(vault, *many(3), entries=[entry("e")] * 3)
        back_up(vault, tmp_path)
    for number in range(2):
        done = run(DIES, tmp_path, str(kept[number].token.alias))
        assert done.returncode == -signal.SIGKILL, done.stderr
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        assert find(vault, kept[0].token) is not None
        forget(vault, kept[2].token)
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        # what the sink says was erased is erased, though it was not: better than the other way
        assert [find(vault, one.token) is not None for one in kept] == [False, False, False]
        assert vault.audit.check().findings == []


DIES = """
import os, pathlib, signal, sys
from gateway.cards.token import parse_alias
from gateway.vault.journal import Journal
from tests.vault.backing import sink
from tests.vault.makers import opened
from tests.vault.test_vault_restore import forget
directory, alias = pathlib.Path(sys.argv[1]), sys.argv[2]
tell = Journal._tell
def dies(self):
    told = bool(self._lines)
    tell(self)
    if told:
        os.kill(os.getpid(), signal.SIGKILL)
Journal._tell = dies
with opened(directory, sinks=[sink(directory)]) as vault:
    forget(vault, parse_alias(alias))
"""


def test_two_nodes_files_are_both_needed(tmp_path, target) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    with opened(tmp_path, sinks=[one]) as first, opened(tmp_path, sinks=[two]) as second:
        kept = keep(first, *many(4), entries=[entry("e")] * 4)
        asyncio.run(second.record([entry("e")]))
        back_up(first, tmp_path)
        for vault, which in (
            (first, kept[0]),
            (second, kept[1]),
            (first, kept[2]),
            (second, kept[3]),
        ):
            forget(vault, which.token)
    with opened(tmp_path, sinks=[one]) as third:  # its anchor says how far the others came
        asyncio.run(third.record([entry("later")]))
    refused_with(tmp_path, target, "audit_not_whole", lost=restoring.from_files([one]))
    restore(tmp_path, target, lost=restoring.from_files([two, one]))
    with restored(tmp_path, target) as vault:
        assert not any(find(vault, each.token) for each in kept)
        assert vault.audit.check().findings == []


def test_without_an_audit_it_is_said_by_whom_and_why(tmp_path, target) -> None:
    stays, forgotten, *_ = filled_vault(tmp_path)
    restore(tmp_path, target, lost=None, reason="INC-4711")
    with restored(tmp_path, target) as vault:
        assert find(vault, stays) is not None
        assert find(vault, forgotten) is not None  # so it is told: nothing is known
        last = vault.entries()[-1].entry
        assert (last.action, last.detail) == (Action.RESTORE, "without_audit:INC-4711")
        assert vault.audit.check().findings == []


# --- whether the backup is as it was made -----------------------------------------------------------


@pytest.mark.sqlite_alone
def test_p18_a_backup_that_was_cut_off_or_changed_is_refused_or_the_same(tmp_path) -> None:
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
def test_p18_who_has_no_key_changes_nothing_in_a_backup(tmp_path, statement) -> None:
    filled_vault(tmp_path)
    with closing(sqlite3.connect(tmp_path / "vault.backup", isolation_level=None)) as connection:
        connection.execute(statement)
    target = tmp_path / "target" / "vault.db"
    refused_with(tmp_path, target, "backup_changed")
    assert not target.exists()


@pytest.mark.sqlite_alone
def test_what_is_no_backup_is_told_from_one(tmp_path, monkeypatch) -> None:
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
def test_a_backup_of_the_version_before_is_brought_to_this_one(tmp_path, monkeypatch) -> None:
    made = filled_vault(tmp_path)
    real = sqlite_schema.migrations()
    newer = [*real, (real[-1][0] + 1, "ALTER TABLE probe ADD COLUMN more TEXT;\n")]
    monkeypatch.setattr(sqlite_schema, "migrations", lambda: newer)
    before = (tmp_path / "vault.backup").read_bytes()
    target = tmp_path / "target" / "vault.db"
    restore(tmp_path, target)
    assert (tmp_path / "vault.backup").read_bytes() == before
    holds(target, tmp_path, made)


def test_p22_another_kek_opens_no_backup(tmp_path, target) -> None:
    filled_vault(tmp_path)
    KekFile(tmp_path / "other").create()
    for keks in ([KekFile(tmp_path / "other")], [KekFile(tmp_path / "missing")]):
        error = refused_with(tmp_path, target, "kek_of_another", keks=keks)
        assert "docs/keys.md" in str(error)
    assert restore(tmp_path, target, keks=[KekFile(tmp_path / "other"), KekFile(tmp_path / "kek")])


def test_a_sink_that_can_not_be_written_is_no_restore(tmp_path, target) -> None:
    filled_vault(tmp_path)
    how = terms(tmp_path)
    with (
        workplace(tmp_path / "work") as work,
        restoring.staged(tmp_path / "vault.backup", how, work) as staged,
        pytest.raises(ConfigurationError),
    ):
        restoring.install(staged, target, how, BY, sinks=[tmp_path])


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
