"""The entries of a JSON body's objects and arrays, whose containers are known.

The body was read before: what stands in it is JSON. All positions are byte offsets into it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.codecs.json_containers import Containers
from gateway.codecs.json_entry import after_entry, after_space, name_at, scalar_end
from gateway.codecs.json_grammar import ITEM, MEMBER, OPENING, READ_MEMBER, WINDOW
from gateway.errors import MessageForbidden

# An object of so many bytes is read at a stroke for each of its members.
_SHORT: Final = 1 << 16
_OBJECT: Final = 0x7B  # {
_BRACKETS: Final = b"{["


class Entry(NamedTuple):
    """One member of an object, or one item of an array.

    `start` is where its name stands (an item: its value); `name_end` is after the name's quote (an
    item: `start`). The value is `body[value:end]`; `container` is its number, or -1 for a scalar.
    `parent` is the number of the container that it stands in, or -1.
    """

    start: int
    name_end: int
    value: int
    end: int
    container: int
    parent: int


# What an `Entry` is made by wherever a field is asked for: without a call of Python's in between.
_tuple: Final = tuple.__new__


class Names(NamedTuple):
    """An object's members by name (decoded, in UTF-8), and which names stand in it repeatedly.

    A member may be given as the match of `READ_MEMBER`: most are never asked for.
    """

    members: dict[bytes, Entry | re.Match[bytes]]
    repeated: set[bytes]

    def __repr__(self) -> str:
        return "<names of an object>"


class Contents:
    """What stands in each container of a body."""

    __slots__ = ("_containers", "body")

    def __init__(self, body: bytes, containers: Containers) -> None:
        self.body, self._containers = body, containers

    def inside(self, container: int) -> tuple[int, int]:
        """The span between the container's brackets."""
        return self._containers.starts[container] + 1, self._containers.ends[container] - 1

    def is_object(self, container: int) -> bool:
        """Whether the container is an object (else it is an array)."""
        return self.body[self._containers.starts[container]] == _OBJECT

    def entries(self, container: int) -> Iterator[Entry]:
        """The container's members or items, in order."""
        body, starts, ends = self.body, self._containers.starts, self._containers.ends
        is_object, close = self.is_object(container), ends[container] - 1
        read = (MEMBER if is_object else ITEM).match
        child, following = container + 1, self._containers.following
        position = after_space(body, starts[container] + 1)
        while position < close:
            if not is_object and body[position] in _BRACKETS:
                after = ends[child]
                yield Entry(position, position, position, after, child, container)
                child = following[child]
                # What is next to it, in most lists: a comma, and the next container.
                near = child < len(starts) and starts[child] <= after + 2 and starts[child] < close
                position = starts[child] if near else after_entry(body, after)
                continue
            window = position + WINDOW
            match = read(body, position, window)
            if match is None or match.end() >= window:
                entry = self.entry_at(position, child, container, is_object=is_object)
                after = after_entry(body, entry.end)
            elif match.lastindex == 2:
                entry = Entry(position, match.end(1), *match.span(2), -1, container)
                after = match.end()
            else:
                value = match.end() - 1
                entry = Entry(position, match.end(1), value, ends[child], child, container)
                after = after_entry(body, ends[child])
            if entry.container >= 0:
                child = following[child]
            yield entry
            position = after

    def names(self, container: int, most: int) -> Names:
        """The object's names. Raises `MessageForbidden` for more than `most`."""
        body, starts, containers = self.body, self._containers.starts, self._containers
        first, close = starts[container] + 1, containers.ends[container] - 1
        if close - first > _SHORT:
            return self._names_of_long(container, most)
        found: list[re.Match[bytes]] = []
        position, child, opened = first, container + 1, containers.following[container]
        while child < opened:
            found += READ_MEMBER.finditer(body, position, starts[child] + 1)
            position, child = containers.ends[child], containers.following[child]
        found += READ_MEMBER.finditer(body, position, close)
        members: dict[bytes, Entry | re.Match[bytes]] = {one[1]: one for one in found}
        escaped = body.find(b"\\", first, close) >= 0 and any(b"\\" in name for name in members)
        if len(members) < len(found) or escaped:
            return self._names_of_long(container, most)
        if len(members) > most:
            raise MessageForbidden
        return Names(members, set())

    def member(self, found: Entry | re.Match[bytes], container: int) -> Entry:
        """One of an object's `names` as an entry."""
        if isinstance(found, Entry):
            return found
        start, end = found.span()
        value = found.start(2)
        if value >= 0:
            return _tuple(Entry, (start, found.end(1) + 1, value, end, -1, container))
        child = bisect_left(self._containers.starts, end - 1, container + 1)
        after = self._containers.ends[child]
        return _tuple(Entry, (start, found.end(1) + 1, end - 1, after, child, container))

    def spans(self, container: int, names: Names | None) -> list[tuple[int, int]]:
        """Where the container's entries stand, in order. `names`, where an object's were read before."""
        if names is None or names.repeated:
            return [(entry.start, entry.end) for entry in self.entries(container)]
        spans = []
        for one in names.members.values():
            if not isinstance(one, Entry) and one.lastindex == 2:
                spans.append(one.span())
            else:
                entry = self.member(one, container)
                spans.append((entry.start, entry.end))
        return spans

    def _names_of_long(self, container: int, most: int) -> Names:
        """As `names`, of which no call looks at more than a window."""
        body, ends = self.body, self._containers.ends
        members: dict[bytes, Entry | re.Match[bytes]] = {}
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
                    members[name] = Entry(at, match.end(1), *match.span(2), -1, container)
                    position = after
                    continue
                end = ends[child]
                members[name] = Entry(at, match.end(1), after - 1, end, child, container)
                position, child = after_entry(body, end), self._containers.following[child]
                break
            if position == started:
                entry = self.entry_at(position, child, container, is_object=True)
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

    def entry_at(self, start: int, child: int, parent: int, *, is_object: bool) -> Entry:
        """The entry at `start`, whatever its length; `child` is the next container's number."""
        name_end, value = name_at(self.body, start) if is_object else (start, start)
        if self.body[value : value + 1] in OPENING:
            return Entry(start, name_end, value, self._containers.ends[child], child, parent)
        return Entry(start, name_end, value, scalar_end(self.body, value), -1, parent)


def unescape(string: bytes) -> str:
    """The text of a JSON string, quotes included, that a `Scan` has read."""
    text = string.decode()
    # json.loads sees one string that the grammar above has accepted: it can not fail.
    return str(json.loads(text)) if "\\" in text else text[1:-1]
