"""The audit's chain: how hashes of entries and anchors are made. Pure: no database, no clock.

    hash of an entry  = HMAC-SHA-256(key, "entry",  hash before it, entry)
    hash of an anchor = HMAC-SHA-256(key, "anchor", hash before it, anchor)
    hash of a key     = HMAC-SHA-256(key before it, "key", its line), which is in no chain
    hash of evidence  = HMAC-SHA-256(key, "evidence", manifest), which is in none
    hash of a backup  = HMAC-SHA-256(key, "backup", manifest), which is in none

1. An entry is all of its columns but the hash, with its id, its writer and its number in the writer's
   chain: one that was changed, moved or given another number does not fit.
2. The hash before it is that of the writer's entry before; of the first, that of the writer's anchor. So
   none can be taken out.
3. An anchor is made at a process's first entry and at each purge. It names the last entry of every
   chain, and is in a chain with the anchors before it. So the end of an older chain can not be cut off.

An entry is encoded as a JSON array in ASCII with newlines between its members: no text holds one as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from gateway.vault.audit_line import KeyLine
from gateway.vault.hashes import KeyedHash

Value = str | int | None
# A newline stands between members only, for in a JSON text it is escaped. So a message's rows are
# encoded in one go, at half the cost, and taken apart.
_encode: Final = json.JSONEncoder(separators=("\n", ":")).encode
# Where a row has the iduser, and where its own three numbers begin. Of so many rows that differ in these
# alone, what they share is encoded once: at less than half the cost.
_IDUSER: Final = 9
_ID: Final = 13
_MANY: Final = 8


class Head(NamedTuple):
    """How far a writer's chain goes."""

    writer: int
    seq: int
    hash: bytes


class Anchor(NamedTuple):
    """The start of a writer, whose number it is; or, with `through`, a purge."""

    id: int
    at: str  # ISO 8601, UTC
    newest: int  # the entry's id at that time
    through: int | None  # entries up to this id were purged
    heads: tuple[Head, ...]
    hash: bytes = b""


class Chain:
    """Makes and checks hashes, under the audit's own key."""

    def __init__(self, hashing: KeyedHash) -> None:
        self._hashing = hashing

    def goes_on(self, head: Head) -> bool:
        """Whether a chain that came so far is under the key that is used now. Under another one a new
        chain begins: its anchor names, under the new key, how far all of those under old keys came.
        """
        return head.hash.startswith(self._hashing.current)

    def entries(self, before: bytes, rows: Sequence[tuple[Value, ...]]) -> list[bytes]:
        """The hashes of one writer's `rows`, in order; `before` is the one that they follow."""
        return self._hashing.chained(b"entry", before, _texts(rows))

    def fits(self, stored: bytes, before: bytes, row: tuple[Value, ...]) -> bool:
        """Whether `stored` is the hash of `row` where `before` is the one that it follows."""
        return self._hashing.matches(stored, b"entry", before, _texts([row])[0])

    def anchored(self, before: bytes, anchor: Anchor) -> Anchor:
        """`anchor` with its hash; `before` is that of the one before, empty for the first."""
        return anchor._replace(hash=self._hashing.digest(b"anchor", before, _anchor(anchor)))

    def anchor_fits(self, before: bytes, anchor: Anchor) -> bool:
        """Whether the anchor's hash is right."""
        return self._hashing.matches(anchor.hash, b"anchor", before, _anchor(anchor))

    @property
    def key(self) -> int:
        """The id of the key that is used now."""
        return int.from_bytes(self._hashing.current, "big")

    def of_key(self, line: KeyLine, before: int) -> KeyLine | None:
        """`line` with its hash under the key `before`; None where that is not known."""
        found = self._hashing.digest_under(before.to_bytes(4, "big"), b"key", _key(line))
        return None if found is None else line._replace(hash=found.hex())

    def key_fits(self, line: KeyLine) -> bool:
        """Whether the line's hash is right."""
        return self._hashing.matches(bytes.fromhex(line.hash), b"key", _key(line))

    def of_evidence(self, manifest: bytes) -> str:
        """The hash of an evidence folder's manifest, in hexadecimal."""
        return self._hashing.digest(b"evidence", manifest).hex()

    def of_backup(self, manifest: bytes) -> str:
        """The hash of a backup's manifest, in hexadecimal."""
        return self._hashing.digest(b"backup", manifest).hex()

    def backup_fits(self, stored: str, manifest: bytes) -> bool:
        """Whether `stored` is that; what is no hexadecimal is not."""
        return self._fits(stored, b"backup", manifest)

    def evidence_fits(self, stored: str, manifest: bytes) -> bool:
        """Whether `stored` is that; what is no hexadecimal is not."""
        return self._fits(stored, b"evidence", manifest)

    def _fits(self, stored: str, of: bytes, manifest: bytes) -> bool:
        try:
            hashed = bytes.fromhex(stored)
        except ValueError:
            return False
        return self._hashing.matches(hashed, of, manifest)


def write_heads(heads: Iterable[Head]) -> str:
    """As an anchor's row has them."""
    return json.dumps([[head.writer, head.seq, head.hash.hex()] for head in heads])


def read_heads(text: str) -> tuple[Head, ...]:
    """Reads back what `write_heads` wrote. Raises ValueError for anything else."""
    read: Any = json.loads(text)  # Any: whatever stands there
    try:
        return tuple(Head(int(one), int(seq), bytes.fromhex(hashed)) for one, seq, hashed in read)
    except TypeError:
        raise ValueError("no heads") from None


def _texts(rows: Sequence[tuple[Value, ...]]) -> list[bytes]:
    if len(rows) >= _MANY:
        columns = list(zip(*rows, strict=True))
        if _are_alike(columns):
            return _numbered(rows[0], columns)
    return _encode(rows)[2:-2].encode("ascii").split(b"]\n[") if rows else []


def _are_alike(columns: Sequence[tuple[Value, ...]]) -> bool:
    """Whether the rows differ in their numbers alone, and have them."""
    said = (*columns[:_IDUSER], *columns[_IDUSER + 1 : _ID])
    return all(one.count(one[0]) == len(one) for one in said) and all(
        set(map(type, one)) == {int} for one in (columns[_IDUSER], *columns[_ID:])
    )


def _numbered(row: tuple[Value, ...], columns: Sequence[tuple[Value, ...]]) -> list[bytes]:
    """The texts of rows that differ from `row` in their numbers alone."""
    before = _encode(row[:_IDUSER])[1:-1].encode("ascii")
    between = _encode(row[_IDUSER + 1 : _ID])[1:-1].encode("ascii")
    return [
        b"%b\n%d\n%b\n%d\n%d\n%d" % (before, iduser, between, id, writer, seq)
        for iduser, id, writer, seq in zip(columns[_IDUSER], *columns[_ID:], strict=True)
    ]


def _key(line: KeyLine) -> bytes:
    return _encode([line.audit_key, line.at, line.wrapped]).encode("ascii")


def _anchor(anchor: Anchor) -> bytes:
    heads = write_heads(anchor.heads)
    return _encode([anchor.id, anchor.at, anchor.newest, anchor.through, heads]).encode("ascii")
