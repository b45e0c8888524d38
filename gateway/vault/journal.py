"""One process's part of the audit: which writer it is, and how far its chain goes.

What it knows it has from its own writing, never from the table: whoever takes away the newest entries of
a running gateway is found by the next one that it writes.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import AuditNotWritten, AuditUnwritable
from gateway.log import event
from gateway.vault import anchors, audit_keys
from gateway.vault.audit_line import AnchorLine, Line
from gateway.vault.chain import Anchor, Chain, Head, Value, write_heads
from gateway.vault.hashes import KeyedHash
from gateway.vault.sinks import Sink

if TYPE_CHECKING:
    from gateway.vault.database import Connection

_INSERT: Final = (
    "INSERT INTO audit (at, exchange, action, outcome, client, key, origin, route, product, iduser,"
    " booking, detail, subject, id, writer, seq, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Journal:
    """Appends entries to the chain, on the thread that writes, within its transactions."""

    def __init__(self, chain: Chain, now: Callable[[], str], sinks: Sequence[Sink] = ()) -> None:
        """`now` gives the time as the table has it. `sinks` get each entry, too."""
        self._chain, self._now, self._sinks = chain, now, sinks
        self._lines: list[str] = []  # what the sinks are to get with this transaction
        self._durable: Head | None = None
        self._before: Head | None = None  # as it was when a commit began
        self._head: Head | None = None  # within a transaction: how far it came

    def append(self, connection: Connection, rows: Sequence[tuple[Value, ...]]) -> None:
        """Writes `rows`, in the columns' order up to `subject`."""
        if not rows:
            return
        if self._head is not None and not self._chain.goes_on(self._head):
            self._head = None
        head = self._head or self._begin(connection)
        ids = connection.next_entries(len(rows))
        numbered = [
            (*row, id, head.writer, seq)
            for row, id, seq in zip(rows, ids, count(head.seq + 1), strict=False)
        ]
        hashes = self._chain.entries(head.hash, numbered)
        hashed = zip(numbered, hashes, strict=True)
        connection.add(_INSERT, [(*row, one) for row, one in hashed])
        if self._sinks:
            self._lines += map(_line, numbered, hashes)
        self._head = Head(head.writer, head.seq + len(rows), hashes[-1])
        connection.came_to(self._head, ids[-1])

    @property
    def tells(self) -> bool:
        """Whether somebody else gets the entries as a commit begins."""
        return bool(self._sinks)

    def anchored(self, anchor: Anchor) -> None:
        """The sinks are to get `anchor`, which was written in this transaction: without it nobody could
        check from their lines alone where a chain begins.
        """
        if self._sinks:
            heads = write_heads(anchor.heads)
            line = AnchorLine(
                anchor.id, anchor.at, anchor.newest, anchor.through, heads, anchor.hash.hex()
            )
            self._lines.append(line.json())

    def committing(self) -> None:
        """A commit begins: the sinks get its entries. Until it has ended nobody knows whether these
        are there: if it fails, a new chain begins. Raises VaultUnavailable when one of the sinks can
        not be written; then nothing may be committed.
        """
        self._tell()
        self._durable, self._before = None, self._durable

    def not_committed(self) -> None:
        """The commit that began has certainly not happened: the chain goes on from before it."""
        self._durable = self._before

    def committed(self) -> None:
        """What was appended is durable."""
        self._durable = self._head

    def rolled_back(self) -> None:
        """What was appended since the last commit is gone."""
        self._lines.clear()
        self._head = self._durable

    def check(self) -> None:
        """Whether every sink would take an entry now. Raises AuditUnwritable."""
        for sink in self._sinks:
            error = ""
            try:
                sink.check()
            except OSError as failed:
                error = _why(failed)
            if error:
                event("audit_not_writable", level=logging.ERROR, sink=sink.name, error=error)
                raise AuditUnwritable

    def close(self) -> None:
        """Closes the sinks."""
        for sink in self._sinks:
            sink.close()

    def _tell(self) -> None:
        if not self._lines:
            return
        text = "".join(self._lines).encode("ascii")
        self._lines.clear()
        for sink in self._sinks:
            error = ""
            try:
                sink.write(text)
            except OSError as failed:
                error = _why(failed)
            if error:
                event("audit_not_written", level=logging.ERROR, sink=sink.name, error=error)
                raise AuditNotWritten

    def _begin(self, connection: Connection) -> Head:
        """Makes this process a writer: under the database's lock, so that no other is one too."""
        if self._sinks:
            known = audit_keys.lines(connection, self._chain, self._now())
            self._lines += [one.json() for one in known]
        last, heads = connection.newest_entry(), anchors.heads(connection)
        start = anchors.add(connection, self._chain, Anchor(0, self._now(), last, None, heads))
        self.anchored(start)
        return Head(start.id, 0, start.hash)


def journal_of(hashing: KeyedHash, now: Callable[[], str], sinks: Sequence[Path | None]) -> Journal:
    """One under the audit's key, with `sinks` opened. Raises ConfigurationError when one can not be."""
    return Journal(Chain(hashing), now, [Sink(path) for path in sinks])


def _why(failed: OSError) -> str:
    """For the log: the system's own name of it (`ENOSPC`), else the kind of error."""
    return errno.errorcode.get(failed.errno or 0, type(failed).__name__)


def _line(row: tuple[Any, ...], hashed: bytes) -> str:  # Any: the columns' types
    *entry, id, writer, seq = row
    return Line._make((id, *entry, writer, seq, hashed.hex())).json()
