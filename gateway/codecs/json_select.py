"""The places of a JSON message: following a rule's path to them, and reading what they say.

`json_scan.py` and `json_contents.py` read the bytes; `json.py` changes them.

What is refused beside what `json_scan.py` refuses (properties.md, P13): a name that a path walks
through and that stands twice in its object. Readers take the first, the last, or both, so a card
could be put where the next reader does not look. Names that no path walks through may repeat: real
messages do that. More than 100,000 places in one list are refused too: they would fill our memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from gateway.codecs.document import Node
from gateway.codecs.json_contents import Entry, Names, unescape
from gateway.codecs.json_scan import Repeated, Scan
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden, MessageUnfit
from gateway.heap import discard

# No field of a card is as long; decoding more would hold up everything else.
_LONGEST_TEXT: Final = 1 << 20
# Objects are asked again for each field, and for what changes in them. So many of their names are kept.
_NAMES_KEPT: Final = 100_000
# Whatever their size: a card, its booking, and what is around, which else would be read again for each card.
_OBJECTS_KEPT: Final = 8
QUOTE: Final = 0x22
# In one object that a path walks through, or one list of places. Bounds our memory.
_MOST_ENTRIES: Final = 100_000


class JsonPlaces:
    """One JSON message, to be read: that half of `gateway.codecs.document.Document`."""

    __slots__ = ("_kept", "_names", "_root", "_scan")

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._root = scan.root
        self._names: dict[int, Names] = {}  # of the objects looked into last
        self._kept = 0  # names in them

    @property
    def root(self) -> Node:
        return self._root

    def select(self, path: Path, within: Node | None = None) -> Sequence[Node]:
        """As the Protocol says. Raises `MessageForbidden` where a name of the path stands twice."""
        steps = path.steps
        if len(steps) == 1 and steps[0].axis == "member" and not (path.absolute or path.up):
            place = self._root if within is None else entry_of(within)
            found = self._member(place.container, (steps[0].name or "").encode())
            return [] if found is None else [found]
        places = [self._root if path.absolute or within is None else entry_of(within)]
        if path.up:
            places = self._above(places[0], path.up)
        for step in steps:
            if step.axis == "member" and step.name is not None:
                places = self._named(places, step.name.encode())
            elif step.axis == "item" and step.named is not None:
                places = self._saying(places, *step.named)
            elif step.axis == "item":
                places = self._items(places, step.index)
            elif step.axis == "every":
                places = self._members(places)
            elif step.axis == "descendant" and step.name is not None:
                places = self._everywhere(places, step.name)
            elif step.axis == "below" and step.name is not None:
                places = [one for place in places for one in self._below(place, step.name)]
            else:  # another format's path
                return []
        return places

    def text(self, node: Node) -> str:
        """Strings decoded, numbers and booleans as they are spelled, null as the empty text, and so
        an array or object with nothing in it."""
        _, _, value, end, container, _ = entry_of(node)
        if container < 0:
            if end - value > _LONGEST_TEXT:
                raise MessageForbidden
            raw = self._scan.body[value:end]
            if raw[0] == QUOTE:
                return unescape(raw)
            return "" if raw == b"null" else raw.decode("ascii")
        if next(self._scan.entries(container), None) is None:
            return ""
        raise MessageForbidden

    def holds(self, outer: Node, inner: Node) -> bool:
        around, entry = entry_of(outer), entry_of(inner)
        return around.container >= 0 and around.value < entry.value and entry.end <= around.end

    def is_number(self, node: Node) -> bool:
        return self._scan.body[entry_of(node).value] in b"-0123456789"

    def name(self, node: Node) -> str:
        entry = entry_of(node)
        return (
            unescape(self._scan.body[entry.start : entry.name_end])
            if entry.name_end > entry.start
            else ""
        )

    def instead(self, node: Node) -> Sequence[Node]:
        place = entry_of(node)
        container = place.container
        if container < 0:
            return [place]
        if self._scan.is_object(container):
            return []
        found: list[Node] = []
        for item in self._items([place], None):
            array = item.container >= 0 and not self._scan.is_object(item.container)
            found += self.instead(item) if array else [item]
        return found

    def close(self) -> None:
        discard(self._names)

    def _above(self, place: Entry, levels: int) -> list[Entry]:
        """The object so many levels above a place; lists in between are none. Empty above the first."""
        for _ in range(levels):
            number = place.parent
            while number >= 0 and not self._scan.is_object(number):
                number = self._scan.parent(number)
            if number < 0:
                return []
            place = self._scan.container(number)
        return [place]

    def _named(self, places: Iterable[Entry], name: bytes) -> list[Entry]:
        """The members of that name, of those places that are objects."""
        members = (self._member(place.container, name) for place in places)
        return [member for member in members if member is not None]

    def _items(self, places: Iterable[Entry], index: int | None) -> list[Entry]:
        """The item of that index, or all, of those places that are arrays."""
        found: list[Entry] = []
        first, last = (0, None) if index is None else (index, index + 1)
        for place in places:
            container = place.container
            if container < 0 or self._scan.is_object(container):
                continue
            items = islice(self._scan.entries(container), first, last)
            room = _MOST_ENTRIES - len(found)
            found += islice(items, room + 1)
            if len(found) > _MOST_ENTRIES:
                raise MessageForbidden
        return found

    def _members(self, places: Iterable[Entry]) -> list[Entry]:
        """Every member of those places that are objects. Raises `MessageForbidden` where a name stands
        twice, or where they are too many."""
        found: list[Entry] = []
        for place in places:
            container = place.container
            if container < 0 or not self._scan.is_object(container):
                continue
            if self._scan.names(container, _MOST_ENTRIES).repeated:
                raise MessageForbidden
            found += self._scan.entries(container)
            if len(found) > _MOST_ENTRIES:
                raise MessageForbidden
        return found

    def _saying(self, places: Iterable[Entry], name: str, text: str) -> list[Entry]:
        """Of those places that are arrays the items whose member `name` has that text."""
        return [
            item
            for item in self._items(places, None)
            for member in self._named([item], name.encode())
            if member.container < 0 and self.text(member).strip() == text
        ]

    def _below(self, place: Entry, name: str) -> list[Entry]:
        """As `_everywhere`, for a rule's own path: raises `MessageForbidden` where a name on the way
        stands twice in its object, or the last one does."""
        found = self._everywhere([place], name)
        repeated: dict[int, Repeated] = {}
        for one in found:
            container = one.parent
            while container not in repeated:
                repeated[container] = self._scan.repeated(container, _MOST_ENTRIES)
                if container == place.container:
                    break
                container = self._scan.parent(container)
        for one in found:
            if name.encode() in repeated[one.parent].names:
                raise MessageForbidden
        for container in repeated:
            above = self._scan.parent(container)
            if above in repeated and container in repeated[above].containers:
                raise MessageForbidden
        return found

    def _everywhere(self, places: Iterable[Entry], name: str) -> list[Entry]:
        """The members of that name below those places, at any depth; a name may stand there twice."""
        named = (one for place in places for one in self._scan.named(name, place))
        found = list(islice(named, _MOST_ENTRIES + 1))
        if len(found) > _MOST_ENTRIES:
            raise MessageForbidden
        return found

    def _member(self, container: int, name: bytes) -> Entry | None:
        """The object's member of that name, or None, also where the container is no object.

        Raises `MessageForbidden` where the name stands twice.
        """
        names = self._names.pop(container, None)
        if names is not None:
            self._names[container] = names  # the one that was asked last goes last
        else:
            if container < 0 or not self._scan.is_object(container):
                return None
            names = self._scan.names(container, _MOST_ENTRIES)
            self._keep(container, names)
        if name in names.repeated:
            raise MessageForbidden
        found = names.members.get(name)
        return None if found is None else self._scan.member(found, container)

    def _keep(self, container: int, names: Names) -> None:
        self._kept += len(names.members)
        while len(self._names) >= _OBJECTS_KEPT and self._kept > _NAMES_KEPT:
            self._kept -= len(self._names.pop(next(iter(self._names))).members)
        self._names[container] = names


def entry_of(node: Node) -> Entry:
    """A node of ours. Raises `MessageUnfit` for another document's."""
    if not isinstance(node, Entry):
        raise MessageUnfit
    return node
