r"""Reading JSON (RFC 8259) as bytes: one pass that refuses what is wrong and remembers containers.

Nothing is decoded and nothing is copied; all positions are byte offsets into the body. One regular
expression swallows a run of plain members at a time, so that the work is C's; but each call sees at
most `WINDOW` bytes, so that the interpreter's lock is never held for long, whatever the body's size.
Only single-character repeats are possessive and every alternative starts with another character:
no pattern backtracks over more than one entry.

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
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.codecs.json_named import member_starts
from gateway.errors import MessageForbidden, MessageMalformed

MAX_DEPTH: Final = 64
# At worst (`0,0,0,...`) about a millisecond of matching: far below the 20 ms that an event loop may
# be held up in all.
WINDOW: Final = 1 << 13
# Ten thousand bookings in 48 MB have a third of it. Bounds what a hostile body makes us remember.
MAX_CONTAINERS: Final = 1_000_000
_DECODE_CHUNK: Final = 1 << 18

_BOM: Final = codecs.BOM_UTF8
_OBJECT: Final = 0x7B  # {
_COLON_SIGN: Final = 0x3A
_OPENING: Final = (b"{", b"[")

_WS: Final = rb"[ \t\n\r]*+"
_HEX: Final = rb"[0-9a-fA-F]"
# A surrogate escape only as a pair, high before low.
_ESCAPE: Final = (
    rb'\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF]' + _HEX + rb"{3}|[dD][0-7]" + _HEX + rb"{2}"
    rb"|[dD][89abAB]" + _HEX + rb"{2}\\u[dD][c-fC-F]" + _HEX + rb"{2}))"
)  # fmt: skip
_PLAIN: Final = rb'[^"\\\x00-\x1f]*+'
_CHARS: Final = _PLAIN + rb"(?:" + _ESCAPE + _PLAIN + rb")*"
_STRING: Final = rb'"' + _CHARS + rb'"'
_NUMBER: Final = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR: Final = rb"(?:" + _STRING + rb"|" + _NUMBER + rb"|true|false|null)"
_COLON: Final = _WS + rb":" + _WS
_COMMA: Final = _WS + rb","


def _run(entry: bytes, close: bytes) -> bytes:
    """A run of scalar entries, each with its comma; then, where one follows, the entry that `opens`
    a container, or the one before the bracket that `closes` this one."""
    scalars = rb"(?:" + _WS + entry + _SCALAR + _COMMA + rb")*"
    tail = rb"(?:(?P<opens>[{\[])|" + _SCALAR + _WS + rb"(?P<closes>" + close + rb"))"
    return scalars + rb"(?:" + _WS + entry + tail + rb")?"


class _Runs(NamedTuple):
    """What is read at a stroke in one kind of container, at its start, after an entry with its
    comma, and after one without. Only at the start and without a comma it may end `at_once`."""

    first: re.Pattern[bytes]
    further: re.Pattern[bytes]
    following: re.Pattern[bytes]


def _runs(entry: bytes, close: bytes) -> _Runs:
    run, at_once = _run(entry, close), _WS + rb"(?P<at_once>" + close + rb")|"
    return _Runs(*map(re.compile, (at_once + run, run, at_once + _COMMA + run)))


_IN_OBJECT: Final = _runs(_STRING + _COLON, rb"\}")
_IN_ARRAY: Final = _runs(b"", rb"\]")

# One entry: name (group 1), then the scalar (group 2) with what follows it, or an opening bracket.
_VALUE: Final = rb"(?:(" + _SCALAR + rb")" + _WS + rb"[,}\]]" + _WS + rb"|[{\[])"
_MEMBER: Final = re.compile(rb"(" + _STRING + rb")" + _COLON + _VALUE)
_ITEM: Final = re.compile(rb"()" + _VALUE)
_NAME: Final = re.compile(rb"(" + _STRING + rb")" + _COLON)
_NEXT: Final = re.compile(_WS + rb"[,}\]]" + _WS)
_CHARACTERS: Final = re.compile(_CHARS)
_NO_STRING: Final = re.compile(_NUMBER + rb"|true|false|null")
_NOT_SPACE: Final = re.compile(rb"[^ \t\n\r]")
_LONE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]" + _HEX + rb"{2}")
_NOT_A_NUMBER: Final = re.compile(rb"NaN|-?Infinity")


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

    A member is given by its start and the number of the next container, for `Scan.entry_at`: most
    are never asked for.
    """

    starts: dict[bytes, tuple[int, int]]
    repeated: set[bytes]


