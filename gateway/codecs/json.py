"""JSON documents: places as byte spans, changes as splices. The format is RFC 8259.

`json_scan.py` reads; here are paths, values and changes. Number spelling, key order, white space
and escapes of everything that no change names stay as they came.

What is refused beside what `json_scan.py` refuses (properties.md, P13): a name that a path walks
through and that stands twice in its object. Readers take the first, the last, or both, so a card
could be put where the next reader does not look. Names that no path walks through may repeat: real
messages do that. More than 100,000 places in one list are refused too: they would fill our memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from gateway.codecs.document import (
    Add,
    Change,
    Edit,
    Insert,
    Members,
    Node,
    Remove,
    Set,
    Spliced,
    apply_edits,
)
from gateway.codecs.json_scan import Entry, Names, Scan, unescape
from gateway.codecs.paths import Path
from gateway.codecs.sequence import Addition, NewNames, edit_sequence
from gateway.codecs.template import fill
from gateway.errors import MessageForbidden, MessageUnfit

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# RFC 8259 section 6: readers may use doubles. Any decimal number of so many digits survives one;
# integers do up to 2**53, which has 16 digits, as most cards have.
_EXACT_DIGITS: Final = 15
# No field of a card is as long; decoding more would hold up everything else.
_LONGEST_TEXT: Final = 1 << 20
# Copied in front of an added member: enough for the indentation of any depth that we accept.
_LONGEST_INDENT: Final = 256
# A card's fields are asked for one after the other: the object, its booking, and what is around.
_NAMES_KEPT: Final = 8
# In one object that a path walks through, or one list of places. Bounds our memory.
_MOST_ENTRIES: Final = 100_000
_SPACE: Final = b" \t\n\r"


class _Place(NamedTuple):
    """A value of the document. `parent` is the number of the container that it stands in, or -1."""

    entry: Entry
    parent: int


@dataclass(frozen=True, slots=True, repr=False)
class _Member:
    """A new member, as it is written, to stand after `after` (None: as the last one)."""

    name: bytes
    value: bytes
    after: Entry | None = None


@dataclass(slots=True, repr=False)
class _Plan:
    """What is to happen to one container's entries. `names` are those it gets in this splice."""

    removed: list[Entry] = field(default_factory=list)
    added: list[_Member] = field(default_factory=list)
    names: NewNames = field(default_factory=NewNames)


def open_json(body: bytes) -> JsonDocument:
    """Reads `body`. Raises `MessageMalformed` or `MessageForbidden`."""
    return JsonDocument(Scan(body))


