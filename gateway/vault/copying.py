"""Making the rows of one vault those of another, whichever databases they are in.

1. What the source has as one state is compared with what the target has, a portion at a time, and only
   what differs is written: a copy that was interrupted goes on by being made again, and one that is made
   while the source is in use comes closer each time.
2. Rows that are gone go first, children before parents; then rows come and change, parents first.
3. Each portion is a transaction of the target's. In between the target is no whole vault: whoever copies
   keeps it closed (`closing`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.vault.copied import HEADS, TABLES, Copied, Row
from gateway.vault.database import Connection, Database, no_step

# How many rows of which table were looked at.
Progress: TypeAlias = Callable[[str, int], None]
_DERIVED: Final = (
    "SELECT audit.writer, audit.seq, audit.id, audit.hash FROM audit JOIN"
    " (SELECT writer, max(seq) AS seq FROM audit WHERE writer IS NOT NULL GROUP BY writer) AS last"
    " ON audit.writer = last.writer AND audit.seq = last.seq ORDER BY audit.writer"
)
_NO_LOOK_UP: Final = "DELETE FROM keyring WHERE purpose = 'look_up' AND state = 'active'"
_NOBODY: Final[frozenset[str]] = frozenset()


class AnotherVault(Exception):
    """A row that is written once and for all is another one in the target: that has another vault's rows.
    `table`: which.
    """

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


@dataclass(slots=True)
class Changes:
    """How many rows of the target came, changed and went."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def all(self) -> int:
        """All of them; none: the target was the same."""
        return self.added + self.changed + self.removed


class Sum(NamedTuple):
    """What a table has: how many rows, and SHA-256 of all of them in the key's order, in hexadecimal.

    Each value is a letter for its type, then: an integer's digits and `;`, or the number of bytes, `:` and
    the bytes of a text in UTF-8 or of a blob. The same on every database.
    """

    rows: int
    sha256: str


def unseen(_table: str, _rows: int) -> None:
    """Nobody watches."""


