"""SQLite files with the vault's schema and nothing else, copied from one: as `tests/postgres.py` does it.

To bring a file through all migrations takes twenty times as long, most of all what alters tables. Processes
that tests start make theirs so, and the tests of the migrations, of the file and of the commands.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.vault.files import publish
from gateway.vault.sqlite.schema import migrate


def make_empty(path: Path) -> None:
    """Makes the file, unless there is one, or it can not be made: the vault is who tells that."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            publish(path, _empty())


@functools.cache
def _empty() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, Path(":memory:"), now="2026-01-01T00:00:00.000000Z")
        content = connection.serialize()
    # What is in memory has no journal. With these two a file has a write-ahead log from the start, as
    # one has that was opened before (https://sqlite.org/fileformat2.html#file_format_version_numbers).
    return content[:18] + b"\2\2" + content[20:]