class JsonDocument:
    """One JSON message; fulfils `gateway.codecs.document.Document`."""

    __slots__ = ("_names", "_root", "_scan")

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._root = _Place(scan.root, -1)
        self._names: dict[int, Names] = {}  # of the objects looked into last

    @property
    def root(self) -> Node:
        return self._root

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        """As the Protocol says. Raises `MessageForbidden` where a name of the path stands twice."""
        places = [self._root if path.absolute or within is None else _place(within)]
        for step in path.steps:
            if step.axis == "member" and step.name is not None:
                places = self._named(places, step.name.encode())
            elif step.axis == "item":
                places = self._items(places, step.index)
            elif step.axis == "descendant" and step.name is not None:
                places = self._everywhere(places, step.name)
            else:  # another format's path
                return []
        return places

    def text(self, node: Node) -> str:
        """Strings decoded, numbers and booleans as they are spelled, null as the empty text, and so
        an array or object with nothing in it."""
        entry = _place(node).entry
        if entry.container >= 0 and next(self._scan.entries(entry.container), None) is None:
            return ""
        if entry.container >= 0 or entry.end - entry.value > _LONGEST_TEXT:
            raise MessageForbidden
        raw = self._scan.body[entry.value : entry.end]
        if raw.startswith(b'"'):
            return unescape(raw)
        return "" if raw == b"null" else raw.decode("ascii")

    def is_number(self, node: Node) -> bool:
        return self._scan.body[_place(node).entry.value] in b"-0123456789"

    def instead(self, node: Node) -> Sequence[Node]:
        place = _place(node)
        container = place.entry.container
        if container < 0:
            return [place]
        if self._scan.is_object(container):
            return []
        found: list[Node] = []
        for item in self._items([place], None):
            array = item.entry.container >= 0 and not self._scan.is_object(item.entry.container)
            found += self.instead(item) if array else [item]
        return found

    def close(self) -> None:
        """Nothing to do: reference counts free it piece by piece."""

    def splice(self, changes: Iterable[Change]) -> Spliced:
        edits: list[Edit] = []
        plans: dict[int, _Plan] = {}
        for change in changes:
            match change:
                case Set():
                    edits.append(_set(change))
                case Remove():
                    place = _place(change.node)
                    plans.setdefault(place.parent, _Plan()).removed.append(place.entry)
                case Add():
                    self._plan_add(change, plans)
                case _:
                    edits += self._plan_insert(change, plans)
        for container, plan in plans.items():
            edits += self._carry_out(container, plan)
        return apply_edits(self._scan.body, edits)

    def _named(self, places: Iterable[_Place], name: bytes) -> list[_Place]:
        """The members of that name, of those places that are objects."""
        found = []
        for place in places:
            container = place.entry.container
            member = self._member(container, name)
            if member is not None:
                found.append(_Place(member, container))
        return found

    def _items(self, places: Iterable[_Place], index: int | None) -> list[_Place]:
        """The item of that index, or all, of those places that are arrays."""
        found: list[_Place] = []
        first, last = (0, None) if index is None else (index, index + 1)
        for place in places:
            container = place.entry.container
            if container < 0 or self._scan.is_object(container):
                continue
            items = islice(self._scan.entries(container), first, last)
            room = _MOST_ENTRIES - len(found)
            found += [_Place(item, container) for item in islice(items, room + 1)]
            if len(found) > _MOST_ENTRIES:
                raise MessageForbidden
        return found

    def _everywhere(self, places: Iterable[_Place], name: str) -> list[_Place]:
        """The members of that name below those places, at any depth; a name may stand there twice."""
        named = (one for place in places for one in self._scan.named(name, place.entry))
        found = [
            _Place(member, container) for member, container in islice(named, _MOST_ENTRIES + 1)
        ]
        if len(found) > _MOST_ENTRIES:
            raise MessageForbidden
        return found

    def _member(self, container: int, name: bytes) -> Entry | None:
        """The object's member of that name, or None, also where the container is no object.

        Raises `MessageForbidden` where the name stands twice.
        """
        names = self._names.get(container)
        if names is None:
            if container < 0 or not self._scan.is_object(container):
                return None
            if len(self._names) == _NAMES_KEPT:
                del self._names[next(iter(self._names))]
            names = self._names[container] = self._scan.names(container, _MOST_ENTRIES)
        if name in names.repeated:
            raise MessageForbidden
        found = names.starts.get(name)
        return None if found is None else self._scan.entry_at(*found, is_object=True)

    def _plan_add(self, change: Add, plans: dict[int, _Plan]) -> None:
        steps = change.path.steps
        if not steps or steps[-1].axis != "member" or steps[-1].name is None:
            raise MessageUnfit
        name = steps[-1].name
        way = Path(change.path.text, steps[:-1], absolute=change.path.absolute)
        parents = self.select(way, change.within)
        if len(parents) != 1:
            raise MessageUnfit
        container = self._object(parents[0])
        plan = plans.setdefault(container, _Plan())
        if self._member(container, plan.names.take(name).encode()) is not None:
            raise MessageUnfit
        beside = _place(change.beside)
        after = beside.entry if beside.parent == container else None
        value = _number_or_string(change.text) if change.number else _string(change.text)
        plan.added.append(_Member(_string(name), value, after))

    def _plan_insert(self, change: Insert, plans: dict[int, _Plan]) -> Iterator[Edit]:
        """Plans the new members; answers the edits of those that exist and are overwritten."""
        if not isinstance(change.content, Members):
            raise MessageUnfit
        container = self._object(change.parent)
        plan = plans.setdefault(container, _Plan())
        for name_template, template in change.content.items:
            name = fill(name_template, change.values, change.position)
            name = plan.names.take(name, change.position)
            value = _string(fill(template, change.values, change.position))
            existing = self._member(container, name.encode())
            if existing is not None:
                yield Edit(existing.value, existing.end, value)
            else:
                plan.added.append(_Member(_string(name), value))

    def _object(self, node: Node) -> int:
        container = _place(node).entry.container
        if container < 0 or not self._scan.is_object(container):
            raise MessageUnfit
        return container

    def _carry_out(self, container: int, plan: _Plan) -> Iterator[Edit]:
        if container < 0:  # the whole document can not be removed
            raise MessageUnfit
        entries = list(self._scan.entries(container))
        places = {entry.value: place for place, entry in enumerate(entries)}
        removed = {places[entry.value] for entry in plan.removed}
        if len(removed) != len(plan.removed):
            raise MessageUnfit
        added = []
        for new in plan.added:
            place = len(entries) - 1 if new.after is None else places[new.after.value]
            indent, colon = self._style(entries, place)
            added.append(Addition(place, new.name + colon + new.value, b"," + indent))
        spans = [(entry.start, entry.end) for entry in entries]
        yield from edit_sequence(spans, self._scan.inside(container), removed, added)

    def _style(self, entries: Sequence[Entry], place: int) -> tuple[bytes, bytes]:
        """The white space before a member, and what stands between its name and its value, as the
        members around `place` have it."""
        if not entries:
            return b" ", b": "
        body, model = self._scan.body, entries[place]
        colon = body[model.name_end : model.value]
        # The first member's white space says nothing where others follow on the same line.
        following = entries[place + 1] if place == 0 and len(entries) > 1 else model
        before = body[max(0, following.start - _LONGEST_INDENT) : following.start]
        indent = before[len(before.rstrip(_SPACE)) :]
        if len(entries) == 1 and b"\n" not in indent:
            indent = b" " if colon.endswith(b" ") else b""
        return indent, colon if len(colon) <= _LONGEST_INDENT else b": "


def _place(node: Node) -> _Place:
    if not isinstance(node, _Place):
        raise MessageUnfit
    return node


def _set(change: Set) -> Edit:
    entry = _place(change.node).entry
    if entry.container >= 0:
        raise MessageUnfit
    value = _number_or_string(change.text) if change.number else _string(change.text)
    return Edit(entry.value, entry.end, value)


def _string(text: str) -> bytes:
    return json.dumps(text).encode("ascii")


def _number_or_string(text: str) -> bytes:
    """A bare number where every reader takes the same value from it, else a string.

    `0123` is no JSON number; 19 digits lose some in a reader that uses doubles.
    """
    if not _NUMBER.fullmatch(text):
        return _string(text)
    digits = len(text) - text.count("-") - text.count(".")
    exact = digits <= _EXACT_DIGITS or (digits == 16 and text.isdigit() and int(text) < 2**53)
    return text.encode("ascii") if exact else _string(text)