def counting(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Tells `progress` of `what` where it is said how many there are so far, of how many."""
    before = 0

    def told(done: int, _of: int) -> None:
        nonlocal before
        progress(what, done - before)
        before = done

    return told


def copy(
    source: Connection,
    target: Database,
    *,
    without: Collection[str] = _NOBODY,
    progress: Progress = unseen,
    step: Callable[[str], None] = no_step,
    summed: dict[str, Sum] | None = None,
) -> Changes:
    """Makes the target's rows the source's. Blocks. To be called in one `read` of the source, which shows
    it as one state. `without`: tables that are left as they are in the target. `summed` gets what `sums`
    would say of the source, which is read anyhow. `step` is called before each table; tests stop the
    process there.

    Raises AnotherVault; VaultUnavailable where either can not be had; Taken where the target has rows that
    do not go together with the source's.
    """
    changes = Changes()
    copying = _Copying(source, target, changes, progress)
    tables = [one for one in TABLES if one.name not in without]
    for table in reversed(tables):
        if not table.goes_late:
            step(f"copy:{table.name}:going")
            copying.remove(table)
    for table in tables:
        step(f"copy:{table.name}:coming")
        summing = _Summing()
        copying.bring(table, _unsummed if summed is None else summing.add)
        if summed is not None:
            summed[table.name] = summing.sum()
        if table.goes_late:
            copying.remove(table)
    step("copy:heads")
    heads = copying.note_heads()
    if summed is not None:
        summed[HEADS.name] = _sum_of(heads)
    counters = source.counters()
    target.write("copy", lambda c: c.count_from(counters)).result()
    return changes


def sums(
    connection: Connection,
    *,
    tables: Sequence[Copied] = TABLES,
    without: Collection[str] = _NOBODY,
    progress: Progress = unseen,
) -> dict[str, Sum]:
    """What each table that is copied has, in one state of the database."""
    found: dict[str, Sum] = {}
    for table in tables:
        if table.name in without:
            continue
        summing = _Summing()
        for portion in _pages(connection, table):
            summing.add(portion)
            progress(table.name, len(portion))
        found[table.name] = summing.sum()
    found[HEADS.name] = _sum_of(_heads(connection))
    return found


class _Summing:
    """The sum of a table, a portion after the other."""

    def __init__(self) -> None:
        self._digest, self._rows = hashlib.sha256(), 0

    def add(self, portion: Sequence[Row]) -> None:
        """The next rows, in the key's order."""
        for row in portion:
            self._digest.update(_canonical(row))
        self._rows += len(portion)

    def sum(self) -> Sum:
        """Of all that there were."""
        return Sum(self._rows, self._digest.hexdigest())


def _sum_of(rows: Sequence[Row]) -> Sum:
    summing = _Summing()
    summing.add(rows)
    return summing.sum()


def _unsummed(_portion: Sequence[Row]) -> None:
    """Nobody asks for a sum."""


class _Copying:
    """One copy, table by table."""

    def __init__(
        self, source: Connection, target: Database, changes: Changes, progress: Progress
    ) -> None:
        self._source, self._target, self._changes = source, target, changes
        self._progress = progress

    def remove(self, table: Copied) -> None:
        """Takes out of the target what the source has not."""
        last: Row | None = None
        while keys := self._target.read(partial(_page, table, last, keys_alone=True)):
            alike = keys == _page(table, last, self._source, keys_alone=True)
            last = keys[-1]
            if alike:
                continue
            there = set(self._source.matching(table.named(keys_alone=True), keys))
            gone = [key for key in keys if key not in there]
            if gone:
                self._write(partial(_remove, table, gone))
                self._changes.removed += len(gone)

    def bring(self, table: Copied, seen: Callable[[Sequence[Row]], None]) -> None:
        """Has the target take what the source has; `seen` is given each portion of that. Raises
        AnotherVault.
        """
        last: Row | None = None
        for portion in _pages(self._source, table):
            seen(portion)
            there = self._target.read(partial(_page, table, last))
            last = table.of_key(portion[-1])
            if there == portion:
                self._progress(table.name, len(portion))
                continue
            has = {table.of_key(row): row for row in there}
            unknown = [key for key in map(table.of_key, portion) if key not in has]
            if unknown and len(there) == table.portion:  # behind these it may have more
                has |= self._target.read(partial(_named, table, unknown))
            added = [row for row in portion if table.of_key(row) not in has]
            changed = [row for row in portion if has.get(table.of_key(row), row) != row]
            if changed and table.written_once:
                raise AnotherVault(table.name)
            if added or changed:
                self._write(partial(_take, table, added, changed))
                self._changes.added += len(added)
                self._changes.changed += len(changed)
            self._progress(table.name, len(portion))

    def note_heads(self) -> list[Row]:
        """How far each writer of the audit came, where the target has to know it beside the audit: ids
        have gaps there, or do in the source. Gives it.
        """
        heads = _heads(self._source)
        gapless = self._source.gapless

        def work(connection: Connection) -> None:
            if gapless and connection.gapless:
                return
            connection.execute(f"DELETE FROM {HEADS.name}")  # noqa: S608 - a name of ours
            connection.executemany(HEADS.add(), heads)

        self._write(work)
        return heads

    def _write(self, work: Callable[[Connection], object]) -> None:
        self._target.write("copy", work).result()


def _named(table: Copied, keys: list[Row], connection: Connection) -> dict[Row, Row]:
    return {table.of_key(row): row for row in connection.matching(table.named(), keys)}


def _remove(table: Copied, keys: list[Row], connection: Connection) -> None:
    connection.executemany(table.remove(), keys)


def _take(table: Copied, added: list[Row], changed: list[Row], connection: Connection) -> None:
    if table.name == "card":
        # While keys are rotated there are cards under the old look-up key, too; the schema takes none but
        # under the active one, where there is one. It comes back with the keyring.
        connection.execute(_NO_LOOK_UP)
    # Changed first: one may give up what a new one has, as a key that is used no more.
    size = len(table.key)
    if changed:
        connection.executemany(table.change(), [(*row[size:], *row[:size]) for row in changed])
    if not added:
        return
    connection.executemany(table.add(), added)
    if table.name == "card":
        product = table.columns.index("product")
        connection.count_cards(Counter(str(row[product]) for row in added))


def _heads(connection: Connection) -> list[Row]:
    """How far each writer of the audit came: as noted, or as the audit shows where its ids have no gaps."""
    if connection.gapless:
        return list(connection.execute(_DERIVED))
    return [(head.writer, head.seq, id, head.hash) for head, id in connection.last_heads()]


def _pages(connection: Connection, table: Copied) -> Iterator[list[Row]]:
    last: Row | None = None
    while rows := _page(table, last, connection):
        yield rows
        last = table.of_key(rows[-1])


def _page(
    table: Copied, last: Row | None, connection: Connection, *, keys_alone: bool = False
) -> list[Row]:
    statement = table.page(further=last is not None, keys_alone=keys_alone)
    return connection.execute(statement, (*(last or ()), table.portion)).fetchall()


def _canonical(row: Row) -> bytes:
    return b"".join(map(_value, row))


def _value(value: Any) -> bytes:  # Any: the columns' types, as the schema gives them
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, str):
        encoded = value.encode()
        return b"s%d:%b" % (len(encoded), encoded)
    return b"b%d:%b" % (len(value), value)