@dataclass(frozen=True, slots=True)
class _Containers:
    """Every object and array, numbered in the order in which they open.

    `following[n]` is the number of the first container that opens after number n has closed.
    """

    starts: array[int]
    ends: array[int]
    following: array[int]

    def open(self, start: int) -> int:
        if len(self.starts) == MAX_CONTAINERS:
            raise MessageForbidden
        self.starts.append(start)
        self.ends.append(0)
        self.following.append(0)
        return len(self.starts) - 1

    def close(self, number: int, end: int) -> None:
        self.ends[number] = end
        self.following[number] = len(self.starts)


class Scan:
    """A body that is one JSON value and nothing else. Raises as the module's text says."""

    __slots__ = ("_containers", "body", "root")

    def __init__(self, body: bytes) -> None:
        _check_utf8(body)
        self.body = body
        self._containers = _Containers(array("q"), array("q"), array("q"))
        start = _after_space(body, len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0)
        if body[start : start + 1] in _OPENING:
            self.root = Entry(start, start, start, self._walk(start), 0)
        else:
            self.root = Entry(start, start, start, _scalar_end(body, start), -1)
        if _after_space(body, self.root.end) != len(body):
            raise MessageMalformed

    def inside(self, container: int) -> tuple[int, int]:
        """The span between the container's brackets."""
        return self._containers.starts[container] + 1, self._containers.ends[container] - 1

    def is_object(self, container: int) -> bool:
        """Whether the container is an object (else it is an array)."""
        return self.body[self._containers.starts[container]] == _OBJECT

    def entries(self, container: int) -> Iterator[Entry]:
        """The container's members or items, in order."""
        body, ends = self.body, self._containers.ends
        is_object, close = self.is_object(container), ends[container] - 1
        read = (_MEMBER if is_object else _ITEM).match
        child = container + 1
        position = _after_space(body, self._containers.starts[container] + 1)
        while position < close:
            window = position + WINDOW
            match = read(body, position, window)
            if match is None or match.end() >= window:
                entry = self.entry_at(position, child, is_object=is_object)
                following = _following(body, entry.end)
            elif match.lastindex == 2:
                entry = Entry(position, match.end(1), *match.span(2), -1)
                following = match.end()
            else:
                entry = Entry(position, match.end(1), match.end() - 1, ends[child], child)
                following = _following(body, ends[child])
            if entry.container >= 0:
                child = self._containers.following[child]
            yield entry
            position = following

    def names(self, container: int, most: int) -> Names:
        """The object's names. Raises `MessageForbidden` for more than `most`."""
        body, containers = self.body, self._containers
        starts: dict[bytes, tuple[int, int]] = {}
        repeated: set[bytes] = set()
        start, close = self.inside(container)
        position, child = _after_space(body, start), container + 1
        while position < close:
            window = position + WINDOW
            match = _MEMBER.match(body, position, window)
            if match is None or match.end() >= window:
                entry = self.entry_at(position, child, is_object=True)
                name, opens = body[position : entry.name_end], entry.container >= 0
                following = _following(body, entry.end)
            else:
                name, opens = match[1], match.lastindex == 1
                following = _following(body, containers.ends[child]) if opens else match.end()
            name = unescape(name).encode() if b"\\" in name else name[1:-1]
            if name in starts:
                repeated.add(name)
            starts[name] = (position, child)
            if len(starts) > most:
                raise MessageForbidden
            if opens:
                child = containers.following[child]
            position = following
        return Names(starts, repeated)

    def named(self, name: str, within: Entry) -> Iterator[tuple[Entry, int]]:
        """Every member of that name below a value, at any depth, and the object it stands in."""
        if within.container < 0:
            return
        body, ends = self.body, self._containers.ends
        number, opened = within.container, len(self._containers.starts)
        open_ones: list[int] = []
        for start in member_starts(body, name, within.value, within.end):
            if body[_after_space(body, _string_end(body, start))] != _COLON_SIGN:
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
        name_end, value = _name(self.body, start) if is_object else (start, start)
        if self.body[value : value + 1] in _OPENING:
            return Entry(start, name_end, value, self._containers.ends[child], child)
        return Entry(start, name_end, value, _scalar_end(self.body, value), -1)

    def _walk(self, position: int) -> int:
        """Reads the container that opens at `position`, and all below. Returns where it ends."""
        body, containers = self.body, self._containers
        stack: list[int] = []
        opens = True
        while True:
            if opens:
                if len(stack) == MAX_DEPTH:
                    raise MessageForbidden
                is_object = body[position] == _OBJECT
                stack.append(containers.open(position))
                position += 1
            else:
                containers.close(stack.pop(), position)
                if not stack:
                    return position
                is_object = body[containers.starts[stack[-1]]] == _OBJECT
            runs = _IN_OBJECT if is_object else _IN_ARRAY
            pattern = runs.first if opens else runs.following
            match = pattern.match(body, position, position + WINDOW)
            if match is None or match.lastgroup is None:
                position, opens = _read_slowly(body, position, is_object=is_object, first=opens)
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


