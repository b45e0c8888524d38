"""Checking the audit's chain: every entry in order, and what the anchors say of it.

1. An anchor that was changed, or taken out from between two, does not follow the one before.
2. A writer's entries are numbered without a gap; so are all ids on SQLite, but not on PostgreSQL, where a
   transaction that came to nothing leaves one. What is missing was taken out. So were entries that an
   anchor knows of, or what the database itself notes of its newest, and that are not there.
3. An entry's hash covers all of it, and its writer's entry before. Where that one is missing this one
   can not be checked, and is named.
4. Once an entry, or an anchor, is under a newer key of the audit's, none after it is under an older one: with
   a key that was given up nobody makes up entries.
5. Entries in no chain are from before there was one, up to the first anchor; any other was written past it.

What can not be known from the database alone: whether entries are missing at the very end, behind which
no process has written again; and anything, to whoever has the audit's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from gateway.vault import anchors
from gateway.vault.chain import Anchor, Chain, Head
from gateway.vault.database import Connection

_ROWS: Final = (
    "SELECT at, exchange, action, outcome, client, key, origin, route, product, iduser, booking,"
    " detail, subject, id, writer, seq, hash FROM audit ORDER BY id"
)
_TOLD: Final = 1000  # rows between two calls of `progress`
_NOTHING: Final = b""
_KEY: Final = 4  # bytes of a hash: the id of its key; a newer key has a higher one
Progress = Callable[[int, int], None]  # how many entries, of how many


class Fault(StrEnum):
    """What is wrong with an entry or an anchor."""

    CHANGED = "changed"  # or moved: it is not what was written under this id
    MISSING = "missing"
    UNCHECKED = "unchecked"  # what it follows is missing
    UNCHAINED = "unchained"  # written past the chain
    ANCHOR_CHANGED = "anchor_changed"
    ANCHOR_MISSING = "anchor_missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of entries, or anchors, with the ids `first` to `last`."""

    fault: Fault
    first: int
    last: int


class Row(NamedTuple):
    """An entry that is there: its id and its hash, in hexadecimal."""

    id: int
    hash: str


@dataclass(slots=True)
class Report:
    """What was found. `before`: how many entries are from before the chain; `purged`: up to which id they
    were purged; `newest`: the newest entry in a chain; `expected`: whether the one that was asked for
    stands as it did.
    """

    entries: int = 0
    before: int = 0
    purged: int = 0
    newest: Row | None = None
    expected: bool | None = None
    findings: list[Finding] = field(default_factory=list)

    def add(self, fault: Fault, first: int, last: int) -> None:
        """Adds a finding, to the one before where it goes on."""
        for place in range(len(self.findings) - 1, max(len(self.findings) - 3, -1), -1):
            one = self.findings[place]
            if one.fault is fault and one.last == first - 1:
                self.findings[place] = replace(one, last=last)
                return
        self.findings.append(Finding(fault, first, last))


def unseen(_done: int, _of: int) -> None:
    """Nobody watches."""


