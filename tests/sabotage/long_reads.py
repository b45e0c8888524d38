"""P27: a command that reads a whole vault for minutes keeps nobody waiting, and says how far it is."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

LOG = "tests/vault/test_vault_log.py::test_"
BACKUP = "tests/vault/test_vault_backup.py::test_"
RESTORE = "tests/vault/test_vault_restore.py::test_"
COMMANDS = "tests/cli/test_cli_vault_backup.py::test_"
DATABASE = "gateway/vault/sqlite/database.py"

BREAKAGES = (
    Breakage(
        "leave to the next card what came into the log during a backup",
        "P27",
        DATABASE,
        "                _write_back(connection)",
        "                connection.execute('SELECT 1')",
        (LOG + "p27_who_read_for_long_writes_back_what_came_meanwhile",),
    ),
    Breakage(
        "write the log back after each read, however short",
        "P27",
        DATABASE,
        "            if time.monotonic() - began > _LONG_READ_SECONDS:",
        "            if time.monotonic() >= began:",
        (LOG + "p27_a_short_read_writes_nothing_back",),
    ),
    Breakage(
        "compare a backup with its vault in silence",
        "P27",
        "gateway/vault/backup.py",
        "copying.sums(c, without=LEFT_OUT, progress=progress)",
        "copying.sums(c, without=LEFT_OUT)",
        (BACKUP + "whoever_waits_is_told_of_each_row_that_is_written_and_compared",),
    ),
    Breakage(
        "check the audit of a restored vault in silence",
        "P27",
        "gateway/vault/lost.py",
        "check(connection, chain, expected=expected, progress=seen)",
        "check(connection, chain, expected=expected)",
        (RESTORE + "whoever_waits_is_told_of_each_row_that_is_read",),
    ),
    Breakage(
        "make the backup of a drill in silence",
        "P27",
        "gateway/cli/vault_drill.py",
        "        progress=progress,\n    )\n    return made.file",
        "    )\n    return made.file",
        (COMMANDS + "whoever_waits_for_a_drill_is_told_of_each_of_its_steps",),
    ),
)
