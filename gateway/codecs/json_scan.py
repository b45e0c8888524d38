r"""Reading JSON (RFC 8259) as bytes: one pass that refuses what is wrong and remembers containers.

Nothing is decoded and nothing is copied; all positions are byte offsets into the body. One regular
expression swallows a run of plain members at a time, so that the work is C's; but each call sees at
most `WINDOW` bytes, so that the interpreter's lock is never held for long, whatever the body's size.
`json_grammar.py` has the expressions, `json_entry.py` reads what is too long for one window.

What is refused, and why (properties.md, P13):
1. `MessageMalformed`: not JSON, more than one value, control characters in strings, not UTF-8.
2. `MessageForbidden`: `NaN`, `Infinity`, an escaped lone surrogate, a number longer than the
   window, more than 64 levels, more than a million containers. Readers disagree about these, so
   what we found need not be what the next one finds.
Duplicate names are the document's business (`json.py`): they matter where a path walks.
"""

from __future__ import annotations

import codecs
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.codecs.json_entry import (
    after_entry,
    after_space,
    name_at,
    read_slowly,
    scalar_end,
    string_end,
)
from gateway.codecs.json_grammar import IN_ARRAY, IN_OBJECT, ITEM, MEMBER, OPENING, WINDOW
from gateway.codecs.json_named import member_starts
from gateway.errors import MessageForbidden, MessageMalformed

MAX_DEPTH: Final = 64
# Ten thousand bookings in 48 MB have a third of it. Bounds what a hostile body makes us remember.
MAX_CONTAINERS: Final = 1_000_000
_DECODE_CHUNK: Final = 1 << 18

_OBJECT: Final = 0x7B  # {
_COLON_SIGN: Final = 0x3A


class Entry(NamedTuple):
    """One member of an object, or one item of an array.

    `start` is where its name stands (an item: its value); `name_end` is after the name's quote (an
    item: `start`). The value is `body[value:end]`; `container` is its number, or -1 for a scalar.
    """

    start: int
    name_end: int
    value: int
    end: int
    container: int


@dataclass(frozen=True, slots=True, repr=False)
class Names:
    """An object's members by name (decoded, in UTF-8), and which names stand in it repeatedly.

    Members are given as what an `Entry` is made of: most are never asked for.
    """

    members: dict[bytes, tuple[int, int, int, int, int]]
    repeated: set[bytes]


@dataclass(frozen=True, slots=True, repr=False)
class Repeated:
    """The names that stand repeatedly in one object, and the containers that are their values."""

    names: set[bytes]
    containers: set[int]


@dataclass(frozen=True, slots=True)
class _Containers:
    """Every object and array, numbered in the order in which they open.

    `following[n]` is the number of the first container that opens after number n has closed.
    """

    starts: array[int]
    ends: array[int]
    following: array[int]