def check(
    connection: Connection,
    chain: Chain,
    *,
    expected: Row | None = None,
    progress: Progress = unseen,
) -> Report:
    """Reads all of it, in one state of the database. `progress` is told how many entries of how many.

    `expected`: an entry that was noted down earlier; one that has been purged since is taken as right.
    """
    report = Report(expected=None if expected is None else False)
    anchored = _anchors(connection, chain, report)
    walk = _Walk(chain, anchored, report, gapless=connection.gapless)
    (count,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    if expected is not None and expected.id <= report.purged:
        report.expected = True
    for row in connection.stream(_ROWS):
        walk.row(row[:-1], row[-1])
        if expected is not None and row[13] == expected.id and row[-1] is not None:
            report.expected = row[-1].hex() == expected.hash
        if report.entries % _TOLD == 0:
            progress(report.entries, count)
    progress(report.entries, count)
    if connection.gapless:
        walk.end(max([connection.newest_entry(), *(one.newest for one in anchored)]))
    else:
        walk.end_of_each([(head, one.newest) for one in anchored for head in one.heads])
        walk.end_of_each(connection.last_heads())
    return report


def _anchors(connection: Connection, chain: Chain, report: Report) -> list[Anchor]:
    found = anchors.read(connection)
    id, before = 0, _NOTHING
    for anchor in found:
        if anchor.id > id + 1:
            report.add(Fault.ANCHOR_MISSING, id + 1, anchor.id - 1)
        elif not chain.anchor_fits(before, anchor) or anchor.hash[:_KEY] < before[:_KEY]:
            report.add(Fault.ANCHOR_CHANGED, anchor.id, anchor.id)
        id, before = anchor.id, anchor.hash
        report.purged = max(report.purged, anchor.through or 0)
    return found


class _Walk:
    """From entry to entry."""

    def __init__(
        self, chain: Chain, anchored: list[Anchor], report: Report, *, gapless: bool
    ) -> None:
        self._chain, self._report, self._gapless = chain, report, gapless
        self._ids: dict[int, int] = {}  # each writer's last
        self._id = report.purged
        self._first = anchored[0].newest if anchored else 0  # from here on all are in a chain
        self._heads = {one.id: Head(one.id, 0, one.hash) for one in anchored if one.through is None}
        self._named = {(head.writer, head.seq): head.hash for one in anchored for head in one.heads}
        for one in anchored:
            if one.through is not None:
                self._heads.update((head.writer, head) for head in one.heads)
        # Where an entry does not fit its hash, either of them was changed: the next one follows the
        # hash that was written.
        self._should: dict[int, bytes] = {}
        self._key = _NOTHING  # the newest that an entry is under so far

    def row(self, values: tuple[Any, ...], stored: bytes | None) -> None:
        """The next entry. Any: the columns' types, as the schema gives them."""
        id, writer, seq = values[-3:]
        self._report.entries += 1
        if self._gapless and id > self._id + 1:
            self._report.add(Fault.MISSING, self._id + 1, id - 1)
        elif id <= self._id:  # below what was purged
            self._report.add(Fault.UNCHAINED, id, id)
            return
        self._id = id
        if writer is None and seq is None and stored is None and id <= self._first:
            self._report.before += 1
            return
        head = self._heads.get(writer)
        if head is None or stored is None or seq is None:
            self._report.add(Fault.UNCHAINED, id, id)
            return
        self._report.newest = Row(id, stored.hex())
        self._heads[writer] = Head(writer, seq, stored)
        named = self._named.get((writer, seq), stored)
        before, self._ids[writer] = self._ids.get(writer, self._report.purged), id
        if seq != head.seq + 1:
            if not self._gapless and before + 1 < id:
                self._report.add(Fault.MISSING, before + 1, id - 1)
            self._should.pop(writer, None)
            self._report.add(Fault.UNCHECKED, id, id)
        elif not self._fits(stored, head, values) or named != stored or stored[:_KEY] < self._key:
            self._should[writer] = self._chain.entries(head.hash, [values])[0]
            self._report.add(Fault.CHANGED, id, id)
        else:
            self._key = stored[:_KEY]
            self._should.pop(writer, None)

    def end(self, newest: int) -> None:
        """After the last entry. `newest`: the highest id that is known to have been given out."""
        if newest > self._id:
            self._report.add(Fault.MISSING, self._id + 1, newest)

    def end_of_each(self, known: list[tuple[Head, int]]) -> None:
        """After the last entry, where ids have gaps. `known`: how far chains went, up to which id."""
        for head, id in known:
            seen = self._heads.get(head.writer)
            if seen is None or seen.seq < head.seq:
                last = self._ids.get(head.writer, self._report.purged)
                self._report.add(Fault.MISSING, last + 1, max(id, last + 1))

    def _fits(self, stored: bytes, head: Head, values: tuple[Any, ...]) -> bool:
        """Whether it follows the hash that is there, or the one that should be."""
        before = (head.hash, self._should.get(head.writer))
        return any(one is not None and self._chain.fits(stored, one, values) for one in before)
