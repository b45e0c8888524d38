"""What the audit of a vault that was lost left: the lines of its sinks, or the rows of its database.

Read as they stand, nothing of it believed yet: `lost` says what follows what.
"""

# the statements are put together from the constants here
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.vault import anchors, key_rows
from gateway.vault.audit_line import AnchorLine, KeyLine, Line
from gateway.vault.chain import Head, read_heads, write_heads
from gateway.vault.database import Connection
from gateway.vault.keyring import Purpose, State, WrappedKey
from gateway.vault.sqlite.spool import Entries

_LINE: Final = (
    "SELECT id, at, exchange, action, outcome, client, key, origin, route, product, iduser, booking,"
    " detail, subject, writer, seq, hash FROM audit"
)
_ONE: Final = f"{_LINE} WHERE id = ? AND hash IS NOT NULL"
_WRITERS: Final = (
    "SELECT writer, max(seq) FROM audit WHERE writer IS NOT NULL GROUP BY writer ORDER BY writer"
)
_FURTHER: Final = f"{_LINE} WHERE writer = ? AND seq > ? ORDER BY seq"
_ENTRY: Final = frozenset(Line._fields)
_ANCHOR: Final = frozenset(AnchorLine._fields)
_KEY: Final = frozenset(KeyLine._fields)
_TEXTS: Final = tuple(
    name for name in Line._fields if name not in {"id", "iduser", "writer", "seq", "hash"}
)
_IDS: Final = 2**32  # of a key: four bytes
_UNKEPT: Final = re.compile("[\ud800-\udfff\x00]")


@dataclass(slots=True)
class Lines:
    """What was read, in the order in which it was written. `keyring`: the audit's keys of the old database;
    `heads`, `newest`: how far it noted itself that its writers came, and its ids. `others`: lines that are no entry, no anchor and no key, such as one that was cut off, or a log's.
    """

    entries: Entries
    anchors: list[AnchorLine] = field(default_factory=list)
    keys: list[KeyLine] = field(default_factory=list)
    keyring: list[WrappedKey] = field(default_factory=list)
    heads: list[tuple[Head, int]] = field(default_factory=list)
    newest: int = 0
    others: int = 0


def of_files(files: Sequence[Path], entries: Entries) -> Lines:
    """The lines of sinks' files, the older file first; entries are put into `entries`. Raises OSError."""
    found = Lines(entries)
    for path in files:
        with path.open("rb") as file:
            entries.add(_read(file, found))
    return found


def of_database(
    lost: Connection, heads: Mapping[int, Head], newest: int | None, entries: Entries
) -> Lines:
    """The same from the old database, of what its writers wrote behind `heads`. `newest`: the id of the
    entry with which the backup ends.
    """
    found = Lines(entries)
    if newest is not None:
        entries.add(map(_line, lost.execute(_ONE, (newest,))))
    for writer, seq in lost.execute(_WRITERS).fetchall():
        head = heads.get(writer)
        if head is None or head.seq < seq:
            further = lost.stream(_FURTHER, (writer, 0 if head is None else head.seq))
            entries.add(map(_line, further))
    found.anchors = [
        AnchorLine(one.id, one.at, one.newest, one.through, write_heads(one.heads), one.hash.hex())
        for one in anchors.read(lost)
    ]
    found.heads, found.newest = lost.last_heads(), lost.newest_entry()
    found.keyring = [
        row
        for row in key_rows.read(lost)
        if row.purpose is Purpose.AUDIT and row.state is not State.PENDING
    ]
    return found


def _line(row: tuple[Any, ...]) -> Line:  # Any: the columns' types, as the schema gives them
    *entry, hashed = row
    return Line._make((*entry, hashed.hex()))


def _read(texts: Iterable[bytes], found: Lines) -> Iterator[Line]:
    """The entries among them; what else there is goes into `found`."""
    for text in texts:
        try:
            said: Any = json.loads(text)  # Any: whatever stands there
        except ValueError:
            said = None
        if not isinstance(said, dict):
            found.others += bool(text.strip())
        elif said.keys() == _ENTRY and _is_entry(said):
            yield Line(**said)
        elif said.keys() == _ANCHOR and _is_anchor(said):
            found.anchors.append(AnchorLine(**said))
        elif said.keys() == _KEY and _is_key(said):
            found.keys.append(KeyLine(**said))
        else:
            found.others += 1


def _is_entry(said: dict[str, Any]) -> bool:  # Any: as above
    numbers = [said[name] for name in ("id", "writer", "seq")]
    texts = [said[name] for name in _TEXTS]
    return (
        all(map(_is_number, numbers))
        and (said["iduser"] is None or _is_number(said["iduser"]))
        and all(map(_is_text, texts))
        and _is_hash(said["hash"])
    )


def _is_anchor(said: dict[str, Any]) -> bool:  # Any: as above
    try:
        read_heads(said["heads"])
    except (ValueError, TypeError):
        return False
    return (
        all(map(_is_number, (said["anchor"], said["newest"])))
        and (said["through"] is None or _is_number(said["through"]))
        and _is_text(said["at"])
        and _is_hash(said["hash"])
    )


def _is_key(said: dict[str, Any]) -> bool:  # Any: as above
    return (
        _is_number(said["audit_key"])
        and said["audit_key"] < _IDS
        and _is_text(said["at"])
        and _is_hash(said["wrapped"])
        and _is_hash(said["hash"])
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_text(value: object) -> bool:
    """Half of a character, and a zero byte, are in no database."""
    return isinstance(value, str) and _UNKEPT.search(value) is None


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(?:[0-9a-f]{2})+", value) is not None
