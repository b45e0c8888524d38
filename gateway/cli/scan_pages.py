"""The bytes of an SQLite database as they lie on the disk, with a break wherever a value ends.

In a page the values of a row stand side by side: two dates, or the numbers of a booking and a hotel,
make the digits of a card, and a card beside another number is lost in a longer run. The record's
own header tells where each value ends (https://www.sqlite.org/fileformat2.html). Pages that were
freed keep their records. What no header describes any more stays as it is, but for dates, which are
set apart wherever they stand: a single row that was deleted, or a free page that lists others.

Bytes are only set apart, never left out: what stands within one value is found as before.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from gateway.cards.spelling import SEPARATORS
from gateway.cli.scan_parts import OVERLAP, Chunk

MAGIC: Final = b"SQLite format 3\0"
_WALS: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_FILE_HEADER: Final = 100  # before the b-tree of page 1

BREAK: Final = b"\x01"  # stands in no number and ends each
_DATE: Final = re.compile(
    rb"(?:19|20|21)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"  # as this gateway writes it
)
# Digits enough for a card. A page without them needs no closer look.
_DIGITS: Final = re.compile(b"[0-9](?:[" + re.escape(SEPARATORS) + b"]*+[0-9]){11}")

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_WITH_RECORDS: Final = (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR)
_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}  # by serial type


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pages of a file are: `first` bytes before all of them, `before` each of them."""

    size: int
    first: int = 0
    before: int = 0
    reserved: int = 0  # bytes at each page's end that are not SQLite's


def layout_of(head: bytes) -> Layout | None:
    """Of a database, or of the write-ahead log of one, by the first 100 bytes of its file.
    None when it is neither, or when its header makes no sense."""
    if head.startswith(MAGIC) and len(head) >= _FILE_HEADER:
        size = int.from_bytes(head[16:18], "big")
        found = Layout(0x10000 if size == 1 else size, reserved=head[20])
    elif head.startswith(_WALS) and len(head) >= _WAL_HEADER:
        size = int.from_bytes(head[8:12], "big")
        found = Layout(size, first=_WAL_HEADER, before=_FRAME_HEADER)
    else:
        return None
    sound = 512 <= found.size <= 0x10000 and found.size & (found.size - 1) == 0
    return found if sound else None


def set_apart(place: str, stream: IO[bytes], layout: Layout, size: int) -> Iterator[Chunk]:
    """Every byte of a file, with its breaks, in chunks of about `size` bytes."""
    if lead := stream.read(layout.first):
        yield Chunk(place, lead, 0)
    step = layout.before + layout.size
    kept, first = b"", True
    while data := stream.read(max(1, size // step) * step):
        pages = (
            _page(data[n : n + step], layout, first=first and n == 0)
            for n in range(0, len(data), step)
        )
        whole = kept + b"".join(pages)
        yield Chunk(place, whole, 0, len(kept))
        kept, first = whole[-OVERLAP:], False


def _page(data: bytes, layout: Layout, *, first: bool) -> bytes:
    if _DIGITS.search(data) is None:
        return data
    page = data[layout.before :]
    if layout.before:
        first = int.from_bytes(data[:4], "big") == 1  # a frame names its page
    header = _FILE_HEADER if first else 0
    places = [0, *sorted(set(_ends(page, header, layout.size - layout.reserved))), len(page)]
    values = [page[start:end] for start, end in itertools.pairwise(places)]
    return _DATE.sub(BREAK + rb"\g<0>" + BREAK, BREAK.join([data[: layout.before], *values]))


def _ends(page: bytes, header: int, usable: int) -> Iterator[int]:
    """Where values end in a page of a b-tree, or in one that was; nothing for any other page."""
    if len(page) < usable:
        return
    kind = page[header]
    kinds: tuple[int, ...] = (kind,) if kind in _WITH_RECORDS else ()
    count, first = int.from_bytes(page[header + 3 : header + 5], "big"), 0
    if kind == 0:  # the list of free pages stands over the header, and over some of the pointers
        kinds, count, first = _WITH_RECORDS, 0, 2 * int.from_bytes(page[4:8], "big")
    pointers = header + (12 if kind == _INDEX_INTERIOR else 8)
    for n, at in enumerate(range(pointers + 2 * first, usable - 1, 2), first):
        cell = int.from_bytes(page[at : at + 2], "big")
        cells = (_ends_of_cell(page, cell, one, usable) for one in kinds if cell > at)
        found = next((ends for ends in cells if ends), [])
        if not found and n >= count:  # the pointers of rows that are gone stand behind the others
            return
        yield from found


def _ends_of_cell(page: bytes, at: int, kind: int, usable: int) -> list[int]:
    """Where its record begins and its values end. Nothing when it is no sound record: breaks are
    set where SQLite itself would, or not at all."""
    start = at + 4 if kind == _INDEX_INTERIOR else at
    payload, start = _varint(page, start)
    if kind == _TABLE_LEAF:
        _, start = _varint(page, start)
    stop = start + _local(payload, kind, usable)
    header, place = _varint(page, start)
    body = start + header
    if not place <= body <= stop <= usable:
        return []
    ends, end = [at, body], body
    while place < body:
        serial, place = _varint(page, place)
        if serial in {10, 11}:
            return []
        end += _SIZES[serial] if serial < 12 else (serial - 12) // 2
        ends.append(end)
    if place != body or end != start + payload:
        return []
    return [one for one in ends if one <= stop]


def _local(payload: int, kind: int, usable: int) -> int:
    """How much of a payload stands in the page; the rest is in overflow pages."""
    most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    if payload <= most:
        return payload
    least = (usable - 12) * 32 // 255 - 23
    fitting = least + (payload - least) % (usable - 4)
    return fitting if fitting <= most else least


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """SQLite's integer of one to nine bytes, and where it ends."""
    value = 0
    for n in range(at, min(at + 8, len(page))):
        value = value << 7 | page[n] & 0x7F
        if page[n] < 0x80:
            return value, n + 1
    return (value << 8 | page[at + 8], at + 9) if at + 8 < len(page) else (0, len(page))
