"""Backups, and what a restore does before the vault opens: P18, P21, P24, P28, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BACKUP = "tests/vault/test_vault_backup.py::test_"
RESTORE = "tests/vault/test_vault_restore.py::test_"
RESTORE_AUDIT = "tests/vault/test_vault_restore_audit.py::test_"
RESTORE_BACKUP = "tests/vault/test_vault_restore_backup.py::test_"
RESTORE_KILLED = "tests/vault/test_vault_restore_killed.py::test_"
ROTATED = "tests/vault/test_vault_restore_rotated.py::test_"
REPLAYING = "tests/vault/test_vault_replaying.py::test_"
COMMANDS = "tests/cli/test_cli_vault_backup.py::test_"
STAYS = (RESTORE + "p28_p36_what_was_erased_and_revoked_since_stays_so",)
NO_KEY = (RESTORE_BACKUP + "p18_who_has_no_key_changes_nothing_in_a_backup",)
LOST = "gateway/vault/lost.py"
FILE = "gateway/vault/backup_file.py"
RESTORING = "gateway/vault/restoring.py"
AGAIN = "gateway/vault/replaying.py"

BREAKAGES = (
    Breakage(
        "keep security codes in a backup",
        "P21",
        "gateway/vault/backup.py",
        'LEFT_OUT: Final = frozenset({"cvc", "issuing"})',
        'LEFT_OUT: Final = frozenset({"issuing"})',
        (BACKUP + "p21_it_holds_no_security_code",),
    ),
    Breakage(
        "make backups that open where a vault should be, with all that was erased since",
        "P28",
        "gateway/vault/backup.py",
        "closing.close(c, Closed.RESTORING)",
        "closing.close(c, Closed.OPEN)",
        (BACKUP + "it_does_not_open_where_a_vault_should_be",),
    ),
    Breakage(
        "restore a backup and leave it at that",
        "P28",
        RESTORING,
        "            found.replayed = replaying.run(entries)",
        "            found.replayed = Replayed(len(entries))",
        STAYS,
    ),
    Breakage(
        "let a vault open while it is restored",
        "P24",
        RESTORING,
        "    closing.close(connection, Closed.RESTORING)",
        "    closing.close(connection, Closed.OPEN)",
        (RESTORE_KILLED + "begun_with_another_audit_it_is_refused_and_not_mixed",),
    ),
    Breakage(
        "restore over a vault that is there",
        "P24",
        RESTORING,
        "    if closed is not Closed.RESTORING and (made or closed is not Closed.OPEN):",
        "    if closed is not Closed.RESTORING and closed is not Closed.OPEN:",
        (RESTORE + "a_place_that_has_a_vault_is_left_alone",),
    ),
    Breakage(
        "restore without an entry that says who did",
        "P36",
        RESTORING,
        "            audit.append(connection, [entry])",
        "            audit.append(connection, [entry][:0])",
        STAYS,
    ),
    Breakage(
        "restore rows that are not those of the backup that was made",
        "P18",
        FILE,
        "    if differ:",
        "    if differ and not made.tables:",
        NO_KEY,
    ),
    Breakage(
        "restore a backup that somebody without its key has signed",
        "P18",
        FILE,
        "        if keyring is None or not Chain(keyring.audit).backup_fits(signature, text.encode()):",
        "        if keyring is None or not signature:",
        NO_KEY,
    ),
    Breakage(
        "take a trigger over that a backup came with",
        "P18",
        FILE,
        "    if file.strange(raw) != {manifest.TABLE}:",
        "    if manifest.TABLE not in file.strange(raw):",
        NO_KEY,
    ),
    Breakage(
        "believe entries of a file that follow none",
        "P36",
        LOST,
        "            before = next((b for b in reached if _fits(chain, b, one)), None)\n",
        "            before = next(iter(reached), None)\n",
        (RESTORE_AUDIT + "p36_an_entry_that_was_made_up_is_refused",),
    ),
    Breakage(
        "take an audit that does not reach back to the backup",
        "P36",
        LOST,
        "    _require_newest(newest_of(connection), lines)\n",
        "",
        (RESTORE_AUDIT + "p36_another_vaults_audit_is_refused",),
    ),
    Breakage(
        "take an audit of which entries are missing",
        "P36",
        LOST,
        "    _require_whole(before.findings, after.findings)\n",
        "    _require_whole(before.findings, before.findings)\n",
        (RESTORE_AUDIT + "two_nodes_files_are_both_needed",),
    ),
    Breakage(
        "restore from an old database whose audit's end was cut off",
        "P36",
        LOST,
        "    _require_end(connection, lines, after)\n",
        "",
        (RESTORE_AUDIT + "p36_an_old_database_whose_end_was_cut_off_says_so",),
    ),
    Breakage(
        "leave the audit's new key out of the files that its lines go to",
        "P28",
        "gateway/vault/journal.py",
        "            self._lines += [one.json() for one in known]\n",
        "            self._lines += [one.json() for one in known[:0]]\n",
        (ROTATED + "p28_p36_what_was_erased_behind_a_rotation_stays_so",),
    ),
    Breakage(
        "believe a key of the audit that no key before it vouches for",
        "P36",
        "gateway/vault/lost_keys.py",
        "            if not _is_signed(line, known):\n",
        "            if not line.hash:\n",
        (ROTATED + "p36_no_key_of_another_vault_under_the_same_kek_stands_for_one",),
    ),
    Breakage(
        "go on under the audit's old key behind entries under the new one",
        "P36",
        "gateway/vault/lost_keys.py",
        "        _put_in_use(connection, rows, [_wrapped(id, known[id], kek) for id in new], lines, now)\n",
        "        for id in new:\n            key_rows.add(connection, _wrapped(id, known[id], kek), now, '')\n",
        (ROTATED + "p23_entries_after_the_restore_are_under_the_newest_key",),
    ),
    Breakage(
        "bring back a guest who was erased, in all but the cards",
        "P16",
        AGAIN,
        "        self._guests(entries, found)\n",
        "",
        (REPLAYING + "p16_of_a_guest_who_was_erased_since_no_byte_comes_back",),
    ),
    Breakage(
        "let a link be used once more after a restore",
        "P35",
        AGAIN,
        "        self._write(lambda c: self._pages(c, entries, found))\n",
        "        self._write(lambda c: self._pages(c, entries[:0], found))\n",
        (REPLAYING + "p35_a_link_that_was_used_or_withdrawn_opens_nothing",),
    ),
    Breakage(
        "pass a drill in which a revoked key works again",
        "P28",
        "gateway/vault/drilling.py",
        "        return not (self.flaws or self.faults or self.back or self.valid)",
        "        return not (self.flaws or self.faults)",
        (COMMANDS + "p28_a_drill_sees_what_a_restore_would_bring_back",),
    ),
    Breakage(
        "take a changed entry for the one that it was made of",
        "P36",
        "gateway/vault/sqlite/spool.py",
        "        whole = hashlib.sha256(said.encode()).digest()",
        "        whole = hashlib.sha256(line.hash.encode()).digest()",
        ("tests/vault/test_vault_spool.py",),
    ),
    Breakage(
        "do again what was rolled back, and not what was committed",
        "P28",
        "gateway/vault/sqlite/spool.py",
        " ORDER BY seq DESC, place DESC LIMIT 1",
        " ORDER BY seq DESC, place LIMIT 1",
        ("tests/vault/test_vault_spool.py",),
    ),
    Breakage(
        "read the audit since a backup into memory",
        "P24",
        "gateway/vault/lost_lines.py",
        "            entries.add(_read(file, found))",
        "            entries.add(list(_read(file, found)))",
        ("tests/vault/test_vault_spool.py",),
    ),
    Breakage(
        "believe any anchor that a restore is shown",
        "P36",
        "gateway/vault/lost.py",
        "lambda before, one: chain.anchor_fits(before, _anchor(one))",
        "lambda before, one: True",
        (
            "tests/vault/test_vault_restore_audit.py::test_p36_an_anchor_that_was_made_up_is_refused",
        ),
    ),
)
