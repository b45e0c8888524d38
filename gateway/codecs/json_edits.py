"""Writing into JSON: values, and the entries that one object or array gains and loses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from typing import Final

from gateway.codecs.edits import Edit
from gateway.codecs.json_contents import Entry, Names
from gateway.codecs.json_entry import name_at
from gateway.codecs.json_scan import Scan
from gateway.codecs.sequence import Addition, NewNames, Span, edit_sequence
from gateway.errors import MessageUnfit

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# RFC 8259 section 6: readers may use doubles. Any decimal number of so many digits survives one;
# integers do up to 2**53, which has 16 digits, as most cards have.
_EXACT_DIGITS: Final = 15
# Copied in front of an added member: enough for the indentation of any depth that we accept.
_LONGEST_INDENT: Final = 256
_SPACE: Final = b" \t\n\r"


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A new member, as it is written, to stand after `after` (None: as the last one)."""

    name: bytes
    value: bytes
    after: Entry | None = None


@dataclass(slots=True, repr=False)
class Plan:
    """What is to happen to one container's entries. `names` are those it gets in this splice."""

    removed: list[Entry] = field(default_factory=list)
    added: list[Member] = field(default_factory=list)
    names: NewNames = field(default_factory=NewNames)


@dataclass(slots=True, repr=False)
class MadeObject:
    """An object that an addition's way lacks, to stand after `after`, or for the `null` that is
    `there`; what goes into it is collected, for others may go there too."""

    after: Entry | None
    there: Entry | None
    members: dict[str, bytes | MadeObject] = field(default_factory=dict)

    def put(self, names: Sequence[str], value: bytes) -> None:
        """A value, below objects of all names but the last. Raises `MessageUnfit` where one is there."""
        *above, last = names
        inner = self
        for name in above:
            found = inner.members.setdefault(name, MadeObject(None, None))
            if isinstance(found, bytes):
                raise MessageUnfit
            inner = found
        if last in inner.members:
            raise MessageUnfit
        inner.members[last] = value

    def written(self, blank: bytes) -> bytes:
        """The object, on one line, with `blank` after each colon and comma."""
        members = [
            string(name)
            + b":"
            + blank
            + (value if isinstance(value, bytes) else value.written(blank))
            for name, value in self.members.items()
        ]
        return b"{" + (b"," + blank).join(members) + b"}"


def carry_out(scan: Scan, container: int, names: Names | None, plan: Plan) -> Iterator[Edit]:
    """The edits of one container (its number in the `scan`; -1: the document stands in none).

    `names` are an object's, where they were read before.
    """
    if container < 0:  # the whole document can not be removed
        raise MessageUnfit
    spans = scan.spans(container, names)
    # By their ends: of an object that a path came up to, nobody looked for its name.
    places = {end: place for place, (_, end) in enumerate(spans)}
    removed = {places[entry.end] for entry in plan.removed}
    if len(removed) != len(plan.removed):
        raise MessageUnfit
    added = []
    styles: dict[int, tuple[bytes, bytes]] = {}
    for new in plan.added:
        place = len(spans) - 1 if new.after is None else places[new.after.end]
        if place not in styles:
            styles[place] = _style(scan, container, spans, place)
        glue, colon = styles[place]
        added.append(Addition(place, new.name + colon + new.value, glue))
    yield from edit_sequence(spans, scan.inside(container), removed, added)


def _style(scan: Scan, container: int, spans: Sequence[Span], place: int) -> tuple[bytes, bytes]:
    """The comma and white space before a member, and what stands between its name and its value, as
    the members around `place` have it."""
    if not spans:
        blank = blank_of(scan, container)
        return b"," + blank, b":" + blank
    name_end, value = name_at(scan.body, spans[place][0])
    colon = scan.body[name_end:value]
    # The first member's white space says nothing where others follow on the same line.
    following = spans[place + 1 if place == 0 and len(spans) > 1 else place][0]
    before = scan.body[max(0, following - _LONGEST_INDENT) : following]
    indent = before[len(before.rstrip(_SPACE)) :]
    if len(spans) == 1 and b"\n" not in indent:
        indent = b" " if colon.endswith(b" ") else b""
    return b"," + indent, colon if len(colon) <= _LONGEST_INDENT else b": "


def blank_of(scan: Scan, container: int) -> bytes:
    """What this document writes after a colon, a blank or nothing: as an object's first member has it,
    or else what the object, or one around it, is the value of. A blank where nothing says."""
    first = next(scan.entries(container), None) if scan.is_object(container) else None
    if first is not None:
        return _blank(scan.body[first.name_end : first.value])
    while container >= 0:
        start = scan.inside(container)[0] - 1
        before = scan.body[max(0, start - _LONGEST_INDENT) : start]
        if before.rstrip(_SPACE).endswith(b":"):
            return _blank(before)
        container = scan.parent(container)
    return b" "


def _blank(colon: bytes) -> bytes:
    return b"" if colon.endswith(b":") else b" "


def string(text: str) -> bytes:
    """A string with its quotes, in ASCII."""
    return encode_basestring_ascii(text).encode("ascii")


def number_or_string(text: str) -> bytes:
    """A bare number where every reader takes the same value from it, else a string.

    `0123` is no JSON number; 19 digits lose some in a reader that uses doubles.
    """
    if not _NUMBER.fullmatch(text):
        return string(text)
    digits = len(text) - text.count("-") - text.count(".")
    exact = digits <= _EXACT_DIGITS or (digits == 16 and text.isdigit() and int(text) < 2**53)
    return text.encode("ascii") if exact else string(text)