class Scan:
    """A body that is one JSON value and nothing else. Raises as the module's text says."""

    __slots__ = ("_containers", "_parents", "body", "root")

    def __init__(self, body: bytes) -> None:
        _check_utf8(body)
        self.body = body
        self._containers = _Containers(array("q"), array("q"), array("q"))
        self._parents = array("q")  # filled when somebody asks
        start = after_space(body, len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0)
        if body[start : start + 1] in OPENING:
            self.root = Entry(start, start, start, self._walk(start), 0)
        else:
            self.root = Entry(start, start, start, scalar_end(body, start), -1)
        if after_space(body, self.root.end) != len(body):
            raise MessageMalformed

    def inside(self, container: int) -> tuple[int, int]:
        """The span between the container's brackets."""
        return self._containers.starts[container] + 1, self._containers.ends[container] - 1

    def is_object(self, container: int) -> bool:
        """Whether the container is an object (else it is an array)."""
        return self.body[self._containers.starts[container]] == _OBJECT

    def container(self, number: int) -> Entry:
        """A container as an entry without a name, wherever it stands."""
        start, end = self._containers.starts[number], self._containers.ends[number]
        return Entry(start, start, start, end, number)

    def parent(self, number: int) -> int:
        """The container that a container stands in; -1 for the outermost one."""
        if not self._parents:
            ends, open_ones = self._containers.ends, [-1]
            for one, start in enumerate(self._containers.starts):
                while open_ones[-1] >= 0 and ends[open_ones[-1]] <= start:
                    open_ones.pop()
                self._parents.append(open_ones[-1])
                open_ones.append(one)
        return self._parents[number]

    def entries(self, container: int) -> Iterator[Entry]:
        """The container's members or items, in order."""
        body, ends = self.body, self._containers.ends
        is_object, close = self.is_object(container), ends[container] - 1
        read = (MEMBER if is_object else ITEM).match
        child = container + 1
        position = after_space(body, self._containers.starts[container] + 1)
        while position < close:
            window = position + WINDOW
            match = read(body, position, window)
            if match is None or match.end() >= window:
                entry = self.entry_at(position, child, is_object=is_object)
                following = after_entry(body, entry.end)
            elif match.lastindex == 2:
                entry = Entry(position, match.end(1), *match.span(2), -1)
                following = match.end()
            else:
                entry = Entry(position, match.end(1), match.end() - 1, ends[child], child)
                following = after_entry(body, ends[child])
            if entry.container >= 0:
                child = self._containers.following[child]
            yield entry
            position = following

    def names(self, container: int, most: int) -> Names:
        """The object's names. Raises `MessageForbidden` for more than `most`."""
        body, ends = self.body, self._containers.ends
        members: dict[bytes, tuple[int, int, int, int, int]] = {}
        repeated: set[bytes] = set()
        start, close = self.inside(container)
        position, child = after_space(body, start), container + 1
        while position < close:
            started, limit = position, min(position + WINDOW, close + 1)
            # One call for all members up to the next that is a container, or too long.
            for match in MEMBER.finditer(body, position, limit):
                at, after = match.span()
                if at != position or after == limit <= close:
                    break
                name = match[1]
                name = unescape(name).encode() if b"\\" in name else name[1:-1]
                if name in members:
                    repeated.add(name)
                if match.lastindex == 2:
                    members[name] = at, match.end(1), *match.span(2), -1
                    position = after
                    continue
                end = ends[child]
                members[name] = at, match.end(1), after - 1, end, child
                position, child = after_entry(body, end), self._containers.following[child]
                break
            if position == started:
                entry = self.entry_at(position, child, is_object=True)
                name = unescape(body[position : entry.name_end]).encode()
                if name in members:
                    repeated.add(name)
                members[name] = entry
                if entry.container >= 0:
                    child = self._containers.following[child]
                position = after_entry(body, entry.end)
            if len(members) > most:
                raise MessageForbidden
        return Names(members, repeated)

    def repeated(self, container: int, most: int) -> Repeated:
        """What stands repeatedly in an object; nothing does in an array. Raises as `names`."""
        names = self.names(container, most).repeated if self.is_object(container) else set()
        values = {
            entry.container
            for entry in (self.entries(container) if names else ())
            if unescape(self.body[entry.start : entry.name_end]).encode() in names
        }
        return Repeated(names, values)

    def named(self, name: str, within: Entry) -> Iterator[tuple[Entry, int]]:
        """Every member of that name below a value, at any depth, and the object it stands in."""
        if within.container < 0:
            return
        body, ends = self.body, self._containers.ends
        number, opened = within.container, len(self._containers.starts)
        open_ones: list[int] = []
        for start in member_starts(body, name, within.value, within.end):
            if body[after_space(body, string_end(body, start))] != _COLON_SIGN:
                continue
            while open_ones and ends[open_ones[-1]] <= start:
                open_ones.pop()
            while number < opened and self._containers.starts[number] < start:
                if ends[number] <= start:
                    number = self._containers.following[number]
                else:
                    open_ones.append(number)
                    number += 1
            yield self.entry_at(start, number, is_object=True), open_ones[-1]

    def entry_at(self, start: int, child: int, *, is_object: bool) -> Entry:
        """The entry at `start`, whatever its length; `child` is the next container's number."""
        name_end, value = name_at(self.body, start) if is_object else (start, start)
        if self.body[value : value + 1] in OPENING:
            return Entry(start, name_end, value, self._containers.ends[child], child)
        return Entry(start, name_end, value, scalar_end(self.body, value), -1)

    def _walk(self, position: int) -> int:
        """Reads the container that opens at `position`, and all below. Returns where it ends."""
        body, containers = self.body, self._containers
        starts, ends, following = containers.starts, containers.ends, containers.following
        stack: list[int] = []
        opens = True
        while True:
            if opens:
                if len(stack) == MAX_DEPTH or len(starts) == MAX_CONTAINERS:
                    raise MessageForbidden
                stack.append(len(starts))
                runs = IN_OBJECT if body[position] == _OBJECT else IN_ARRAY
                starts.append(position)
                ends.append(0)
                following.append(0)
                position += 1
                match = runs.first.match(body, position, position + WINDOW)
            else:
                number = stack.pop()
                ends[number], following[number] = position, len(starts)
                if not stack:
                    return position
                runs = IN_OBJECT if body[starts[stack[-1]]] == _OBJECT else IN_ARRAY
                match = runs.following.match(body, position, position + WINDOW)
            if match is None or match.lastgroup is None:
                is_object = runs is IN_OBJECT
                position, opens = read_slowly(body, position, is_object=is_object, first=opens)
            else:
                opens = match.lastgroup == "opens"
                position = match.end() - opens


def unescape(string: bytes) -> str:
    """The text of a JSON string, quotes included, that a `Scan` has read."""
    text = string.decode()
    # json.loads sees one string that the grammar above has accepted: it can not fail.
    return str(json.loads(text)) if "\\" in text else text[1:-1]


def _check_utf8(body: bytes) -> None:
    """RFC 8259 section 8.1. A chunk at a time, nothing kept."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), _DECODE_CHUNK):
            decoder.decode(body[start : start + _DECODE_CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:  # holds the input
        raise MessageMalformed from None
