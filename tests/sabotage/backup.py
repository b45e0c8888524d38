"""Backups, and what a restore does before the vault opens: P18, P21, P24, P28, P36."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

BACKUP = ("tests/vault/test_vault_backup.py",)
RESTORE = ("tests/vault/test_vault_restore.py",)
REPLAYING = ("tests/vault/test_vault_replaying.py",)
COMMANDS = ("tests/cli/test_cli_vault_backup.py",)
LOST = "gateway/vault/lost.py"
RESTORING = "gateway/vault/restoring.py"
AGAIN = "gateway/vault/replaying.py"

BREAKAGES = (
    Breakage(
        "keep security codes in a backup",
        "P21",
        "gateway/vault/backup.py",
        'LEFT_OUT: Final = frozenset({"cvc", "issuing"})',
        'LEFT_OUT: Final = frozenset({"issuing"})',
        BACKUP,
    ),
    Breakage(
        "make backups that open where a vault should be, with all that was erased since",
        "P28",
        "gateway/vault/backup.py",
        "closing.close(c, Closed.RESTORING)",
        "closing.close(c, Closed.OPEN)",
        BACKUP,
    ),
    Breakage(
        "restore a backup and leave it at that",
        "P28",
        RESTORING,
        "            found.replayed = replaying.run(entries)",
        "            found.replayed = Replayed(len(entries))",
        RESTORE,
    ),
    Breakage(
        "let a vault open while it is restored",
        "P24",
        RESTORING,
        "    closing.close(connection, Closed.RESTORING)",
        "    closing.close(connection, Closed.OPEN)",
        RESTORE,
    ),
    Breakage(
        "restore over a vault that is there",
        "P24",
        RESTORING,
        "    if closed is not Closed.RESTORING and (made or closed is not Closed.OPEN):",
        "    if closed is not Closed.RESTORING and closed is not Closed.OPEN:",
        RESTORE,
    ),
    Breakage(
        "restore without an entry that says who did",
        "P36",
        RESTORING,
        "            audit.append(connection, [entry])",
        "            audit.append(connection, [entry][:0])",
        RESTORE,
    ),
    Breakage(
        "restore rows that are not those of the backup that was made",
        "P18",
        RESTORING,
        "    if differ:",
        "    if differ and not made.tables:",
        RESTORE,
    ),
    Breakage(
        "restore a backup that somebody without its key has signed",
        "P18",
        RESTORING,
        "        if keyring is None or not _signed(keyring, text, signature):",
        "        if keyring is None or not signature:",
        RESTORE,
    ),
    Breakage(
        "take a trigger over that a backup came with",
        "P18",
        RESTORING,
        "    if file.strange(raw) != {manifest.TABLE}:",
        "    if manifest.TABLE not in file.strange(raw):",
        RESTORE,
    ),
    Breakage(
        "believe entries of a file that follow none",
        "P36",
        LOST,
        "                if before is None:\n",
        "                if before is None and number < self._last:\n",
        RESTORE,
    ),
    Breakage(
        "take an audit that does not reach back to the backup",
        "P36",
        LOST,
        "    _require_newest(newest_of(connection), lines)\n",
        "",
        RESTORE,
    ),
    Breakage(
        "take an audit of which entries are missing",
        "P36",
        LOST,
        "    _require_whole(before.findings, check(connection, chain).findings)\n",
        "    _require_whole(before.findings, before.findings)\n",
        RESTORE,
    ),
    Breakage(
        "bring back a guest who was erased, in all but the cards",
        "P16",
        AGAIN,
        "        self._guests(done, found)\n",
        "        self._guests(done[:0], found)\n",
        REPLAYING,
    ),
    Breakage(
        "let a link be used once more after a restore",
        "P35",
        AGAIN,
        "        self._write(lambda c: self._pages(c, entries, found))\n",
        "        self._write(lambda c: self._pages(c, entries[:0], found))\n",
        REPLAYING,
    ),
    Breakage(
        "pass a drill in which a revoked key works again",
        "P28",
        "gateway/vault/drilling.py",
        "        return not (self.flaws or self.faults or self.back or self.valid)",
        "        return not (self.flaws or self.faults)",
        COMMANDS,
    ),
)