def _read_slowly(body: bytes, position: int, *, is_object: bool, first: bool) -> tuple[int, bool]:
    """Reads a container from its start, or from the end of an entry, to the next bracket.

    For what does not fit into one window, or is wrong. Returns the offset of a bracket that opens
    and True, or the offset after the container's own closing bracket and False.
    """
    position = _after_space(body, position)
    if first and body[position : position + 1] == (b"}" if is_object else b"]"):
        return position + 1, False
    more = True
    if not first:
        position, more = _separator(body, position, is_object=is_object)
    pattern = (_IN_OBJECT if is_object else _IN_ARRAY).further
    while more:
        match = pattern.match(body, position, position + WINDOW)
        if match is not None and match.lastgroup is not None:
            opens = match.lastgroup == "opens"
            return match.end() - opens, opens
        if match is not None and match.end() > position:
            position = match.end()
            continue
        # One entry that is longer than the window, or wrong.
        position = _after_space(body, position)
        if is_object:
            _, position = _name(body, position)
        if body[position : position + 1] in _OPENING:
            return position, True
        position, more = _separator(body, _scalar_end(body, position), is_object=is_object)
    return position, False


def _name(body: bytes, position: int) -> tuple[int, int]:
    """The offsets after the name at `position`, and of the value that it names."""
    match = _NAME.match(body, position, position + WINDOW)
    if match is not None and match.end() < position + WINDOW:
        return match.end(1), match.end()
    name_end = _string_end(body, position)
    position = _after_space(body, name_end)
    if body[position : position + 1] != b":":
        raise MessageMalformed
    return name_end, _after_space(body, position + 1)


def _separator(body: bytes, position: int, *, is_object: bool) -> tuple[int, bool]:
    """The offset after the comma (and True) or the closing bracket (and False) that must follow."""
    position = _after_space(body, position)
    sign = body[position : position + 1]
    if sign == b",":
        return position + 1, True
    if sign != (b"}" if is_object else b"]"):
        raise MessageMalformed
    return position + 1, False


def _following(body: bytes, position: int) -> int:
    """The offset of what stands after the separator that follows an entry's end at `position`."""
    match = _NEXT.match(body, position, position + WINDOW)
    if match is not None and match.end() < position + WINDOW:
        return match.end()
    return _after_space(body, _after_space(body, position) + 1)


def _scalar_end(body: bytes, position: int) -> int:
    """The offset after the string, number or literal at `position`."""
    if body[position : position + 1] == b'"':
        return _string_end(body, position)
    match = _NO_STRING.match(body, position, position + WINDOW)
    if match is None:
        raise MessageForbidden if _NOT_A_NUMBER.match(body, position) else MessageMalformed
    if match.end() == position + WINDOW:  # no reader keeps such a number as it is
        raise MessageForbidden
    return match.end()


def _string_end(body: bytes, position: int) -> int:
    """The offset after the closing quote of the string that must stand at `position`."""
    if body[position : position + 1] != b'"':
        raise MessageMalformed
    position += 1
    while True:
        match = _CHARACTERS.match(body, position, position + WINDOW)
        end = match.end() if match is not None else position
        if body[end : end + 1] == b'"':
            return end + 1
        if end == position:
            raise MessageForbidden if _LONE_SURROGATE.match(body, end) else MessageMalformed
        position = end


def _after_space(body: bytes, position: int) -> int:
    """The offset of the next byte that is no white space, or the body's end."""
    while position < len(body):
        match = _NOT_SPACE.search(body, position, position + WINDOW)
        if match is not None:
            return match.start()
        position = min(position + WINDOW, len(body))
    return position
