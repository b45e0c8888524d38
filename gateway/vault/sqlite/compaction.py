"""What SQLite leaves of erased rows in its pages, and when it is taken out.

`secure_delete` overwrites a row where it lies. But where SQLite divides a page or joins two, a page keeps
copies of rows that moved to its neighbour, in the room that nothing uses; the row may go, the copy stays until
other rows need the room. A few of ten thousand erased cards leave one: a sealed booking, or the hash that a card is
found by. `VACUUM` writes every page anew, and keeps whoever writes waiting for as long.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.vault.sqlite.connection import SqliteConnection

# Up to this size it takes a tenth of a second or less, and is done each time that something may be left.
EACH_TIME: Final = 8 << 20
# Up to this one a second or so: once a day. Beyond, whoever runs the vault chooses the hour.
BY_ITSELF: Final = 64 << 20
_SPARE: Final = 64 << 20
_DAY: Final = 24 * 3600.0


class Compaction:
    """When this process compacted the database last. `clock`: seconds that only go on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def is_due(self, size: int) -> bool:
        """Whether a database of so many bytes is to be compacted now, unasked."""
        if size <= EACH_TIME:
            return True
        rested = self._last is None or self._clock() - self._last >= _DAY
        return size <= BY_ITSELF and rested

    @staticmethod
    def has_room(folder: Path, size: int) -> bool:
        """Whether the log may take the whole file once more, and others have room beside it."""
        return shutil.disk_usage(folder).free > 2 * size + _SPARE

    def run(self, connection: SqliteConnection) -> bool:
        """Writes every page anew; False where others wrote for as long as the connection waits. What
        SQLite puts aside meanwhile stays in memory: in a temporary file it would be found by who looks there.

        Raises sqlite3.Error.
        """
        connection.execute("PRAGMA temp_store = MEMORY")
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        self._last = self._clock()
        return True


def size_of(connection: SqliteConnection) -> int:
    """How many bytes the database has."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (each,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(each)
