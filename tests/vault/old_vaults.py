"""Vaults that older versions wrote: `version<n>.sql`, each written by the gateway of that version.

Those of versions 1 to 4 are whole dumps, later ones their rows alone: the schema is what the migrations
make. A migration that is out is never changed, or a vault that had it before would differ from one that
had it after; `test_vault_migration.py` holds the whole dumps against them.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from gateway.cards.token import parse_alias
from gateway.vault.keyring import Purpose
from gateway.vault.sqlite import schema as sqlite

ALL = [purpose.value for purpose in Purpose]
# Version → the purposes that it was the first to have a key for.
BEGUN = {
    2: {"spool", "quarantine", "cvc", "foreign"},
    3: {"recapture"},
    6: {"idempotency", "repeated"},
    7: {"notice"},
    8: {"credential"},
    9: {"charge"},
    10: {"page_link"},
    11: {"viewer"},
    12: {"collection"},
    15: {"audit"},
    16: {"old_token", "import_key"},
    18: {"digits"},
}
DUMPED = 4  # the last version of which there is a whole dump


class Old:
    """The database of a version, as that version's gateway wrote it, and its KEK."""

    def __init__(self, version: int) -> None:
        file = Path(__file__).parent / f"version{version}.sql"
        self.sql = file.read_text(encoding="utf-8")
        self.kek = re.findall(r"^-- (kek .*)$", self.sql, re.MULTILINE)[0] + "\n"
        self.seaside, self.city = map(parse_alias, re.findall(r"tok_\w+", self.sql)[:2])
        self.version = version
        self.entries = len(re.findall(r'^INSERT INTO "audit" ', self.sql, re.MULTILINE))
        self.later = {name for first, new in BEGUN.items() if first > version for name in new}

    def __repr__(self) -> str:
        return f"version {self.version}"

    def restore(self, directory: Path) -> None:
        """Puts it where a gateway looks for it."""
        (directory / "state").mkdir(mode=0o700)
        (directory / "kek").write_text(self.kek)
        (directory / "kek").chmod(0o600)
        connection = sqlite3.connect(directory / "state" / "vault.db", isolation_level=None)
        if self.version > DUMPED:
            migrate(connection, self.version)
        connection.executescript(self.sql)
        connection.execute("PRAGMA application_id = 1128748849")
        connection.close()


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Makes the schema of a version in an empty database."""
    connection.execute(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT"
    )
    for number, text in sqlite.migrations()[:version]:
        connection.executescript(text)
        connection.execute("INSERT INTO schema_version VALUES (?, '')", (number,))


VERSIONS = [Old(version) for version in range(1, len(sqlite.migrations()))]
