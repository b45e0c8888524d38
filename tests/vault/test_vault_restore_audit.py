"""P36: a restore takes the audit since the backup, whether it is all of it and as it was written."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import closing

import pytest

from gateway.audit import Action
from gateway.vault import restoring
from gateway.vault.places import open_database
from tests.children import run
from tests.vault.backing import back_up, restore, restored, sink
from tests.vault.makers import entry, find, keep, many, opened, place
from tests.vault.outside import outside
from tests.vault.restoring import after, forget, holds, lines_of, refused_with


@pytest.mark.sqlite_alone
def test_p36_a_line_that_is_missing_or_changed_is_noticed(tmp_path, filled_vault) -> None:
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


def test_p36_an_end_that_was_cut_off_shows_by_what_somebody_noted_down(
    tmp_path, target, filled_vault
) -> None:
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


def test_p36_an_old_database_whose_end_was_cut_off_says_so(tmp_path, target, filled_vault) -> None:
    """It counts by itself how far it came."""
    filled_vault(tmp_path)
    with outside(place(tmp_path)) as connection:
        connection.unguard("audit")
        connection.execute("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    old = open_database(place(tmp_path), now="2026-03-01T12:00:00.000000+00:00")
    with closing(old):
        lost = restoring.from_database(old)
        refused_with(tmp_path, target, "audit_ends_early", lost=lost)


@pytest.mark.sqlite_alone
def test_p36_an_entry_that_was_made_up_is_refused(tmp_path, filled_vault) -> None:
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


@pytest.mark.sqlite_alone
def test_p36_an_anchor_that_was_made_up_is_refused(tmp_path, filled_vault) -> None:
    """It may name a writer's start, or say what was purged: nobody makes one without the audit's key."""
    filled_vault(tmp_path)
    lines = lines_of(tmp_path)
    at = next(number for number in after(lines) if "anchor" in json.loads(lines[number]))
    said = json.loads(lines[at])
    rival = {**said, "hash": said["hash"][:8] + "0" * 64}  # of the same key
    further = {**rival, "anchor": said["anchor"] + 1}
    for place_of_line, forged in ((at, rival), (at + 1, rival), (len(lines), further)):
        changed = [*lines[:place_of_line], json.dumps(forged) + "\n", *lines[place_of_line:]]
        sink(tmp_path).write_text("".join(changed))
        refused_with(tmp_path, tmp_path / "target" / "vault.db", "audit_made_up")


def test_p36_another_vaults_audit_is_refused(tmp_path, target, filled_vault) -> None:
    filled_vault(tmp_path)
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "other", sinks=[tmp_path / "other.jsonl"]) as other:
        keep(other, *many(20), entries=[entry("e")] * 20)
    lost = restoring.from_files([tmp_path / "other.jsonl"])
    refused_with(tmp_path, target, "audit_does_not_reach", lost=lost)


def test_rotated_files_logs_and_lines_that_were_cut_off_do_no_harm(
    tmp_path, target, filled_vault
) -> None:
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
from tests.vault.restoring import forget
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


def test_without_an_audit_it_is_said_by_whom_and_why(tmp_path, target, filled_vault) -> None:
    stays, forgotten, *_ = filled_vault(tmp_path)
    restore(tmp_path, target, lost=None, reason="INC-4711")
    with restored(tmp_path, target) as vault:
        assert find(vault, stays) is not None
        assert find(vault, forgotten) is not None  # so it is told: nothing is known
        last = vault.entries()[-1].entry
        assert (last.action, last.detail) == (Action.RESTORE, "without_audit:INC-4711")
        assert vault.audit.check().findings == []
