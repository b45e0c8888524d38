r"""Reading JSON (RFC 8259) as bytes: one pass that refuses what is wrong and remembers containers.

Where libraries in C are sure of all of a body (`json_containers.py`), there is no such pass; what is refused is
refused here. Nothing is decoded and nothing is copied; all positions are byte offsets. One regular
expression swallows a run of plain members at a time, so that the work is C's; but each call sees at
most `WINDOW` bytes, so that the interpreter's lock is never held for long, whatever the body's size.
`json_grammar.py` has the expressions, `json_entry.py` reads what is too long for one window.

What is refused, and why (properties.md, P13):
1. `MessageMalformed`: not JSON, more than one value, control characters in strings, not UTF-8.
2. `MessageForbidden`: `NaN`, `Infinity`, an escaped lone surrogate, a number longer than the
   window, more than 64 levels, more than a million containers. Readers disagree about these, so
   what we found need not be what the next one finds.
Duplicate names are the document's business (`json_select.py`): they matter where a path walks.
"""

from __future__ import annotations

import codecs
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.codecs.json_containers import Containers, find_containers
from gateway.codecs.json_contents import Contents, Entry, unescape
from gateway.codecs.json_entry import (
    after_space,
    read_slowly,
    scalar_end,
    string_end,
)
from gateway.codecs.json_grammar import (
    IN_ARRAY,
    IN_OBJECT,
    OPENING,
    READ_MEMBER,
    WINDOW,
)
from gateway.codecs.json_named import member_starts
from gateway.errors import MessageForbidden, MessageMalformed

MAX_DEPTH: Final = 64
# Ten thousand bookings in 48 MB have a third of it. Bounds what a hostile body makes us remember.
MAX_CONTAINERS: Final = 1_000_000
_DECODE_CHUNK: Final = 1 << 18

_OBJECT: Final = 0x7B  # {
_COLON_SIGN: Final = 0x3A


@dataclass(frozen=True, slots=True, repr=False)
class Repeated:
    """The names that stand repeatedly in one object, and the containers that are their values."""

    names: set[bytes]
    containers: set[int]


class Scan(Contents):
    """A body that is one JSON value and nothing else. Raises as the module's text says."""

    __slots__ = ("_parents", "root")

    def __init__(self, body: bytes) -> None:
        self._parents = array("q")  # filled when somebody asks
        start = after_space(body, len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0)
        opens = body[start : start + 1] in OPENING
        found = find_containers(body, start, MAX_DEPTH, MAX_CONTAINERS) if opens else None
        super().__init__(body, Containers() if found is None else found)
        if found is not None:
            self.root = Entry(start, start, start, found.ends[0], 0, -1)
            return
        _check_utf8(body)
        if opens:
            self.root = Entry(start, start, start, self._walk(start), 0, -1)
        else:
            self.root = Entry(start, start, start, scalar_end(body, start), -1, -1)
        if after_space(body, self.root.end) != len(body):
            raise MessageMalformed

    def container(self, number: int) -> Entry:
        """A container as an entry without a name, wherever it stands."""
        start, end = self._containers.starts[number], self._containers.ends[number]
        return Entry(start, start, start, end, number, self.parent(number))

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

    def repeated(self, container: int, most: int) -> Repeated:
        """What stands repeatedly in an object; nothing does in an array. Raises as `names`."""
        names = self.names(container, most).repeated if self.is_object(container) else set()
        values = {
            entry.container
            for entry in (self.entries(container) if names else ())
            if unescape(self.body[entry.start : entry.name_end]).encode() in names
        }
        return Repeated(names, values)

    def named(self, name: str, within: Entry) -> Iterator[Entry]:
        """Every member of that name below a value, at any depth."""
        if within.container < 0:
            return
        body, starts, ends = self.body, self._containers.starts, self._containers.ends
        number, opened = within.container, len(starts)
        open_ones: list[int] = []
        for start in member_starts(body, name, within.value, within.end):
            window = start + WINDOW
            match = READ_MEMBER.match(body, start, window)
            long = match is None or match.end() == window
            if long and body[after_space(body, string_end(body, start))] != _COLON_SIGN:
                continue
            while open_ones and ends[open_ones[-1]] <= start:
                open_ones.pop()
            while number < opened and starts[number] < start:
                if ends[number] <= start:
                    number = self._containers.following[number]
                else:
                    open_ones.append(number)
                    number += 1
            if match is None or long:
                yield self.entry_at(start, number, open_ones[-1], is_object=True)
            else:
                yield self.member(match, open_ones[-1])

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


def _check_utf8(body: bytes) -> None:
    """RFC 8259 section 8.1. A chunk at a time, nothing kept."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), _DECODE_CHUNK):
            decoder.decode(body[start : start + _DECODE_CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:  # holds the input
        raise MessageMalformed from None
